//! What a token endpoint answers (RFC 6749 §5), read strictly where it matters and forgivingly
//! elsewhere.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Grant, TokenError};
use crate::{
    client::RegistrationKind,
    connection::{TokenType, Tokens},
    dpop::Binding,
    es256::Es256Key,
    json,
    oauth_error::OAuthError,
    scope::Scopes,
    secret::Secret,
    time::Timestamp,
    transport::Response,
};

/// A token answer as it came.
pub(crate) struct Answer {
    access_token: Secret,
    refresh_token: Option<Secret>,
    scopes: Option<Scopes>,
    expires_in: Option<Duration>,
    token_type: TokenType,
}

impl Answer {
    pub(crate) fn tokens(
        self,
        refresh_token: Option<Secret>,
        scopes: &Scopes,
        now: Timestamp,
    ) -> Tokens {
        Tokens {
            access_token: self.access_token,
            refresh_token: self.refresh_token.or(refresh_token),
            scopes: self.scopes.unwrap_or_else(|| scopes.clone()),
            expires_at: self.expires_in.map(|lifetime| now.after(lifetime)),
            issued_at: now,
            token_type: self.token_type,
        }
    }
}

/// The document of an answer that is no error (RFC 6749 §5.2).
pub(crate) fn document_of(
    host: &str,
    response: &Response,
    grant: Grant,
    client: RegistrationKind,
) -> Result<Map<String, Value>, TokenError> {
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
        client,
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
    Ok(document)
}

/// Reads an answer with tokens (RFC 6749 §5.1).
pub(crate) fn read(
    host: &str,
    response: &Response,
    grant: Grant,
    client: RegistrationKind,
    proof: Proof,
) -> Result<Answer, TokenError> {
    let document = document_of(host, response, grant, client)?;
    let host = || host.to_owned();
    let access_token =
        json::text(&document, "access_token").ok_or_else(|| TokenError::NotUnderstood {
            host: host(),
            what: "it has no access_token".to_owned(),
            temporary: false,
        })?;
    let token_type = token_type(&document, proof, host)?;
    Ok(Answer {
        access_token: Secret::new(access_token),
        refresh_token: json::text(&document, "refresh_token").map(Secret::new),
        scopes: json::text(&document, "scope").map(|text| scopes(&text)),
        expires_in: json::seconds(&document, "expires_in").map(Duration::from_secs),
        token_type,
    })
}

/// The type of the token (RFC 6749 §7.1): a bearer token where nothing is said. A bound token is
/// of use only if it is bound to a key we have.
fn token_type(
    document: &Map<String, Value>,
    proof: Proof,
    host: impl Fn() -> String,
) -> Result<TokenType, TokenError> {
    let named = json::text(document, "token_type");
    let named = named.as_deref().map_or("bearer", str::trim);
    if named.eq_ignore_ascii_case("bearer") {
        return match proof {
            Proof::Sent(Binding::Required) => Err(TokenError::NotBound { host: host() }),
            _ => Ok(TokenType::Bearer),
        };
    }
    if named.eq_ignore_ascii_case("dpop") && proof != Proof::None {
        return Ok(TokenType::Dpop);
    }
    Err(TokenError::TokenType {
        host: host(),
        token_type: json::showable(named, 60),
    })
}

/// Whether the request proved a key, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    None,
    Sent(Binding),
}

impl Proof {
    pub(crate) fn of(key: Option<&Es256Key>, binding: Binding) -> Self {
        match key {
            Some(_) => Self::Sent(binding),
            None => Self::None,
        }
    }
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
        Err(
            error @ (json::NotAnObject::Empty
            | json::NotAnObject::Html
            | json::NotAnObject::TooLarge),
        ) => Err(error),
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
