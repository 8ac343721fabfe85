//! `POST /api/mcp/headers/seal`: a key that the page keeps and nobody reads.

use gatepass_demo::behaviour::Access;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Browser, TestApp, problem};

const SEAL: &str = "/api/mcp/headers/seal";
const TOOLS: &str = "/api/mcp/tools";

/// The demo behind a key, and the URL of its server.
async fn behind_a_key() -> (TestApp, String) {
    let app = TestApp::start_with(|args| args.demo = Some("true".to_owned())).await;
    app.demo().behaviour().set(|behaviour| {
        behaviour.mcp.access = Access::ApiKey {
            header: "x-key".to_owned(),
            value: "right".to_owned(),
        };
    });
    let url = app.demo().mcp_url().to_string();
    (app, url)
}

async fn seal(browser: &Browser, url: &str) -> Value {
    let body = json!({ "url": url, "headers": { "X-Key": "right" } });
    let response = browser.post(SEAL, &body).await;
    assert_eq!(response.status(), 200);
    let answer = response.text().await.unwrap();
    assert!(!answer.contains("right"), "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["sealedHeaders"].clone()
}

#[tokio::test]
async fn a_sealed_key_opens_the_server_it_was_typed_for() {
    let (app, url) = behind_a_key().await;
    let browser = app.browser();
    let sealed = seal(&browser, &url).await;
    let body = json!({ "url": url, "sealedHeaders": sealed });
    let listed = browser.post(TOOLS, &body).await;
    assert_eq!(listed.status(), 200);
    let call = json!({
        "url": url, "sealedHeaders": sealed, "name": "add_numbers", "arguments": { "a": 2, "b": 40 },
    });
    let called = browser.post("/api/mcp/tools/call", &call).await;
    let called: Value = called.json().await.unwrap();
    assert_eq!(called["isError"], false, "{called}");
}

#[tokio::test]
async fn a_sealed_key_is_of_no_use_to_anybody_else_or_at_any_other_server() {
    let (app, url) = behind_a_key().await;
    let browser = app.browser();
    let sealed = seal(&browser, &url).await;
    let port = app.demo().address().port().to_string();
    let mut read = Vec::new();
    let body = json!({ "url": url, "sealedHeaders": sealed });
    read.push(problem(app.browser().post(TOOLS, &body).await).await);
    let other = json!({ "url": "https://evil.example/mcp", "sealedHeaders": sealed });
    read.push(problem(browser.post(TOOLS, &other).await).await);
    let edited = json!({ "url": url, "sealedHeaders": "s1.00000000.AAAA" });
    read.push(problem(browser.post(TOOLS, &edited).await).await);
    assert_snapshot!(read.join("\n").replace(&port, "PORT"), @r"
    401 /problems/headers-unreadable none: The header kept for localhost:PORT cannot be opened here any more. Enter it again.
    401 /problems/headers-unreadable none: The header kept for evil.example cannot be opened here any more. Enter it again.
    401 /problems/headers-unreadable none: The header kept for localhost:PORT cannot be opened here any more. Enter it again.
    ");
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_not_sealed() {
    let app = TestApp::start().await;
    let mut read = Vec::new();
    for headers in [
        json!({}),
        json!({ "Host": "evil.example" }),
        json!({ "X-Key": "a\r\nb: c" }),
        json!({ "two words": "x" }),
    ] {
        let body = json!({ "url": "https://mcp.example.com/mcp", "headers": headers });
        read.push(problem(app.browser().post(SEAL, &body).await).await);
    }
    assert_snapshot!(read.join("\n"), @r"
    400 /problems/invalid-request none: There is no header.
    400 /problems/invalid-request none: The header “Host” is set by the protocol and cannot be configured.
    400 /problems/invalid-request none: The value of the header “X-Key” has characters that no header may have.
    400 /problems/invalid-request none: “two words” is not a header name.
    ");
}
