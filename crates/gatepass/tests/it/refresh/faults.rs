//! Every fault of a refresh: whether the connection is kept, what a person reads, how often the
//! authorization server was asked.

use gatepass_demo::{
    Behaviour, Demo, Fault, When,
    behaviour::{ExpiresIn, RefreshTokens},
};
use gatepass_test_postgres::Postgres;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{ENGINES, REFRESH, TOOLS, body, listing, read, sign_in};
use crate::support::{TestApp, TestClock, header};

/// One fault.
struct Row {
    name: &'static str,
    behave: fn(&mut Behaviour),
    /// What our clock does at that moment, in seconds.
    clock: i64,
}

fn row(name: &'static str, behave: fn(&mut Behaviour)) -> Row {
    let clock = 0;
    Row {
        name,
        behave,
        clock,
    }
}

fn token(behaviour: &mut Behaviour, fault: Fault) {
    behaviour.token.fault = fault.into();
}

fn oauth_error(behaviour: &mut Behaviour, status: u16, code: &str) {
    let body = json!({ "error": code });
    token(behaviour, Fault::Json { status, body });
}

fn once(behaviour: &mut Behaviour, fault: Fault, tokens: RefreshTokens) {
    behaviour.token.fault = fault.when(When::First(1));
    behaviour.token.refresh_tokens = tokens;
}

fn rows() -> Vec<Row> {
    use RefreshTokens::{ReplaySame, Rotating, UntilReplacementUsed};
    let clock = |name, clock| Row {
        clock,
        ..row(name, |_| {})
    };
    vec![
        row("500", |b| token(b, Fault::Status(500))),
        row("502 HTML", |b| token(b, Fault::Html(502))),
        row("HTML with 200", |b| token(b, Fault::Html(200))),
        row("429 with Retry-After", |b| {
            token(b, Fault::RateLimited(120))
        }),
        row("timeout before", |b| token(b, Fault::Hang)),
        row("timeout before, once", |b| once(b, Fault::Hang, Rotating)),
        row("timeout after", |b| {
            once(b, Fault::HangAfterAnswer, Rotating)
        }),
        row("timeout after, replay answered again", |b| {
            once(b, Fault::HangAfterAnswer, ReplaySame(60));
        }),
        row("timeout after, replay tolerated", |b| {
            once(b, Fault::HangAfterAnswer, UntilReplacementUsed);
        }),
        row("reset before", |b| token(b, Fault::Reset)),
        row("reset before, once", |b| once(b, Fault::Reset, Rotating)),
        row("reset after, replay answered again", |b| {
            once(b, Fault::ResetAfterAnswer, ReplaySame(60));
        }),
        row("answer cut off, replay answered again", |b| {
            once(b, Fault::Truncated, ReplaySame(60));
        }),
        row("invalid_grant", |b| oauth_error(b, 400, "invalid_grant")),
        row("invalid_grant with 503", |b| {
            oauth_error(b, 503, "invalid_grant")
        }),
        row("invalid_client", |b| oauth_error(b, 401, "invalid_client")),
        row("invalid_scope", |b| oauth_error(b, 400, "invalid_scope")),
        row("no expires_in", |b| b.token.expires_in = ExpiresIn::Missing),
        row("no new refresh token", |b| {
            b.token.omit_new_refresh_token = true
        }),
        clock("our clock ten minutes on", 600),
        clock("our clock ten minutes back", -600),
    ]
}

/// Lives through one fault with a fresh connection, and says how.
async fn live_through(row: &Row, app: &TestApp, demo: &Demo, clock: &TestClock) -> String {
    let browser = app.browser();
    let connection = sign_in(&browser, demo).await;
    let before = demo.record().refreshes().len();
    demo.behaviour().set(row.behave);
    clock.forward(row.clock);

    let response = browser.post(REFRESH, &body(&connection)).await;
    let wait = header(&response, "retry-after").to_owned();
    let refreshed = read(response, demo).await;
    let requests = demo.record().refreshes().len() - before;
    let used = browser.post(TOOLS, &listing(demo, &connection)).await;
    let used = match used.status().as_u16() {
        200 => "works".to_owned(),
        _ => read(used, demo).await,
    };

    // The trouble is over, and so is what was asked to be waited for.
    demo.behaviour().reset();
    let wait: i64 = wait.parse().unwrap_or_default();
    clock.forward(wait);
    let after = browser.post(REFRESH, &body(&connection)).await;
    let kept = match after.status().as_u16() {
        200 => "kept",
        _ => "ended",
    };
    clock.forward(-row.clock - wait);
    let wait = match wait {
        0 => String::new(),
        seconds => format!(" (Retry-After {seconds})"),
    };
    format!(
        "{}: {kept}, {requests} asked\n    {refreshed}{wait}\n    meanwhile: {used}",
        row.name
    )
}

async fn table(database: Option<String>) -> String {
    let config = tempfile::tempdir().unwrap();
    let config = config.path().join("gatepass.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, "[limits]\nanswer_seconds = 1\n").unwrap();
    let clock = TestClock::new();
    let app = TestApp::start_at_with(&clock, |args| {
        args.database_url = database;
        args.config = Some(config.display().to_string());
    })
    .await;
    let demo = Demo::builder().start().await.unwrap();
    let mut lines = Vec::new();
    for row in rows() {
        lines.push(live_through(&row, &app, &demo, &clock).await);
    }
    app.stop().await;
    lines.join("\n")
}

#[tokio::test]
async fn a_connection_ends_only_if_its_authorization_server_says_so() {
    // Starting it holds this thread up.
    let server = Postgres::start();
    let database = server.database().await;
    let (sqlite, postgres) = tokio::join!(table(None), table(Some(database)));
    assert_eq!(sqlite, postgres);
    assert_snapshot!(sqlite, @r"
    500: kept, 1 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: AS cannot issue tokens right now (status 500). Nothing is lost; try again. (Retry-After 5)
        meanwhile: works
    502 HTML: kept, 1 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: AS cannot issue tokens right now (status 502). Nothing is lost; try again. (Retry-After 5)
        meanwhile: works
    HTML with 200: kept, 1 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: the token answer of AS cannot be used: an HTML page came instead of JSON (status 200). Nothing is lost; try again. (Retry-After 5)
        meanwhile: works
    429 with Retry-After: kept, 1 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: AS cannot issue tokens right now (status 429). Nothing is lost; try again. (Retry-After 120)
        meanwhile: works
    timeout before: kept, 2 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: no token could be had: AS did not answer within 1 second. Nothing is lost; try again. (Retry-After 5)
        meanwhile: works
    timeout before, once: kept, 2 asked
        generation 2
        meanwhile: works
    timeout after: ended, 2 asked
        401 /problems/reauthorize authorize: The sign-in has ended: AS ended the sign-in: the refresh token was used before; the grant is revoked (invalid_grant). Sign in again.
        meanwhile: 401 /problems/reauthorize authorize: The sign-in has ended: AS ended the sign-in: the grant is revoked (invalid_grant). Sign in again.
    timeout after, replay answered again: kept, 2 asked
        generation 2
        meanwhile: works
    timeout after, replay tolerated: kept, 2 asked
        generation 2
        meanwhile: works
    reset before: kept, 2 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: no token could be had: AS ended the connection before it had answered. Nothing is lost; try again. (Retry-After 5)
        meanwhile: works
    reset before, once: kept, 2 asked
        generation 2
        meanwhile: works
    reset after, replay answered again: kept, 2 asked
        generation 2
        meanwhile: works
    answer cut off, replay answered again: kept, 2 asked
        generation 2
        meanwhile: works
    invalid_grant: kept, 1 asked
        401 /problems/reauthorize authorize: The sign-in has ended: AS ended the sign-in (invalid_grant). Sign in again.
        meanwhile: works
    invalid_grant with 503: kept, 1 asked
        503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: AS cannot issue tokens right now (status 503). Nothing is lost; try again. (Retry-After 5)
        meanwhile: works
    invalid_client: kept, 1 asked
        401 /problems/reauthorize authorize: AS does not accept this app as a client (invalid_client). Sign in again.
        meanwhile: works
    invalid_scope: kept, 1 asked
        502 /problems/refresh-failed ask-admin: The sign-in could not be extended: AS refused to issue a token (invalid_scope).
        meanwhile: works
    no expires_in: kept, 1 asked
        generation 2
        meanwhile: works
    no new refresh token: kept, 1 asked
        generation 2
        meanwhile: works
    our clock ten minutes on: kept, 1 asked
        generation 2
        meanwhile: works
    our clock ten minutes back: kept, 1 asked
        generation 2
        meanwhile: works
    ");
}

#[tokio::test]
async fn while_the_authorization_server_asks_to_wait_nobody_asks_it_and_the_old_token_works() {
    for engine in ENGINES {
        let server = engine.server();
        let database = match &server {
            Some(server) => Some(server.database().await),
            None => None,
        };
        let clock = TestClock::new();
        let app = TestApp::start_at_with(&clock, |args| args.database_url = database).await;
        let demo = Demo::builder().clock(clock.clone()).start().await.unwrap();
        let browser = app.browser();
        let connection = sign_in(&browser, &demo).await;
        // Near its end, and with a refresh under way for every call.
        clock.forward(270);
        let behaviour = demo.behaviour();
        behaviour.set(|behaviour| token(behaviour, Fault::RateLimited(60)));
        for _ in 0..5 {
            let used = browser.post(TOOLS, &listing(&demo, &connection)).await;
            assert_eq!(used.status(), 200);
        }
        assert_eq!(demo.record().refreshes().len(), 1);
        clock.forward(40);
        // Now it has ended: the person learns how long it takes, and nobody asks before.
        for _ in 0..5 {
            let used = browser.post(TOOLS, &listing(&demo, &connection)).await;
            assert_eq!(header(&used, "retry-after"), "20");
            let said = read(used, &demo).await;
            insta::allow_duplicates! {
                assert_snapshot!(said, @"503 /problems/temporarily-unavailable retry: The sign-in could not be extended right now: AS cannot issue tokens right now (status 429). Nothing is lost; try again.");
            }
        }
        assert_eq!(demo.record().refreshes().len(), 1);
        behaviour.reset();
        clock.forward(20);
        let used = browser.post(TOOLS, &listing(&demo, &connection)).await;
        assert_eq!(used.status(), 200);
        assert_eq!(demo.record().refreshes().len(), 2);
    }
}

#[tokio::test]
async fn a_hundred_pages_that_ask_at_once_hear_the_same_and_ask_once() {
    let clock = TestClock::new();
    let app = TestApp::start_at(&clock).await;
    let demo = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    let behaviour = demo.behaviour();
    behaviour.set(|behaviour| token(behaviour, Fault::RateLimited(30)));
    let body = body(&connection);
    let pages = (0..100).map(|_| browser.post(REFRESH, &body));
    for answer in futures::future::join_all(pages).await {
        assert_eq!(answer.status(), 503);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/temporarily-unavailable");
    }
    assert_eq!(demo.record().refreshes().len(), 1);
}
