//! 401 and 403 at any time: one retry, bounded refreshes, bounded requests for more access.

use gatepass_demo::{Demo, behaviour::Access};
use insta::assert_snapshot;
use reqwest::Response;
use serde_json::{Value, json};

use super::{TOOLS, listing, read, sign_in, sign_in_with};
use crate::support::{Browser, TestApp, parts, query};

const CALL: &str = "/api/mcp/tools/call";

async fn call(browser: &Browser, demo: &Demo, connection: &Value, tool: &str) -> Response {
    let arguments = match tool {
        "create_note" => json!({ "title": "A", "text": "B" }),
        _ => json!({ "expression": "40+2" }),
    };
    let body = json!({
        "url": demo.mcp_url(), "connection": connection, "name": tool, "arguments": arguments,
    });
    browser.post(CALL, &body).await
}

async fn chat(browser: &Browser, demo: &Demo, connection: &Value, text: &str) -> Vec<Value> {
    let conversation = browser.post("/api/conversations", &json!({})).await;
    let conversation: Value = conversation.json().await.unwrap();
    let id = conversation["id"].as_str().unwrap();
    let servers = json!([{ "name": "Notes", "url": demo.mcp_url(), "connection": connection }]);
    let body = json!({ "text": text, "model": "gatepass-demo", "servers": servers });
    let path = format!("/api/conversations/{id}/messages");
    parts(browser.post(&path, &body).await).await
}

async fn with_model(demo: &Demo) -> TestApp {
    let url = demo.model_url().to_owned();
    TestApp::start_with(|args| args.model_url = Some(url)).await
}

#[tokio::test]
async fn a_token_rejected_at_any_request_is_replaced_and_the_request_sent_once_more() {
    let demo = Demo::builder().start().await.unwrap();
    let app = with_model(&demo).await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    demo.forget_access_tokens();
    let listed = browser.post(TOOLS, &listing(&demo, &connection)).await;
    assert_eq!(read(listed, &demo).await, "generation 2");
    demo.forget_access_tokens();
    let called = call(&browser, &demo, &connection, "calculate").await;
    assert_eq!(read(called, &demo).await, "generation 3");
    demo.forget_access_tokens();
    let heard = chat(&browser, &demo, &connection, "what is 12 * 7").await;
    let mut newer = heard
        .iter()
        .filter(|part| part["type"] == "data-connection");
    let newest = newer.next_back().unwrap();
    assert_eq!(newest["data"]["connection"]["generation"], 4);
    assert_eq!(demo.record().refreshes().len(), 3);
    assert_eq!(demo.record().tool_calls().len(), 2, "each once");
}

#[tokio::test]
async fn a_server_that_rejects_fresh_tokens_is_named_and_no_tokens_are_wasted_on_it() {
    let demo = Demo::builder().start().await.unwrap();
    let app = with_model(&demo).await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    demo.behaviour()
        .set(|behaviour| behaviour.mcp.access = Access::RejectEverything);
    for _ in 0..4 {
        let called = call(&browser, &demo, &connection, "calculate").await;
        let said = read(called, &demo).await;
        assert!(
            said.starts_with(
                "502 /problems/token-rejected ask-admin: AS rejects even a fresh token"
            ),
            "{said}"
        );
    }
    let heard = chat(&browser, &demo, &connection, "what is 1+1").await;
    let heard = serde_json::to_string(&heard).unwrap();
    assert!(heard.contains("rejects even a fresh token"), "{heard}");
    assert_eq!(demo.record().refreshes().len(), 1);
    // It goes on as soon as the server has come to its senses.
    demo.behaviour().reset();
    let called = call(&browser, &demo, &connection, "calculate").await;
    assert_eq!(called.status(), 200);
    assert_eq!(demo.record().refreshes().len(), 1);
}

#[tokio::test]
async fn a_token_without_an_end_is_used_until_it_is_rejected() {
    let demo = Demo::builder().start().await.unwrap();
    demo.behaviour()
        .set(|behaviour| behaviour.token.omit = vec!["expires_in".to_owned()]);
    let app = TestApp::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    assert_eq!(connection["expiresAt"], Value::Null);
    let called = call(&browser, &demo, &connection, "calculate").await;
    assert_eq!(read(called, &demo).await, "works");
    demo.forget_access_tokens();
    let called = call(&browser, &demo, &connection, "calculate").await;
    assert_eq!(read(called, &demo).await, "generation 2");
    assert_eq!(demo.record().refreshes().len(), 1);
}

#[tokio::test]
async fn a_rejected_token_without_a_refresh_token_asks_to_sign_in_again() {
    let demo = Demo::builder().start().await.unwrap();
    demo.behaviour()
        .set(|behaviour| behaviour.token.omit = vec!["refresh_token".to_owned()]);
    let app = TestApp::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    assert_eq!(connection["refreshable"], false);
    demo.forget_access_tokens();
    let called = call(&browser, &demo, &connection, "calculate").await;
    assert_snapshot!(read(called, &demo).await, @"401 /problems/reauthorize authorize: The sign-in has ended: AS gave no refresh token, so the sign-in cannot be extended. Sign in again.");
    assert!(demo.record().refreshes().is_empty());
}

#[tokio::test]
async fn more_access_is_asked_for_as_the_union_and_not_for_ever() {
    let demo = Demo::builder().start().await.unwrap();
    // Whatever is asked for, this authorization server grants less.
    let granted = ["tools".to_owned(), "notes:read".to_owned()];
    demo.behaviour()
        .set(|behaviour| behaviour.authorize.grant_only = Some(granted.into()));
    let app = TestApp::start().await;
    let browser = app.browser();
    let mut connection = sign_in(&browser, &demo).await;
    for _ in 0..3 {
        let refused = call(&browser, &demo, &connection, "create_note").await;
        assert_eq!(refused.status(), 403);
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/scope-required");
        let start = json!({
            "url": demo.mcp_url(), "mode": "popup",
            "scopes": problem["scopes"], "connection": connection,
        });
        let begun = browser.post("/api/mcp/oauth/start", &start).await;
        let begun: Value = begun.json().await.unwrap();
        let asked = query(begun["authorizationUrl"].as_str().unwrap())["scope"].clone();
        for scope in ["tools", "notes:read", "notes:write"] {
            assert!(asked.split(' ').any(|asked| asked == scope), "{asked}");
        }
        connection = sign_in_with(&browser, &start).await;
    }
    let refused = call(&browser, &demo, &connection, "create_note").await;
    let said = read(refused, &demo).await;
    assert!(
        said.starts_with("502 /problems/token-rejected ask-admin: AS still wants more access"),
        "{said}"
    );
    // What works goes on working, and so does the tool once the access is really there.
    let called = call(&browser, &demo, &connection, "calculate").await;
    assert_eq!(called.status(), 200);
    demo.behaviour().reset();
    let start = json!({
        "url": demo.mcp_url(), "mode": "popup",
        "scopes": ["notes:write"], "connection": connection,
    });
    let connection = sign_in_with(&browser, &start).await;
    let called = call(&browser, &demo, &connection, "create_note").await;
    assert_eq!(called.status(), 200);
}
