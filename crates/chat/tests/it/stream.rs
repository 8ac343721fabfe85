//! A whole turn as a page gets it, as it is stored, and as the model is told it.

use gatepass_chat::{
    Ended,
    history::told,
    model::ChatMessage,
    store::{Message, Role},
};
use mcp_oauth_client::Timestamp;
use serde_json::{Value, json};

use crate::{
    host::{Server, returns},
    script::{Answer, call, chunk, end},
    stage::{Played, notes, play},
};

async fn a_turn_with_a_tool() -> Played {
    let first = Answer::events(&[
        chunk(json!({"reasoning_content": "They want "})),
        chunk(json!({"reasoning_content": "notes."})),
        chunk(json!({"content": "Let me "})),
        chunk(json!({"content": "look."})),
        call(0, "call_0", "Notes__search", "{\"query\":"),
        call(0, "", "", "\"all\"}"),
        end("tool_calls"),
    ]);
    let mut played = play([first, Answer::says(&["Milk ", "and eggs."])], [notes()]).await;
    assert_eq!(played.ended, Ended::Answered);
    played.parts.insert(
        0,
        gatepass_chat::Part::Start {
            message_id: "m1".to_owned(),
        },
    );
    played
}

fn lines(parts: &[Value]) -> String {
    parts.iter().map(|part| format!("{part}\n")).collect()
}

#[tokio::test]
async fn a_turn_with_a_tool_as_a_page_gets_it() {
    insta::assert_snapshot!(lines(&a_turn_with_a_tool().await.json()), @r#"
    {"type":"start","messageId":"m1"}
    {"type":"start-step"}
    {"type":"reasoning-start","id":"AAAAAAAAAAAAAAAA"}
    {"type":"reasoning-delta","id":"AAAAAAAAAAAAAAAA","delta":"They want "}
    {"type":"reasoning-delta","id":"AAAAAAAAAAAAAAAA","delta":"notes."}
    {"type":"reasoning-end","id":"AAAAAAAAAAAAAAAA"}
    {"type":"text-start","id":"AAAAAAAAAAAAAAAB"}
    {"type":"text-delta","id":"AAAAAAAAAAAAAAAB","delta":"Let me "}
    {"type":"text-delta","id":"AAAAAAAAAAAAAAAB","delta":"look."}
    {"type":"text-end","id":"AAAAAAAAAAAAAAAB"}
    {"type":"tool-input-start","toolCallId":"call_AAAAAAAAAAAAAAAC","toolName":"Notes__search","dynamic":true}
    {"type":"tool-input-delta","toolCallId":"call_AAAAAAAAAAAAAAAC","inputTextDelta":"{\"query\":"}
    {"type":"tool-input-delta","toolCallId":"call_AAAAAAAAAAAAAAAC","inputTextDelta":"\"all\"}"}
    {"type":"finish-step"}
    {"type":"tool-input-available","toolCallId":"call_AAAAAAAAAAAAAAAC","toolName":"Notes__search","input":{"query":"all"},"dynamic":true,"providerMetadata":{"gatepass":{"server":"Notes","url":"https://notes.example/mcp","tool":"search","title":null}}}
    {"type":"tool-output-available","toolCallId":"call_AAAAAAAAAAAAAAAC","output":{"content":[{"type":"text","text":"search of Notes"}]},"dynamic":true}
    {"type":"start-step"}
    {"type":"text-start","id":"AAAAAAAAAAAAAAAD"}
    {"type":"text-delta","id":"AAAAAAAAAAAAAAAD","delta":"Milk "}
    {"type":"text-delta","id":"AAAAAAAAAAAAAAAD","delta":"and eggs."}
    {"type":"text-end","id":"AAAAAAAAAAAAAAAD"}
    {"type":"finish-step"}
    {"type":"finish"}
    "#);
}

#[tokio::test]
async fn a_turn_with_a_tool_as_it_is_stored() {
    insta::assert_snapshot!(lines(&a_turn_with_a_tool().await.stored()), @r#"
    {"type":"step-start"}
    {"type":"reasoning","text":"They want notes.","state":"done"}
    {"type":"text","text":"Let me look.","state":"done"}
    {"type":"dynamic-tool","toolCallId":"call_AAAAAAAAAAAAAAAC","toolName":"Notes__search","state":"output-available","input":{"query":"all"},"callProviderMetadata":{"gatepass":{"server":"Notes","url":"https://notes.example/mcp","tool":"search","title":null}},"server":"Notes","title":null,"output":{"content":[{"type":"text","text":"search of Notes"}]}}
    {"type":"step-start"}
    {"type":"text","text":"Milk and eggs.","state":"done"}
    "#);
}

#[tokio::test]
async fn the_model_is_told_of_an_earlier_turn_what_it_was_told_then() {
    let first = Answer::events(&[
        chunk(json!({"content": "Both at once."})),
        call(0, "a", "Notes__search", "{\"query\":\"milk\"}"),
        call(1, "b", "Clock__now", "{}"),
        end("tool_calls"),
    ]);
    let second = Answer::calls(&[("Clock__now", "{\"zone\":\"UTC\"}")]);
    let clock = Server::new("Clock").giving(
        "now",
        returns(json!({"structuredContent": {"hour": 12}}), false),
    );
    let played = play([first, second, Answer::says(&["Noon."])], [notes(), clock]).await;
    let then = played.model.asked().last().unwrap().told();

    let messages = [
        message(
            Role::User,
            vec![json!({"type": "text", "text": "What is in my notes?"})],
        ),
        message(Role::Assistant, played.stored()),
    ];
    let mut now = told(&messages);
    assert_eq!(
        now.pop(),
        Some(ChatMessage::Assistant {
            text: "Noon.".to_owned(),
            calls: Vec::new()
        })
    );
    // The rest, told to a model, is what it was told before it said so.
    let again = retold(now).await;
    assert_eq!(again, then);
}

/// Messages as a model is told them.
async fn retold(messages: Vec<ChatMessage>) -> Vec<Value> {
    let model = crate::script::Scripted::new([Answer::says(&["ok"])]);
    let hall = crate::host::Hall::of([]);
    let mut turn = crate::stage::turn(&model, &hall);
    turn.messages = messages;
    let cancel = tokio_util::sync::CancellationToken::new();
    let played = crate::stage::perform(turn, model, hall, &cancel, |_| {}).await;
    played.model.asked()[0].told()
}

fn message(role: Role, parts: Vec<Value>) -> Message {
    Message {
        id: "m".to_owned(),
        role,
        parts,
        model: None,
        created_at: Timestamp::from_millis(0),
    }
}

#[tokio::test]
async fn every_call_has_an_id_of_its_own_though_endpoints_count_from_nought_each_time() {
    let again = || Answer::calls(&[("Notes__search", "{}"), ("Notes__search", "{}")]);
    let played = play([again(), again(), Answer::says(&["Done."])], [notes()]).await;
    let ids: Vec<_> = played
        .of_kind("tool-input-start")
        .iter()
        .map(|part| part["toolCallId"].as_str().unwrap().to_owned())
        .collect();
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), unique.len()), (4, 4), "{ids:?}");
    // The model is told its calls under the same ids.
    let told = played.model.asked().last().unwrap().told();
    let results: Vec<_> = told
        .iter()
        .filter_map(|message| message["tool_call_id"].as_str())
        .collect();
    assert_eq!(results, ids);
}

#[tokio::test]
async fn text_on_either_side_of_reasoning_is_two_texts() {
    let answer = Answer::events(&[
        chunk(json!({"content": "One"})),
        chunk(json!({"reasoning": "hm"})),
        chunk(json!({"content": "two"})),
        end("stop"),
    ]);
    let played = play([answer], []).await;
    let kinds: Vec<_> = played
        .stored()
        .iter()
        .map(|part| part["type"].clone())
        .collect();
    assert_eq!(kinds, ["step-start", "text", "reasoning", "text"]);
}

#[tokio::test]
async fn nothing_of_a_finished_message_is_still_streaming() {
    let played = a_turn_with_a_tool().await;
    for part in played.stored() {
        let state = part["state"].as_str().unwrap_or("done");
        assert!(["done", "output-available"].contains(&state), "{part}");
        assert_eq!(
            part.get("id"),
            None,
            "ids of the stream are not stored: {part}"
        );
    }
}

#[tokio::test]
async fn words_are_handed_on_one_by_one_as_they_come() {
    let words: Vec<String> = (0..200).map(|n| format!("w{n} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let played = play([Answer::says(&words)], []).await;
    let deltas = played.of_kind("text-delta");
    let deltas: Vec<_> = deltas
        .iter()
        .map(|part| part["delta"].as_str().unwrap())
        .collect();
    assert_eq!(deltas, words);
}

#[tokio::test]
async fn what_a_tool_returns_is_shown_whole() {
    let output = json!({
        "content": [
            {"type": "text", "text": "A picture"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        ],
        "structuredContent": {"width": 1},
        "_meta": {"example/x": 1},
    });
    let camera = Server::new("Camera").giving("shoot", returns(output.clone(), false));
    let played = play(
        [
            Answer::calls(&[("Camera__shoot", "{}")]),
            Answer::says(&["There."]),
        ],
        [camera],
    )
    .await;
    assert_eq!(played.of_kind("tool-output-available")[0]["output"], output);
    assert_eq!(played.results(), ["A picture\n[image, shown to the user]"]);
}

#[tokio::test]
async fn parts_that_are_not_of_the_message_are_not_stored() {
    let server = notes().refreshed(crate::host::connection(2));
    let played = play([Answer::says(&["Hi."])], [server]).await;
    assert_eq!(played.of_kind("data-connection").len(), 1);
    let stored = played.stored();
    assert_eq!(
        stored,
        [
            json!({"type": "step-start"}),
            json!({"type": "text", "text": "Hi.", "state": "done"}),
        ]
    );
    assert!(!lines(&stored).contains("sealed"));
}
