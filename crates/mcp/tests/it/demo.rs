//! The demo's real server, on every revision.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gatepass_demo::{
    Behaviour, Demo,
    behaviour::{Access as DemoAccess, Revisions, Streams},
};
use gatepass_mcp::{McpError, Revision, Session, ToolCall};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{access, carrier, connect, connect_impatiently, impatient};

const EVERY: [(Revisions, &str); 3] = [
    (Revisions::All, "2026-07-28"),
    (Revisions::Stateless, "2026-07-28"),
    (Revisions::Handshake, "2025-11-25"),
];

async fn demo(revisions: Revisions) -> Demo {
    let mut behaviour = Behaviour::default();
    behaviour.mcp.access = DemoAccess::Open;
    behaviour.mcp.revisions = revisions;
    behaviour.mcp.test_tools = true;
    Demo::builder().behaviour(behaviour).start().await.unwrap()
}

fn call(name: &str, arguments: Value) -> ToolCall {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    ToolCall::new(name, arguments)
}

#[tokio::test]
async fn tools_are_listed_and_called_on_every_revision() {
    for (revisions, version) in EVERY {
        let demo = demo(revisions).await;
        let session = connect(&access(demo.mcp_url()), Revision::Auto)
            .await
            .unwrap();
        assert_eq!(session.protocol_version(), version);
        assert!(!session.server().name.is_empty());
        let list = session.list_tools(None).await.unwrap();
        assert!(list.tools.iter().any(|tool| tool.name == "add_numbers"));
        assert_eq!(list.notes, Vec::<String>::new());
        let add = call("add_numbers", json!({"a": 2, "b": 3}));
        let result = session.call_tool(&add, None).await.unwrap();
        assert!(!result.is_error, "{result:?}");
        assert!(result.content[0]["text"].as_str().unwrap().contains('5'));
        session.close().await;
    }
}

#[tokio::test]
async fn a_tool_that_fails_gives_a_result_and_an_unknown_one_an_error() {
    for (revisions, _) in EVERY {
        let demo = demo(revisions).await;
        let session = connect(&access(demo.mcp_url()), Revision::Auto)
            .await
            .unwrap();
        let failing = session
            .call_tool(&call("fail", json!({})), None)
            .await
            .unwrap();
        assert!(failing.is_error);
        assert_eq!(failing.content[0]["text"], "This tool always fails.");
        let unknown = session.call_tool(&call("nothing", json!({})), None).await;
        assert!(
            matches!(unknown, Err(McpError::Reported { code: -32602, .. })),
            "{unknown:?}"
        );
    }
}

#[tokio::test]
async fn progress_is_heard_and_keeps_a_slow_call_alive() {
    for (revisions, _) in EVERY {
        let demo = demo(revisions).await;
        let session = connect(&access(demo.mcp_url()), Revision::Auto)
            .await
            .unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = heard.clone();
        let counting = call("test_tool_with_progress", json!({}))
            .on_progress(move |step| listener.lock().unwrap().push(step.progress));
        session.call_tool(&counting, None).await.unwrap();
        assert_eq!(*heard.lock().unwrap(), [0.0, 50.0, 100.0]);
    }
}

#[tokio::test]
async fn a_silent_tool_is_given_up_and_a_stopped_one_at_once() {
    for (revisions, _) in EVERY {
        let demo = demo(revisions).await;
        let session = connect_impatiently(&access(demo.mcp_url())).await;
        let silent = session.call_tool(&call("hang", json!({})), None).await;
        assert!(
            matches!(&silent, Err(McpError::Timeout { after, .. }) if *after == impatient().limits.silence),
            "{silent:?}"
        );
        let cancel = CancellationToken::new();
        let hanging = call("hang", json!({})).cancelled_by(cancel.clone());
        let stopped = tokio::join!(session.call_tool(&hanging, None), async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        });
        assert!(matches!(stopped.0, Err(McpError::Cancelled)), "{stopped:?}");
        // The session goes on.
        let result = session
            .call_tool(&call("test_simple_text", json!({})), None)
            .await;
        assert!(result.is_ok(), "{result:?}");
    }
}

#[tokio::test]
async fn a_result_of_five_megabytes_is_a_clear_error_and_the_session_goes_on() {
    for (revisions, _) in EVERY {
        let demo = demo(revisions).await;
        let options = gatepass_mcp::SessionOptions::default();
        let access = access(demo.mcp_url());
        let session = Session::connect(carrier(), &access, &options, Revision::Auto)
            .await
            .unwrap();
        let big = session
            .call_tool(&call("big_result", json!({})), None)
            .await;
        let error = big.unwrap_err();
        assert!(matches!(error, McpError::TooLarge { .. }), "{error:?}");
        assert_eq!(
            error
                .to_string()
                .replace(&access.server.host(), "the server"),
            "the server answered with more than 4 MiB, which is more than can be used; nothing was cut off silently"
        );
        let result = session
            .call_tool(&call("test_simple_text", json!({})), None)
            .await;
        assert!(result.is_ok(), "{result:?}");
        demo.behaviour()
            .set(|behaviour| behaviour.mcp.big_result_bytes = 3_000_000);
        let fits = session
            .call_tool(&call("big_result", json!({})), None)
            .await
            .unwrap();
        assert_eq!(fits.content[0]["text"].as_str().unwrap().len(), 3_000_000);
    }
}

#[tokio::test]
async fn closing_does_not_wait_for_servers_that_keep_no_streams() {
    let demo = demo(Revisions::Handshake).await;
    demo.behaviour()
        .set(|behaviour| behaviour.mcp.streams = Streams::MethodNotAllowed);
    let session = connect(&access(demo.mcp_url()), Revision::Auto)
        .await
        .unwrap();
    session.list_tools(None).await.unwrap();
    assert!(session.close().await);
}

#[tokio::test]
async fn many_calls_at_once_keep_their_results_apart() {
    let demo = demo(Revisions::All).await;
    let session = connect(&access(demo.mcp_url()), Revision::Auto)
        .await
        .unwrap();
    let calls = (0..24).map(|n| {
        let session = &session;
        async move {
            let add = call("add_numbers", json!({"a": n, "b": 1000}));
            let result = session.call_tool(&add, None).await.unwrap();
            let text = result.content[0]["text"].as_str().unwrap().to_owned();
            assert!(text.contains(&(n + 1000).to_string()), "{text}");
        }
    });
    futures::future::join_all(calls).await;
}
