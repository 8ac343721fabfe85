//! A connection as the browser carries it.

use std::fmt;

use mcp_oauth_client::{Connection, RegistrationKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::seal::Sealed;

/// A connection's id: 128 random bits as 22 characters. Knowing one is of no use without its
/// owner's cookie.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// An id as it was stored or sent.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A connection as it travels between the page and the server. Only `sealed` is believed; the
/// rest is for the page to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedConnection {
    /// Which connection it is.
    pub id: ConnectionId,
    /// The connection itself, readable by nobody but its owner with this server.
    pub sealed: Sealed,
    /// The resource it is for.
    pub resource: String,
    /// The authorization server it is from.
    pub issuer: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When the access token ends, in Unix milliseconds; `null` if unknown.
    pub expires_at: Option<Timestamp>,
    /// Whether it can be refreshed, so that its end does not concern the user.
    pub refreshable: bool,
    /// Its version: each refresh makes the next.
    pub generation: u64,
    /// Where our client identity came from.
    pub registration: RegistrationKind,
}

impl SealedConnection {
    pub(crate) fn describe(
        id: ConnectionId,
        generation: u64,
        sealed: Sealed,
        connection: &Connection,
    ) -> Self {
        Self {
            id,
            sealed,
            resource: connection.resource.to_string(),
            issuer: connection.issuer.to_string(),
            scopes: connection.tokens.scopes.iter().map(str::to_owned).collect(),
            expires_at: connection.tokens.expires_at,
            refreshable: connection.tokens.refresh_token.is_some(),
            generation,
            registration: connection.registration.kind,
        }
    }
}
