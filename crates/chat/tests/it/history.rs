use gatepass_chat::{
    Message, Role,
    history::{told, without_pictures},
    model::ChatMessage,
};
use mcp_oauth_client::Timestamp;
use serde_json::{Value, json};

fn message(role: Role, parts: Value) -> Message {
    Message {
        id: "m".into(),
        role,
        parts: parts.as_array().unwrap().clone(),
        model: None,
        created_at: Timestamp::from_millis(0),
    }
}

#[test]
fn a_stored_turn_is_told_again_step_by_step() {
    let tool = json!({
        "type": "dynamic-tool", "toolCallId": "c1", "toolName": "Notes__search", "state": "output-available",
        "input": {"q": 1}, "output": {"content": [{"type": "text", "text": "milk"}]},
    });
    let messages = [
        message(Role::User, json!([{"type": "text", "text": "find"}])),
        message(
            Role::Assistant,
            json!([
                {"type": "step-start"}, {"type": "reasoning", "text": "hm"}, tool,
                {"type": "step-start"}, {"type": "text", "text": "Found."}, {"type": "data-notice", "data": {}},
            ]),
        ),
    ];
    let own = told(&messages);
    let call = (
        "c1".to_owned(),
        "Notes__search".to_owned(),
        r#"{"q":1}"#.to_owned(),
    );
    assert_eq!(
        own,
        [
            ChatMessage::User("find".into()),
            ChatMessage::Assistant {
                text: String::new(),
                calls: vec![call]
            },
            ChatMessage::Tool {
                id: "c1".into(),
                content: "milk".into()
            },
            ChatMessage::Assistant {
                text: "Found.".into(),
                calls: vec![]
            },
        ]
    );
}

#[test]
fn a_call_that_was_cut_off_still_has_a_result() {
    let cut = json!([{"type": "dynamic-tool", "toolCallId": "c1", "toolName": "x", "state": "input-streaming"}]);
    let own = told(&[message(Role::Assistant, cut)]);
    assert_eq!(
        own[1],
        ChatMessage::Tool {
            id: "c1".into(),
            content: "The call was not finished.".into()
        }
    );
}

#[test]
fn the_oldest_messages_give_way_and_the_model_is_told() {
    let long = json!([{"type": "text", "text": "x".repeat(90_000)}]);
    let messages: Vec<_> = (0..5).map(|_| message(Role::User, long.clone())).collect();
    let own = told(&messages);
    assert_eq!(own.len(), 3);
    assert_eq!(
        own[0],
        ChatMessage::System("The 3 oldest messages of this conversation are left out.".into())
    );
    let one = told(&[message(
        Role::User,
        json!([{"type": "text", "text": "x".repeat(900_000)}]),
    )]);
    assert_eq!(one.len(), 1, "the newest is always told");
}

fn picture(content: &str) -> Value {
    json!({"type": "file", "mediaType": "image/png", "filename": "p.png", "url": format!("data:image/png;base64,{content}")})
}

#[test]
fn of_many_pictures_the_newest_are_told() {
    let messages: Vec<_> = (0..4)
        .map(|n| {
            let parts = json!([
                picture(&format!("{n}a")), picture(&format!("{n}b")), picture(&format!("{n}c")),
                {"type": "text", "text": format!("look {n}")},
            ]);
            message(Role::User, parts)
        })
        .collect();
    let mut own = told(&messages);
    let url = |name: &str| format!("data:image/png;base64,{name}");
    assert_eq!(
        own[..2],
        [
            ChatMessage::User(
                "look 0\n\n[3 attached picture(s) cannot be shown to you here]".into()
            ),
            ChatMessage::Illustrated {
                text: "look 1\n\n[1 attached picture(s) cannot be shown to you here]".into(),
                pictures: vec![url("1a"), url("1b")],
            },
        ]
    );
    assert!(matches!(&own[3], ChatMessage::Illustrated { pictures, .. } if pictures.len() == 3));
    without_pictures(&mut own);
    assert_eq!(
        own[3],
        ChatMessage::User("look 3\n\n[3 attached picture(s) cannot be shown to you here]".into())
    );
}
