//! Why no tokens came (RFC 6749 §5.2).

use std::time::Duration;

use crate::{
    client::RegistrationKind, oauth_error::OAuthError, recovery::Recovery, report::Actor,
    transport::TransportError,
};

/// What a token request asks with (RFC 6749 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// An authorization code.
    Code,
    /// A refresh token.
    Refresh,
    /// The client's own credentials (RFC 6749 §4.4).
    ClientCredentials,
    /// An assertion somebody else signed (RFC 7523 §2.1).
    Assertion,
    /// A token of another kind (RFC 8693).
    Exchange,
}

/// Why no tokens came (RFC 6749 §5.2).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The connection has no refresh token: a person must authorize again.
    #[error("{host} gave no refresh token, so the sign-in cannot be extended")]
    NoRefreshToken {
        /// The issuer's host.
        host: String,
    },
    /// No usable answer came.
    #[error("no token could be had: {source}")]
    Transport {
        /// The token endpoint's host.
        host: String,
        /// What went wrong.
        source: TransportError,
    },
    /// The server is in trouble or asks us to slow down. Never a verdict, whatever its body says.
    #[error("{host} cannot issue tokens right now (status {status})")]
    Unavailable {
        /// The token endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it said.
        after: Option<Duration>,
    },
    /// Something that is no token answer came where one belongs: a page for people, garbage.
    #[error("the token answer of {host} cannot be used: {what}")]
    NotUnderstood {
        /// The token endpoint's host.
        host: String,
        /// What came.
        what: String,
        /// Whether it may be a page in between, which goes away by itself.
        temporary: bool,
    },
    /// The server refused (RFC 6749 §5.2).
    #[error("{}", refusal(.host, .error, *.grant))]
    Refused {
        /// The token endpoint's host.
        host: String,
        /// What the server said.
        error: OAuthError,
        /// What was asked with.
        grant: Grant,
        /// Where the client identity came from, which decides who can mend it.
        client: RegistrationKind,
    },
    /// The tokens are of a type we cannot send (RFC 6749 §7.1).
    #[error("{host} issued a token of the type “{token_type}”, which is not supported")]
    TokenType {
        /// The token endpoint's host.
        host: String,
        /// The type it named.
        token_type: String,
    },
    /// The resource takes nothing but bound tokens, and the server bound none (RFC 9449 §5).
    #[error("{host} issued a token without binding it to this app’s key, which the server demands")]
    NotBound {
        /// The token endpoint's host.
        host: String,
    },
    /// The server wanted to send the request with its credentials elsewhere.
    #[error("{host} wanted to redirect a request that carries credentials; nothing was sent on")]
    Redirected {
        /// The token endpoint's host.
        host: String,
    },
}

fn refusal(host: &str, error: &OAuthError, grant: Grant) -> String {
    let because = error.because();
    match (error.code.as_str(), grant) {
        (code, Grant::Refresh) if grant_ended(code) => format!("{host} ended the sign-in{because}"),
        (code, Grant::Code) if grant_ended(code) => {
            format!("{host} did not accept the sign-in it had just given{because}")
        }
        ("invalid_grant", Grant::Assertion | Grant::Exchange) => {
            format!("{host} does not accept the assertion{because}")
        }
        ("invalid_client" | "unauthorized_client", _) => {
            format!("{host} does not accept this app as a client{because}")
        }
        _ => format!("{host} refused to issue a token{because}"),
    }
}

/// Whether a code says that a grant is of no use any more: `invalid_grant` (RFC 6749 §5.2), and
/// what servers in the field say in its place.
fn grant_ended(code: &str) -> bool {
    matches!(
        code,
        "invalid_grant" | "invalid_code" | "bad_verification_code" | "bad_refresh_token"
    )
}

impl TokenError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::NoRefreshToken { .. } => Recovery::Reauthorize,
            Self::Transport { source, .. } => crate::driver::transport_recovery(source),
            Self::Unavailable { after, .. } => Recovery::Retry { after: *after },
            Self::NotUnderstood {
                temporary: true, ..
            } => Recovery::Retry { after: None },
            Self::NotUnderstood { .. } => Recovery::Reconfigure { who: Actor::Vendor },
            Self::Refused {
                error,
                client,
                grant,
                ..
            } => match error.code.as_str() {
                // Nobody is there to sign in: whoever issues the assertions must look at them.
                "invalid_grant" if matches!(grant, Grant::Assertion | Grant::Exchange) => {
                    Recovery::Reconfigure { who: Actor::Admin }
                }
                code if grant_ended(code) => Recovery::Reauthorize,
                "invalid_client" | "unauthorized_client" => client.recovery_if_unknown(),
                "temporarily_unavailable" | "server_error" | "slow_down" => {
                    Recovery::Retry { after: None }
                }
                _ => Recovery::Reconfigure { who: Actor::Vendor },
            },
            Self::NotBound { .. } => Recovery::Reconfigure { who: Actor::Vendor },
            Self::TokenType { .. } | Self::Redirected { .. } => Recovery::Refuse,
        }
    }

    /// Whether the server may have acted although no answer came, so that one more try with the
    /// same refresh token is in order.
    pub fn outcome_unknown(&self) -> bool {
        use crate::transport::TransportFailure::{Broken, Timeout};
        matches!(self, Self::Transport { source, .. } if matches!(source.failure, Timeout | Broken))
    }
}
