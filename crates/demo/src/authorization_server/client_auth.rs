//! Client authentication at the token and revocation endpoints (RFC 6749 §2.3.1).

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use super::{error::OAuthError, ledger::Client, registration};
use crate::{behaviour::AuthMethod, secrets, shared::Shared};

/// The client behind a request, authenticated the way it is registered.
pub(crate) fn authenticate(
    app: &Shared,
    headers: &HeaderMap,
    form: &HashMap<String, String>,
) -> Result<Client, OAuthError> {
    let basic = basic(headers)?;
    let used_basic = basic.is_some();
    let body_id = form.get("client_id");
    let body_secret = form.get("client_secret");
    if used_basic && body_secret.is_some() {
        return Err(OAuthError::invalid_request(
            "use one way of client authentication, not two",
        ));
    }
    let (id, secret, method) = match (basic, body_id, body_secret) {
        (Some((id, secret)), body_id, _) => {
            if body_id.is_some_and(|other| *other != id) {
                return Err(OAuthError::invalid_request(
                    "client_id differs from the Authorization header's",
                ));
            }
            (id, Some(secret), AuthMethod::ClientSecretBasic)
        }
        (None, Some(id), Some(secret)) => (
            id.clone(),
            Some(secret.clone()),
            AuthMethod::ClientSecretPost,
        ),
        (None, Some(id), None) => (id.clone(), None, AuthMethod::None),
        (None, None, _) => {
            return Err(OAuthError::invalid_client("there is no client_id", false));
        }
    };
    let client = registration::find(app, &id).ok_or_else(|| {
        OAuthError::invalid_client("this client is not registered here", used_basic)
    })?;
    if client.auth_method != method {
        return Err(OAuthError::invalid_client(
            format!(
                "the client is registered for {}, not for {}",
                name(client.auth_method),
                name(method)
            ),
            used_basic,
        ));
    }
    if let Some(expected) = client.secret {
        let given = secret.unwrap_or_default();
        if !secrets::same(&secrets::hash(&given), &expected) {
            return Err(OAuthError::invalid_client(
                "the client secret is wrong",
                used_basic,
            ));
        }
        if client.secret_expires_at.is_some_and(|at| at <= app.now()) {
            return Err(OAuthError::invalid_client(
                "the client secret has expired",
                used_basic,
            ));
        }
    }
    Ok(client)
}

/// Id and secret of HTTP Basic, each form-decoded after splitting.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, OAuthError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let malformed = || OAuthError::invalid_client("the Authorization header is not valid", true);
    let (scheme, credentials) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD
        .decode(credentials.trim())
        .map_err(|_| malformed())?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    Ok(Some((form_decoded(id), form_decoded(secret))))
}

fn form_decoded(text: &str) -> String {
    // One name without a value: `parse` would split at `=` and `&`, which encoding rules out.
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

fn name(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::None => "none",
        AuthMethod::ClientSecretBasic => "client_secret_basic",
        AuthMethod::ClientSecretPost => "client_secret_post",
    }
}
