//! A protected MCP server: resource metadata, a bearer check, and a handful of tools.

mod access;
mod asking;
mod calculator;
mod fixtures;
mod notes;
mod resource_metadata;
mod tools;
mod units;

use axum::{Router, body::Body, extract::State, response::IntoResponse, routing::any};
use http::{Request, StatusCode, header};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::tools::Tools;
pub(crate) use self::{
    notes::Notes,
    resource_metadata::{CUSTOM as CUSTOM_METADATA, serve as serve_resource_metadata},
};
use crate::{
    behaviour::Streams,
    shared::{App, Shared},
};

/// What a POST to the MCP server may weigh.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;

type Service = StreamableHttpService<Tools, LocalSessionManager>;

/// The MCP endpoint at the instance's path. Ends its sessions when `stop` is cancelled.
pub(crate) fn router(app: &App, stop: &CancellationToken) -> Router<App> {
    let with_sessions = service(app, stop, true);
    let without_sessions = service(app, stop, false);
    Router::new().route(
        &app.mcp_path,
        any(move |State(app): State<App>, request: Request<Body>| {
            let (with_sessions, without_sessions) =
                (with_sessions.clone(), without_sessions.clone());
            async move {
                let request = match access::check(&app, request).await {
                    Ok(request) => request,
                    Err(refusal) => return refusal,
                };
                let behaviour = app.behaviour();
                let post = request.method() == http::Method::POST;
                if !post && behaviour.mcp.streams == Streams::MethodNotAllowed {
                    return method_not_allowed();
                }
                let service = if behaviour.mcp.sessions {
                    with_sessions
                } else {
                    without_sessions
                };
                match service.oneshot(request).await {
                    Ok(response) => response.map(Body::new),
                    Err(never) => match never {},
                }
            }
        }),
    )
}

fn service(app: &App, stop: &CancellationToken, sessions: bool) -> Service {
    let app = App::clone(app);
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(sessions)
        .with_json_response(!sessions)
        .with_allowed_hosts(allowed_hosts(&app))
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"])
        .with_max_request_body_bytes(MAX_BODY)
        .with_cancellation_token(stop.child_token());
    StreamableHttpService::new(
        move || Ok(Tools::new(App::clone(&app))),
        LocalSessionManager::default().into(),
        config,
    )
}

/// Loopback and the instance's own name: other `Host` values are DNS rebinding.
fn allowed_hosts(app: &Shared) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"]
        .map(ToOwned::to_owned)
        .into();
    if let Ok(origin) = url::Url::parse(&app.origin)
        && let Some(host) = origin.host_str()
    {
        hosts.push(host.to_owned());
    }
    hosts
}

fn method_not_allowed() -> axum::response::Response {
    let body = json!({
        "jsonrpc": "2.0",
        "error": {"code": -32000, "message": "Method not allowed."},
        "id": null,
    });
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(header::ALLOW, "POST")],
        axum::Json(body),
    )
        .into_response()
}
