//! Token revocation (RFC 7009).

use std::time::Duration;

use crate::{
    client_auth::authenticated_form,
    connection::Connection,
    issuing::Issuing,
    json,
    oauth_error::OAuthError,
    recovery::Recovery,
    report::Actor,
    secret::Secret,
    transport::{Request, Response, TransportError},
};

/// Which token is revoked; the hint a server finds it by (RFC 7009 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The refresh token: with it, servers end the whole grant.
    Refresh,
    /// The access token.
    Access,
}

impl TokenKind {
    fn hint(self) -> &'static str {
        match self {
            Self::Refresh => "refresh_token",
            Self::Access => "access_token",
        }
    }

    fn of(self, connection: &Connection) -> Option<&Secret> {
        match self {
            Self::Refresh => connection.tokens.refresh_token.as_ref(),
            Self::Access => Some(&connection.tokens.access_token),
        }
    }
}

/// What became of a connection's tokens (RFC 7009 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The authorization server has revoked them.
    Revoked,
    /// The authorization server offers no revocation.
    NotOffered,
}

/// Why tokens were not revoked (RFC 7009 §2.2.1).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// No usable answer came.
    #[error("the access could not be revoked: {source}")]
    Transport {
        /// The revocation endpoint's host.
        host: String,
        /// What went wrong.
        source: TransportError,
    },
    /// The server is in trouble or asks us to slow down (RFC 7009 §2.2.1).
    #[error("{host} cannot revoke right now (status {status})")]
    Unavailable {
        /// The revocation endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it said.
        after: Option<Duration>,
    },
    /// The server wanted to send the request with its credentials elsewhere.
    #[error("{host} wanted to redirect a request that carries credentials; nothing was sent on")]
    Redirected {
        /// The revocation endpoint's host.
        host: String,
    },
    /// The server refused to revoke.
    #[error("{}", refusal(.host, *.status, .error.as_ref()))]
    Refused {
        /// The revocation endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        error: Option<OAuthError>,
    },
}

fn refusal(host: &str, status: u16, error: Option<&OAuthError>) -> String {
    match error {
        Some(error) if error.is("unsupported_token_type") => {
            format!("{host} cannot revoke tokens of this kind")
        }
        Some(error) => format!("{host} refused to revoke (status {status}, {error})"),
        None => format!("{host} refused to revoke (status {status})"),
    }
}

impl RevocationError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Transport { source, .. } => crate::driver::transport_recovery(source),
            Self::Unavailable { after, .. } => Recovery::Retry { after: *after },
            Self::Redirected { .. } => Recovery::Refuse,
            Self::Refused { .. } => Recovery::Reconfigure { who: Actor::Vendor },
        }
    }

    /// Whether the server cannot revoke this kind of token at all (RFC 7009 §2.2.1), as with
    /// access tokens that are JWTs.
    pub fn is_unsupported_token_type(&self) -> bool {
        matches!(self, Self::Refused { error: Some(error), .. } if error.is("unsupported_token_type"))
    }
}

/// The request that revokes one token of a connection (RFC 7009 §2.1); nothing if the server has
/// no endpoint for it or the connection no such token.
pub fn request(connection: &Connection, kind: TokenKind, issuing: &Issuing<'_>) -> Option<Request> {
    let endpoint = connection.revocation_endpoint.as_ref()?;
    let token = kind.of(connection)?;
    Some(authenticated_form(
        endpoint,
        &connection.registration,
        &[("token", token.expose()), ("token_type_hint", kind.hint())],
        issuing,
    ))
}

/// Reads the answer (RFC 7009 §2.2): success also for tokens the server does not know.
pub fn process(host: &str, response: &Response) -> Result<(), RevocationError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(RevocationError::Unavailable {
            host: host.to_owned(),
            status: status.as_u16(),
            after: crate::driver::retry_after(response.headers()),
        });
    }
    if status.is_redirection() {
        return Err(RevocationError::Redirected {
            host: host.to_owned(),
        });
    }
    let body = json::object(response.headers(), response.body());
    Err(RevocationError::Refused {
        host: host.to_owned(),
        status: status.as_u16(),
        error: body.ok().as_ref().and_then(OAuthError::from_json),
    })
}
