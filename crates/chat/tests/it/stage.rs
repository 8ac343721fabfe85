//! A turn with everything it needs, run to its end.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use gatepass_chat::{
    Ended, ModelClient, ModelEndpoint, Open, Part, Turn, model::ChatMessage, recorder::Recorder,
};
use mcp_oauth_client::{Clock, Random, Secret, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    front_end,
    host::{Hall, Server},
    script::{Answer, Scripted},
    shelf::Shelf,
};

/// Bytes that never repeat, the same in every run.
#[derive(Default)]
pub struct Counting(AtomicU32);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        let n = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let (_, last) = bytes.split_at_mut(bytes.len() - n.len());
        last.copy_from_slice(&n);
    }
}

/// A clock that stands still.
pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_435_200_000)
    }
}

pub fn endpoint() -> ModelEndpoint {
    let base = "https://model.example/v1".parse().unwrap();
    ModelEndpoint::new(base, Some(Secret::new("a-key")))
}

/// A turn over a scripted model.
pub fn turn(model: &Scripted, hall: &Arc<Hall>) -> Turn {
    Turn {
        run: "run".to_owned(),
        client: ModelClient::new(Arc::new(model.clone())),
        endpoint: endpoint(),
        model: "small".to_owned(),
        messages: vec![ChatMessage::User("What is in my notes?".to_owned())],
        host: hall.clone(),
        random: Arc::new(Counting::default()),
        clock: Arc::new(Noon),
        rounds: 10,
        today: "2026-11-23".to_owned(),
        open: Open::default(),
    }
}

/// What came of a turn.
pub struct Played {
    pub ended: Ended,
    pub parts: Vec<Part>,
    pub model: Scripted,
    pub hall: Arc<Hall>,
    pub shelf: Arc<Shelf>,
}

impl Played {
    /// The parts as a page gets them.
    pub fn json(&self) -> Vec<Value> {
        let parts = self.parts.iter();
        parts.map(|p| serde_json::to_value(p).unwrap()).collect()
    }

    /// The parts of a kind, as a page gets them.
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        let mut parts = self.json();
        parts.retain(|part| part["type"] == kind);
        parts
    }

    /// All text that was shown.
    pub fn text(&self) -> String {
        let deltas = self.parts.iter().filter_map(|part| match part {
            Part::TextDelta { delta, .. } => Some(delta.as_str()),
            _ => None,
        });
        deltas.collect()
    }

    /// What the model was told the tools gave, in the order it was told, in its last request.
    pub fn results(&self) -> Vec<String> {
        let asked = self.model.asked();
        let told = asked.last().unwrap().told();
        told.iter()
            .filter(|message| message["role"] == "tool")
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The message as it is stored.
    pub fn stored(&self) -> Vec<Value> {
        let mut recorder = Recorder::default();
        for part in &self.parts {
            recorder.push(part);
        }
        recorder.parts().to_vec()
    }
}

/// Plays a script with servers to its end, and holds the stream to its protocol.
pub async fn play(
    answers: impl IntoIterator<Item = Answer>,
    servers: impl IntoIterator<Item = Server>,
) -> Played {
    let (model, hall) = (Scripted::new(answers), Hall::of(servers));
    let turn = turn(&model, &hall);
    perform(turn, model, hall, &CancellationToken::new(), |_| {}).await
}

/// Runs a turn, shows every part to `watch` as it comes, and holds the stream to its protocol.
pub async fn perform(
    turn: Turn,
    model: Scripted,
    hall: Arc<Hall>,
    cancel: &CancellationToken,
    watch: impl Fn(&Part) + Send + Sync,
) -> Played {
    let shelf = Arc::new(Shelf::default());
    let played = perform_at(&shelf, turn, model, hall, cancel, watch).await;
    front_end::hold_to_protocol(&played.json());
    played
}

/// Runs a turn that keeps what is open on a shelf.
pub async fn perform_at(
    shelf: &Arc<Shelf>,
    turn: Turn,
    model: Scripted,
    hall: Arc<Hall>,
    cancel: &CancellationToken,
    watch: impl Fn(&Part) + Send + Sync,
) -> Played {
    let parts = Mutex::new(Vec::new());
    let emit = |part: Part| {
        shelf.push(&part);
        watch(&part);
        parts.lock().unwrap().push(part);
    };
    let ended = turn.run(cancel, &emit, &**shelf).await;
    Played {
        ended,
        parts: parts.into_inner().unwrap(),
        model,
        hall,
        shelf: Arc::clone(shelf),
    }
}

/// The arguments and result of the usual tool.
pub fn notes() -> Server {
    Server::new("Notes").speaking("search")
}

/// An assistant's message as the model is told it called.
pub fn called(told: &Value) -> Value {
    assert_eq!(told["role"], "assistant", "{told}");
    let calls = told["tool_calls"].as_array().unwrap().iter();
    let calls = calls.map(|call| {
        let function = &call["function"];
        json!([function["name"], function["arguments"]])
    });
    calls.collect()
}
