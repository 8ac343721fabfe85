//! `GET /api/mcp/oauth/callback`: attacks, accidents and the ways a sign-in ends.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    site::{Site, TOKEN, hanging, html_answer, json_answer},
    support::{Browser, TestApp, TestClock, query, words},
};

const CALLBACK: &str = "/api/mcp/oauth/callback";

/// A sign-in that waits for its callback.
struct Started {
    flow: String,
    state: String,
}

async fn start(browser: &Browser, body: &Value) -> Started {
    let response = browser.post("/api/mcp/oauth/start", body).await;
    let answer: Value = response.json().await.unwrap();
    let url = answer["authorizationUrl"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    Started {
        flow: answer["flowId"].as_str().unwrap().to_owned(),
        state: query(url)["state"].clone(),
    }
}

async fn popup(browser: &Browser, site: &Site) -> Started {
    start(browser, &json!({ "url": site.mcp(), "mode": "popup" })).await
}

/// Comes back as the authorization server would send the browser, and gives the page's words.
async fn come_back(browser: &Browser, fields: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let response = browser.arrive(&format!("{CALLBACK}?{query}")).await;
    assert_eq!(response.status(), 200);
    words(&response.text().await.unwrap())
}

async fn status(browser: &Browser, flow: &str) -> Value {
    let response = browser.get(&format!("/api/mcp/oauth/flows/{flow}")).await;
    response.json().await.unwrap()
}

/// The problem of a failed flow, in a line.
async fn failure(browser: &Browser, flow: &str) -> String {
    let answer = status(browser, flow).await;
    assert_eq!(answer["status"], "failed", "{answer}");
    let problem = &answer["problem"];
    format!(
        "{} {} {}: {}",
        problem["status"],
        problem["type"].as_str().unwrap(),
        problem["action"].as_str().unwrap(),
        problem["detail"].as_str().unwrap()
    )
}

fn scrub(text: &str, site: &Site) -> String {
    text.replace(site.origin.trim_start_matches("http://"), "SITE")
}

#[tokio::test]
async fn a_sign_in_ends_with_a_connection_that_only_the_page_that_waits_can_see() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    assert_eq!(status(&browser, &started.flow).await["status"], "pending");
    let path = format!("/api/mcp/oauth/flows/{}?wait=25", started.flow);
    let waiting = browser.get(&path);
    let fields = [
        ("code", "c-1"),
        ("state", &started.state),
        ("iss", &site.origin),
    ];
    let (waited, page) = tokio::join!(waiting, come_back(&browser, &fields));
    assert_snapshot!(scrub(&page, &site), @r"
    Connected
    Gatepass is connected to SITE.
    You can close this window and go back to Gatepass. Open Gatepass here
    ");
    let answer: Value = waited.json().await.unwrap();
    assert_eq!(answer["status"], "authorized");
    let connection = &answer["connection"];
    assert_eq!(connection["resource"], site.mcp());
    assert_eq!(connection["issuer"], site.origin);
    assert_eq!(connection["registration"], "dynamic");
    assert_eq!(connection["refreshable"], true);
    assert_eq!(connection["generation"], 1);
    assert_eq!(connection["scopes"], json!(["notes"]));
    assert!(!answer.to_string().contains("at-1") && !answer.to_string().contains("rt-1"));
    let exchange = site.seen(TOKEN);
    assert_eq!(exchange.len(), 1);
    assert!(exchange[0].contains("code=c-1") && exchange[0].contains("code_verifier="));
    assert_eq!(browser.cookie_count("gatepass-flow-"), 0);

    let other = app.browser();
    popup(&other, &site).await;
    let stranger = status(&other, &started.flow).await;
    assert_eq!(stranger["type"], "/problems/flow-not-found");
}

#[tokio::test]
async fn a_full_page_sign_in_returns_with_nothing_but_its_id() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let body = json!({ "url": site.mcp(), "mode": "redirect", "returnTo": "/c/7?draft=1#x" });
    let started = start(&browser, &body).await;
    let response = browser
        .arrive(&format!(
            "{CALLBACK}?code=c&state={}&iss={}",
            started.state, site.origin
        ))
        .await;
    assert_eq!(response.status(), 303);
    let location = response.headers()["location"].to_str().unwrap();
    assert_eq!(location, format!("/c/7?draft=1#flow={}", started.flow));
    assert_eq!(
        status(&browser, &started.flow).await["status"],
        "authorized"
    );
}

#[tokio::test]
async fn a_callback_with_a_wrong_or_missing_state_exchanges_nothing() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    let iss = site.origin.as_str();
    assert_snapshot!(come_back(&browser, &[("code", "c"), ("iss", iss)]).await, @r"
    This sign-in is not known
    The answer of the sign-in page has no state, so it cannot be told whose it is.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert_snapshot!(come_back(&browser, &[("code", "c"), ("state", "guessed"), ("iss", iss)]).await, @r"
    This sign-in is not known
    This browser does not know the sign-in: it was finished before, took longer than ten minutes, or was started in another browser. Nothing was exchanged.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert_snapshot!(come_back(&browser, &[("error", "access_denied"), ("error_description", "<b>call 555")]).await, @r"
    This sign-in is not known
    The answer of the sign-in page has no state, so it cannot be told whose it is.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert!(site.seen(TOKEN).is_empty());
    assert_eq!(status(&browser, &started.flow).await["status"], "pending");
}

#[tokio::test]
async fn a_callback_opened_in_another_browser_exchanges_nothing() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let victim = app.browser();
    let started = popup(&app.browser(), &site).await;
    let fields = [
        ("code", "c"),
        ("state", started.state.as_str()),
        ("iss", &site.origin),
    ];
    let first = come_back(&victim, &fields).await;
    popup(&victim, &site).await;
    let second = come_back(&victim, &fields).await;
    assert_eq!(first, second);
    assert_snapshot!(first, @r"
    This sign-in is not known
    This browser does not know the sign-in: it was finished before, took longer than ten minutes, or was started in another browser. Nothing was exchanged.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert!(site.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn a_replayed_callback_exchanges_nothing_again() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    let cookies = browser.cookie_header();
    let fields = [
        ("code", "c"),
        ("state", started.state.as_str()),
        ("iss", &site.origin),
    ];
    come_back(&browser, &fields).await;
    assert_snapshot!(come_back(&browser, &fields).await, @r"
    This sign-in is not known
    This browser does not know the sign-in: it was finished before, took longer than ten minutes, or was started in another browser. Nothing was exchanged.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    // With the cookie that the first callback removed, as an attacker who had copied it.
    let response = browser
        .bare(
            reqwest::Method::GET,
            &format!(
                "{CALLBACK}?code=c&state={}&iss={}",
                started.state, site.origin
            ),
        )
        .header("cookie", cookies)
        .send()
        .await
        .unwrap();
    assert_snapshot!(words(&response.text().await.unwrap()), @r"
    This sign-in is already finished
    This sign-in was already completed.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert_eq!(site.seen(TOKEN).len(), 1);
    assert_eq!(
        status(&browser, &started.flow).await["status"],
        "authorized"
    );
}

#[tokio::test]
async fn an_answer_from_another_authorization_server_is_not_acted_on_or_shown() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let mut read = BTreeSet::new();
    for fields in [
        vec![("code", "c"), ("iss", "https://evil.example")],
        vec![
            ("error", "access_denied"),
            ("error_description", "call 555"),
            ("iss", "https://evil.example"),
        ],
    ] {
        let browser = app.browser();
        let started = popup(&browser, &site).await;
        let mut fields = fields.clone();
        fields.push(("state", &started.state));
        let page = come_back(&browser, &fields).await;
        assert!(!page.contains("555"));
        read.insert(scrub(&failure(&browser, &started.flow).await, &site));
    }
    assert_snapshot!(Vec::from_iter(read).join("\n"), @"400 /problems/issuer-mismatch ask-admin: The answer names another authorization server than SITE, to which you were sent.");
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    come_back(&browser, &[("code", "c"), ("state", &started.state)]).await;
    assert_snapshot!(scrub(&failure(&browser, &started.flow).await, &site), @"400 /problems/issuer-mismatch ask-admin: SITE promises to name itself in its answers, but this answer does not: it may come from somebody else.");
    assert!(site.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn denied_consent_is_told_and_can_be_tried_again() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    let fields = [
        ("error", "access_denied"),
        ("error_description", "The <b>user</b> said no"),
        ("state", &started.state),
        ("iss", &site.origin),
    ];
    assert_snapshot!(scrub(&come_back(&browser, &fields).await, &site), @r"
    Access was not granted
    Access was not allowed at SITE: The &#60;b&#62;user&#60;/b&#62; said no.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert_snapshot!(scrub(&failure(&browser, &started.flow).await, &site), @"403 /problems/access-denied authorize: Access was not allowed at SITE: The <b>user</b> said no.");
    let again = popup(&browser, &site).await;
    come_back(
        &browser,
        &[
            ("code", "c"),
            ("state", &again.state),
            ("iss", &site.origin),
        ],
    )
    .await;
    assert_eq!(status(&browser, &again.flow).await["status"], "authorized");
}

#[tokio::test]
async fn token_answers_that_are_none_fail_the_flow_with_their_reason() {
    let app = TestApp::start_configured("[limits]\nanswer_seconds = 1\n").await;
    let site = Site::start().await;
    let mut read = Vec::new();
    for answer in [
        json_answer(
            200,
            &json!({ "error": "invalid_grant", "error_description": "too late" }),
        ),
        json_answer(400, &json!({ "error": "invalid_grant" })),
        json_answer(401, &json!({ "error": "invalid_client" })),
        json_answer(503, &json!({ "error": "invalid_grant" })),
        json_answer(200, &json!({ "token_type": "Bearer" })),
        json_answer(200, &json!({ "access_token": "a", "token_type": "mac" })),
        html_answer(200),
        hanging(),
    ] {
        let browser = app.browser();
        site.set(TOKEN, answer);
        let started = popup(&browser, &site).await;
        come_back(
            &browser,
            &[
                ("code", "c"),
                ("state", &started.state),
                ("iss", &site.origin),
            ],
        )
        .await;
        read.push(scrub(&failure(&browser, &started.flow).await, &site));
    }
    assert_snapshot!(read.join("\n"), @r"
    502 /problems/token-exchange-failed authorize: SITE did not accept the sign-in it had just given: too late (invalid_grant).
    502 /problems/token-exchange-failed authorize: SITE did not accept the sign-in it had just given (invalid_grant).
    502 /problems/token-exchange-failed authorize: SITE does not accept this app as a client (invalid_client).
    502 /problems/token-exchange-failed authorize: SITE cannot issue tokens right now (status 503).
    502 /problems/token-exchange-failed ask-admin: The token answer of SITE cannot be used: it has no access_token.
    502 /problems/token-exchange-failed ask-admin: SITE issued a token of the type “mac”, which is not supported.
    502 /problems/token-exchange-failed authorize: The token answer of SITE cannot be used: an HTML page came instead of JSON (status 200).
    502 /problems/token-exchange-failed authorize: No token could be had: SITE did not answer within 1 second.
    ");
}

#[tokio::test]
async fn a_token_without_expires_in_is_used_until_it_is_refused() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(
        TOKEN,
        json_answer(200, &json!({ "access_token": "a", "token_type": "bearer" })),
    );
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    come_back(
        &browser,
        &[
            ("code", "c"),
            ("state", &started.state),
            ("iss", &site.origin),
        ],
    )
    .await;
    let answer = status(&browser, &started.flow).await;
    assert_eq!(answer["connection"]["expiresAt"], Value::Null);
    assert_eq!(answer["connection"]["refreshable"], false);
}

#[tokio::test]
async fn a_client_that_is_gone_is_registered_again_at_the_next_sign_in() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    site.set(
        TOKEN,
        json_answer(401, &json!({ "error": "invalid_client" })),
    );
    come_back(
        &browser,
        &[
            ("code", "c"),
            ("state", &started.state),
            ("iss", &site.origin),
        ],
    )
    .await;
    popup(&browser, &site).await;
    assert_eq!(site.seen("POST /register").len(), 2);
}

#[tokio::test]
async fn a_sign_in_that_took_too_long_exchanges_nothing() {
    let clock = TestClock::new();
    let app = TestApp::start_at(&clock).await;
    let site = Site::start().await;
    let browser = app.browser();
    let started = popup(&browser, &site).await;
    clock.forward(601);
    let fields = [
        ("code", "c"),
        ("state", &started.state),
        ("iss", &site.origin),
    ];
    assert_snapshot!(come_back(&browser, &fields).await, @r"
    This sign-in is not known
    This sign-in has expired or was started in another browser. Start it again.
    Close this window and start again from Gatepass. Open Gatepass here
    What does this mean?
    ");
    assert!(site.seen(TOKEN).is_empty());
    assert_eq!(
        status(&browser, &started.flow).await["type"],
        "/problems/flow-not-found"
    );
    popup(&browser, &site).await;
    assert_eq!(browser.cookie_count("gatepass-flow-"), 1);
}

#[tokio::test]
async fn two_sign_ins_at_once_both_finish() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let one = popup(&browser, &site).await;
    let two = popup(&browser, &site).await;
    for started in [&two, &one] {
        come_back(
            &browser,
            &[
                ("code", "c"),
                ("state", &started.state),
                ("iss", &site.origin),
            ],
        )
        .await;
        assert_eq!(
            status(&browser, &started.flow).await["status"],
            "authorized"
        );
    }
}

#[tokio::test]
async fn a_sign_in_cannot_be_asked_about_without_its_session() {
    let app = TestApp::start().await;
    let response = app
        .browser()
        .get("/api/mcp/oauth/flows/AAAAAAAAAAAAAAAAAAAAAA")
        .await;
    assert_snapshot!(crate::support::problem(response).await, @"401 /problems/owner-required authorize: This browser has no session here, or has lost its cookie: what it kept cannot be opened. Connect again.");
}
