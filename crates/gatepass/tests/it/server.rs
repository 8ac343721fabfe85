//! What every request meets, whatever it asks for.

use insta::assert_snapshot;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    program::Program,
    support::{TestApp, external, header, problem, until},
};

#[tokio::test]
async fn pages_carry_a_strict_policy_and_cannot_be_framed() {
    let app = TestApp::start().await;
    let response = app.browser().get("/").await;
    let shown: Vec<String> = [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "x-frame-options",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "strict-transport-security",
    ]
    .iter()
    .map(|name| format!("{name}: {}", header(&response, name)))
    .collect();
    let policy = header(&response, "content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"));
    assert_snapshot!(shown[1..].join("\n"), @r"
    x-content-type-options: nosniff
    referrer-policy: no-referrer
    x-frame-options: DENY
    cross-origin-opener-policy: same-origin-allow-popups
    cross-origin-resource-policy: same-origin
    strict-transport-security:
    ");
}

#[tokio::test]
async fn strangers_hosts_are_refused_on_a_personal_install() {
    let app = TestApp::start().await;
    let url = app.url("/healthz");
    let port = url.split(':').nth(2).unwrap().split('/').next().unwrap();
    let response = app
        .browser()
        .request(Method::GET, "/api/openapi.json")
        .header("host", format!("evil.example:{port}"))
        .send()
        .await
        .unwrap();
    let shown = problem(response).await.replace(port, "PORT");
    assert_snapshot!(shown, @"421 /problems/unknown-host ask-admin: This installation is reached at http://localhost:PORT, and the request names another host.");
}

#[tokio::test]
async fn a_page_opened_by_address_moves_to_the_name_that_cookies_belong_to() {
    let app = TestApp::start().await;
    let response = app
        .browser()
        .request(Method::GET, "/c/1?x=y")
        .header("host", app.url("").replace("http://localhost", "127.0.0.1"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(header(&response, "location"), app.url("/c/1?x=y"));
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_that_explains_itself() {
    let app = TestApp::start().await;
    let browser = app.browser();
    assert_snapshot!(problem(browser.get("/api/nothing").await).await, @"404 /problems/not-found none: There is no such call.");
    assert_snapshot!(problem(browser.get("/wp-login.php").await).await, @"404 /problems/not-found none: There is no such page.");
    assert_snapshot!(problem(browser.request(Method::POST, "/healthz").send().await.unwrap()).await, @"405 /problems/method-not-allowed none: This address does not take that method.");
    let page = browser.get("/problems/client-required").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("A client id is needed"));
    assert_eq!(
        browser.get("/problems/nonsense").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn health_and_measurements_can_be_asked_for() {
    let app = TestApp::start().await;
    let browser = app.browser();
    assert_eq!(browser.get("/healthz").await.text().await.unwrap(), "ok\n");
    let metrics = browser.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains(r#"gatepass_requests_total{method="GET",route="/healthz",status="200"}"#)
    );
}

#[tokio::test]
async fn a_server_told_to_end_does_not_wait_for_connections_that_ask_for_nothing() {
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &[]).await;
    let mut silent = TcpStream::connect(&program.address).await.unwrap();
    let mut slow = TcpStream::connect(&program.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        .await
        .unwrap();
    program.stop().await;
    for connection in [&mut silent, &mut slow] {
        // Closed, one way or the other.
        let _ = connection.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn a_server_told_to_end_says_so_and_is_still_there_until_its_last_requests_have_come() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("gatepass.toml");
    std::fs::write(file, "[limits]\ndrain_seconds = 60\n").unwrap();
    let mut program = Program::start(data.path(), &[]).await;
    let browser = external(&program.url);
    assert_eq!(browser.get("/readyz").await.status(), 200);
    program.terminate().await;
    until(async || (browser.get("/readyz").await.status() == 503).then_some(())).await;
    let response = browser.post("/api/conversations", &json!({})).await;
    assert_eq!(response.status(), 201);
    assert_eq!(header(&response, "connection"), "close");
    // Who is in a hurry says it twice.
    program.terminate().await;
    assert!(program.ended().await.success());
}
