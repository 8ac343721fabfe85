//! Who may call: bearer tokens (RFC 6750), challenges (RFC 9728 §5.1), scopes per tool.

use axum::{
    body::{Body, to_bytes},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::Value;

use super::{MAX_BODY, resource_metadata::announced};
use crate::{
    authorization_server::Caller,
    behaviour::{Access, ResourceRule},
    secrets,
    shared::Shared,
};

/// Lets a request pass, with its [`Caller`] as an extension, or answers it.
pub(super) async fn check(app: &Shared, request: Request<Body>) -> Result<Request<Body>, Response> {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
    let behaviour = app.behaviour();
    match &behaviour.mcp.access {
        Access::Open => {}
        Access::Forbidden => return Err((StatusCode::FORBIDDEN, "forbidden").into_response()),
        Access::ApiKey { header, value } => {
            let given = parts
                .headers
                .get(header)
                .map_or(&b""[..], HeaderValue::as_bytes);
            if !secrets::same(given, value.as_bytes()) {
                return Err((StatusCode::UNAUTHORIZED, "a valid API key is needed").into_response());
            }
        }
        Access::RejectEverything => {
            let token = bearer(&parts.headers);
            return Err(challenge(app, token.map(|_| "the token was rejected")));
        }
        Access::Bearer => {
            let call = calls(&parts.method, &body);
            let free = |method: &str| {
                behaviour
                    .mcp
                    .unprotected_methods
                    .iter()
                    .any(|m| m == method)
            };
            let unprotected = !call.is_empty() && call.iter().all(|(method, _)| free(method));
            if !unprotected {
                let caller = caller(app, &parts.headers)?;
                sufficient(app, &caller, &call)?;
                parts.extensions.insert(caller);
            }
        }
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim())
        .filter(|token| !token.is_empty())
}

#[expect(clippy::result_large_err, reason = "the error is the finished answer")]
fn caller(app: &Shared, headers: &HeaderMap) -> Result<Caller, Response> {
    let token = bearer(headers).ok_or_else(|| challenge(app, None))?;
    let caller = app
        .ledger()
        .introspect(token, app.now())
        .ok_or_else(|| challenge(app, Some("the access token is expired, revoked or unknown")))?;
    let audience_checked = matches!(
        app.behaviour().authorize.resource,
        ResourceRule::Required | ResourceRule::Optional
    );
    if audience_checked && caller.resource != app.resource() {
        return Err(challenge(
            app,
            Some("the access token is for another resource"),
        ));
    }
    Ok(caller)
}

/// The JSON-RPC methods of a POST, each with the tool it calls.
fn calls(method: &Method, body: &Bytes) -> Vec<(String, Option<String>)> {
    if method != Method::POST {
        return Vec::new();
    }
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let messages = match message {
        Value::Array(batch) => batch,
        single => vec![single],
    };
    messages
        .iter()
        .map(|message| {
            let method = message["method"].as_str().unwrap_or_default();
            let tool = message["params"]["name"]
                .as_str()
                .filter(|_| method == "tools/call");
            (method.to_owned(), tool.map(ToOwned::to_owned))
        })
        .collect()
}

#[expect(clippy::result_large_err, reason = "the error is the finished answer")]
fn sufficient(
    app: &Shared,
    caller: &Caller,
    calls: &[(String, Option<String>)],
) -> Result<(), Response> {
    let behaviour = app.behaviour();
    let mut needed = behaviour.mcp.scopes.clone();
    for tool in calls.iter().filter_map(|(_, tool)| tool.as_ref()) {
        for scope in behaviour.mcp.tool_scopes.get(tool).into_iter().flatten() {
            if !needed.contains(scope) {
                needed.push(scope.clone());
            }
        }
    }
    if needed.iter().all(|scope| caller.scopes.contains(scope)) {
        return Ok(());
    }
    let mut parameters = vec![
        r#"error="insufficient_scope""#.to_owned(),
        r#"error_description="this needs more access than was granted""#.to_owned(),
        format!(r#"scope="{}""#, needed.join(" ")),
    ];
    parameters.extend(metadata_parameter(app));
    Err(refusal(app, StatusCode::FORBIDDEN, &parameters))
}

/// 401. Without a token no error code is given (RFC 6750 §3.1).
fn challenge(app: &Shared, invalid_token: Option<&str>) -> Response {
    let behaviour = app.behaviour();
    let mut parameters = Vec::new();
    if let Some(reason) = invalid_token {
        parameters.push(r#"error="invalid_token""#.to_owned());
        parameters.push(format!(r#"error_description="{reason}""#));
    }
    parameters.extend(metadata_parameter(app));
    if !behaviour.mcp.challenge.without_scope && !behaviour.mcp.challenge_scopes.is_empty() {
        let scopes = behaviour.mcp.challenge_scopes.join(" ");
        parameters.push(format!(r#"scope="{scopes}""#));
    }
    refusal(app, StatusCode::UNAUTHORIZED, &parameters)
}

fn metadata_parameter(app: &Shared) -> Option<String> {
    let url = announced(app)?;
    Some(if app.behaviour().mcp.challenge.unquoted {
        format!("resource_metadata={url}")
    } else {
        format!(r#"resource_metadata="{url}""#)
    })
}

fn refusal(app: &Shared, status: StatusCode, parameters: &[String]) -> Response {
    let style = app.behaviour().mcp.challenge;
    let mut response = (status, "authorization is needed").into_response();
    if style.missing {
        return response;
    }
    let line = format!("Bearer {}", parameters.join(", "));
    let headers = response.headers_mut();
    if style.basic_first {
        headers.append(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"gatepass-demo\""),
        );
    }
    if let Ok(line) = HeaderValue::from_str(line.trim_end()) {
        headers.append(header::WWW_AUTHENTICATE, line);
    }
    response
}
