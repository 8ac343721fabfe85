//! Request ids, one log line and one measurement per request.
//!
//! The line names the route, never the URL: a callback's query holds a code.

use std::{fmt::Write, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

use crate::{app::App, system::Stopwatch};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, logs and measures it.
pub async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = incoming_id(&request).unwrap_or_else(|| new_id(&app));
    let method = request.method().clone();
    let version = request.version();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", %id, %method, route);
    // The end of the process waits for requests under way.
    let _under_way = app.work.token();
    let started = Stopwatch::start();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    let status = response.status();
    span.in_scope(|| match status {
        status if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE => {
            tracing::warn!(
                status = status.as_u16(),
                millis = elapsed.as_millis(),
                "answered"
            );
        }
        status => {
            tracing::debug!(
                status = status.as_u16(),
                millis = elapsed.as_millis(),
                "answered"
            );
        }
    });
    let labels = [
        ("method", known_method(&method).to_owned()),
        ("route", route),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("gatepass_requests_total", &labels).increment(1);
    metrics::histogram!("gatepass_request_seconds", &labels).record(elapsed.as_secs_f64());
    if app.draining.is_cancelled() && version <= Version::HTTP_11 {
        // Whoever keeps connections to us open finds another process for the next request.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn new_id(app: &App) -> String {
    let mut bytes = [0; 8];
    app.random.fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// The method as a label: clients may make methods up, and each would be a new time series.
fn known_method(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

/// An id that a proxy gave, if it is short and plain.
fn incoming_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = (8..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then(|| id.to_owned())
}
