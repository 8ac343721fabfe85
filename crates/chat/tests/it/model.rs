use bytes::Bytes;
use gatepass_chat::{
    ModelError,
    model::{ChatMessage, Delta, ToolRequest},
};
use mcp_oauth_client::{Actor, Recovery, TransportFailure};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

async fn collect(answer: Answer) -> Result<(Vec<Delta>, Vec<ToolRequest>), ModelError> {
    let model = Endpoint::with([answer]);
    let messages = [ChatMessage::User("hi".into())];
    let mut stream = model
        .client()
        .answer(&endpoint(), "m1", &messages, &[])
        .await?;
    let mut deltas = Vec::new();
    while let Some(delta) = stream.next().await? {
        deltas.push(delta);
    }
    let calls = stream.into_calls().into_iter().map(|(_, call)| call);
    Ok((deltas, calls.collect()))
}

fn text_of(deltas: &[Delta]) -> String {
    deltas
        .iter()
        .map(|delta| match delta {
            Delta::Text(text) => text.as_str(),
            _ => "",
        })
        .collect()
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"delta": delta}]})
}

#[tokio::test]
async fn the_request_is_what_endpoints_expect() {
    let model = Endpoint::with([says("hello")]);
    let messages = [ChatMessage::User("hi".into())];
    let _ = model
        .client()
        .answer(&endpoint(), "m1", &messages, &[])
        .await;
    let (line, headers, body) = model.last();
    assert_eq!(line, "POST https://model.example/v1/chat/completions");
    assert_eq!(headers["authorization"], "Bearer sk-secret");
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(
        body,
        json!({"model": "m1", "messages": [{"role": "user", "content": "hi"}], "stream": true})
    );
}

#[tokio::test]
async fn models_are_listed_from_whatever_form_they_come_in() {
    for (list, expected) in [
        (
            json!({"object": "list", "data": [{"id": "a", "owned_by": "x"}, {"id": "b"}]}),
            vec!["a", "b"],
        ),
        (json!({"models": [{"name": "c"}]}), vec!["c"]),
        (json!([{"id": "d"}, "e", 7]), vec!["d", "e"]),
        (json!({"data": []}), vec![]),
    ] {
        let model = Endpoint::with([answer(200, "application/json", &list.to_string())]);
        assert_eq!(model.client().models(&endpoint()).await.unwrap(), expected);
        assert_eq!(model.last().0, "GET https://model.example/v1/models");
    }
    let model = Endpoint::with([answer(200, "text/html", "<html>hi</html>")]);
    let error = model.client().models(&endpoint()).await.unwrap_err();
    assert!(matches!(error, ModelError::NotUnderstood { .. }));
}

#[tokio::test]
async fn parallel_tool_calls_in_fragments_are_put_together() {
    let part = |index: u64, rest: Value| {
        let mut call = json!({"index": index});
        call.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        delta(json!({"tool_calls": [call]}))
    };
    let (_, calls) = collect(events(&[
        delta(json!({"role": "assistant", "content": null})),
        part(
            0,
            json!({"id": "a", "type": "function", "function": {"name": "add", "arguments": ""}}),
        ),
        part(
            1,
            json!({"id": "b", "function": {"name": "sub", "arguments": "{\"x\""}}),
        ),
        part(0, json!({"function": {"arguments": "{\"a\":"}})),
        part(1, json!({"function": {"arguments": ":2}"}})),
        part(
            0,
            json!({"id": "", "function": {"name": "", "arguments": "1}"}}),
        ),
        json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {"total_tokens": 7}}),
    ]))
    .await
    .unwrap();
    let own = |id: &str, name: &str, arguments: &str| ToolRequest {
        id: Some(id.into()),
        name: name.into(),
        arguments: arguments.into(),
        overlong: false,
    };
    assert_eq!(
        calls,
        [own("a", "add", r#"{"a":1}"#), own("b", "sub", r#"{"x":2}"#)]
    );
}

#[tokio::test]
async fn calls_without_index_or_id_and_with_whole_objects_are_understood() {
    let call = |name: &str, arguments: Value| {
        delta(json!({"tool_calls": [{"function": {"name": name, "arguments": arguments}}]}))
    };
    let (_, calls) = collect(events(&[
        call("one", json!({"x": 1})),
        call("two", json!("{\"y\":")),
        delta(json!({"tool_calls": [{"function": {"arguments": "2}"}}]})),
        json!({"choices": [{"delta": {}, "finish_reason": "something_new"}]}),
    ]))
    .await
    .unwrap();
    let calls: Vec<_> = calls
        .iter()
        .map(|call| (call.name.as_str(), call.arguments.as_str()))
        .collect();
    assert_eq!(calls, [("one", r#"{"x":1}"#), ("two", r#"{"y":2}"#)]);
}

#[tokio::test]
async fn an_endpoint_that_does_not_stream_is_understood() {
    let whole = json!({"choices": [{"message": {"content": "hello", "reasoning": "hm"}, "finish_reason": "stop"}]});
    let (deltas, _) = collect(answer(200, "application/json", &whole.to_string()))
        .await
        .unwrap();
    assert_eq!(
        deltas,
        [Delta::Reasoning("hm".into()), Delta::Text("hello".into())]
    );
}

#[tokio::test]
async fn every_failure_says_who_must_act() {
    let retry = Recovery::Retry { after: None };
    let admin = Recovery::Reconfigure { who: Actor::Admin };
    let with_error = "data: {\"error\":{\"message\":\"context too long\\u0007\"}}\n\n";
    let table = [
        (answer(401, "application/json", "{}"), admin),
        (answer(500, "text/html", "<html>oops</html>"), retry),
        (
            answer(
                400,
                "application/json",
                r#"{"error":{"message":"no such model"}}"#,
            ),
            Recovery::Reconfigure { who: Actor::You },
        ),
        (answer(200, "text/html", "<html>hello</html>"), admin),
        (
            answer(200, "text/event-stream", "data: not json\n\n"),
            admin,
        ),
        (
            answer(200, "text/event-stream", with_error),
            Recovery::Reconfigure { who: Actor::You },
        ),
        (answer(200, "text/event-stream", "data: [DONE]\n\n"), admin),
        (answer(200, "text/event-stream", ""), admin),
        (
            Answer {
                pieces: vec![Err(TransportFailure::Timeout)],
                ..says("")
            },
            retry,
        ),
        (
            Answer {
                pieces: vec![
                    Ok(Bytes::from(
                        "data: {\"choices\":[{\"delta\":{\"content\":\"he\"}}]}\n\n",
                    )),
                    Err(TransportFailure::Broken),
                ],
                ..says("")
            },
            retry,
        ),
        (
            answer(
                200,
                "text/event-stream",
                "data: {\"choices\":[{\"delta\":{\"content\":\"he\"}}]}\n\n",
            ),
            retry,
        ),
    ];
    let mut sentences = String::new();
    for (answer, recovery) in table {
        let error = collect(answer).await.unwrap_err();
        assert_eq!(error.recovery(), recovery, "{error}");
        sentences.push_str(&format!("{error}\n"));
    }
    insta::assert_snapshot!(sentences, @r"
    The model at model.example does not accept the key that this installation uses. Its administrator must set another.
    The model at model.example has an error of its own (status 500). Try again.
    The model at model.example refused the request (status 400): no such model
    The model at model.example answered with something that is not a chat completion: it is a web page.
    The model at model.example answered with something that is not a chat completion: it is not JSON.
    The model at model.example reports an error: context too long
    The model at model.example answered with something that is not a chat completion: it holds no answer.
    The model at model.example answered with something that is not a chat completion: it holds no answer.
    The model at model.example has not answered in time.
    The model at model.example stopped in the middle of its answer.
    The model at model.example stopped in the middle of its answer.
    ");
    let nobody = Endpoint::with([]);
    let error = nobody.client().models(&endpoint()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "The model at model.example could not be reached: nobody listens there."
    );
    let busy = Answer {
        retry_after: Some("7"),
        ..answer(429, "text/plain", "")
    };
    let error = collect(busy).await.unwrap_err();
    let after = Some(std::time::Duration::from_secs(7));
    assert_eq!(error.recovery(), Recovery::Retry { after });
    assert!(!format!("{error:?}").contains("sk-secret"));
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_answer(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let whole = events(&[
            delta(json!({"content": "Grüße 👋 "})),
            delta(json!({"content": "\n\ndata: x"})),
            delta(json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"ü\":1}"}}]})),
            json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
        ]);
        let bytes = whole.pieces[0].clone().unwrap();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| Ok(bytes.slice(pair[0]..pair[1]))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (deltas, calls) = runtime.block_on(collect(Answer { pieces, ..whole })).unwrap();
        prop_assert_eq!(text_of(&deltas), "Grüße 👋 \n\ndata: x");
        prop_assert_eq!(&calls[0].arguments, "{\"ü\":1}");
    }
}
