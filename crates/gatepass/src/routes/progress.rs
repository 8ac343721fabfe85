//! An operation whose steps are sent while they happen: server-sent events whose data have a
//! `type`, `[DONE]` last, as the chat's stream has them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use mcp_oauth_client::{Observer, Step};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::problem::{Kind, Problem, ProblemBody};

/// Longest time such an operation may take.
const LONGEST: Duration = Duration::from_secs(60);
/// Most events that wait for a slow reader. Steps past that are not told; the answer's report has
/// them all.
const WAITING: usize = 64;

/// Whether a request asks for events.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|accept| accept.contains("text/event-stream"))
}

/// Runs `work` and streams its steps, then its outcome. It ends with the server, with its time,
/// and when nobody listens any more.
pub fn stream<T, W, F>(ending: CancellationToken, work: W) -> Response
where
    T: Serialize + Send,
    W: FnOnce(Arc<dyn Observer>) -> F + Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send,
{
    let (sender, mut receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let observer = Arc::new(Teller(sender.clone()));
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(LONGEST, work(observer)) => outcome,
            () = ending.cancelled() => return,
            () = sender.closed() => return,
        };
        let last = match outcome {
            Ok(Ok(answer)) => Progress::Answer { answer }.event(),
            Ok(Err(problem)) => failed(&problem),
            Err(_) => failed(&too_slow()),
        };
        // Whoever went away does not miss them.
        let _ = sender.send(last).await;
        let _ = sender.send(Event::default().data("[DONE]")).await;
    });
    let events = stream::poll_fn(move |context| receiver.poll_recv(context));
    let events = futures::StreamExt::map(events, Ok::<_, Infallible>);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect responses would hold the stream back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

fn too_slow() -> Problem {
    Problem::new(
        Kind::RequestTimeout,
        "No answer came within a minute. Nothing is lost; try again.",
    )
}

fn failed(problem: &Problem) -> Event {
    let problem = problem.body();
    Told::Problem { problem }.event()
}

/// One event.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Progress<'a, T> {
    /// A request is about to be sent.
    Began { step: &'a Step },
    /// A step has ended.
    Step { step: &'a Step },
    /// The end: what a call that does not stream answers.
    Answer { answer: T },
    /// The end: why it failed.
    Problem { problem: ProblemBody<'a> },
}

/// An event that is not the answer.
type Told<'a> = Progress<'a, ()>;

impl<T: Serialize> Progress<'_, T> {
    fn event(&self) -> Event {
        Event::default().data(serde_json::to_string(self).unwrap_or_default())
    }
}

/// Tells of steps as they come.
struct Teller(mpsc::Sender<Event>);

impl Observer for Teller {
    fn began(&self, step: &Step) {
        let _ = self.0.try_send(Told::Began { step }.event());
    }

    fn ended(&self, step: &Step) {
        let _ = self.0.try_send(Told::Step { step }.event());
    }
}
