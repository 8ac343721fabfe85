//! The rule-based model over its API.

use gatepass_demo::{Demo, Fault, HttpAnswer, behaviour::ModelStream, http};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::client::{get, post_json, start};

/// The tools as a host offers them, with the server's name in front.
fn tools() -> Value {
    let tool = |name: &str, properties: Value| {
        json!({"type": "function", "function": {
            "name": format!("demo__{name}"),
            "description": "",
            "parameters": {"type": "object", "properties": properties},
        }})
    };
    json!([
        tool(
            "add_numbers",
            json!({"a": {"type": "number"}, "b": {"type": "number"}})
        ),
        tool("calculate", json!({"expression": {"type": "string"}})),
        tool(
            "current_time",
            json!({"time_zone": {"type": ["string", "null"]}})
        ),
        tool("convert_units", json!({})),
        tool("search_notes", json!({})),
        tool("create_note", json!({})),
        tool("slow_count", json!({})),
        tool("fail", json!({})),
        tool(
            "strange",
            json!({"text": {"type": "string"}, "count": {"type": "integer"}})
        ),
    ])
}

async fn complete(demo: &Demo, body: &Value) -> HttpAnswer {
    post_json(&format!("{}/chat/completions", demo.model_url()), body).await
}

async fn calls(demo: &Demo, message: &str) -> Vec<(String, Value)> {
    let body = json!({"model": "gatepass-demo", "tools": tools(), "messages": [
        {"role": "system", "content": "You are helpful. What time is it?"},
        {"role": "user", "content": message},
    ]});
    let answer = complete(demo, &body).await.json();
    let choice = &answer["choices"][0];
    let calls: Vec<_> = choice["message"]["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|call| {
            let name = call["function"]["name"].as_str().unwrap();
            let arguments = call["function"]["arguments"].as_str().unwrap();
            (
                name.strip_prefix("demo__").unwrap().to_owned(),
                serde_json::from_str(arguments).unwrap(),
            )
        })
        .collect();
    let reason = if calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    assert_eq!(choice["finish_reason"], reason);
    calls
}

#[tokio::test]
async fn the_model_says_what_it_is() {
    let demo = start().await;
    let models = get(&format!("{}/models", demo.model_url())).await.json();
    assert_eq!(models["data"][0]["id"], "gatepass-demo");
    assert_eq!(
        models["data"][0]["owned_by"],
        "gatepass-demo (rule-based, not an LLM)"
    );
    let hello = json!({"messages": [{"role": "user", "content": "hello"}]});
    let answer = complete(&demo, &hello).await.json();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("not an LLM"), "{text}");
}

#[tokio::test]
async fn each_rule_finds_its_tool() {
    let demo = start().await;
    for (message, expected) in [
        (
            "what is 12*7",
            json!([["calculate", {"expression": "12*7"}]]),
        ),
        ("add 2 and 3", json!([["add_numbers", {"a": 2, "b": 3}]])),
        (
            "Please add 2.5 and -3.",
            json!([["add_numbers", {"a": 2.5, "b": -3}]]),
        ),
        (
            "add 1, 2 and 3",
            json!([["calculate", {"expression": "1 + 2 + 3"}]]),
        ),
        (
            "What time is it in Tokyo?",
            json!([["current_time", {"time_zone": "Asia/Tokyo"}]]),
        ),
        (
            "note: buy milk",
            json!([["create_note", {"text": "buy milk"}]]),
        ),
        (
            "note: buy milk and eggs",
            json!([["create_note", {"text": "buy milk and eggs"}]]),
        ),
        (
            "find notes about milk",
            json!([["search_notes", {"query": "milk"}]]),
        ),
        ("show my notes", json!([["search_notes", {"query": ""}]])),
        ("count slowly to 5", json!([["slow_count", {"to": 5}]])),
        (
            "convert 5 km to miles",
            json!([["convert_units", {"value": 5.0, "from": "km", "to": "miles"}]]),
        ),
        ("please fail", json!([["fail", {}]])),
        (
            "call strange text=12 count=3",
            json!([["strange", {"text": "12", "count": 3}]]),
        ),
        (
            "call strange {\"text\": \"a b\"}",
            json!([["strange", {"text": "a b"}]]),
        ),
        (
            "what is 12*7 and what time is it in Paris",
            json!([["calculate", {"expression": "12*7"}], ["current_time", {"time_zone": "Europe/Paris"}]]),
        ),
        (
            "add 2 and 3\nnote: hello",
            json!([["add_numbers", {"a": 2, "b": 3}], ["create_note", {"text": "hello"}]]),
        ),
        ("tell me a story", json!([])),
        ("", json!([])),
    ] {
        assert_eq!(json!(calls(&demo, message).await), expected, "{message}");
    }
}

fn results(results: &[&str]) -> Value {
    let calls: Vec<_> = (0..results.len())
        .map(|n| json!({"id": format!("c{n}"), "type": "function", "function": {"name": "demo__calculate", "arguments": "{}"}}))
        .collect();
    let mut messages = vec![
        json!({"role": "user", "content": "what is 12*7"}),
        json!({"role": "assistant", "content": null, "tool_calls": calls}),
    ];
    for (n, result) in results.iter().enumerate() {
        messages.push(json!({"role": "tool", "tool_call_id": format!("c{n}"), "content": result}));
    }
    json!({"messages": messages, "tools": tools()})
}

#[tokio::test]
async fn results_become_a_sentence() {
    let demo = start().await;
    for (given, sentence) in [
        (vec!["12*7 = 84"], "calculate says: 12*7 = 84"),
        (vec!["1", "2"], "- calculate says: 1\n- calculate says: 2"),
        (
            vec!["Error: no such thing"],
            "calculate did not work: no such thing",
        ),
        (
            vec!["The tool reports an error: division by zero."],
            "calculate did not work: division by zero.",
        ),
        (
            vec![r#"{"error": "down"}"#],
            r#"calculate did not work: {"error": "down"}"#,
        ),
        (vec![""], "calculate answered with nothing."),
    ] {
        let answer = complete(&demo, &results(&given)).await.json();
        assert_eq!(answer["choices"][0]["message"]["content"], sentence);
    }
    let long = "x".repeat(5_000_000);
    let answer = complete(&demo, &results(&[&long])).await.json();
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        text.len() < 2_000 && text.ends_with("(4998500 more characters)"),
        "{text}"
    );
}

async fn events(demo: &Demo, message: &str) -> anyhow::Result<Vec<String>> {
    let body = json!({
        "stream": true, "stream_options": {"include_usage": true}, "tools": tools(),
        "messages": [{"role": "user", "content": [{"type": "text", "text": message}]}],
    });
    let url = format!("{}/chat/completions", demo.model_url());
    let answer = http(Method::POST, &url, HeaderMap::new(), body.to_string()).await?;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    Ok(answer
        .text()
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .map(ToOwned::to_owned)
        .collect())
}

#[tokio::test]
async fn a_stream_carries_parallel_calls_in_pieces() {
    let demo = start().await;
    let events = events(&demo, "what is 12*7 and what time is it in Paris")
        .await
        .unwrap();
    assert_eq!(events.last().unwrap(), "[DONE]");
    let chunks: Vec<Value> = events
        .iter()
        .filter(|event| *event != "[DONE]")
        .map(|event| serde_json::from_str(event).unwrap())
        .collect();
    let mut arguments = [String::new(), String::new()];
    let mut pieces = 0;
    for chunk in &chunks {
        for call in chunk["choices"][0]["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            arguments[index].push_str(call["function"]["arguments"].as_str().unwrap());
            pieces += 1;
        }
    }
    assert_eq!(
        arguments,
        [
            "{\"expression\":\"12*7\"}",
            "{\"time_zone\":\"Europe/Paris\"}"
        ]
    );
    assert!(pieces > 6);
    let [.., finish, usage] = chunks.as_slice() else {
        panic!("{chunks:?}")
    };
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert!(usage["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert_eq!(usage["choices"], json!([]));
}

#[tokio::test]
async fn a_stream_goes_wrong_the_way_it_is_told() {
    let demo = start().await;
    let with = |stream| demo.behaviour().set(|b| b.model.stream = stream);
    with(ModelStream::MalformedPiece);
    let malformed = events(&demo, "hello").await.unwrap();
    assert!(serde_json::from_str::<Value>(&malformed[3]).is_err());
    with(ModelStream::Dropped);
    assert!(events(&demo, "hello").await.is_err());
    with(ModelStream::Unfinished);
    assert_ne!(
        events(&demo, "hello").await.unwrap().last().unwrap(),
        "[DONE]"
    );
    with(ModelStream::ErrorPiece);
    assert!(
        events(&demo, "hello")
            .await
            .unwrap()
            .last()
            .unwrap()
            .contains("ran out of memory")
    );
    demo.behaviour()
        .set(|b| b.model.fault = Fault::Status(500).into());
    assert_eq!(complete(&demo, &json!({})).await.status, 500);
}

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let demo = start().await;
    let answer = complete(&demo, &json!({"model": "gpt", "messages": []})).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], "model_not_found");
    let answer = complete(&demo, &json!({"messages": "hello"})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
}
