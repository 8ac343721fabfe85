//! What every request passes: it is recorded, and meets the fault its endpoint has.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use crate::{
    mcp_server::MAX_BODY,
    record::{Endpoint, describe},
    shared::{App, Shared},
};

/// What a request to the authorization server may weigh.
const MAX_FORM: usize = 64 * 1024;
/// A conversation with large tool results in it.
const MAX_CONVERSATION: usize = 16 * 1024 * 1024;

pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let endpoint = endpoint(&app, request.uri().path());
    let limit = match endpoint {
        Endpoint::Mcp => MAX_BODY,
        Endpoint::Model => MAX_CONVERSATION,
        _ => MAX_FORM,
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, limit).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let number = app
        .record
        .begin(describe(app.now(), endpoint, &parts, &body));
    let request = Request::from_parts(parts, Body::from(body));
    let fault = app.behaviour.next_fault(endpoint);
    let response = fault.around(next.run(request)).await;
    app.record.finish(number, response.status().as_u16());
    response
}

fn endpoint(app: &Shared, path: &str) -> Endpoint {
    if path == app.mcp_path {
        return Endpoint::Mcp;
    }
    match path {
        "/as/authorize" | "/authorize" => Endpoint::Authorize,
        "/as/sign-in" | "/as/sign-out" => Endpoint::SignIn,
        "/as/consent" => Endpoint::Consent,
        "/as/token" | "/token" => Endpoint::Token,
        "/as/register" | "/register" => Endpoint::Registration,
        "/as/revoke" => Endpoint::Revocation,
        crate::mcp_server::CUSTOM_METADATA => Endpoint::ResourceMetadata,
        _ if path.starts_with("/v1/") => Endpoint::Model,
        _ if path.starts_with("/.well-known/oauth-protected-resource") => {
            Endpoint::ResourceMetadata
        }
        _ if path.contains("/.well-known/") => Endpoint::ServerMetadata,
        _ => Endpoint::Other,
    }
}
