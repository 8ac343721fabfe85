//! Warm sessions and tool lists.

use std::{sync::Arc, time::Duration};

use axum::response::IntoResponse;
use gatepass_connections::ConnectionId;
use gatepass_mcp::{Access, McpError, Sessions, StaticHeaders, ToolCall};
use serde_json::{Map, json};

use crate::support::{
    Scripted, TestClock, Tokens, carrier, echo, handshake_only, owner, quick, server_url,
    with_tokens,
};

fn pool(clock: &Arc<TestClock>) -> Sessions {
    Sessions::new(carrier(), clock.clone(), quick())
}

fn call() -> ToolCall {
    ToolCall::new("echo", Map::new())
}

#[tokio::test]
async fn a_second_call_finds_the_session_warm() {
    let server = Scripted::start(|_| None).await;
    let sessions = pool(&TestClock::new());
    for _ in 0..3 {
        sessions.call(&server.access(), &call()).await.unwrap();
    }
    assert_eq!(
        server.methods(),
        ["server/discover", "tools/call", "tools/call", "tools/call"]
    );
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_connection_attempt() {
    let server = Scripted::start(|_| None).await;
    let sessions = pool(&TestClock::new());
    let access = server.access();
    let call = call();
    let calls = (0..8).map(|_| sessions.call(&access, &call));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    let methods = server.methods();
    assert_eq!(
        methods
            .iter()
            .filter(|method| *method == "server/discover")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_list_is_asked_for_again_when_it_is_no_longer_fresh() {
    let server = Scripted::start(|seen| {
        (seen.method() == "tools/list").then(|| {
            seen.result(json!({"tools": [echo()], "ttlMs": 5000, "cacheScope": "private"}))
        })
    })
    .await;
    let silent = Scripted::start(|_| None).await;
    let clock = TestClock::new();
    let sessions = pool(&clock);
    let lists = |server: &Scripted| {
        let methods = server.methods();
        methods
            .iter()
            .filter(|method| *method == "tools/list")
            .count()
    };
    for (server, fresh) in [(&server, 5), (&silent, 60)] {
        let access = server.access();
        let first = sessions.tools(&access).await.unwrap();
        assert_eq!(first.server.name, "scripted");
        clock.advance(Duration::from_secs(fresh - 1));
        assert_eq!(sessions.tools(&access).await.unwrap(), first);
        assert_eq!(lists(server), 1);
        clock.advance(Duration::from_secs(1));
        sessions.tools(&access).await.unwrap();
        assert_eq!(lists(server), 2);
    }
}

#[tokio::test]
async fn nothing_is_shared_across_owners_connections_or_keys() {
    let server = Scripted::start(|_| None).await;
    let sessions = pool(&TestClock::new());
    let url = server_url(&server.url);
    let open =
        |number: u8| Access::open(*owner(number).id(), url.clone(), StaticHeaders::default());
    let tokens = Tokens::of(&["one"]);
    let mut with_key = open(1);
    with_key.headers = StaticHeaders::new([("x-key", "k")]).unwrap();
    let another = open(1).with_tokens(ConnectionId::from_text("c2"), tokens.clone());
    for access in [
        open(1),
        open(2),
        with_key,
        with_tokens(open(1), &tokens),
        another,
    ] {
        sessions.tools(&access).await.unwrap();
    }
    assert_eq!(sessions.len(), 5);
    let seen = server.seen();
    let count = |method: &str| seen.iter().filter(|seen| seen.method() == method).count();
    assert_eq!((count("server/discover"), count("tools/list")), (5, 5));
    let keyed = seen
        .iter()
        .filter(|seen| seen.header("x-key").is_some())
        .count();
    let bearing = seen
        .iter()
        .filter(|seen| seen.header("authorization").is_some())
        .count();
    assert_eq!((keyed, bearing), (2, 4));
}

#[tokio::test]
async fn a_disconnected_connection_leaves_nothing_warm() {
    let server = Scripted::start(|_| None).await;
    let sessions = pool(&TestClock::new());
    let tokens = Tokens::of(&["one"]);
    let access = with_tokens(server.access(), &tokens);
    sessions.tools(&access).await.unwrap();
    let connection = access.connection.clone().unwrap();
    sessions.forget_connection(owner(2).id(), &connection);
    assert_eq!(sessions.len(), 1, "another owner's word counts for nothing");
    sessions.forget_connection(owner(1).id(), &connection);
    assert!(sessions.is_empty());
    sessions.tools(&access).await.unwrap();
    let methods = server.methods();
    assert_eq!(
        methods
            .iter()
            .filter(|method| *method == "tools/list")
            .count(),
        2
    );
}

#[tokio::test]
async fn each_call_is_sent_with_its_own_callers_tokens() {
    let server = Scripted::start(|_| None).await;
    let sessions = pool(&TestClock::new());
    let (first, second) = (Tokens::of(&["first"]), Tokens::of(&["second"]));
    let (a, b) = (
        with_tokens(server.access(), &first),
        with_tokens(server.access(), &second),
    );
    let call = call();
    let (x, y) = tokio::join!(sessions.call(&a, &call), sessions.call(&b, &call));
    x.unwrap();
    y.unwrap();
    let mut sent: Vec<String> = server
        .seen()
        .iter()
        .filter(|seen| seen.method() == "tools/call")
        .map(|seen| seen.header("authorization").unwrap().to_owned())
        .collect();
    sent.sort();
    assert_eq!(sent, ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn a_server_known_to_be_old_is_not_asked_for_what_it_does_not_know() {
    let server = Scripted::start(handshake_only).await;
    let clock = TestClock::new();
    let sessions = pool(&clock);
    sessions.tools(&server.access()).await.unwrap();
    sessions.call(&server.access(), &call()).await.unwrap();
    let methods = server.methods();
    assert_eq!(
        methods,
        [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/list",
            "tools/call"
        ]
    );
}

#[tokio::test]
async fn a_failed_connection_is_tried_anew_by_the_next_caller() {
    let server = Scripted::start(|seen| {
        (seen.header("authorization") != Some("Bearer good"))
            .then(|| axum::response::IntoResponse::into_response(http::StatusCode::UNAUTHORIZED))
    })
    .await;
    let sessions = pool(&TestClock::new());
    let bad = with_tokens(server.access(), &Tokens::of(&["bad"]));
    let error = sessions.tools(&bad).await.unwrap_err();
    assert!(
        matches!(error, McpError::AuthorizationRequired { .. }),
        "{error:?}"
    );
    let good = with_tokens(server.access(), &Tokens::of(&["good"]));
    sessions.tools(&good).await.unwrap();
}

#[tokio::test]
async fn closing_the_pool_tells_the_servers() {
    let server = Scripted::start(|seen| {
        if seen.method() == "initialize" {
            let mut answer = seen.result(json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "serverInfo": {"name": "s", "version": "1"},
            }));
            let id = http::HeaderValue::from_static("s1");
            answer.headers_mut().insert("mcp-session-id", id);
            return Some(answer);
        }
        handshake_only(seen)
    })
    .await;
    let sessions = pool(&TestClock::new());
    sessions.tools(&server.access()).await.unwrap();
    sessions.close().await;
    assert!(sessions.is_empty());
    assert_eq!(server.methods().last().unwrap(), "DELETE");
}

#[tokio::test]
async fn a_token_rejected_while_fresh_is_known_to_every_session_of_the_pool() {
    let server = Scripted::start(|_| {
        Some((http::StatusCode::UNAUTHORIZED, "wrong audience").into_response())
    })
    .await;
    let tokens = Tokens::of(&["stale", "fresh", "fresher", "freshest"]);
    let access = with_tokens(server.access(), &tokens);
    let sessions = pool(&TestClock::new());
    for _ in 0..4 {
        let error = sessions.call(&access, &call()).await.unwrap_err();
        assert!(
            matches!(error, McpError::FreshTokenRejected { .. }),
            "{error:?}"
        );
    }
    assert_eq!(tokens.asked_again(), 1);
}

#[tokio::test]
async fn asking_for_more_access_ends_where_it_does_not_help_and_begins_again_later() {
    let server = Scripted::start(|seen| {
        let wants = r#"Bearer error="insufficient_scope", scope="write""#;
        let refused = (http::StatusCode::FORBIDDEN, [("www-authenticate", wants)]);
        (seen.method() == "tools/call" && seen.body["params"]["name"] == "echo")
            .then(|| refused.into_response())
    })
    .await;
    let clock = TestClock::new();
    let sessions = pool(&clock);
    let tokens = Tokens::of(&["good"]);
    let signed_in = |n: usize| {
        let id = ConnectionId::from_text(format!("c{n}"));
        server.access().with_tokens(id, tokens.clone())
    };
    for n in 0..3 {
        for _ in 0..2 {
            let error = sessions.call(&signed_in(n), &call()).await.unwrap_err();
            assert!(error.needs_authorization(), "{error:?}");
        }
    }
    let error = sessions.call(&signed_in(3), &call()).await.unwrap_err();
    assert!(!error.needs_authorization());
    let host = server.url.trim_start_matches("http://");
    let sentence = error.to_string();
    let sentence = sentence.replace(host.trim_end_matches("/mcp"), "the server");
    insta::assert_snapshot!(sentence, @"the server still wants more access for this after it was allowed several times: write; allowing it once more will not help, its operator must look at it");
    // Other tools are not concerned.
    let other = ToolCall::new("other", Map::new());
    sessions.call(&signed_in(3), &other).await.unwrap();
    clock.advance(Duration::from_secs(600));
    let error = sessions.call(&signed_in(4), &call()).await.unwrap_err();
    assert!(error.needs_authorization(), "{error:?}");
}
