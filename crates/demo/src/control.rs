//! The record to read and the switches to set over HTTP, for tests in other languages. On an
//! address of its own, so that nothing of it can be reached through the servers under test.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use gatepass_demo::{Behaviour, Demo};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Serves in the background and returns the URL. Loopback only: there is no authentication.
///
/// # Errors
/// The address is not on loopback or cannot be bound.
pub(crate) async fn serve(address: &str, demo: Arc<Demo>) -> anyhow::Result<String> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    anyhow::ensure!(
        bound.ip().is_loopback(),
        "--control takes a loopback address: whoever reaches it controls the demo"
    );
    let router = Router::new()
        .route("/record", get(record).delete(forget))
        .route("/behaviour", get(behaviour).put(behave))
        .route("/withdraw-grants", post(withdraw_grants))
        .route("/forget-access-tokens", post(forget_access_tokens))
        .route("/forget-clients", post(forget_clients))
        .with_state(demo);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{bound}"))
}

async fn record(State(demo): State<Arc<Demo>>) -> Json<Value> {
    let record = demo.record();
    Json(json!({
        "requests": record.requests(),
        "toolCalls": record.tool_calls(),
        "clients": record.registrations(),
        "grants": record.families(),
    }))
}

async fn forget(State(demo): State<Arc<Demo>>) -> StatusCode {
    demo.record().clear();
    StatusCode::NO_CONTENT
}

async fn behaviour(State(demo): State<Arc<Demo>>) -> Json<Behaviour> {
    Json(Behaviour::clone(&demo.behaviour().get()))
}

async fn behave(State(demo): State<Arc<Demo>>, body: String) -> Response {
    match Behaviour::from_json(&body) {
        Ok(next) => {
            demo.behaviour().set(|behaviour| *behaviour = next);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn withdraw_grants(State(demo): State<Arc<Demo>>) -> StatusCode {
    demo.withdraw_grants();
    StatusCode::NO_CONTENT
}

async fn forget_access_tokens(State(demo): State<Arc<Demo>>) -> StatusCode {
    demo.forget_access_tokens();
    StatusCode::NO_CONTENT
}

async fn forget_clients(State(demo): State<Arc<Demo>>) -> StatusCode {
    demo.forget_clients();
    StatusCode::NO_CONTENT
}
