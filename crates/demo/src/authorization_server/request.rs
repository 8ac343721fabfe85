//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2), checked.

use std::collections::HashMap;

use super::{
    error::OAuthError,
    ledger::Client,
    metadata::{SCOPES, supported_scopes},
    registration,
};
use crate::{behaviour::ResourceRule, shared::Shared};

/// A request that may be shown to a user: client and redirect URI are known to belong together.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Client,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) challenge: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resource: String,
    /// The query it came in, to be carried through the pages.
    pub(crate) query: String,
}

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Redirecting could send the user anywhere: tell the user (RFC 6749 §4.1.2.1).
    Here {
        error: OAuthError,
        unknown_client: bool,
    },
    /// The client gets the error.
    Back {
        redirect_uri: String,
        state: Option<String>,
        error: OAuthError,
    },
}

impl AuthorizationRequest {
    pub(crate) fn parse(app: &Shared, query: &str) -> Result<Self, Refused> {
        let here = |error| Refused::Here {
            error,
            unknown_client: false,
        };
        let parameters = parameters(query).map_err(here)?;
        let get = |name: &str| parameters.get(name).map(String::as_str);
        let client_id = get("client_id")
            .filter(|id| !id.trim().is_empty())
            .ok_or_else(|| here(OAuthError::invalid_request("client_id is missing")))?;
        let client = registration::find(app, client_id).ok_or_else(|| Refused::Here {
            error: OAuthError::invalid_client("this client is not registered here", false),
            unknown_client: true,
        })?;
        let redirect_uri = get("redirect_uri")
            .ok_or_else(|| here(OAuthError::invalid_request("redirect_uri is missing")))?
            .to_owned();
        // Exactly as registered, character by character (OAuth 2.1 §4.1.3).
        if !client.redirect_uris.is_empty() && !client.redirect_uris.contains(&redirect_uri) {
            return Err(here(OAuthError::invalid_request(
                "redirect_uri is not one the client registered",
            )));
        }
        let checked = check(app, &get);
        let state = get("state").map(ToOwned::to_owned);
        match checked {
            Ok((challenge, scopes, resource)) => Ok(Self {
                client,
                redirect_uri,
                state,
                challenge,
                scopes,
                resource,
                query: query.to_owned(),
            }),
            Err(error) => Err(Refused::Back {
                redirect_uri,
                state,
                error,
            }),
        }
    }
}

fn check<'a>(
    app: &Shared,
    get: &impl Fn(&str) -> Option<&'a str>,
) -> Result<(String, Vec<String>, String), OAuthError> {
    if get("response_type") != Some("code") {
        return Err(OAuthError::new(
            "unsupported_response_type",
            "response_type must be code",
        ));
    }
    let challenge = get("code_challenge")
        .ok_or_else(|| OAuthError::invalid_request("code_challenge is missing: use PKCE"))?;
    if get("code_challenge_method") != Some("S256") {
        return Err(OAuthError::invalid_request(
            "code_challenge_method must be S256",
        ));
    }
    // A SHA-256 in base64url without padding has 43 characters.
    let base64url = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(OAuthError::invalid_request(
            "code_challenge is not an S256 challenge",
        ));
    }
    let scopes = scopes(app, get("scope"))?;
    let resource = resource(app, get("resource"))?.unwrap_or_else(|| app.resource());
    Ok((challenge.to_owned(), scopes, resource))
}

fn scopes(app: &Shared, asked: Option<&str>) -> Result<Vec<String>, OAuthError> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.unwrap_or_default().split_ascii_whitespace() {
        if !SCOPES.iter().any(|(name, _)| *name == scope) {
            return Err(OAuthError::new(
                "invalid_scope",
                format!(
                    "there is no scope {scope:?}; there are {}",
                    supported_scopes(app).join(", ")
                ),
            ));
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if scopes.is_empty() {
        scopes.clone_from(&app.behaviour().mcp.challenge_scopes);
    }
    Ok(scopes)
}

/// Checks a `resource` parameter, here and at the token endpoint.
pub(crate) fn resource(app: &Shared, asked: Option<&str>) -> Result<Option<String>, OAuthError> {
    let own = app.resource();
    match (app.behaviour().authorize.resource, asked) {
        (ResourceRule::Rejected, Some(_)) => Err(OAuthError::invalid_target(
            "the resource parameter is not supported here",
        )),
        (ResourceRule::Ignored | ResourceRule::Rejected, _) | (ResourceRule::Optional, None) => {
            Ok(None)
        }
        (ResourceRule::Required, None) => Err(OAuthError::invalid_target(
            "the resource parameter is missing",
        )),
        (ResourceRule::Required | ResourceRule::Optional, Some(asked)) if asked == own => {
            Ok(Some(own))
        }
        (_, Some(asked)) => Err(OAuthError::invalid_target(format!(
            "this server issues tokens for {own:?}, not for {asked:?}"
        ))),
    }
}

/// Form-decodes parameters; none may come twice (RFC 6749 §3.1).
pub(crate) fn parameters(encoded: &str) -> Result<HashMap<String, String>, OAuthError> {
    let mut parameters = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
        if parameters
            .insert(name.clone().into_owned(), value.into_owned())
            .is_some()
        {
            return Err(OAuthError::invalid_request(format!(
                "{name} is there twice"
            )));
        }
    }
    // An empty parameter counts as left out.
    parameters.retain(|_, value| !value.is_empty());
    Ok(parameters)
}
