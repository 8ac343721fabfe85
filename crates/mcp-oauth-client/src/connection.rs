//! What a finished flow gives (RFC 6749 §5.1): tokens plus everything needed to refresh and revoke
//! them.

use serde::{Deserialize, Serialize};

use crate::{
    client::Registration,
    es256::Es256Key,
    issuer::Issuer,
    resource::{ResourceId, ServerUrl},
    scope::Scopes,
    secret::Secret,
    time::Timestamp,
    url_policy::Endpoint,
};

/// The record's version; a record of another version is read as “connect again”.
pub const CONNECTION_VERSION: u8 = 1;

/// Tokens bound to one server, one resource, one issuer, one client, with the endpoints that
/// belong to them. Nothing about a connection is looked up again after it was made, so nothing
/// that a server says later can redirect its tokens. Serialize it only into something sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// [`CONNECTION_VERSION`] at the time of writing.
    pub version: u8,
    /// The MCP server the tokens are sent to.
    pub server: ServerUrl,
    /// Its resource identifier (RFC 8707), sent with every token request.
    pub resource: ResourceId,
    /// The authorization server that issued the tokens.
    pub issuer: Issuer,
    /// Where tokens are refreshed.
    pub token_endpoint: Endpoint,
    /// Where they are revoked (RFC 7009), if the server can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<Endpoint>,
    /// The client the tokens were issued to.
    pub registration: Registration,
    /// The key that token requests are proved with, and bound tokens are bound to (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_key: Option<Es256Key>,
    /// The tokens.
    pub tokens: Tokens,
}

/// What a token endpoint gave (RFC 6749 §5.1), with absolute times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret,
    /// How it is presented.
    #[serde(default)]
    pub token_type: TokenType,
    /// The refresh token, if one was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// The scopes granted; those asked for where the answer says nothing.
    #[serde(default)]
    pub scopes: Scopes,
    /// When the access token ends; `None` if the server did not say: use it until a 401.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the tokens were issued to us.
    pub issued_at: Timestamp,
}

/// How an access token is presented to its resource (RFC 6749 §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    /// Alone (RFC 6750).
    #[default]
    Bearer,
    /// With a proof that we hold the connection's key (RFC 9449).
    Dpop,
}

/// The longest time before its end at which an access token is refreshed ahead.
const MOST_AHEAD: std::time::Duration = std::time::Duration::from_secs(60);

impl Tokens {
    /// Whether the access token has ended at `now` (RFC 6749 §5.1, `expires_in`).
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether it is time to refresh: within 60 seconds of the end, or a fifth of the lifetime,
    /// whichever is less, so that a short-lived token is not refreshed on every use.
    pub fn due(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| {
            let ahead = (self.issued_at.until(at) / 5).min(MOST_AHEAD);
            at.before(ahead) <= now
        })
    }
}
