//! The main job, end to end, over HTTP: add a server, sign in, see its tools, chat with them,
//! disconnect. Authorization server, MCP server and model are the demo's, and what happened is
//! asked of their own record.

use gatepass_demo::{Decision, Person};
use serde_json::{Value, json};

use crate::support::{Browser, TestApp};

/// A server with the demo, as `gatepass serve --demo` starts it.
async fn demo() -> TestApp {
    TestApp::start_with(|args| args.demo = Some("true".to_owned())).await
}

/// The demo's MCP server, as the page learns of it.
async fn preset(browser: &Browser<'_>) -> String {
    let config: Value = browser.get("/api/config").await.json().await.unwrap();
    assert_eq!(config["features"]["demo"], true);
    assert_eq!(config["models"][0]["demo"], true);
    config["servers"][0]["url"].as_str().unwrap().to_owned()
}

/// Signs in through the authorization server's own pages, in a popup.
async fn sign_in(browser: &Browser<'_>, url: &str, decision: Decision) -> Value {
    let start = json!({ "url": url, "mode": "popup" });
    let started: Value = browser
        .post("/api/mcp/oauth/start", &start)
        .await
        .json()
        .await
        .unwrap();
    let page = started["authorizationUrl"].as_str().unwrap();
    let back = Person::named("ada").decide(page, decision).await.unwrap();
    let callback = back.split_once("/api/").unwrap().1;
    browser.arrive(&format!("/api/{callback}")).await;
    let flow = started["flowId"].as_str().unwrap();
    browser
        .get(&format!("/api/mcp/oauth/flows/{flow}?wait=5"))
        .await
        .json()
        .await
        .unwrap()
}

#[tokio::test]
async fn consent_through_the_real_pages_connects() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let discovered = browser
        .post("/api/mcp/oauth/discover", &json!({ "url": url }))
        .await;
    let discovered: Value = discovered.json().await.unwrap();
    assert_eq!(discovered["requiresAuth"], true);
    assert_eq!(discovered["registration"], "dynamic");
    let flow = sign_in(&browser, &url, Decision::Allow).await;
    assert_eq!(flow["status"], "authorized", "{flow}");
    assert_eq!(flow["connection"]["refreshable"], true);
    let grants = app.demo().record().families();
    assert_eq!(grants.len(), 1);
}

#[tokio::test]
async fn denied_consent_leaves_nothing_behind() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let flow = sign_in(&browser, &url, Decision::Deny).await;
    assert_eq!(flow["status"], "failed");
    assert_eq!(flow["problem"]["type"], "/problems/access-denied");
    assert_eq!(flow["problem"]["action"], "authorize");
    assert!(app.demo().record().families().is_empty());
}
