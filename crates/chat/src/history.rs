//! A conversation's stored messages, told to the model.

use serde_json::Value;

use crate::{
    model::ChatMessage,
    result_text::result_text,
    store::{Message, Role},
};

/// Most characters of a conversation that are told again; the oldest messages give way.
const MOST_CHARACTERS: usize = 200_000;

/// The messages for the model, the oldest left out if they are too many.
pub fn told(messages: &[Message]) -> Vec<ChatMessage> {
    let mut turns: Vec<Vec<ChatMessage>> = messages.iter().map(message).collect();
    let mut size = 0;
    let keep = turns
        .iter()
        .rev()
        .take_while(|turn| {
            size += turn.iter().map(length).sum::<usize>();
            size <= MOST_CHARACTERS
        })
        .count()
        .max(1);
    let left_out = turns.len().saturating_sub(keep);
    turns.drain(..left_out);
    let mut told = Vec::new();
    if left_out > 0 {
        told.push(ChatMessage::System(format!(
            "The {left_out} oldest messages of this conversation are left out."
        )));
    }
    told.extend(turns.into_iter().flatten());
    told
}

fn length(message: &ChatMessage) -> usize {
    match message {
        ChatMessage::System(text) | ChatMessage::User(text) => text.len(),
        ChatMessage::Tool { content, .. } => content.len(),
        ChatMessage::Assistant { text, calls } => {
            text.len()
                + calls
                    .iter()
                    .map(|(_, _, arguments)| arguments.len())
                    .sum::<usize>()
        }
    }
}

fn message(message: &Message) -> Vec<ChatMessage> {
    match message.role {
        Role::User => {
            let texts = message
                .parts
                .iter()
                .filter_map(|part| text_of(part, "text"));
            vec![ChatMessage::User(texts.collect::<Vec<_>>().join("\n\n"))]
        }
        Role::Assistant => message
            .parts
            .split(|part| kind(part) == Some("step-start"))
            .flat_map(step)
            .collect(),
    }
}

/// One round of the model: its text and calls, then the results.
fn step(parts: &[Value]) -> Vec<ChatMessage> {
    let texts = parts.iter().filter_map(|part| text_of(part, "text"));
    let text = texts.collect::<String>();
    let mut calls = Vec::new();
    let mut results = Vec::new();
    for part in parts
        .iter()
        .filter(|part| kind(part) == Some("dynamic-tool"))
    {
        let member = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(name)) = (member("toolCallId"), member("toolName")) else {
            continue;
        };
        let input = part.get("input").map(Value::to_string);
        let content = match (part.get("output"), member("errorText")) {
            (Some(output), _) => {
                let is_error = output.get("isError").and_then(Value::as_bool);
                result_text(output, is_error == Some(true))
            }
            (None, Some(error)) => error,
            (None, None) => "The call was not finished.".to_owned(),
        };
        calls.push((id.clone(), name, input.unwrap_or_else(|| "{}".to_owned())));
        results.push(ChatMessage::Tool { id, content });
    }
    if text.is_empty() && calls.is_empty() {
        return Vec::new();
    }
    let mut told = vec![ChatMessage::Assistant { text, calls }];
    told.extend(results);
    told
}

fn kind(part: &Value) -> Option<&str> {
    part.get("type")?.as_str()
}

fn text_of<'a>(part: &'a Value, of: &str) -> Option<&'a str> {
    (kind(part)? == of).then(|| part.get("text")?.as_str())?
}
