//! Tokens, keys and challenges.

use axum::response::{IntoResponse, Response};
use gatepass_mcp::{McpError, Revision, StaticHeaders, ToolCall};
use http::{StatusCode, header};
use mcp_oauth_client::{Actor, Recovery};
use serde_json::Map;

use crate::support::{Scripted, Seen, Tokens, connect, handshake_only, with_tokens};

fn challenge(status: u16, lines: &[&'static str]) -> Response {
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    for line in lines {
        let value = http::HeaderValue::from_static(line);
        response
            .headers_mut()
            .append(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Accepts only these tokens.
fn only(tokens: &'static [&'static str]) -> impl Fn(&Seen) -> Option<Response> + Send + Sync {
    move |seen| {
        let given = seen
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let good = given.is_some_and(|given| tokens.contains(&given));
        (!good).then(|| {
            challenge(
                401,
                &["Basic realm=\"x\"", "Bearer error=\"invalid_token\", error_description=\"wrong audience\", scope=\"read\""],
            )
        })
    }
}

fn echo() -> ToolCall {
    ToolCall::new("echo", Map::new())
}

#[tokio::test]
async fn without_a_token_the_challenge_of_every_line_is_kept() {
    let server = Scripted::start(only(&["good"])).await;
    let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
    assert!(error.needs_authorization(), "{error:?}");
    assert_eq!(error.scopes().to_string(), "read");
    let McpError::AuthorizationRequired {
        challenges,
        status,
        key_sent,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (challenges.iter().count(), *status, *key_sent),
        (2, 401, false)
    );
    // A refusal is no sign of an older server: nothing else was tried.
    assert_eq!(server.methods(), ["server/discover"]);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_and_the_request_sent_once_more() {
    let server = Scripted::start(only(&["fresh"])).await;
    let tokens = Tokens::of(&["stale", "fresh"]);
    let access = with_tokens(server.access(), &tokens);
    let session = connect(&access, Revision::Auto).await.unwrap();
    assert_eq!(server.methods(), ["server/discover", "server/discover"]);
    session.call_tool(&echo(), None).await.unwrap();
    assert_eq!(tokens.asked_again(), 1);
}

#[tokio::test]
async fn a_token_that_ends_between_two_calls_is_replaced_within_the_call() {
    let accepted = std::sync::Arc::new(std::sync::Mutex::new("first"));
    let now = accepted.clone();
    let server = Scripted::start(move |seen| {
        let good = seen.header("authorization") == Some(&format!("Bearer {}", now.lock().unwrap()));
        (!good).then(|| challenge(401, &["Bearer error=\"invalid_token\""]))
    })
    .await;
    let tokens = Tokens::of(&["first", "second"]);
    let access = with_tokens(server.access(), &tokens);
    let session = connect(&access, Revision::Auto).await.unwrap();
    session.call_tool(&echo(), None).await.unwrap();
    *accepted.lock().unwrap() = "second";
    let result = session
        .call_tool(&echo(), access.tokens.as_ref())
        .await
        .unwrap();
    assert_eq!(result.content[0]["text"], "echoed");
    assert_eq!(tokens.asked_again(), 1);
}

#[tokio::test]
async fn a_server_that_rejects_fresh_tokens_is_not_asked_for_ever() {
    let server = Scripted::start(only(&[])).await;
    let tokens = Tokens::of(&["stale", "fresh", "fresher"]);
    let access = with_tokens(server.access(), &tokens);
    let error = connect(&access, Revision::Auto).await.unwrap_err();
    assert_eq!(
        error.recovery(),
        Recovery::Reconfigure { who: Actor::Vendor }
    );
    assert!(!error.needs_authorization());
    let sentence = error.to_string().replace(
        server
            .url
            .trim_start_matches("http://")
            .trim_end_matches("/mcp"),
        "the server",
    );
    insta::assert_snapshot!(sentence, @"the server rejects even a fresh token (wrong audience); signing in again will not help, its operator must look at it");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_fresh_token_that_was_rejected_once_is_not_refreshed_again() {
    // The tool rejects what everything else accepts.
    let server = Scripted::start(|seen| {
        (seen.method() == "tools/call").then(|| challenge(401, &["Bearer error=\"invalid_token\""]))
    })
    .await;
    let tokens = Tokens::of(&["stale", "fresh"]);
    let access = with_tokens(server.access(), &tokens);
    let session = connect(&access, Revision::Auto).await.unwrap();
    for _ in 0..3 {
        let error = session.call_tool(&echo(), None).await.unwrap_err();
        assert!(
            matches!(error, McpError::FreshTokenRejected { .. }),
            "{error:?}"
        );
    }
    assert_eq!(tokens.asked_again(), 1);
}

#[tokio::test]
async fn an_invalid_token_is_recognised_under_other_statuses() {
    let answers: [fn() -> Response; 4] = [
        || challenge(400, &["Bearer error=\"invalid_token\""]),
        || challenge(403, &["Bearer error=\"invalid_token\""]),
        || (StatusCode::BAD_REQUEST, r#"{"error":"invalid_token"}"#).into_response(),
        || (StatusCode::FORBIDDEN, r#"{"error":"invalid_token"}"#).into_response(),
    ];
    for answer in answers {
        let server = Scripted::start(move |_| Some(answer())).await;
        let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
        assert!(error.needs_authorization(), "{error:?}");
    }
}

#[tokio::test]
async fn a_tool_that_needs_more_says_which_scopes_and_no_refresh_is_tried() {
    let server = Scripted::start(|seen| {
        (seen.method() == "tools/call").then(|| {
            challenge(
                403,
                &["Bearer error=\"insufficient_scope\", scope=\"read write\""],
            )
        })
    })
    .await;
    let tokens = Tokens::of(&["good", "unneeded"]);
    let access = with_tokens(server.access(), &tokens);
    let session = connect(&access, Revision::Auto).await.unwrap();
    let error = session.call_tool(&echo(), None).await.unwrap_err();
    assert_eq!(error.scopes().to_string(), "read write");
    assert!(error.needs_authorization());
    assert!(
        error
            .to_string()
            .ends_with("needs more access for this: read write")
    );
    assert_eq!(tokens.asked_again(), 0);
}

#[tokio::test]
async fn a_plain_403_is_a_refusal_and_no_reason_to_sign_in() {
    let server =
        Scripted::start(|_| Some((StatusCode::FORBIDDEN, "not from your country").into_response()))
            .await;
    let error = connect(&server.access(), Revision::Auto).await.unwrap_err();
    assert!(!error.needs_authorization(), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with("refused the request (status 403): not from your country")
    );
}

#[tokio::test]
async fn a_rejected_key_is_called_a_key() {
    let server = Scripted::start(|seen| {
        (seen.header("x-api-key") != Some("right"))
            .then(|| StatusCode::UNAUTHORIZED.into_response())
    })
    .await;
    let with_key = |key: &str| {
        let mut access = server.access();
        access.headers = StaticHeaders::new([("X-Api-Key", key)]).unwrap();
        access
    };
    let error = connect(&with_key("wrong"), Revision::Auto)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("does not accept the key in your headers")
    );
    assert_eq!(error.recovery(), Recovery::Reconfigure { who: Actor::You });
    let session = connect(&with_key("right"), Revision::Auto).await.unwrap();
    session.list_tools(None).await.unwrap();
}

#[tokio::test]
async fn the_token_goes_on_every_kind_of_request() {
    let server = Scripted::start(|seen| {
        if seen.method() == "initialize" {
            let mut answer = seen.result(serde_json::json!({
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
    let tokens = Tokens::of(&["good"]);
    let access = with_tokens(server.access(), &tokens);
    let session = connect(&access, Revision::Auto).await.unwrap();
    session.list_tools(None).await.unwrap();
    session.close().await;
    assert_eq!(
        server.methods(),
        [
            "server/discover",
            "initialize",
            "notifications/initialized",
            "tools/list",
            "DELETE"
        ]
    );
    for seen in server.seen() {
        assert_eq!(
            seen.header("authorization"),
            Some("Bearer good"),
            "{}",
            seen.method()
        );
    }
}
