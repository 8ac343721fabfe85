//! What the model is told of a conversation that is stored.

use gatepass_chat::{
    history::told,
    model::ChatMessage,
    store::{Message, Role},
};
use mcp_oauth_client::Timestamp;
use serde_json::{Value, json};

fn message(role: Role, parts: Value) -> Message {
    Message {
        id: "m".to_owned(),
        role,
        parts: parts.as_array().unwrap().clone(),
        model: None,
        created_at: Timestamp::from_millis(0),
    }
}

fn user(text: &str) -> Message {
    message(Role::User, json!([{"type": "text", "text": text}]))
}

fn says(text: &str) -> ChatMessage {
    ChatMessage::Assistant {
        text: text.to_owned(),
        calls: Vec::new(),
    }
}

#[test]
fn words_are_told_and_what_was_only_for_the_page_is_not() {
    let answer = message(
        Role::Assistant,
        json!([
            {"type": "data-notice", "data": {"server": "Wiki", "text": "Wiki is down."}},
            {"type": "data-authorization", "data": {"server": "Wiki"}},
            {"type": "step-start"},
            {"type": "reasoning", "text": "They greet.", "state": "done"},
            {"type": "text", "text": "Hello ", "state": "done"},
            {"type": "text", "text": "there.", "state": "done"},
            {"type": "of the future", "text": "?"},
            {"type": "error", "errorText": "The model stopped."},
            {"type": "data-aborted", "data": {}},
        ]),
    );
    let told = told(&[user("Hi"), answer]);
    assert_eq!(
        told,
        [ChatMessage::User("Hi".to_owned()), says("Hello there.")]
    );
}

#[test]
fn a_call_that_was_never_finished_has_a_result_all_the_same() {
    // Endpoints refuse a conversation in which a call has no result.
    let answer = message(
        Role::Assistant,
        json!([
            {"type": "step-start"},
            {"type": "dynamic-tool", "toolCallId": "a", "toolName": "Notes__search", "state": "input-streaming"},
            {"type": "dynamic-tool", "toolCallId": "b", "toolName": "Notes__search", "state": "input-available", "input": {"q": 1}},
            {"type": "dynamic-tool", "toolCallId": "c", "toolName": "Notes__search", "state": "output-error", "input": {}, "errorText": "The call was stopped."},
        ]),
    );
    let calls = [("a", "{}"), ("b", r#"{"q":1}"#), ("c", "{}")];
    let result = |id: &str, content: &str| ChatMessage::Tool {
        id: id.to_owned(),
        content: content.to_owned(),
    };
    assert_eq!(
        told(&[answer]),
        [
            ChatMessage::Assistant {
                text: String::new(),
                calls: calls
                    .map(|(id, input)| (id.into(), "Notes__search".into(), input.into()))
                    .to_vec(),
            },
            result("a", "The call was not finished."),
            result("b", "The call was not finished."),
            result("c", "The call failed: The call was stopped."),
        ]
    );
}

#[test]
fn a_message_that_came_to_nothing_is_not_told() {
    let nothing = message(
        Role::Assistant,
        json!([{"type": "step-start"}, {"type": "error", "errorText": "x"}]),
    );
    let empty = message(Role::Assistant, json!([]));
    let told = told(&[user("Hi"), nothing, empty, user("Hi?")]);
    let questions = ["Hi", "Hi?"].map(|text| ChatMessage::User(text.to_owned()));
    assert_eq!(told, questions);
}

#[test]
fn a_conversation_within_bounds_is_told_whole() {
    let messages: Vec<_> = (0..100).map(|n| user(&n.to_string())).collect();
    assert_eq!(told(&messages).len(), 100);
    assert_eq!(told(&[]), []);
}
