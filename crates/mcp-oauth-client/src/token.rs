//! The token endpoint: code exchange and refresh (RFC 6749 §4.1.3, §6; RFC 8707 §2.2).

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::{
    authorization::PendingAuthorization,
    callback::ValidatedCallback,
    client::{Registration, RegistrationKind},
    client_auth::authenticated_form,
    connection::{CONNECTION_VERSION, Connection, Tokens},
    json,
    oauth_error::OAuthError,
    recovery::Recovery,
    report::Actor,
    scope::Scopes,
    secret::Secret,
    time::Timestamp,
    transport::{Request, Response, TransportError},
};

/// What a token request asks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// An authorization code.
    Code,
    /// A refresh token.
    Refresh,
}

/// Why no tokens came.
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
    #[error("{host} could not be asked for a token: {source}")]
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
    #[error("{host} answered with something that is not a token answer: {what}")]
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
    /// The server wanted to send the request with its credentials elsewhere.
    #[error("{host} wanted to redirect a request that carries credentials; nothing was sent on")]
    Redirected {
        /// The token endpoint's host.
        host: String,
    },
}

fn refusal(host: &str, error: &OAuthError, grant: Grant) -> String {
    match (error.code.as_str(), grant) {
        ("invalid_grant", Grant::Refresh) => format!("{host} ended the sign-in ({error})"),
        ("invalid_grant", Grant::Code) => {
            format!("{host} did not accept the sign-in it had just given ({error})")
        }
        ("invalid_client" | "unauthorized_client", _) => {
            format!("{host} does not accept this app as a client ({error})")
        }
        _ => format!("{host} refused to issue a token ({error})"),
    }
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
            Self::Refused { error, client, .. } => match error.code.as_str() {
                "invalid_grant" => Recovery::Reauthorize,
                "invalid_client" | "unauthorized_client" => match client {
                    RegistrationKind::Dynamic => Recovery::Reregister,
                    RegistrationKind::Manual => Recovery::Reconfigure { who: Actor::You },
                    RegistrationKind::Preregistered | RegistrationKind::MetadataDocument => {
                        Recovery::Reconfigure { who: Actor::Admin }
                    }
                },
                "temporarily_unavailable" | "server_error" | "slow_down" => {
                    Recovery::Retry { after: None }
                }
                _ => Recovery::Reconfigure { who: Actor::Vendor },
            },
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

/// The request that exchanges a validated callback's code. It can be sent once: a second try
/// would look like a stolen code and end the grant.
pub fn exchange_request(callback: &ValidatedCallback) -> Request {
    let pending = callback.pending();
    authenticated_form(
        &pending.token_endpoint,
        &pending.registration,
        &[
            ("grant_type", "authorization_code"),
            ("code", callback.code().expose()),
            ("redirect_uri", &pending.registration.redirect_uri),
            ("code_verifier", pending.verifier.expose()),
            ("resource", pending.resource.as_str()),
        ],
    )
}

/// Reads the answer to a code exchange.
pub fn process_exchange(
    callback: &ValidatedCallback,
    response: &Response,
    now: Timestamp,
) -> Result<Connection, TokenError> {
    let pending = callback.pending();
    let host = pending.token_endpoint.host();
    let answer = read(&host, response, Grant::Code, &pending.registration)?;
    Ok(connection(
        pending,
        answer.tokens(None, &pending.scopes, now),
    ))
}

fn connection(pending: &PendingAuthorization, tokens: Tokens) -> Connection {
    Connection {
        version: CONNECTION_VERSION,
        server: pending.server.clone(),
        resource: pending.resource.clone(),
        issuer: pending.registration.issuer.clone(),
        token_endpoint: pending.token_endpoint.clone(),
        revocation_endpoint: pending.revocation_endpoint.clone(),
        registration: pending.registration.clone(),
        tokens,
    }
}

/// The request that refreshes a connection, if it has a refresh token. The scope is left out, so
/// that the grant's own scopes stay (RFC 6749 §6).
pub fn refresh_request(connection: &Connection) -> Result<Request, TokenError> {
    let refresh_token =
        connection
            .tokens
            .refresh_token
            .as_ref()
            .ok_or_else(|| TokenError::NoRefreshToken {
                host: connection.issuer.host(),
            })?;
    Ok(authenticated_form(
        &connection.token_endpoint,
        &connection.registration,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("resource", connection.resource.as_str()),
        ],
    ))
}

/// Reads the answer to a refresh: what it leaves out (refresh token, scope) stays as it was.
pub fn process_refresh(
    connection: &Connection,
    response: &Response,
    now: Timestamp,
) -> Result<Connection, TokenError> {
    let host = connection.token_endpoint.host();
    let answer = read(&host, response, Grant::Refresh, &connection.registration)?;
    let old = &connection.tokens;
    let tokens = answer.tokens(old.refresh_token.clone(), &old.scopes, now);
    Ok(Connection {
        tokens,
        ..connection.clone()
    })
}

/// A token answer as it came.
struct Answer {
    access_token: Secret,
    refresh_token: Option<Secret>,
    scopes: Option<Scopes>,
    expires_in: Option<Duration>,
}

impl Answer {
    fn tokens(self, refresh_token: Option<Secret>, scopes: &Scopes, now: Timestamp) -> Tokens {
        Tokens {
            access_token: self.access_token,
            refresh_token: self.refresh_token.or(refresh_token),
            scopes: self.scopes.unwrap_or_else(|| scopes.clone()),
            expires_at: self.expires_in.map(|lifetime| now.after(lifetime)),
            issued_at: now,
        }
    }
}

fn read(
    host: &str,
    response: &Response,
    grant: Grant,
    registration: &Registration,
) -> Result<Answer, TokenError> {
    let host = || host.to_owned();
    let status = response.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(TokenError::Unavailable {
            host: host(),
            status: status.as_u16(),
            after: crate::driver::retry_after(response.headers()),
        });
    }
    if status.is_redirection() {
        return Err(TokenError::Redirected { host: host() });
    }
    let refused = |error| TokenError::Refused {
        host: host(),
        error,
        grant,
        client: registration.kind,
    };
    let document = match document(response.headers(), response) {
        Ok(document) => document,
        // Servers are seen to say `invalid_grant` by status alone.
        Err(json::NotAnObject::Empty) if status.as_u16() == 400 => {
            return Err(refused(OAuthError::new("invalid_grant", None)));
        }
        Err(json::NotAnObject::Empty) if status.as_u16() == 401 => {
            return Err(refused(OAuthError::new("invalid_client", None)));
        }
        Err(error) => {
            return Err(TokenError::NotUnderstood {
                host: host(),
                what: format!("{error} (status {})", status.as_u16()),
                temporary: error == json::NotAnObject::Html,
            });
        }
    };
    // An error counts more than the status: some servers send it with 200 (field practice).
    if let Some(error) = OAuthError::from_json(&document) {
        return Err(refused(error));
    }
    if !status.is_success() {
        return Err(TokenError::NotUnderstood {
            host: host(),
            what: format!("status {} without an error code", status.as_u16()),
            temporary: false,
        });
    }
    let access_token =
        json::text(&document, "access_token").ok_or_else(|| TokenError::NotUnderstood {
            host: host(),
            what: "it has no access_token".to_owned(),
            temporary: false,
        })?;
    if let Some(token_type) = json::text(&document, "token_type")
        && !token_type.trim().eq_ignore_ascii_case("bearer")
    {
        return Err(TokenError::TokenType {
            host: host(),
            token_type: json::showable(&token_type, 60),
        });
    }
    Ok(Answer {
        access_token: Secret::new(access_token),
        refresh_token: json::text(&document, "refresh_token").map(Secret::new),
        scopes: json::text(&document, "scope").map(|text| scopes(&text)),
        expires_in: json::seconds(&document, "expires_in").map(Duration::from_secs),
    })
}

/// Granted scopes; some servers separate them by commas.
fn scopes(text: &str) -> Scopes {
    if text.contains(',') && !text.contains(' ') {
        text.split(',').collect()
    } else {
        Scopes::parse(text)
    }
}

/// The answer as an object: JSON, or the form encoding that servers older than RFC 6749 send.
fn document(
    headers: &HeaderMap,
    response: &Response,
) -> Result<Map<String, Value>, json::NotAnObject> {
    let body = response.body();
    match json::object(headers, body) {
        Ok(map) => Ok(map),
        Err(error @ (json::NotAnObject::Empty | json::NotAnObject::Html)) => Err(error),
        Err(error) => {
            let map: Map<String, Value> = url::form_urlencoded::parse(body)
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect();
            if map.contains_key("access_token") || map.contains_key("error") {
                Ok(map)
            } else {
                Err(error)
            }
        }
    }
}
