//! Many open event streams and many requests at once, against the real program. `GATEPASS_LOAD`
//! in the environment, as `streams,requests per second,seconds`, makes it as much as is wanted.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use futures::stream;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    program::Program,
    support::{Browser, external, until},
};

/// How many listen to one turn.
const LISTENERS: usize = 8;

struct Load {
    streams: usize,
    per_second: u32,
    seconds: u32,
}

impl Load {
    /// As the environment says, or as much as a test may cost.
    fn wanted() -> Self {
        let wanted = std::env::var("GATEPASS_LOAD").unwrap_or_else(|_| "80,50,2".to_owned());
        let numbers: Vec<u32> = wanted.split(',').map(|n| n.parse().unwrap()).collect();
        Self {
            streams: usize::try_from(numbers[0]).unwrap(),
            per_second: numbers[1],
            seconds: numbers[2],
        }
    }
}

/// A model that says a word a second for ever; its base URL.
async fn endless_model() -> String {
    let word = json!({ "choices": [{ "index": 0, "delta": { "content": "word " } }] });
    let word = Bytes::from(format!("data: {word}\n\n"));
    let completions = move || async move {
        let words = stream::unfold(true, move |first| {
            let word = word.clone();
            async move {
                if !first {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Some((Ok::<_, Infallible>(word), false))
            }
        });
        let body = Body::from_stream(words);
        ([("content-type", "text/event-stream")], body)
    };
    let models = || async { Json(json!({ "data": [{ "id": "endless" }] })) };
    let router = Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/v1")
}

/// A stream's text up to a word.
async fn heard(response: &mut Response, word: &str) -> String {
    let mut text = String::new();
    while !text.contains(word) {
        let chunk = response.chunk().await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

/// Begins a turn that does not end, and gives everybody who listens to it.
async fn turn(browser: &Browser) -> Vec<Response> {
    let made = browser.post("/api/conversations", &json!({})).await;
    let made: Value = made.json().await.unwrap();
    let path = format!("/api/conversations/{}", made["id"].as_str().unwrap());
    let say = json!({ "text": "go on", "model": "endless", "servers": [] });
    let mut first = browser.post(&format!("{path}/messages"), &say).await;
    assert_eq!(first.status(), 200);
    let begun = heard(&mut first, "text-delta").await;
    let run = begun.split_once("\"runId\":\"").unwrap().1;
    let run = run.split_once('"').unwrap().0;
    let mut all = vec![first];
    while all.len() < LISTENERS {
        let path = format!("{path}/runs/{run}/resume");
        let mut also = browser.post(&path, &json!({})).await;
        assert_eq!(also.status(), 200);
        heard(&mut also, "text-delta").await;
        all.push(also);
    }
    all
}

/// One of the mixed requests; its status, 0 for none at all.
async fn ask(browser: &Browser, n: u32) -> u16 {
    let nowhere = json!({ "url": "http://127.0.0.1:1/mcp" });
    let request = match n % 6 {
        0 => browser.request(reqwest::Method::GET, "/api/config"),
        1 => browser.request(reqwest::Method::GET, "/api/conversations"),
        2 => browser.request(reqwest::Method::GET, "/"),
        3 => browser.request(reqwest::Method::GET, "/readyz"),
        4 => browser
            .request(reqwest::Method::POST, "/api/conversations")
            .json(&json!({})),
        _ => browser
            .request(reqwest::Method::POST, "/api/mcp/oauth/discover")
            .json(&nowhere),
    };
    let answer = request.timeout(Duration::from_secs(30)).send().await;
    answer.map_or(0, |answer| answer.status().as_u16())
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "load is by the real clock")]
async fn with_many_streams_open_requests_are_answered_and_all_is_well_afterwards() {
    let load = Load::wanted();
    let data = tempfile::tempdir().unwrap();
    let model = endless_model().await;
    let program = Program::start(data.path(), &["--model-url", &model]).await;
    let browser = Arc::new(external(&program.url));
    let mut streams = Vec::new();
    for _ in 0..load.streams / LISTENERS {
        streams.extend(turn(&browser).await);
    }
    let open = streams.len();
    let outcomes = Arc::new(Mutex::new((BTreeMap::<u16, u32>::new(), Vec::new())));
    let mut asking = tokio::task::JoinSet::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / load.per_second);
    for n in 0..load.per_second * load.seconds {
        tick.tick().await;
        let (browser, outcomes) = (Arc::clone(&browser), Arc::clone(&outcomes));
        asking.spawn(async move {
            let begun = Instant::now();
            let status = ask(&browser, n).await;
            let mut outcomes = outcomes.lock().unwrap();
            *outcomes.0.entry(status).or_default() += 1;
            outcomes.1.push(begun.elapsed());
        });
    }
    asking.join_all().await;
    let (statuses, mut times) = std::mem::take(&mut *outcomes.lock().unwrap());
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    eprintln!(
        "{open} streams, {} requests a second for {} s: statuses {statuses:?}, {:.1} ms in the \
         middle, {:.1} ms for 99 of 100",
        load.per_second,
        load.seconds,
        at(50),
        at(99),
    );
    #[cfg(target_os = "linux")]
    eprintln!("peak memory: {} MiB", program.peak_memory());
    // Answered, or told to come back; a closed port is the other side's 502.
    for status in statuses.keys() {
        assert!([200, 201, 429, 502, 503].contains(status), "{statuses:?}");
    }
    assert!(statuses[&200] > 0 && statuses[&201] > 0);
    // Everybody still listens, and hears.
    for stream in &mut streams {
        heard(stream, "text-delta").await;
    }
    drop(streams);
    // It is as well as before.
    until(async || (browser.get("/api/config").await.status() == 200).then_some(())).await;
    assert!(!program.log().contains("panicked"));
}
