//! A turn's parts as server-sent events: the AI SDK's UI message stream protocol.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use gatepass_chat::{Part, Run};

/// A turn of this process: what it has said so far, and the rest as it comes.
pub fn of_run(run: &Arc<Run>) -> Response {
    events(run.listen().map(|part| Event::default().data(&*part)))
}

/// A stream that is complete.
pub fn of_parts(parts: Vec<Part>) -> Response {
    let parts = parts.into_iter().filter_map(|part| {
        let text = serde_json::to_string(&part).ok()?;
        Some(Event::default().data(text))
    });
    events(stream::iter(parts.collect::<Vec<_>>()))
}

fn events(parts: impl Stream<Item = Event> + Send + 'static) -> Response {
    let done = stream::once(std::future::ready(Event::default().data("[DONE]")));
    let events = parts.chain(done).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("x-vercel-ai-ui-message-stream"),
        HeaderValue::from_static("v1"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect responses would hold the stream back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}
