use gatepass_chat::{Ended, host::HostError};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::*;

#[tokio::test]
async fn a_turn_with_a_tool_call_streams_what_front_ends_understand() {
    let model = Endpoint::with([
        calls(&[("Notes__search", r#"{"q":"milk"}"#)]),
        says("You have one."),
    ]);
    let host = Servers::with([server("Notes", &[("search", text("1: buy milk"))])]);
    let shown = turn(&model, &host, "find milk").await;
    assert_eq!(shown.ended, Ended::Answered);
    insta::assert_snapshot!(shown.lines(), @r#"
    {"type":"start-step"}
    {"type":"tool-input-start","toolCallId":"call_AAAAAAAAAAAAAAAA","toolName":"Notes__search","dynamic":true}
    {"type":"tool-input-delta","toolCallId":"call_AAAAAAAAAAAAAAAA","inputTextDelta":"{\"q\":\"milk\"}"}
    {"type":"finish-step"}
    {"type":"tool-input-available","toolCallId":"call_AAAAAAAAAAAAAAAA","toolName":"Notes__search","input":{"q":"milk"},"dynamic":true,"providerMetadata":{"gatepass":{"server":"Notes","url":"https://notes.example/mcp","tool":"search","title":null}}}
    {"type":"tool-output-available","toolCallId":"call_AAAAAAAAAAAAAAAA","output":{"content":[{"type":"text","text":"1: buy milk"}]},"dynamic":true}
    {"type":"start-step"}
    {"type":"text-start","id":"AQEBAQEBAQEBAQEB"}
    {"type":"text-delta","id":"AQEBAQEBAQEBAQEB","delta":"You have one."}
    {"type":"text-end","id":"AQEBAQEBAQEBAQEB"}
    {"type":"finish-step"}
    {"type":"finish"}
    "#);
    let second = &model.bodies()[1]["messages"];
    assert_eq!(
        second[2]["tool_calls"][0]["function"]["arguments"],
        r#"{"q":"milk"}"#
    );
    assert_eq!(
        second[3],
        json!({"role": "tool", "tool_call_id": "call_AAAAAAAAAAAAAAAA", "content": "1: buy milk"})
    );
}

#[tokio::test]
async fn two_servers_with_the_same_tool_are_called_each_by_its_own_name() {
    let model = Endpoint::with([
        calls(&[("Wiki__search", "{}"), ("Notes__search", r#"{"n":1}"#)]),
        says("done"),
    ]);
    let host = Servers::with([
        server("Notes", &[("search", Does::Echoes)]),
        server("Wiki", &[("search", text("wiki"))]),
    ]);
    let shown = turn(&model, &host, "search both").await;
    assert_eq!(shown.of("tool-output-available").len(), 2);
    let mut called = host.called.lock().unwrap().clone();
    called.sort_by_key(|(server, _, _)| server.clone());
    let own = |server: &str, arguments| (server.to_owned(), "search".to_owned(), arguments);
    assert_eq!(
        called,
        [own("Notes", json!({"n": 1})), own("Wiki", json!({}))]
    );
    let told = &model.bodies()[1]["messages"];
    assert_eq!(told[3]["content"], "wiki", "in the order of the calls");
    assert_eq!(told[4]["content"], r#"{"n":1}"#);
    let tools = &model.bodies()[0]["tools"];
    assert_eq!(tools[0]["function"]["parameters"]["x-kept"], true);
    assert_eq!(tools[0]["function"]["description"], "[Notes] Does search");
}

#[tokio::test]
async fn a_server_that_cannot_be_listed_costs_its_own_tools_only() {
    let model = Endpoint::with([says("ok")]);
    let host = Servers::with([
        ScriptedServer {
            name: "Down",
            tools: Err(HostError::Failed("Down could not be reached.".into())),
        },
        server("Notes", &[("search", text("x"))]),
    ]);
    let shown = turn(&model, &host, "hi").await;
    assert_eq!(shown.ended, Ended::Answered);
    assert_eq!(
        shown.of("data-notice")[0]["data"]["text"],
        "Down could not be reached."
    );
    let body = &model.bodies()[0];
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert!(
        body["messages"][0]["content"]
            .as_str()
            .unwrap()
            .contains("“Down” are not available")
    );
}

#[tokio::test]
async fn what_goes_wrong_with_a_call_is_told_and_the_turn_goes_on() {
    let broken = json!({"isError": true, "content": [{"type": "text", "text": "no such note"}]});
    let model = Endpoint::with([
        calls(&[
            ("Notes__nope", "{}"),
            ("Notes__echo", "{\"a\":"),
            ("Notes__echo", "[1]"),
            ("Notes__echo", ""),
            ("Notes__breaks", "{}"),
            ("Notes__fails", "{}"),
        ]),
        says("sorry"),
    ]);
    let host = Servers::with([server(
        "Notes",
        &[
            ("echo", Does::Echoes),
            ("breaks", Does::Returns(broken)),
            (
                "fails",
                Does::Fails(HostError::Failed("Notes did not answer.".into())),
            ),
        ],
    )]);
    let shown = turn(&model, &host, "go").await;
    assert_eq!(shown.ended, Ended::Answered);
    let bodies = model.bodies();
    let told: Vec<&str> = bodies[1]["messages"].as_array().unwrap()[3..]
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    The call failed: There is no tool called “Notes__nope”.
    The call failed: The arguments are not valid JSON: EOF while parsing a value at line 1 column 5.
    The call failed: The arguments are not a JSON object.
    {}
    The tool reports an error: no such note
    The call failed: Notes did not answer.
    ");
    assert_eq!(
        host.called.lock().unwrap().len(),
        3,
        "undecodable arguments are never sent"
    );
    let sent = &bodies[1]["messages"][2]["tool_calls"];
    assert_eq!(sent[1]["function"]["arguments"], "{}");
}

#[tokio::test]
async fn a_model_that_keeps_calling_is_stopped_with_a_word() {
    let again = || calls(&[("Notes__search", "{}")]);
    let model = Endpoint::with((0..5).map(|_| again()));
    let host = Servers::with([server("Notes", &[("search", text("x"))])]);
    let shown = turn_with(&model, &host, "loop", &CancellationToken::new(), 3).await;
    assert_eq!(shown.ended, Ended::Exhausted);
    assert_eq!(model.bodies().len(), 3);
    let last = shown.of("text-delta").pop().unwrap();
    assert!(
        last["delta"]
            .as_str()
            .unwrap()
            .starts_with("I stopped here")
    );
}

#[tokio::test]
async fn a_turn_can_be_stopped_while_the_model_talks_and_while_a_tool_runs() {
    let talking = Answer {
        hangs: true,
        pieces: vec![Ok(
            "data: {\"choices\":[{\"delta\":{\"content\":\"he\"}}]}\n\n".into(),
        )],
        ..says("")
    };
    for (answer, tool) in [(talking, false), (calls(&[("Notes__wait", "{}")]), true)] {
        let model = Endpoint::with([answer]);
        let host = Servers::with([server("Notes", &[("wait", Does::Hangs)])]);
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            stop.cancel();
        });
        let shown = turn_with(&model, &host, "wait", &cancel, 10).await;
        assert_eq!(shown.ended, Ended::Cancelled);
        assert_eq!(shown.parts.last().unwrap()["type"], "abort");
        if tool {
            assert_eq!(
                shown.of("tool-output-error")[0]["errorText"],
                "The call was stopped."
            );
        } else {
            assert_eq!(shown.of("text-end").len(), 1, "what was open is closed");
        }
    }
}

#[tokio::test]
async fn a_model_that_fails_says_so_in_the_turn() {
    let model = Endpoint::with([answer(503, "text/plain", "")]);
    let shown = turn(&model, &Servers::with([]), "hi").await;
    assert_eq!(shown.ended, Ended::Failed);
    let error = shown.of("error")[0];
    assert_eq!(
        error["errorText"],
        "The model at model.example has an error of its own (status 503). Try again."
    );
}

#[tokio::test]
async fn a_huge_result_is_cut_for_the_model_with_a_word_and_whole_for_the_user() {
    let huge = "x".repeat(100_000);
    let model = Endpoint::with([calls(&[("Notes__all", "{}")]), says("long")]);
    let host = Servers::with([server("Notes", &[("all", text(&huge))])]);
    let shown = turn(&model, &host, "all").await;
    let told = model.bodies()[1]["messages"][3]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told.len() < 41_000);
    assert!(told.ends_with("[cut: the result has 100000 characters, the first 40000 are here]"));
    let output: &Value = &shown.of("tool-output-available")[0]["output"];
    assert_eq!(
        output["content"][0]["text"].as_str().unwrap().len(),
        100_000
    );
}
