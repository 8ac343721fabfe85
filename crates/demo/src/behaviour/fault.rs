//! Faults any HTTP endpoint can have, whatever it serves.

use std::{future::Future, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong with one request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing: the endpoint does its work.
    #[default]
    None,
    /// This status with a line of plain text; the endpoint does no work.
    Status(u16),
    /// This status with a JSON body, such as an OAuth error.
    Json {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// This status with an HTML page, as proxies, bot filters and single-page sites answer.
    Html(u16),
    /// 200 `application/json` with a body that is not JSON.
    NotJson,
    /// This status with an empty body.
    Empty(u16),
    /// 429 with `Retry-After` in seconds.
    RateLimited(u64),
    /// A redirect to elsewhere.
    Redirect {
        /// The status, such as 307.
        status: u16,
        /// The `Location`.
        location: String,
    },
    /// No answer, and no work done, until the caller gives up.
    Hang,
    /// The work is done, then no answer: the caller cannot know.
    HangAfterAnswer,
    /// The connection is closed before any work.
    Reset,
    /// The work is done, then the connection is closed without an answer.
    ResetAfterAnswer,
    /// The right answer, this many milliseconds late.
    Slow(u64),
    /// The right answer, cut off in the middle of its body.
    Truncated,
    /// 200 with a JSON document of at least this many bytes.
    Huge(usize),
}

/// Which requests a fault meets, counted from the last change of the behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every request.
    #[default]
    Always,
    /// The first so many; the rest are served.
    First(u64),
    /// Each n-th; 0 means none.
    Every(u64),
    /// All after the first so many.
    After(u64),
}

/// A fault and the requests it meets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// What goes wrong.
    pub fault: Fault,
    /// Which requests it meets.
    pub when: When,
}

impl Plan {
    /// The fault for the `nth` request (the first is 1).
    pub(crate) fn for_request(&self, nth: u64) -> Fault {
        let hit = match self.when {
            When::Always => true,
            When::First(count) => nth <= count,
            When::Every(step) => step != 0 && nth.is_multiple_of(step),
            When::After(count) => nth > count,
        };
        if hit { self.fault.clone() } else { Fault::None }
    }
}

impl From<Fault> for Plan {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            when: When::Always,
        }
    }
}

impl Fault {
    /// This fault for the requests that `when` names.
    #[must_use]
    pub fn when(self, when: When) -> Plan {
        Plan { fault: self, when }
    }

    /// This fault for the next request only.
    #[must_use]
    pub fn once(self) -> Plan {
        self.when(When::First(1))
    }

    /// Serves one request, or fails it.
    pub(crate) async fn around(self, serve: impl Future<Output = Response> + Send) -> Response {
        match self {
            Self::None => serve.await,
            Self::Status(code) => {
                (status(code), "the demo server was told to fail").into_response()
            }
            Self::Json { status: code, body } => (status(code), axum::Json(body)).into_response(),
            Self::Html(code) => (status(code), axum::response::Html(PAGE)).into_response(),
            Self::NotJson => ([json()], "{\"almost\": json").into_response(),
            Self::Empty(code) => status(code).into_response(),
            Self::RateLimited(seconds) => (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, seconds.to_string())],
                "too many requests",
            )
                .into_response(),
            Self::Redirect {
                status: code,
                location,
            } => {
                let location = HeaderValue::from_str(&location)
                    .unwrap_or_else(|_| HeaderValue::from_static("/"));
                (status(code), [(header::LOCATION, location)]).into_response()
            }
            Self::Hang => std::future::pending().await,
            Self::HangAfterAnswer => {
                serve.await;
                std::future::pending().await
            }
            Self::Reset => aborted(),
            Self::ResetAfterAnswer => {
                serve.await;
                aborted()
            }
            Self::Slow(millis) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                serve.await
            }
            Self::Truncated => truncated(serve.await),
            Self::Huge(bytes) => (
                [json()],
                format!("{{\"padding\":\"{}\"}}", "x".repeat(bytes)),
            )
                .into_response(),
        }
    }
}

const PAGE: &str = "<!doctype html><title>Just a moment</title><h1>Just a moment</h1>\
    <p>This page is HTML where a client expects JSON.</p>";

/// Marks an answer that must never be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

fn aborted() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(CloseConnection);
    response
}

/// Half of the first piece of the body, then an error, which makes the server drop the connection.
fn truncated(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let mut first = true;
    let cut = body.into_data_stream().map(move |piece| {
        let piece = piece.map_err(std::io::Error::other)?;
        if std::mem::take(&mut first) {
            Ok::<Bytes, std::io::Error>(piece.slice(..piece.len() / 2))
        } else {
            Err(std::io::Error::other("cut off"))
        }
    });
    let end = futures::stream::once(async { Err(std::io::Error::other("cut off")) });
    Response::from_parts(parts, Body::from_stream(cut.chain(end)))
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json() -> (HeaderName, &'static str) {
    (header::CONTENT_TYPE, "application/json")
}
