//! `POST /api/mcp/oauth/refresh` and `/revoke`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    site::{SERVER, Site, TOKEN, html_answer, json_answer},
    support::{Browser, TestApp, header, problem, sign_in, sign_in_with},
};

const REFRESH: &str = "/api/mcp/oauth/refresh";
const REVOKE: &str = "/api/mcp/oauth/revoke";
const REVOCATION: &str = "POST /revoke";

fn tokens(number: u32) -> crate::site::Answer {
    json_answer(
        200,
        &json!({
            "access_token": format!("at-{number}"),
            "refresh_token": format!("rt-{number}"),
            "token_type": "Bearer",
            "expires_in": 3600,
        }),
    )
}

fn body(connection: &Value) -> Value {
    json!({ "connection": connection })
}

async fn refreshed(browser: &Browser, connection: &Value) -> Value {
    let response = browser.post(REFRESH, &body(connection)).await;
    let answer: Value = response.json().await.unwrap();
    assert!(answer["connection"].is_object(), "{answer}");
    answer["connection"].clone()
}

fn scrub(text: &str, site: &Site) -> String {
    text.replace(site.origin.trim_start_matches("http://"), "SITE")
}

#[tokio::test]
async fn a_refresh_makes_the_next_generation_with_the_resource_it_was_made_for() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let first = sign_in(&browser, &site).await;
    site.set(TOKEN, tokens(2));
    let second = refreshed(&browser, &first).await;
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["generation"], 2);
    let asked = site.seen(TOKEN).pop().unwrap();
    assert!(asked.contains("grant_type=refresh_token") && asked.contains("refresh_token=rt-1"));
    assert!(asked.contains("resource="));
}

#[tokio::test]
async fn many_pages_that_refresh_at_once_spend_the_refresh_token_once() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let first = sign_in(&browser, &site).await;
    site.set(TOKEN, tokens(2));
    let pages = (0..8).map(|_| refreshed(&browser, &first));
    for connection in futures::future::join_all(pages).await {
        assert_eq!(connection["generation"], 2);
    }
    // One exchange, one refresh; an old copy of the seal adopts what is there.
    assert_eq!(site.seen(TOKEN).len(), 2);
    assert_eq!(refreshed(&browser, &first).await["generation"], 2);
    assert_eq!(site.seen(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_page_whose_clock_is_wrong_makes_nobody_refresh_too_often() {
    let clock = crate::support::TestClock::new();
    let app = TestApp::start_at(&clock).await;
    let site = Site::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let body = json!({ "connection": connection, "ifDue": true });
    for _ in 0..5 {
        let answer: Value = browser.post(REFRESH, &body).await.json().await.unwrap();
        assert_eq!(answer["connection"], connection);
    }
    assert_eq!(site.seen(TOKEN).len(), 1, "the exchange alone");
    clock.forward(3600 - 30);
    let answer: Value = browser.post(REFRESH, &body).await.json().await.unwrap();
    assert_eq!(answer["connection"]["generation"], 2);
    assert_eq!(site.seen(TOKEN).len(), 2);
}

#[tokio::test]
async fn only_the_authorization_servers_own_verdict_ends_a_connection() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let mut read = Vec::new();
    for answer in [
        json_answer(503, &json!({ "error": "invalid_grant" })),
        json_answer(429, &json!({})),
        html_answer(200),
        json_answer(400, &json!({ "error": "temporarily_unavailable" })),
    ] {
        site.set(TOKEN, answer);
        let response = browser.post(REFRESH, &body(&connection)).await;
        assert!(!header(&response, "retry-after").is_empty());
        read.push(scrub(&problem(response).await, &site));
    }
    site.set(
        TOKEN,
        json_answer(400, &json!({ "error": "invalid_grant" })),
    );
    let response = browser.post(REFRESH, &body(&connection)).await;
    read.push(scrub(&problem(response).await, &site));
    assert_snapshot!(read.join("\n"), @r"
    503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: SITE cannot issue tokens right now (status 503). Nothing is lost; try again.
    503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: SITE cannot issue tokens right now (status 429). Nothing is lost; try again.
    503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: the token answer of SITE cannot be used: an HTML page came instead of JSON (status 200). Nothing is lost; try again.
    503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: SITE refused to issue a token (temporarily_unavailable). Nothing is lost; try again.
    401 /problems/reauthorize authorize: The sign-in has ended: SITE ended the sign-in (invalid_grant). Sign in again.
    ");
}

#[tokio::test]
async fn what_was_made_in_one_browser_opens_in_no_other() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let connection = sign_in(&app.browser(), &site).await;
    let other = app.browser();
    let without = problem(other.post(REFRESH, &body(&connection)).await).await;
    sign_in(&other, &site).await;
    let with = problem(other.post(REFRESH, &body(&connection)).await).await;
    assert_snapshot!(format!("{without}\n{with}"), @r"
    401 /problems/owner-required authorize: This browser has no session here, or has lost its cookie: what it kept cannot be opened. Connect again.
    401 /problems/reauthorize authorize: This connection cannot be opened here: this was sealed for another browser, or by a key that this server no longer has. Connect again.
    ");
    assert_eq!(site.seen(TOKEN).len(), 2);
}

#[tokio::test]
async fn nothing_that_the_page_changes_moves_a_refresh_token_to_another_host() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let evil = Site::start().await;
    let browser = app.browser();
    let mut connection = sign_in(&browser, &site).await;
    connection["resource"] = json!(evil.mcp());
    connection["issuer"] = json!(evil.origin);
    connection["generation"] = json!(9);
    let next = refreshed(&browser, &connection).await;
    assert_eq!(next["issuer"], site.origin);
    assert_eq!(next["generation"], 2);
    let sealed = connection["sealed"].as_str().unwrap().replacen('A', "B", 1);
    connection["sealed"] = json!(sealed + "x");
    let read = problem(browser.post(REFRESH, &body(&connection)).await).await;
    assert!(
        read.starts_with("401 /problems/reauthorize authorize"),
        "{read}"
    );
    assert!(evil.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn a_connection_survives_a_restart() {
    let mut app = TestApp::start().await;
    let site = Site::start().await;
    let (connection, jar) = {
        let browser = app.browser();
        (sign_in(&browser, &site).await, browser.leave())
    };
    app.restart().await;
    let browser = app.browser_with(jar);
    assert_eq!(refreshed(&browser, &connection).await["generation"], 2);
}

#[tokio::test]
async fn disconnecting_revokes_both_tokens_and_ends_every_copy() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(REVOCATION, json_answer(200, &json!({})));
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let answer: Value = browser
        .post(REVOKE, &body(&connection))
        .await
        .json()
        .await
        .unwrap();
    assert_snapshot!(scrub(&answer.to_string(), &site), @r#"{"revoked":true,"reason":"Deleted here; revoked at SITE."}"#);
    let revoked = site.seen(REVOCATION).join("\n");
    assert!(
        revoked.contains("token=rt-1") && revoked.contains("token=at-1"),
        "{revoked}"
    );
    let read = problem(browser.post(REFRESH, &body(&connection)).await).await;
    assert_snapshot!(read, @"401 /problems/reauthorize authorize: This connection was disconnected. Connect again.");
    let again: Value = browser
        .post(REVOKE, &body(&connection))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(again["revoked"], false);
}

#[tokio::test]
async fn disconnecting_works_whatever_the_authorization_server_does() {
    let app = TestApp::start().await;
    let mut read = Vec::new();
    for answer in [
        json_answer(503, &json!({})),
        json_answer(400, &json!({ "error": "unsupported_token_type" })),
        json_answer(401, &json!({ "error": "invalid_client" })),
    ] {
        let site = Site::start().await;
        site.set(REVOCATION, answer);
        let browser = app.browser();
        let connection = sign_in(&browser, &site).await;
        let response = browser.post(REVOKE, &body(&connection)).await;
        let answer: Value = response.json().await.unwrap();
        read.push(scrub(&answer.to_string(), &site));
        let after = problem(browser.post(REFRESH, &body(&connection)).await).await;
        assert!(after.starts_with("401 /problems/reauthorize"), "{after}");
    }
    let site = Site::start().await;
    site.set(
        SERVER,
        site.server_with("revocation_endpoint", &Value::Null),
    );
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let answer: Value = browser
        .post(REVOKE, &body(&connection))
        .await
        .json()
        .await
        .unwrap();
    read.push(scrub(&answer.to_string(), &site));
    assert_snapshot!(read.join("\n"), @r#"
    {"revoked":false,"reason":"Deleted here. SITE cannot revoke right now (status 503); revoking will be retried."}
    {"revoked":false,"reason":"Deleted here. SITE cannot revoke tokens of this kind: remove it there."}
    {"revoked":false,"reason":"Deleted here. SITE refused to revoke (status 401, invalid_client): remove it there."}
    {"revoked":false,"reason":"Deleted here. SITE offers no revocation: remove it there."}
    "#);
}

#[tokio::test]
async fn a_client_that_was_typed_in_serves_the_refresh_and_the_next_sign_in_too() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(
        SERVER,
        site.server_with("registration_endpoint", &Value::Null),
    );
    let browser = app.browser();
    let client = json!({ "clientId": " typed ", "clientSecret": "s:e c" });
    let start = json!({ "url": site.mcp(), "mode": "popup", "client": client });
    let connection = sign_in_with(&browser, &site, &start).await;
    assert_eq!(connection["registration"], "manual");
    refreshed(&browser, &connection).await;
    // Id and secret are form-encoded before they are joined (RFC 6749 §2.3.1), and the secret is
    // in the header only.
    let credentials = site.authorizations(TOKEN);
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "typed:s%3Ae+c");
    assert_eq!(credentials, vec![format!("Basic {basic}"); 2]);
    assert!(
        site.seen(TOKEN)
            .iter()
            .all(|body| !body.contains("client_secret"))
    );

    let again = json!({ "url": site.mcp(), "mode": "popup", "connection": connection });
    let renewed = sign_in_with(&browser, &site, &again).await;
    assert_eq!(renewed["registration"], "manual");
    let without = json!({ "url": site.mcp(), "mode": "popup" });
    let refused = browser.post("/api/mcp/oauth/start", &without).await;
    assert_eq!(refused.status(), 422);
}
