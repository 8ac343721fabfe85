//! Routes for whoever runs the installation.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    problem::{Kind, Problem},
};

/// `GET /healthz`: the process runs.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the process can do its work, which needs the database, and wants more of it.
pub async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.draining.is_cancelled() {
        return Err(Problem::new(Kind::Overloaded, "This process is ending."));
    }
    app.store.ready().await?;
    Ok("ready\n")
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        app.metrics.render(),
    )
        .into_response()
}
