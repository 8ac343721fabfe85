//! A conversation's stored messages, told to the model.

use serde_json::Value;

use crate::{
    attachment::{self, Told},
    model::ChatMessage,
    result_text::result_text,
    store::{Message, Role},
};

/// Most characters of a conversation that are told again; the oldest messages give way.
const MOST_CHARACTERS: usize = 200_000;

/// Most pictures that are told again; of the older ones the model learns that they were there.
const MOST_PICTURES: usize = 8;
/// What a picture takes of the characters, roughly as endpoints count it.
const PICTURE: usize = 4_000;

/// The messages for the model, the oldest left out if they are too many.
pub fn told(messages: &[Message]) -> Vec<ChatMessage> {
    let mut turns: Vec<Vec<ChatMessage>> = messages.iter().map(message).collect();
    leave_out_pictures(turns.iter_mut().rev().flatten(), MOST_PICTURES);
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

/// For a model that takes no pictures: it learns that they were there.
pub fn without_pictures(messages: &mut [ChatMessage]) {
    leave_out_pictures(messages.iter_mut().rev(), 0);
}

/// Keeps the first `most` pictures and says of the others that they are left out.
fn leave_out_pictures<'a>(messages: impl Iterator<Item = &'a mut ChatMessage>, most: usize) {
    let mut left = most;
    for message in messages {
        let ChatMessage::Illustrated { text, pictures } = message else {
            continue;
        };
        let out = pictures.len().saturating_sub(left);
        left = left.saturating_sub(pictures.len());
        if out == 0 {
            continue;
        }
        pictures.truncate(pictures.len() - out);
        let gap = if text.is_empty() { "" } else { "\n\n" };
        text.push_str(&format!(
            "{gap}[{out} attached picture(s) cannot be shown to you here]"
        ));
        if pictures.is_empty() {
            *message = ChatMessage::User(std::mem::take(text));
        }
    }
}

fn length(message: &ChatMessage) -> usize {
    match message {
        ChatMessage::System(text) | ChatMessage::User(text) => text.len(),
        ChatMessage::Illustrated { text, pictures } => text.len() + PICTURE * pictures.len(),
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

/// The model's own message so far, as it is told again: its rounds and their results.
pub fn answer(parts: &[Value]) -> Vec<ChatMessage> {
    parts
        .split(|part| kind(part) == Some("step-start"))
        .flat_map(step)
        .collect()
}

fn message(message: &Message) -> Vec<ChatMessage> {
    match message.role {
        Role::User => {
            let mut texts = Vec::new();
            let mut pictures = Vec::new();
            for part in &message.parts {
                match attachment::told(part) {
                    Some(Told::Text(text)) => texts.push(text),
                    Some(Told::Picture(url)) => pictures.push(url),
                    None => texts.extend(text_of(part, "text").map(str::to_owned)),
                }
            }
            let text = texts.join("\n\n");
            vec![match pictures.is_empty() {
                true => ChatMessage::User(text),
                false => ChatMessage::Illustrated { text, pictures },
            }]
        }
        Role::Assistant => answer(&message.parts),
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
            (None, Some(error)) => call_failed(&error),
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

/// What the model is told of a call without a result.
pub(crate) fn call_failed(why: &str) -> String {
    format!("The call failed: {why}")
}

fn kind(part: &Value) -> Option<&str> {
    part.get("type")?.as_str()
}

fn text_of<'a>(part: &'a Value, of: &str) -> Option<&'a str> {
    (kind(part)? == of).then(|| part.get("text")?.as_str())?
}
