//! A database that is full, locked, read-only or gone, as people and their pages meet it: every
//! error is clear, nothing is lost, and it goes on by itself.

use gatepass_demo::{Decision, Demo, Fault, Person, Plan, When};
use gatepass_test_postgres::Postgres;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::support::{Browser, TestApp, header, problem, until, words};

const START: &str = "/api/mcp/oauth/start";
const REFRESH: &str = "/api/mcp/oauth/refresh";
const TOOLS: &str = "/api/mcp/tools";

fn body(connection: &Value) -> Value {
    json!({ "connection": connection })
}

/// Begins a sign-in and allows it; gives the address to come back to, and the flow.
async fn allowed(browser: &Browser, demo: &Demo, mode: &str) -> (String, String) {
    let start = json!({ "url": demo.mcp_url(), "mode": mode });
    let started: Value = browser.post(START, &start).await.json().await.unwrap();
    let page = started["authorizationUrl"].as_str();
    let page = page.unwrap_or_else(|| panic!("{started}"));
    let back = Person::named("ada")
        .decide(page, Decision::Allow)
        .await
        .unwrap();
    let callback = format!("/api/{}", back.split_once("/api/").unwrap().1);
    (callback, started["flowId"].as_str().unwrap().to_owned())
}

async fn flow(browser: &Browser, id: &str) -> Value {
    let answer = browser.get(&format!("/api/mcp/oauth/flows/{id}")).await;
    answer.json().await.unwrap()
}

async fn connect(browser: &Browser, demo: &Demo) -> Value {
    let (callback, id) = allowed(browser, demo, "popup").await;
    browser.arrive(&callback).await;
    let flow = flow(browser, &id).await;
    assert_eq!(flow["status"], "authorized", "{flow}");
    flow["connection"].clone()
}

async fn refreshed(browser: &Browser, connection: &Value) -> Value {
    let answer: Value = browser
        .post(REFRESH, &body(connection))
        .await
        .json()
        .await
        .unwrap();
    assert!(answer["connection"].is_object(), "{answer}");
    answer["connection"].clone()
}

async fn tools(browser: &Browser, demo: &Demo, connection: &Value) -> reqwest::Response {
    let body = json!({ "url": demo.mcp_url(), "connection": connection });
    browser.post(TOOLS, &body).await
}

async fn begin(browser: &Browser) -> String {
    let answer = browser.post("/api/conversations", &json!({})).await;
    let answer: Value = answer.json().await.unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

/// The page of a sign-in that comes back while the database is away.
fn assert_not_yet(page: &str) {
    let words = words(page);
    assert!(
        words.contains("The database cannot be reached right now."),
        "{words}"
    );
    assert!(
        words.contains("Reload this page in a moment to go on."),
        "{words}"
    );
}

#[tokio::test]
async fn a_full_database_takes_nothing_new_and_loses_nothing() {
    let demo = Demo::builder().start().await.unwrap();
    let file = format!(
        "model_url = \"{}\"\n[limits]\ndatabase_mib = 1\n",
        demo.model_url()
    );
    let app = TestApp::start_configured(&file).await;
    let browser = app.browser();
    let connection = connect(&browser, &demo).await;
    let id = begin(&browser).await;
    let path = format!("/api/conversations/{id}/messages");
    let letter = json!({ "text": "x".repeat(150_000), "model": "gatepass-demo", "servers": [] });
    let mut sent = 0;
    let refused = loop {
        let answer = browser.post(&path, &letter).await;
        if answer.status() != 200 {
            break problem(answer).await;
        }
        answer.text().await.unwrap();
        sent += 1;
        assert!(sent < 12, "it never gets full");
    };
    assert_snapshot!(refused, @"503 /problems/storage-failed ask-admin: The database is full.");
    let conversation = format!("/api/conversations/{id}");
    let kept: Value = browser.get(&conversation).await.json().await.unwrap();
    let questions = kept["messages"].as_array().unwrap().iter();
    assert_eq!(
        questions
            .filter(|message| message["role"] == "user")
            .count(),
        sent
    );
    assert_eq!(tools(&browser, &demo, &connection).await.status(), 200);

    // Whether a refresh still fits or not: the connection is the same afterwards.
    let during = browser.post(REFRESH, &body(&connection)).await;
    assert!([200, 503].contains(&during.status().as_u16()));
    let deleted = browser.request(Method::DELETE, &conversation).send().await;
    assert_eq!(deleted.unwrap().status(), 204);
    assert_eq!(refreshed(&browser, &connection).await["generation"], 2);
    assert_eq!(demo.record().refreshes().len(), 1);
    connect(&browser, &demo).await;
}

#[tokio::test]
async fn a_locked_database_says_try_again_and_goes_on_when_it_is_free() {
    let app = TestApp::start().await;
    let demo = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let connection = connect(&browser, &demo).await;
    let (callback, id) = allowed(&browser, &demo, "popup").await;
    let file = app.data().join("gatepass.sqlite").display().to_string();
    let mut other = SqliteConnection::connect(&file).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let (nothing, connected) = (json!({}), body(&connection));
    let (started, refreshing, page) = tokio::join!(
        browser.post("/api/conversations", &nothing),
        browser.post(REFRESH, &connected),
        browser.arrive(&callback),
    );
    assert_snapshot!(problem(started).await, @"503 /problems/storage-failed retry: The database cannot be reached right now.");
    assert_snapshot!(problem(refreshing).await, @"503 /problems/storage-failed retry: The database cannot be reached right now.");
    assert_not_yet(&page.text().await.unwrap());
    // What only reads goes on meanwhile.
    assert_eq!(tools(&browser, &demo, &connection).await.status(), 200);
    other.execute("ROLLBACK").await.unwrap();
    browser.arrive(&callback).await;
    assert_eq!(flow(&browser, &id).await["status"], "authorized");
    assert_eq!(refreshed(&browser, &connection).await["generation"], 2);
    assert_eq!(demo.record().refreshes().len(), 1);
}

#[tokio::test]
async fn a_database_that_is_deleted_under_the_server_costs_no_connection() {
    let app = TestApp::start().await;
    let demo = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let first = connect(&browser, &demo).await;
    let second = refreshed(&browser, &first).await;
    let (callback, id) = allowed(&browser, &demo, "popup").await;
    begin(&browser).await;
    for name in [
        "gatepass.sqlite",
        "gatepass.sqlite-wal",
        "gatepass.sqlite-shm",
    ] {
        std::fs::remove_file(app.data().join(name)).unwrap();
    }
    assert_eq!(browser.get("/readyz").await.status(), 200);
    let third = refreshed(&browser, &second).await;
    assert_eq!(third["generation"], 3);
    assert_eq!(tools(&browser, &demo, &third).await.status(), 200);
    // What was under way in the old file says so, and begins anew.
    let page = browser.arrive(&callback).await.text().await.unwrap();
    assert!(page.contains("Start it again"), "{page}");
    assert_eq!(
        browser
            .get(&format!("/api/mcp/oauth/flows/{id}"))
            .await
            .status(),
        404
    );
    let list: Value = browser
        .get("/api/conversations")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(list["conversations"], json!([]));
    connect(&browser, &demo).await;
    begin(&browser).await;
    assert!(
        demo.record()
            .families()
            .iter()
            .all(|family| !family.revoked)
    );
    assert!(app.data().join("gatepass.sqlite").exists());
}

/// What somebody meets who comes by while the database server is away.
async fn away(app: &TestApp, browser: &Browser, demo: &Demo, connection: &Value) -> String {
    let mut read = Vec::new();
    read.push(problem(browser.get("/readyz").await).await);
    let start = json!({ "url": demo.mcp_url(), "mode": "popup" });
    read.push(problem(browser.post(START, &start).await).await);
    read.push(problem(browser.post(REFRESH, &body(connection)).await).await);
    read.push(problem(tools(browser, demo, connection).await).await);
    read.push(problem(browser.get("/api/conversations").await).await);
    assert_eq!(browser.get("/healthz").await.status(), 200);
    assert_eq!(browser.get("/api/config").await.status(), 200);
    let strange = app.browser().post(REFRESH, &body(connection)).await;
    assert_eq!(strange.status(), 401);
    read.dedup();
    read.join("\n")
}

#[tokio::test]
async fn a_database_server_that_stops_and_comes_back_costs_no_sign_in_and_no_connection() {
    let mut server = Postgres::start();
    let url = server.database().await;
    let app = TestApp::start_with(|args| args.database_url = Some(url)).await;
    let demo = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let connection = connect(&browser, &demo).await;
    let popup = allowed(&browser, &demo, "popup").await;
    let whole_page = allowed(&browser, &demo, "redirect").await;
    let exchanged = demo.record().token_requests().len();
    server.kill();
    assert_snapshot!(away(&app, &browser, &demo, &connection).await, @"503 /problems/storage-failed retry: The database cannot be reached right now.");
    // The code stays unspent, and the same address works later.
    for (callback, _) in [&popup, &whole_page] {
        let page = browser.arrive(callback).await;
        assert_eq!(page.status(), 200);
        assert_not_yet(&page.text().await.unwrap());
    }
    assert_eq!(demo.record().token_requests().len(), exchanged);
    server.go_on();
    until(async || (browser.get("/readyz").await.status() == 200).then_some(())).await;
    for (callback, id) in [&popup, &whole_page] {
        browser.arrive(callback).await;
        assert_eq!(flow(&browser, id).await["status"], "authorized");
    }
    assert_eq!(tools(&browser, &demo, &connection).await.status(), 200);
    let second = refreshed(&browser, &connection).await;
    assert_eq!(second["generation"], 2);

    // It stops in the middle of a refresh: what was won is carried by the page alone, and the
    // database takes it over when it is back.
    demo.behaviour().set(|behaviour| {
        behaviour.token.fault = Plan {
            fault: Fault::Slow(700),
            when: When::Always,
        };
    });
    let asked = demo.record().refreshes().len();
    let third = tokio::join!(refreshed(&browser, &second), async {
        until(async || (demo.record().refreshes().len() > asked).then_some(())).await;
        server.kill();
    });
    let third = third.0;
    assert_eq!(third["generation"], 3);
    server.go_on();
    until(async || (browser.get("/readyz").await.status() == 200).then_some(())).await;
    assert_eq!(refreshed(&browser, &third).await["generation"], 4);

    // It stops in the middle of a callback, and is back before the browser gives up.
    let (callback, id) = allowed(&browser, &demo, "popup").await;
    let asked = demo.record().token_requests().len();
    let page = tokio::join!(browser.arrive(&callback), async {
        until(async || (demo.record().token_requests().len() > asked).then_some(())).await;
        server.kill();
        tokio::time::sleep(std::time::Duration::from_millis(900)).await;
        server.go_on();
    });
    let page = page.0.text().await.unwrap();
    assert!(page.contains("Connected"), "{page}");
    assert_eq!(flow(&browser, &id).await["status"], "authorized");
    assert!(
        demo.record()
            .families()
            .iter()
            .all(|family| !family.revoked)
    );
}

#[tokio::test]
async fn a_database_server_that_takes_no_writes_keeps_what_is_there_in_use() {
    let server = Postgres::start();
    let url = server.database().await;
    let database_url = Some(url.clone());
    let app = TestApp::start_with(|args| args.database_url = database_url).await;
    let demo = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let connection = connect(&browser, &demo).await;
    let (callback, id) = allowed(&browser, &demo, "popup").await;
    let mut admin = PgConnection::connect(&url).await.unwrap();
    let drop_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = 'gatepass' AND pid <> pg_backend_pid()";
    let read_only = async |admin: &mut PgConnection, on: &str| {
        let alter = format!("ALTER DATABASE gatepass SET default_transaction_read_only = {on}");
        admin
            .execute("SET default_transaction_read_only = off")
            .await
            .unwrap();
        admin.execute(sqlx::AssertSqlSafe(alter)).await.unwrap();
        admin.execute(drop_others).await.unwrap();
    };
    read_only(&mut admin, "on").await;
    let exchanged = demo.record().token_requests().len();
    assert_eq!(tools(&browser, &demo, &connection).await.status(), 200);
    let start = json!({ "url": demo.mcp_url(), "mode": "popup" });
    let refused = browser.post(START, &start).await;
    assert!(header(&refused, "set-cookie").is_empty());
    assert_snapshot!(problem(refused).await, @"503 /problems/storage-failed ask-admin: The database cannot be written to.");
    assert_snapshot!(problem(browser.post(REFRESH, &body(&connection)).await).await, @"503 /problems/storage-failed ask-admin: The database cannot be written to.");
    browser.arrive(&callback).await;
    assert_eq!(
        demo.record().token_requests().len(),
        exchanged,
        "nothing was spent"
    );
    read_only(&mut admin, "off").await;
    browser.arrive(&callback).await;
    assert_eq!(flow(&browser, &id).await["status"], "authorized");
    assert_eq!(refreshed(&browser, &connection).await["generation"], 2);
}
