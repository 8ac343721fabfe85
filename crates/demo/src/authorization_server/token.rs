//! The token endpoint: codes and refresh tokens for tokens (RFC 6749 §4.1.3, §5, §6).

use std::{collections::HashMap, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    client_auth,
    error::{OAuthError, no_store},
    ledger::{Client, Ledger, Refresh},
    metadata::altered,
    request::{parameters, resource},
};
use crate::{
    behaviour::{ExpiresIn, RefreshTokens, TokenBehaviour},
    shared::{App, Shared},
};

pub(crate) async fn serve(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    let settings = &app.behaviour().token;
    match answer(&app, settings, &headers, &body) {
        Ok(answer) => {
            let mut response = if settings.form_encoded {
                form_encoded(&answer)
            } else {
                Json(answer).into_response()
            };
            no_store(&mut response);
            response
        }
        Err(error) => failure(settings, error),
    }
}

fn answer(
    app: &Shared,
    settings: &TokenBehaviour,
    headers: &HeaderMap,
    body: &str,
) -> Result<Value, OAuthError> {
    let browser = headers.contains_key(header::COOKIE) || headers.contains_key(header::ORIGIN);
    if settings.refuse_browsers && browser {
        return Err(OAuthError::invalid_request(
            "this endpoint is not for browsers: send neither Cookie nor Origin",
        ));
    }
    let form = parameters(body)?;
    let client = client_auth::authenticate(app, headers, &form)?;
    match form.get("grant_type").map(String::as_str) {
        Some("authorization_code") => code(app, settings, &client, &form),
        Some("refresh_token") => refresh(app, settings, &client, &form),
        Some(_) => Err(OAuthError::new(
            "unsupported_grant_type",
            "grant_type must be authorization_code or refresh_token",
        )),
        None => Err(OAuthError::invalid_request("grant_type is missing")),
    }
}

fn code(
    app: &Shared,
    settings: &TokenBehaviour,
    client: &Client,
    form: &HashMap<String, String>,
) -> Result<Value, OAuthError> {
    let code = required(form, "code")?;
    let verifier = required(form, "code_verifier")?;
    resource(app, form.get("resource").map(String::as_str))?;
    let redirect_uri = form.get("redirect_uri").map(String::as_str);
    let mut ledger = app.ledger();
    let family = ledger.redeem(code, &client.id, redirect_uri, verifier, app.now())?;
    let scopes = ledger
        .family(family)
        .map(|family| family.grant.scopes.clone())
        .unwrap_or_default();
    let offline = !settings.refresh_needs_offline_access
        || scopes.iter().any(|scope| scope == "offline_access");
    let refreshable = settings.refresh_tokens != RefreshTokens::None && client.refresh_tokens;
    let refresh_token =
        (refreshable && offline).then(|| new_refresh_token(app, &mut ledger, family));
    Ok(tokens(app, &mut ledger, family, scopes, refresh_token))
}

/// One lock from the first look at the token to its replacement: of two requests with the same
/// token the second one must see what the first one did.
fn refresh(
    app: &Shared,
    settings: &TokenBehaviour,
    client: &Client,
    form: &HashMap<String, String>,
) -> Result<Value, OAuthError> {
    let presented = required(form, "refresh_token")?;
    resource(app, form.get("resource").map(String::as_str))?;
    let policy = settings.refresh_tokens;
    let now = app.now();
    let mut ledger = app.ledger();
    // Asking for too much must not spend the token.
    let granted = ledger
        .family_of(presented)
        .map(|(family, _)| family.grant.scopes.clone());
    let scopes = narrowed(form.get("scope"), granted.unwrap_or_default())?;
    match ledger.refresh(presented, &client.id, policy, now)? {
        Refresh::Again(answer) => Ok(answer),
        Refresh::Keep(family) => {
            let same = Some(presented.to_owned());
            Ok(tokens(app, &mut ledger, family, scopes, same))
        }
        Refresh::Rotate(family) if settings.omit_new_refresh_token => {
            Ok(tokens(app, &mut ledger, family, scopes, None))
        }
        Refresh::Rotate(family) => {
            let next = new_refresh_token(app, &mut ledger, family);
            let answer = tokens(app, &mut ledger, family, scopes, Some(next.clone()));
            let kept = matches!(policy, RefreshTokens::ReplaySame(_)).then(|| answer.clone());
            ledger.rotated(presented, &next, kept, now);
            Ok(answer)
        }
    }
}

pub(crate) fn new_refresh_token(app: &Shared, ledger: &mut Ledger, family: u64) -> String {
    let token = app.fresh("gpd_refresh_");
    let now = app.now();
    let lifetime = app.behaviour().token.refresh_lifetime_seconds;
    ledger.add_refresh(
        &token,
        family,
        now.after(Duration::from_secs(lifetime)),
        now,
    );
    token
}

/// A refresh may ask for fewer scopes, never for more (RFC 6749 §6).
fn narrowed(asked: Option<&String>, granted: Vec<String>) -> Result<Vec<String>, OAuthError> {
    let Some(asked) = asked else {
        return Ok(granted);
    };
    let asked: Vec<String> = asked
        .split_ascii_whitespace()
        .map(ToOwned::to_owned)
        .collect();
    // An unknown refresh token has no scopes to compare with; its own error comes next.
    if !granted.is_empty() && asked.iter().any(|scope| !granted.contains(scope)) {
        return Err(OAuthError::new(
            "invalid_scope",
            "a refresh cannot ask for more than was granted",
        ));
    }
    Ok(asked)
}

/// A token answer (RFC 6749 §5.1), in the shape the behaviour gives it.
pub(crate) fn tokens(
    app: &Shared,
    ledger: &mut Ledger,
    family: u64,
    scopes: Vec<String>,
    refresh_token: Option<String>,
) -> Value {
    let behaviour = app.behaviour();
    let settings = &behaviour.token;
    let token = app.fresh("gpd_access_");
    let now = app.now();
    let lifetime = settings.access_lifetime_seconds;
    ledger.add_access(
        &token,
        family,
        scopes.clone(),
        now.after(Duration::from_secs(lifetime)),
        now,
    );
    let mut answer = Map::new();
    let mut set = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    set("access_token", json!(token));
    set("token_type", json!(settings.token_type));
    match settings.expires_in {
        ExpiresIn::Number => drop(set("expires_in", json!(lifetime))),
        ExpiresIn::String => drop(set("expires_in", json!(lifetime.to_string()))),
        ExpiresIn::Null => drop(set("expires_in", Value::Null)),
        ExpiresIn::Missing => {}
    }
    if let Some(refresh_token) = refresh_token {
        set("refresh_token", json!(refresh_token));
    }
    set("scope", json!(scopes.join(" ")));
    altered(answer, &settings.omit, &settings.replace, 0)
}

fn required<'a>(form: &'a HashMap<String, String>, name: &str) -> Result<&'a str, OAuthError> {
    form.get(name)
        .map(String::as_str)
        .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
}

fn failure(settings: &TokenBehaviour, error: OAuthError) -> Response {
    let invalid_grant = error.code == "invalid_grant";
    let status = if settings.errors_as_200 {
        StatusCode::OK
    } else if invalid_grant {
        StatusCode::from_u16(settings.invalid_grant_status).unwrap_or(error.status)
    } else {
        error.status
    };
    if invalid_grant && settings.invalid_grant_empty {
        return status.into_response();
    }
    if settings.form_encoded {
        let body = json!({"error": error.code, "error_description": error.description});
        let mut response = form_encoded(&body);
        *response.status_mut() = status;
        return response;
    }
    error.with_status(status).into_response()
}

fn form_encoded(answer: &Value) -> Response {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => form.append_pair(name, text),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    (
        [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")],
        form.finish(),
    )
        .into_response()
}
