//! The model client over real connections, with endpoints that misbehave on the wire.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use futures::{StreamExt, stream};
use gatepass_chat::{
    ModelClient, ModelEndpoint, ModelError,
    model::{ChatMessage, Delta},
};
use gatepass_egress::{Egress, EgressPolicy, Mode};
use mcp_oauth_client::{Actor, Recovery, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::script::{chunk, end, sse};

/// Serves a router and gives the endpoint at it.
async fn serve(router: Router) -> ModelEndpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    endpoint(&format!("http://{address}/v1"))
}

fn endpoint(base: &str) -> ModelEndpoint {
    ModelEndpoint::new(base.parse().unwrap(), Some(Secret::new("a-key")))
}

fn client() -> ModelClient {
    let policy = EgressPolicy {
        mode: Mode::Loopback,
        ..EgressPolicy::default()
    };
    ModelClient::new(Arc::new(Egress::new(policy).unwrap()))
}

/// The text of an answer.
async fn answer(endpoint: &ModelEndpoint) -> Result<String, ModelError> {
    let question = [ChatMessage::User("hi".to_owned())];
    let mut stream = client().answer(endpoint, "small", &question, &[]).await?;
    let mut text = String::new();
    while let Some(delta) = stream.next().await? {
        if let Delta::Text(more) = delta {
            text.push_str(&more);
        }
    }
    Ok(text)
}

fn completions<R: IntoResponse + Send + 'static>(respond: fn() -> R) -> Router {
    let respond = move || async move { respond() };
    Router::new().route("/v1/chat/completions", post(respond))
}

fn streamed(pieces: Vec<Result<Bytes, std::io::Error>>) -> impl IntoResponse {
    // A pause between pieces, so that each is a chunk of its own on the wire.
    let pieces = stream::iter(pieces).then(async |piece| {
        tokio::task::yield_now().await;
        piece
    });
    (
        [("content-type", "text/event-stream")],
        Body::from_stream(pieces),
    )
}

fn once_upon_a_time() -> String {
    sse(&[
        chunk(json!({"content": "Once upon "})),
        chunk(json!({"content": "a time 🌍"})),
        end("stop"),
    ])
}

#[tokio::test]
async fn an_answer_in_single_bytes_is_the_same_answer() {
    let endpoint = serve(completions(|| {
        let text = once_upon_a_time();
        let bytes = text.bytes().map(|byte| Ok(Bytes::copy_from_slice(&[byte])));
        streamed(bytes.collect())
    }))
    .await;
    assert_eq!(answer(&endpoint).await.unwrap(), "Once upon a time 🌍");
}

#[tokio::test]
async fn a_connection_that_drops_is_an_answer_that_stopped() {
    let endpoint = serve(completions(|| {
        let text = once_upon_a_time();
        let (half, _) = text.split_at(text.len() / 2);
        let half = Bytes::copy_from_slice(half.as_bytes());
        streamed(vec![Ok(half), Err(std::io::Error::other("dropped"))])
    }))
    .await;
    let error = answer(&endpoint).await.unwrap_err();
    assert!(matches!(error, ModelError::Broken { .. }), "{error:?}");
    assert_eq!(error.recovery(), Recovery::Retry { after: None });
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_out_of_reach() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = answer(&endpoint(&format!("http://{address}/v1")))
        .await
        .unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
    assert!(error.recovery().is_temporary());
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_may_not_be_reached_is_for_the_administrator() {
    let error = answer(&endpoint("http://10.0.0.1/v1")).await.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.recovery().actor(), Actor::Admin);
}

#[tokio::test]
async fn a_key_does_not_follow_a_redirect() {
    let router = completions(|| Redirect::temporary("/elsewhere"))
        .route("/elsewhere", post(|| async { once_upon_a_time() }));
    let error = answer(&serve(router).await).await.unwrap_err();
    assert!(matches!(error, ModelError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.recovery().actor(), Actor::Admin);
}

#[tokio::test]
async fn statuses_are_read_from_the_wire() {
    let wrong = serve(completions(|| StatusCode::UNAUTHORIZED)).await;
    let error = answer(&wrong).await.unwrap_err();
    assert_eq!(error.recovery().actor(), Actor::Admin);
    let busy = serve(completions(|| {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "3")],
            Json(json!({"error": "busy"})),
        )
    }))
    .await;
    let error = answer(&busy).await.unwrap_err();
    let after = Some(std::time::Duration::from_secs(3));
    assert_eq!(error.recovery(), Recovery::Retry { after });
    let page = serve(completions(|| {
        axum::response::Html("<!doctype html><p>Sign in")
    }))
    .await;
    let error = answer(&page).await.unwrap_err();
    assert!(error.to_string().ends_with("it is a web page."), "{error}");
}

#[tokio::test]
async fn an_error_page_without_end_is_not_read_to_its_end() {
    let endpoint = serve(completions(|| {
        let endless = stream::repeat(Ok::<_, std::convert::Infallible>(Bytes::from_static(
            &[b'x'; 4096],
        )));
        (StatusCode::BAD_REQUEST, Body::from_stream(endless))
    }))
    .await;
    let error = answer(&endpoint).await.unwrap_err();
    assert!(
        matches!(error, ModelError::Refused { status: 400, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_without_end_ends_at_its_bound() {
    let endpoint = serve(completions(|| {
        let words = sse(&[chunk(json!({"content": "x".repeat(64 * 1024)}))]);
        let words = Bytes::from(words.replace("data: [DONE]\n\n", ""));
        let endless = stream::repeat(Ok::<_, std::convert::Infallible>(words));
        (
            [("content-type", "text/event-stream")],
            Body::from_stream(endless),
        )
    }))
    .await;
    let error = answer(&endpoint).await.unwrap_err();
    assert!(error.to_string().ends_with("it is too large."), "{error}");
}

#[tokio::test]
async fn models_are_listed_with_the_key() {
    let list = |headers: axum::http::HeaderMap| async move {
        let key = headers["authorization"].to_str().unwrap().to_owned();
        Json::<Value>(json!({"data": [{"id": key}]}))
    };
    let endpoint = serve(Router::new().route("/v1/models", get(list))).await;
    let models = client().models(&endpoint).await.unwrap();
    assert_eq!(models, ["Bearer a-key"]);
}
