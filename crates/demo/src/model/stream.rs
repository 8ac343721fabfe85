//! The streamed answer: server-sent events with text and tool-call arguments in pieces.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header;
use serde_json::{Value, json};

use super::{ID, answer::Answer};
use crate::{behaviour::ModelStream, shared::Shared};

/// The piece a faulty stream goes wrong at.
const FAULT_AT: usize = 3;
const ARGUMENT_PIECE: usize = 7;

pub(super) fn serve(app: &Shared, answer: &Answer, usage: Option<Value>) -> Response {
    let behaviour = app.behaviour();
    let pause = Duration::from_millis(behaviour.model.pause_millis);
    let events = faulty(behaviour.model.stream, pieces(app, answer, usage));
    let body =
        stream::iter(events.into_iter().enumerate()).then(move |(index, event)| async move {
            if index > 0 && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            event.map_err(std::io::Error::other)
        });
    (
        [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        Body::from_stream(body),
    )
        .into_response()
}

type Event = Result<Bytes, &'static str>;

fn event(data: &str) -> Event {
    Ok(Bytes::from(format!("data: {data}\n\n")))
}

fn faulty(fault: ModelStream, pieces: Vec<Value>) -> Vec<Event> {
    let mut events: Vec<Event> = pieces
        .iter()
        .map(|piece| event(&piece.to_string()))
        .collect();
    let at = FAULT_AT.min(events.len());
    match fault {
        ModelStream::Whole => events.push(event("[DONE]")),
        ModelStream::MalformedPiece => {
            events.insert(at, event("{\"choices\": [{\"delta\": {"));
            events.push(event("[DONE]"));
        }
        ModelStream::Dropped => {
            events.truncate(at);
            events.push(Err("the connection is dropped"));
        }
        ModelStream::Unfinished => {
            events.truncate(at);
        }
        ModelStream::ErrorPiece => {
            events.truncate(at);
            let error = json!({"error": {"message": "the model ran out of memory", "type": "server_error"}});
            events.push(event(&error.to_string()));
        }
    }
    events
}

fn pieces(app: &Shared, answer: &Answer, usage: Option<Value>) -> Vec<Value> {
    let id = app.fresh("chatcmpl-");
    let created = app.now().as_millis() / 1000;
    let chunk = |choices: Value| {
        json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": ID,
            "choices": choices,
        })
    };
    let delta = |delta: Value, finish: Option<&str>| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish}]))
    };
    let mut pieces = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    if let Some(text) = &answer.text {
        // A word and its space at a time.
        for word in text.split_inclusive(' ') {
            pieces.push(delta(json!({"content": word}), None));
        }
    }
    for (index, call) in answer.calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let start =
            json!({"index": index, "id": call.id, "type": "function", "function": function});
        pieces.push(delta(json!({"tool_calls": [start]}), None));
        let characters: Vec<char> = call.arguments.chars().collect();
        for piece in characters.chunks(ARGUMENT_PIECE) {
            let arguments: String = piece.iter().collect();
            let more = json!({"index": index, "function": {"arguments": arguments}});
            pieces.push(delta(json!({"tool_calls": [more]}), None));
        }
    }
    pieces.push(delta(json!({}), Some(answer.finish_reason())));
    if let Some(usage) = usage {
        let mut last = chunk(json!([]));
        last["usage"] = usage;
        pieces.push(last);
    }
    pieces
}
