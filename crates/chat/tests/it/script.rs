//! A model endpoint that says what the test wrote down, piece by piece, and remembers what it was
//! asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::Shared, stream};
use gatepass_mcp::{BodyStream, StreamLimits, StreamingTransport};
use mcp_oauth_client::{BoxFuture, Request, TransportError, TransportFailure};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// One piece of a response's body.
#[derive(Clone)]
pub enum Piece {
    Bytes(Bytes),
    Fails(TransportFailure),
    /// Nothing comes until the gate opens; for ever if its handle is kept.
    Waits(Shared<BoxFuture<'static, ()>>),
}

/// What the endpoint does with one request.
#[derive(Clone)]
pub enum Answer {
    Fails(TransportFailure),
    Responds {
        status: u16,
        headers: Vec<(&'static str, &'static str)>,
        body: Vec<Piece>,
    },
}

/// What opens a gate; dropping it opens too.
pub struct Gate(Option<oneshot::Sender<()>>);

impl Gate {
    pub fn open(mut self) {
        self.0.take();
    }

    /// Leaves the gate shut for ever.
    pub fn never(mut self) {
        std::mem::forget(self.0.take());
    }
}

/// A gate, and the piece that waits for it.
pub fn gate() -> (Gate, Piece) {
    let (open, opened) = oneshot::channel();
    let opened: BoxFuture<'static, ()> = Box::pin(opened.map(|_| ()));
    (Gate(Some(open)), Piece::Waits(opened.shared()))
}

/// One chunk of a chat completion.
pub fn chunk(delta: Value) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]})
}

/// The chunk that says why the answer ends.
pub fn end(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// A fragment of a tool call with the endpoint's number for it.
pub fn call(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    chunk(json!({"tool_calls": [{
        "index": index,
        "id": id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }]}))
}

/// Events as they are written on the wire.
pub fn sse(events: &[Value]) -> String {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    events.collect::<String>() + "data: [DONE]\n\n"
}

impl Answer {
    /// A stream of events in one piece.
    pub fn events(events: &[Value]) -> Self {
        Self::stream([Piece::Bytes(sse(events).into())])
    }

    /// A stream of events in these pieces.
    pub fn stream(body: impl IntoIterator<Item = Piece>) -> Self {
        Self::Responds {
            status: 200,
            headers: vec![("content-type", "text/event-stream; charset=utf-8")],
            body: body.into_iter().collect(),
        }
    }

    /// A response that is no stream.
    pub fn plain(status: u16, kind: &'static str, body: impl Into<String>) -> Self {
        Self::Responds {
            status,
            headers: vec![("content-type", kind)],
            body: vec![Piece::Bytes(body.into().into())],
        }
    }

    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        if let Self::Responds { headers, .. } = &mut self {
            headers.push((name, value));
        }
        self
    }

    /// An answer of words.
    pub fn says(words: &[&str]) -> Self {
        let mut events: Vec<_> = words
            .iter()
            .map(|word| chunk(json!({"content": word})))
            .collect();
        events.push(end("stop"));
        Self::events(&events)
    }

    /// An answer that calls tools, all named `call_0`, `call_1`, … as endpoints do in every turn.
    pub fn calls(calls: &[(&str, &str)]) -> Self {
        let mut events: Vec<_> = (0..)
            .zip(calls)
            .map(|(at, (name, arguments))| call(at, &format!("call_{at}"), name, arguments))
            .collect();
        events.push(end("tool_calls"));
        Self::events(&events)
    }
}

/// Text as a piece of a body.
pub fn piece(text: impl Into<String>) -> Piece {
    Piece::Bytes(text.into().into())
}

/// An event as a piece of a body.
pub fn event(event: &Value) -> Piece {
    piece(format!("data: {event}\n\n"))
}

/// A request as it arrived.
pub struct Asked {
    pub head: http::request::Parts,
    pub body: Value,
}

impl Asked {
    /// The messages the model was told, without our instructions.
    pub fn told(&self) -> Vec<Value> {
        let messages = self.body["messages"].as_array().unwrap();
        assert_eq!(messages[0]["role"], "system");
        messages[1..].to_vec()
    }

    /// Our instructions.
    pub fn instructions(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap()
    }

    /// The names of the tools offered.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array();
        tools
            .into_iter()
            .flatten()
            .map(|tool| tool["function"]["name"].as_str().unwrap())
            .collect()
    }
}

/// The endpoint. It fails the test if it is asked more often than the script foresees.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    asked: Vec<Arc<Asked>>,
}

impl Scripted {
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = answers.into_iter().collect();
        Self(Arc::new(Mutex::new(State {
            answers,
            asked: Vec::new(),
        })))
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Arc<Asked>> {
        self.0.lock().unwrap().asked.clone()
    }
}

impl StreamingTransport for Scripted {
    fn open(
        &self,
        request: Request,
        _limits: StreamLimits,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let (head, body) = request.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let mut state = self.0.lock().unwrap();
        state.asked.push(Arc::new(Asked { head, body }));
        let answer = state.answers.pop_front().expect("one more answer");
        Box::pin(async move {
            match answer {
                Answer::Fails(failure) => Err(broke(failure)),
                Answer::Responds {
                    status,
                    headers,
                    body,
                } => {
                    let mut response = http::Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    Ok(response.body(pieces(body)).unwrap())
                }
            }
        })
    }
}

fn pieces(body: Vec<Piece>) -> BodyStream {
    let pieces = stream::iter(body).filter_map(async |piece| match piece {
        Piece::Bytes(bytes) => Some(Ok(bytes)),
        Piece::Fails(failure) => Some(Err(broke(failure))),
        Piece::Waits(gate) => {
            gate.await;
            None
        }
    });
    pieces.boxed()
}

fn broke(failure: TransportFailure) -> TransportError {
    TransportError::new(failure, "the connection did not hold")
}
