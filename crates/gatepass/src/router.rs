//! All routes, and what a request passes through on its way to them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    http::{csrf, headers, host, observe, owner, panics, rate::Cost},
    ops,
    problem::{self, Kind, Problem},
    routes::{
        callback, client_metadata, config, connection, conversations, discover, flows,
        headers as sealed_headers, messages, openapi, picture, runs, start, tools,
    },
    ui,
};

/// Largest body of a call, in bytes; a message may be larger.
const BODY: usize = 256 * 1024;
/// Longest pause while a body arrives.
const BODY_PAUSE: Duration = Duration::from_secs(20);
/// Longest time for a call that answers at once, those to other servers included.
const CALL: Duration = Duration::from_secs(60);

/// The whole service, for an installation listening on `bound`.
pub fn router(app: &Arc<App>, bound: SocketAddr) -> anyhow::Result<Router> {
    let session = |cost| middleware::from_fn_with_state((Arc::clone(app), cost), owner::session);
    let outbound = OpenApiRouter::new()
        .routes(routes!(discover::discover))
        .routes(routes!(start::start))
        .routes(routes!(tools::list))
        .routes(routes!(connection::refresh))
        .routes(routes!(connection::revoke))
        .routes(routes!(picture::picture))
        .layer(session(Cost::Outbound))
        .layer(middleware::from_fn(in_time));
    // Tools have bounds of their own, which are longer. A message may be as long as configured;
    // connections and headers come on top.
    let limits = &app.config.limits;
    // Files come in base64, which takes a third more.
    let files = (limits.message_bytes + limits.attachment_bytes).saturating_mul(3) / 2;
    let message_body = limits.message_bytes.saturating_add(files + 4 * BODY);
    let slow = OpenApiRouter::new()
        .routes(routes!(tools::call))
        .routes(routes!(messages::send))
        .routes(routes!(runs::resume))
        .layer(DefaultBodyLimit::max(message_body))
        .layer(session(Cost::Outbound));
    let own = OpenApiRouter::new()
        .routes(routes!(callback::callback))
        .routes(routes!(flows::flow))
        .routes(routes!(sealed_headers::seal))
        .routes(routes!(config::config))
        .routes(routes!(conversations::list, conversations::create))
        .routes(routes!(
            conversations::read,
            conversations::rename,
            conversations::delete
        ))
        .routes(routes!(runs::cancel))
        .layer(session(Cost::Own))
        .layer(middleware::from_fn(in_time));
    let public = OpenApiRouter::new().routes(routes!(client_metadata::client_metadata));
    let (calls, description) = openapi::documented()
        .merge(outbound)
        .merge(slow)
        .merge(own)
        .merge(public)
        .split_for_parts();
    let router = Router::new()
        .merge(calls)
        .route("/api/openapi.json", get(openapi::serve(description)))
        .route("/problems/{slug}", get(problem::page))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .fallback(ui::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY_PAUSE))
        .layer(csrf::layer(&app.public)?)
        .layer(CatchPanicLayer::custom(panics::answer))
        .layer(middleware::from_fn_with_state(
            host::Hosts::new(&app.public, bound),
            host::check,
        ))
        .layer(middleware::from_fn_with_state(
            app.public.is_https(),
            headers::add,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            observe::observe,
        ))
        .with_state(Arc::clone(app));
    Ok(router)
}

async fn wrong_method() -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        "This address does not take that method.",
    )
}

/// Ends a call that takes too long.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(CALL, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            Kind::RequestTimeout,
            "No answer came within a minute. Nothing is lost; try again.",
        )
        .into_response(),
    }
}
