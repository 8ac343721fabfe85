//! What servers in the field do, and must not cost a call, hang a session, or lose an error.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::response::{IntoResponse, Response};
use gatepass_mcp::{
    Access, Interaction, McpError, Revision, Session, SessionOptions, ToolCall,
    protocol::{ElicitRequestParams, ElicitResult, ElicitationAction},
};
use http::{HeaderValue, StatusCode};
use mcp_oauth_client::BoxFuture;
use serde_json::{Map, Value, json};

use crate::support::{
    Answer, Scripted, Seen, carrier, connect, connect_impatiently, echo, endless, events,
    handshake_only, json_body, quick,
};

fn call() -> ToolCall {
    ToolCall::new("echo", Map::new())
}

/// A server of the handshake with a session, and a script on top.
fn sessions(seen: &Seen) -> Option<Response> {
    if seen.method() != "initialize" {
        return handshake_only(seen);
    }
    let mut answer = seen.result(json!({
        "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
        "serverInfo": {"name": "scripted", "version": "1"},
    }));
    answer
        .headers_mut()
        .insert("mcp-session-id", HeaderValue::from_static("s1"));
    Some(answer)
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what)
        .await
        .unwrap_or_else(|_| panic!("it hangs"))
}

#[tokio::test]
async fn bodies_that_nobody_needs_are_not_waited_for() {
    let confirmations: [fn() -> Response; 4] = [
        || endless(202, "application/json", "{"),
        || endless(200, "text/event-stream", ": open\n\n"),
        || endless(200, "application/json", ""),
        || (StatusCode::OK, "ok").into_response(),
    ];
    for confirmation in confirmations {
        let server = Scripted::start(move |seen| match seen.method() {
            "notifications/initialized" => Some(confirmation()),
            "DELETE" => Some(endless(405, "application/json", r#"{"jsonrpc":"#)),
            _ => sessions(seen),
        })
        .await;
        let session = within(connect(&server.access(), Revision::Auto))
            .await
            .unwrap();
        within(session.call_tool(&call(), None)).await.unwrap();
        assert!(session.close().await);
        assert_eq!(server.methods().last().unwrap(), "DELETE");
    }
}

#[tokio::test]
async fn an_answer_whose_stream_stays_open_is_an_answer() {
    let server = Scripted::start(|seen| {
        (seen.method() == "tools/call").then(|| {
            endless(200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"open\"}]}}\n\n")
        })
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let result = within(session.call_tool(&call(), None)).await.unwrap();
    assert_eq!(result.content[0]["text"], "open");
    assert!(session.close().await);
}

#[tokio::test]
async fn an_answer_that_never_ends_ends_in_time() {
    for (media_type, beginning) in [
        ("application/json", "{"),
        ("text/event-stream", ": keep\n\n"),
    ] {
        let server = Scripted::start(move |seen| {
            (seen.method() == "tools/call").then(|| endless(200, media_type, beginning))
        })
        .await;
        let session = connect_impatiently(&server.access()).await;
        let error = within(session.call_tool(&call(), None)).await.unwrap_err();
        assert!(matches!(error, McpError::Timeout { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn errors_of_a_call_keep_their_kind() {
    let answers: [(Answer, &str); 7] = [
        (
            |seen| seen.error(200, -32000, Value::Null),
            "the server reports an error: no (-32000)",
        ),
        (
            |seen| seen.error(500, -32603, Value::Null),
            "the server reports an error: no (-32603)",
        ),
        (
            |_| {
                json_body(
                    json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "what?"}}),
                )
            },
            "the server reports an error: what? (-32700)",
        ),
        (
            |_| (StatusCode::BAD_GATEWAY, "upstream is down").into_response(),
            "the server is in trouble (status 502): upstream is down",
        ),
        (
            |_| StatusCode::ACCEPTED.into_response(),
            "the server does not answer as an MCP server: it accepted the request but does not answer it",
        ),
        (
            |_| json_body(json!([1, 2])),
            "the server does not answer as an MCP server: its answer is JSON, but no message of the protocol",
        ),
        (
            |_| events("data: nonsense\n\n"),
            "the server does not answer as an MCP server: it ended its answer before the result",
        ),
    ];
    for (answer, sentence) in answers {
        let server =
            Scripted::start(move |seen| (seen.method() == "tools/call").then(|| answer(seen)))
                .await;
        let session = connect(&server.access(), Revision::Auto).await.unwrap();
        let error = within(session.call_tool(&call(), None)).await.unwrap_err();
        let host = server.access().server.host();
        assert_eq!(error.to_string().replace(&host, "the server"), sentence);
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_a_clear_error_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Scripted::start(move |seen| match seen.method() {
        "tools/call" | "GET" => {
            count.fetch_add(1, Ordering::SeqCst);
            let text = "x".repeat(2 * 1024 * 1024);
            let answer = json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": {"content": [{"type": "text", "text": text}]}});
            Some(events(format!("id: 7\ndata: {answer}\n\n")))
        }
        _ => sessions(seen),
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let error = within(session.call_tool(&call(), None)).await.unwrap_err();
    assert!(matches!(error, McpError::TooLarge { .. }), "{error:?}");
    assert_eq!(
        asked.load(Ordering::SeqCst),
        1,
        "nobody asks for the rest of it"
    );
}

#[tokio::test]
async fn a_stream_that_ends_early_is_resumed_where_it_ended() {
    let server = Scripted::start(|seen| match seen.method() {
        "tools/call" => Some(events("id: e1\nretry: 50\ndata:\n\n")),
        "GET" => {
            assert_eq!(seen.header("last-event-id"), Some("e1"));
            assert_eq!(seen.header("mcp-session-id"), Some("s1"));
            Some(events("id: e2\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"resumed\"}]}}\n\n"))
        }
        _ => sessions(seen),
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let result = within(session.call_tool(&call(), None)).await.unwrap();
    assert_eq!(result.content[0]["text"], "resumed");
}

#[tokio::test]
async fn a_session_that_expired_is_made_anew_under_the_call() {
    let ways: [Answer; 2] = [
        |_| StatusCode::NOT_FOUND.into_response(),
        |_| {
            let error =
                json!({"code": -32000, "message": "Bad Request: No valid session ID provided"});
            let body = json!({"jsonrpc": "2.0", "id": null, "error": error});
            (StatusCode::BAD_REQUEST, json_body(body)).into_response()
        },
    ];
    for way in ways {
        let expired = AtomicUsize::new(0);
        let server = Scripted::start(move |seen| match seen.method() {
            "tools/call" if expired.fetch_add(1, Ordering::SeqCst) == 0 => Some(way(seen)),
            _ => sessions(seen),
        })
        .await;
        let session = connect(&server.access(), Revision::Auto).await.unwrap();
        within(session.call_tool(&call(), None)).await.unwrap();
        let methods = server.methods();
        let handshakes = methods.iter().filter(|method| *method == "initialize");
        assert_eq!(handshakes.count(), 2);
    }
}

#[tokio::test]
async fn content_of_a_kind_nobody_knows_is_kept() {
    let block = json!({"type": "hologram", "data": [1, 2], "x": {"y": null}});
    let sent = block.clone();
    let server = Scripted::start(move |seen| {
        (seen.method() == "tools/call")
            .then(|| seen.result(json!({"content": [sent], "isError": true})))
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let result = session.call_tool(&call(), None).await.unwrap();
    assert_eq!(result.content, [block]);
    assert!(result.is_error);
}

#[tokio::test]
async fn structured_results_of_every_shape_are_kept() {
    for structured in [json!({"a": 1}), json!([1]), json!("text"), json!(7)] {
        let sent = structured.clone();
        let server = Scripted::start(move |seen| {
            (seen.method() == "tools/call")
                .then(|| seen.result(json!({"content": [], "structuredContent": sent})))
        })
        .await;
        let session = connect(&server.access(), Revision::Auto).await.unwrap();
        let result = session.call_tool(&call(), None).await.unwrap();
        assert_eq!(result.structured_content, Some(structured));
    }
}

#[tokio::test]
async fn one_broken_tool_does_not_cost_the_others_and_circles_end() {
    let server = Scripted::start(|seen| {
        (seen.method() == "tools/list").then(|| {
            let page = json!({"tools": [echo(), {"name": 7}, {"name": "no-schema"}], "nextCursor": "again"});
            seen.result(page)
        })
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let list = within(session.list_tools(None)).await.unwrap();
    assert_eq!(list.tools.len(), 1);
    insta::assert_snapshot!(list.notes.join("\n"), @r"
    2 tools were left out: their descriptions cannot be read.
    The tool “echo” is offered twice; the first counts.
    The server's list of tools goes round in a circle.
    ");
}

#[tokio::test]
async fn every_page_of_the_list_is_read() {
    let server = Scripted::start(|seen| {
        (seen.method() == "tools/list").then(|| {
            let page: u64 = seen.body["params"]["cursor"]
                .as_str()
                .map_or(0, |cursor| cursor.parse().unwrap());
            let tool = json!({"name": format!("t{page}"), "inputSchema": {}});
            let mut result = json!({"tools": [tool]});
            if page < 4 {
                result["nextCursor"] = json!((page + 1).to_string());
            }
            seen.result(result)
        })
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let list = session.list_tools(None).await.unwrap();
    let names: Vec<_> = list.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
}

#[tokio::test]
async fn a_server_that_wants_arguments_in_headers_is_given_them_after_listing_again() {
    let tool = json!({"name": "echo", "inputSchema": {"type": "object", "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"}
    }}});
    let server = Scripted::start(move |seen| match seen.method() {
        "tools/list" => Some(seen.result(json!({"tools": [tool]}))),
        "tools/call" if seen.header("mcp-param-region") != Some("eu") => {
            Some(seen.error(400, -32020, Value::Null))
        }
        _ => None,
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let Value::Object(arguments) = json!({"region": "eu"}) else {
        panic!("an object");
    };
    let call = ToolCall::new("echo", arguments);
    within(session.call_tool(&call, None)).await.unwrap();
    assert_eq!(
        server.methods(),
        ["server/discover", "tools/call", "tools/list", "tools/call"]
    );
}

struct Accepting;

impl Interaction for Accepting {
    fn elicit(&self, _request: ElicitRequestParams) -> BoxFuture<'_, ElicitResult> {
        Box::pin(async {
            ElicitResult::new(ElicitationAction::Accept).with_content(json!({"name": "Ada"}))
        })
    }
}

fn asking(seen: &Seen) -> Option<Response> {
    if seen.method() != "tools/call" {
        return None;
    }
    let params = &seen.body["params"];
    if params["requestState"] == "st 4te/==" {
        let answer = params["inputResponses"]["who"].clone();
        assert_eq!(answer["action"], "accept");
        let text = answer["content"]["name"].clone();
        return Some(seen.result(json!({"content": [{"type": "text", "text": text}]})));
    }
    let request = json!({"method": "elicitation/create", "params": {
        "mode": "form", "message": "Who are you?",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
    }});
    Some(seen.result(json!({
        "resultType": "input_required", "inputRequests": {"who": request}, "requestState": "st 4te/==",
    })))
}

#[tokio::test]
async fn a_question_in_the_middle_of_a_call_is_answered_and_the_state_given_back() {
    let server = Scripted::start(asking).await;
    let options = SessionOptions {
        interaction: Some(Arc::new(Accepting)),
        ..quick()
    };
    let session = Session::connect(carrier(), &server.access(), &options, Revision::Auto)
        .await
        .unwrap();
    let result = within(session.call_tool(&call(), None)).await.unwrap();
    assert_eq!(result.content[0]["text"], "Ada");
    let seen = server.seen();
    let calls: Vec<_> = seen
        .iter()
        .filter(|seen| seen.method() == "tools/call")
        .collect();
    assert_ne!(calls[0].body["id"], calls[1].body["id"]);
}

#[tokio::test]
async fn a_question_that_nobody_can_answer_ends_the_call() {
    let server = Scripted::start(asking).await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let error = within(session.call_tool(&call(), None)).await.unwrap_err();
    assert!(matches!(error, McpError::InputRequired), "{error:?}");
}

#[tokio::test]
async fn no_reference_in_a_schema_is_ever_followed() {
    let fetched = Scripted::start(|_| None).await;
    let reference = fetched.url.clone();
    let server = Scripted::start(move |seen| {
        (seen.method() == "tools/list").then(|| {
            let schema = json!({"type": "object", "properties": {"a": {"$ref": reference}}});
            seen.result(json!({"tools": [{"name": "echo", "inputSchema": schema}]}))
        })
    })
    .await;
    let session = connect(&server.access(), Revision::Auto).await.unwrap();
    let list = session.list_tools(None).await.unwrap();
    assert_eq!(
        list.tools[0].input_schema["properties"]["a"]["$ref"],
        fetched.url.as_str()
    );
    session.call_tool(&call(), None).await.unwrap();
    assert!(fetched.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let access: Access = crate::support::access(&url);
    let error = connect(&access, Revision::Auto).await.unwrap_err();
    assert!(matches!(error, McpError::Unreachable(_)), "{error:?}");
    assert!(error.recovery().is_temporary());
}

#[tokio::test]
async fn an_older_server_may_ask_outside_of_any_answer() {
    let server = Scripted::start(|seen| match seen.method() {
        "GET" if seen.header("last-event-id").is_none() => Some(endless(
            200,
            "text/event-stream",
            "data: {\"jsonrpc\":\"2.0\",\"id\":99,\"method\":\"elicitation/create\",\"params\":{\"message\":\"Who?\",\"requestedSchema\":{\"type\":\"object\",\"properties\":{}}}}\n\n",
        )),
        _ => sessions(seen),
    })
    .await;
    let options = SessionOptions {
        interaction: Some(Arc::new(Accepting)),
        ..quick()
    };
    let session = Session::connect(carrier(), &server.access(), &options, Revision::Auto)
        .await
        .unwrap();
    // It can ask from the start: the stream is open before anything else is sent.
    assert_eq!(server.methods().last().unwrap(), "GET");
    let answer = within(async {
        loop {
            let seen = server.seen();
            if let Some(answer) = seen.iter().find(|seen| seen.body["id"] == 99) {
                return answer.body["result"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(answer["action"], "accept");
    assert_eq!(answer["content"]["name"], "Ada");
    assert!(session.close().await);
}
