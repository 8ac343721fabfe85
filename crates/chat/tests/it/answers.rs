//! What endpoints send for an answer, and what is made of it.

use std::sync::Arc;

use gatepass_chat::{
    ModelClient, ModelEndpoint, ModelError,
    model::{ChatMessage, Delta, ToolDefinition},
};
use mcp_oauth_client::Secret;
use serde_json::{Value, json};

use crate::{
    script::{Answer, Scripted, call, chunk, end, event, piece, sse},
    stage::endpoint,
};

/// An answer put together.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    pub reasoning: String,
    pub calls: Vec<(String, String)>,
    pub truncated: bool,
}

/// Asks a scripted endpoint once and listens to the end.
pub async fn listen(answer: Answer) -> Result<Heard, ModelError> {
    let client = ModelClient::new(Arc::new(Scripted::new([answer])));
    let question = [ChatMessage::User("hi".to_owned())];
    let mut stream = client.answer(&endpoint(), "small", &question, &[]).await?;
    let mut heard = Heard::default();
    let mut shown: Vec<(String, String)> = Vec::new();
    while let Some(delta) = stream.next().await? {
        match delta {
            Delta::Text(text) => heard.text.push_str(&text),
            Delta::Reasoning(text) => heard.reasoning.push_str(&text),
            Delta::Call { at, name } => {
                assert_eq!(at, shown.len(), "calls are announced in order");
                shown.push((name, String::new()));
            }
            Delta::Arguments { at, fragment } => shown[at].1.push_str(&fragment),
        }
    }
    heard.truncated = stream.is_truncated();
    heard.calls = stream
        .into_calls()
        .into_iter()
        .map(|(_, call)| (call.name, call.arguments))
        .collect();
    assert_eq!(heard.calls, shown, "what was shown is what is called");
    Ok(heard)
}

/// Takes everything an endpoint sends, whatever it is.
pub async fn drain(answer: Answer) -> Result<(), ModelError> {
    let client = ModelClient::new(Arc::new(Scripted::new([answer])));
    let mut stream = client.answer(&endpoint(), "small", &[], &[]).await?;
    while stream.next().await?.is_some() {}
    Ok(())
}

/// The usual two calls, however they are sent.
fn two_calls() -> Heard {
    let call = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
    Heard {
        calls: vec![call("add", r#"{"a":1}"#), call("list", r#"{"b":2}"#)],
        ..Heard::default()
    }
}

fn fragments(calls: Value) -> Value {
    chunk(json!({"tool_calls": calls}))
}

#[tokio::test]
async fn parallel_calls_are_told_apart_however_they_are_sent() {
    let function = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let table: Vec<(&str, Vec<Value>)> = vec![
        (
            "numbered fragments, one call after the other",
            vec![
                call(0, "x", "add", ""),
                fragments(json!([{"index": 0, "function": {"arguments": "{\"a\""}}])),
                fragments(json!([{"index": 0, "function": {"arguments": ":1}"}}])),
                call(1, "y", "list", ""),
                fragments(json!([{"index": 1, "function": {"arguments": "{\"b\":2}"}}])),
            ],
        ),
        (
            "numbered fragments, mixed",
            vec![
                fragments(json!([
                    {"index": 0, "id": "x", "function": function("add", json!("{\"a\""))},
                    {"index": 1, "id": "y", "function": function("list", json!("{"))},
                ])),
                fragments(json!([
                    {"index": 1, "function": {"arguments": "\"b\":2}"}},
                    {"index": 0, "function": {"arguments": ":1}"}},
                ])),
            ],
        ),
        (
            "numbers that do not begin at nought",
            vec![
                call(1, "x", "add", r#"{"a":1}"#),
                call(7, "y", "list", r#"{"b":2}"#),
            ],
        ),
        (
            "ids without numbers",
            vec![
                fragments(json!([{"id": "x", "function": function("add", json!("{\"a\""))}])),
                fragments(json!([{"id": "x", "function": {"arguments": ":1}"}}])),
                fragments(json!([{"id": "y", "function": function("list", json!("{\"b\":2}"))}])),
            ],
        ),
        (
            "neither numbers nor ids",
            vec![
                fragments(json!([{"function": function("add", json!("{\"a\""))}])),
                fragments(json!([{"function": {"arguments": ":1}"}}])),
                fragments(json!([{"function": function("list", json!("{\"b\":2}"))}])),
            ],
        ),
        (
            "whole calls in one chunk",
            vec![fragments(json!([
                {"function": function("add", json!("{\"a\":1}"))},
                {"function": function("list", json!("{\"b\":2}"))},
            ]))],
        ),
        (
            "arguments as objects",
            vec![
                fragments(
                    json!([{"index": 0, "id": "x", "function": function("add", json!({"a": 1}))}]),
                ),
                fragments(
                    json!([{"index": 1, "id": "y", "function": function("list", json!({"b": 2}))}]),
                ),
            ],
        ),
        (
            "names and empty ids repeated in every chunk",
            vec![
                call(0, "x", "add", "{\"a\""),
                call(0, "", "add", ":1}"),
                call(1, "y", "list", "{\"b\":2}"),
                call(1, "", "", ""),
            ],
        ),
        (
            "nulls where nothing is meant",
            vec![
                fragments(
                    json!([{"index": 0, "id": "x", "type": null, "function": function("add", Value::Null)}]),
                ),
                fragments(
                    json!([{"index": 0, "id": null, "function": {"name": null, "arguments": "{\"a\":1}"}}]),
                ),
                chunk(json!({"content": null, "tool_calls": null})),
                call(1, "y", "list", r#"{"b":2}"#),
            ],
        ),
    ];
    for (what, mut events) in table {
        events.push(end("tool_calls"));
        let heard = listen(Answer::events(&events)).await;
        assert_eq!(heard.unwrap(), two_calls(), "{what}");
    }
}

#[tokio::test]
async fn endpoints_may_deviate_in_everything_but_the_words() {
    let words = [
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"content": "Grüße, "})),
        chunk(json!({"content": "世界 🌍"})),
    ];
    let with = |events: &[Value]| {
        let all: Vec<_> = words.iter().chain(events).cloned().collect();
        Answer::events(&all)
    };
    let joined = |text: String| Answer::stream([piece(text)]);
    let plain = sse(&[&words[..], &[end("stop")]].concat());
    let table = [
        ("an unheard-of reason to end", with(&[end("eos_token")])),
        ("no reason to end, but a mark", with(&[])),
        (
            "usage after the end",
            with(&[end("stop"), json!({"choices": [], "usage": {"total_tokens": 9}})]),
        ),
        (
            "a filter's verdict before the beginning",
            Answer::events(
                &[
                    &[json!({"choices": [], "prompt_filter_results": []})][..],
                    &words,
                    &[end("stop")],
                ]
                .concat(),
            ),
        ),
        (
            "an error that is none",
            with(&[json!({"error": null, "choices": [{"delta": {}, "finish_reason": "stop"}]})]),
        ),
        (
            "no mark at the end",
            joined(plain.replace("data: [DONE]\n\n", "")),
        ),
        ("carriage returns", joined(plain.replace('\n', "\r\n"))),
        (
            "no space after the colon",
            joined(plain.replace("data: ", "data:")),
        ),
        (
            "comments to keep it alive",
            joined(plain.replace("data: ", ": STILL THINKING\n\n: \ndata: ")),
        ),
        ("a byte order mark", joined(format!("\u{feff}{plain}"))),
        (
            "names and numbers of events",
            joined(plain.replace("data: ", "event: message\nid: 1\ndata: ")),
        ),
        (
            "text after the mark",
            joined(format!("{plain}data: not JSON at all\n\n")),
        ),
        (
            "text in parts",
            Answer::events(&[
                chunk(json!({"content": [{"type": "text", "text": "Grüße, "}, {"type": "text", "text": "世界 🌍"}]})),
                end("stop"),
            ]),
        ),
        (
            "a whole answer instead of a stream",
            Answer::plain(
                200,
                "application/json",
                json!({"choices": [{"finish_reason": "stop", "message": {"content": "Grüße, 世界 🌍"}}]})
                    .to_string(),
            ),
        ),
    ];
    for (what, answer) in table {
        let heard = listen(answer).await;
        let expected = Heard {
            text: "Grüße, 世界 🌍".to_owned(),
            ..Heard::default()
        };
        assert_eq!(heard.unwrap(), expected, "{what}");
    }
}

#[tokio::test]
async fn a_whole_answer_may_call_tools_too() {
    let answer = json!({"choices": [{"finish_reason": "tool_calls", "message": {
        "content": "Let me see.",
        "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}},
            {"id": "y", "type": "function", "function": {"name": "list", "arguments": "{\"b\":2}"}},
        ],
    }}]});
    let heard = listen(Answer::plain(200, "application/json", answer.to_string())).await;
    let expected = Heard {
        text: "Let me see.".to_owned(),
        ..two_calls()
    };
    assert_eq!(heard.unwrap(), expected);
}

#[tokio::test]
async fn reasoning_is_kept_apart_from_the_answer_under_either_name() {
    for name in ["reasoning_content", "reasoning"] {
        let events = [
            chunk(json!({name: "Two and "})),
            chunk(json!({name: "two.", "content": null})),
            chunk(json!({"content": "Four.", name: ""})),
            end("stop"),
        ];
        let heard = listen(Answer::events(&events)).await.unwrap();
        assert_eq!(heard.reasoning, "Two and two.", "{name}");
        assert_eq!(heard.text, "Four.", "{name}");
    }
}

#[tokio::test]
async fn an_answer_cut_at_the_limit_of_length_is_known_as_such() {
    let cut = |reason| Answer::events(&[chunk(json!({"content": "Once"})), end(reason)]);
    assert!(listen(cut("length")).await.unwrap().truncated);
    assert!(!listen(cut("stop")).await.unwrap().truncated);
}

#[tokio::test]
async fn more_calls_than_an_answer_may_have_are_not_made() {
    let mut events: Vec<_> = (0..40)
        .map(|at| call(at, &format!("c{at}"), "add", "{}"))
        .collect();
    events.push(end("tool_calls"));
    assert_eq!(
        listen(Answer::events(&events)).await.unwrap().calls.len(),
        32
    );
}

#[tokio::test]
async fn pieces_are_handed_on_before_the_next_ones_come() {
    let (gate, wait) = crate::script::gate();
    let answer = Answer::stream([
        event(&chunk(json!({"content": "first"}))),
        wait,
        event(&chunk(json!({"content": "second"}))),
        event(&end("stop")),
    ]);
    let client = ModelClient::new(Arc::new(Scripted::new([answer])));
    let mut stream = client.answer(&endpoint(), "small", &[], &[]).await.unwrap();
    let first = stream.next().await.unwrap();
    assert_eq!(first, Some(Delta::Text("first".to_owned())));
    gate.open();
    let second = stream.next().await.unwrap();
    assert_eq!(second, Some(Delta::Text("second".to_owned())));
    assert_eq!(stream.next().await.unwrap(), None);
    assert_eq!(stream.next().await.unwrap(), None, "it stays over");
}

#[tokio::test]
async fn a_request_says_what_endpoints_agree_on_and_nothing_more() {
    let model = Scripted::new([Answer::says(&["ok"])]);
    let client = ModelClient::new(Arc::new(model.clone()));
    let messages = [
        ChatMessage::System("Be brief.".to_owned()),
        ChatMessage::User("Add.".to_owned()),
        ChatMessage::Assistant {
            text: String::new(),
            calls: vec![("c1".to_owned(), "add".to_owned(), "{\"a\":1}".to_owned())],
        },
        ChatMessage::Tool {
            id: "c1".to_owned(),
            content: "1".to_owned(),
        },
        ChatMessage::Assistant {
            text: "One.".to_owned(),
            calls: Vec::new(),
        },
    ];
    let tools = [ToolDefinition {
        name: "add".to_owned(),
        description: "Adds.".to_owned(),
        parameters: json!({"type": "object", "properties": {}}),
    }];
    let answer = client.answer(&endpoint(), "small", &messages, &tools).await;
    drop(answer.unwrap());
    let asked = model.asked().remove(0);
    assert_eq!(asked.head.method, "POST");
    assert_eq!(asked.head.uri, "https://model.example/v1/chat/completions");
    let header = |name: &str| asked.head.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("accept"), "text/event-stream");
    assert_eq!(header("authorization"), "Bearer a-key");
    assert!(asked.head.headers["authorization"].is_sensitive());
    insta::assert_snapshot!(serde_json::to_string_pretty(&asked.body).unwrap(), @r#"
    {
      "model": "small",
      "messages": [
        {
          "role": "system",
          "content": "Be brief."
        },
        {
          "role": "user",
          "content": "Add."
        },
        {
          "role": "assistant",
          "content": null,
          "tool_calls": [
            {
              "id": "c1",
              "type": "function",
              "function": {
                "name": "add",
                "arguments": "{\"a\":1}"
              }
            }
          ]
        },
        {
          "role": "tool",
          "tool_call_id": "c1",
          "content": "1"
        },
        {
          "role": "assistant",
          "content": "One."
        }
      ],
      "stream": true,
      "tools": [
        {
          "type": "function",
          "function": {
            "name": "add",
            "description": "Adds.",
            "parameters": {
              "type": "object",
              "properties": {}
            }
          }
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn no_tools_are_no_list_and_no_key_is_no_header() {
    for key in [None, Some(Secret::new("")), Some(Secret::new("  "))] {
        let model = Scripted::new([Answer::says(&["ok"])]);
        let client = ModelClient::new(Arc::new(model.clone()));
        let base = "http://localhost:8080/v1/".parse().unwrap();
        let endpoint = ModelEndpoint::new(base, key);
        drop(client.answer(&endpoint, "small", &[], &[]).await.unwrap());
        let asked = model.asked().remove(0);
        assert_eq!(asked.body.get("tools"), None);
        assert!(!asked.head.headers.contains_key("authorization"));
        assert_eq!(asked.head.uri, "http://localhost:8080/v1/chat/completions");
        assert_eq!(endpoint.host(), "localhost:8080");
    }
}

#[test]
fn an_endpoint_does_not_print_its_key() {
    assert!(!format!("{:?}", endpoint()).contains("a-key"));
}

#[tokio::test]
async fn a_list_of_models_is_bounded_and_must_be_one() {
    let models = async |body: String| {
        let model = Scripted::new([Answer::plain(200, "application/json", body)]);
        let client = ModelClient::new(Arc::new(model));
        client.models(&endpoint()).await
    };
    let many: Vec<_> = (0..2000).map(|n| n.to_string()).collect();
    assert_eq!(models(json!(many).to_string()).await.unwrap().len(), 500);
    assert_eq!(models("[]".to_owned()).await.unwrap(), [""; 0]);
    for bad in ["<!doctype html>", "", "{\"data\": \"none\"}", "[1, 2"] {
        let error = models(bad.to_owned()).await.unwrap_err();
        assert!(
            matches!(error, ModelError::NotUnderstood { .. }),
            "{bad}: {error}"
        );
    }
}
