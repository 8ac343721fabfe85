//! What becomes of a connection when it is refreshed: by many at once, under every fault, by a
//! process that dies. Over HTTP, against the demo's authorization server, on both engines.

mod faults;
mod killed;
mod processes;
mod refused;
mod registration;

use gatepass_demo::{Decision, Demo, Person};
use gatepass_test_postgres::Postgres;
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::Browser;

const REFRESH: &str = "/api/mcp/oauth/refresh";
const TOOLS: &str = "/api/mcp/tools";

/// Where the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

impl Engine {
    /// A PostgreSQL server where one is needed.
    fn server(self) -> Option<Postgres> {
        (self == Self::Postgres).then(Postgres::start)
    }
}

/// Signs `ada` in to the demo, through its pages, and gives the connection.
async fn sign_in(browser: &Browser, demo: &Demo) -> Value {
    let start = json!({ "url": demo.mcp_url(), "mode": "popup" });
    sign_in_with(browser, &start).await
}

/// Signs `ada` in as asked.
async fn sign_in_with(browser: &Browser, start: &Value) -> Value {
    let response = browser.post("/api/mcp/oauth/start", start).await;
    let started: Value = response.json().await.unwrap();
    let page = started["authorizationUrl"].as_str().unwrap();
    let back = Person::named("ada").decide(page, Decision::Allow).await;
    let back = back.unwrap();
    let callback = back.split_once("/api/").unwrap().1;
    browser.arrive(&format!("/api/{callback}")).await;
    let flow = started["flowId"].as_str().unwrap();
    let flow = format!("/api/mcp/oauth/flows/{flow}?wait=5");
    let answer: Value = browser.get(&flow).await.json().await.unwrap();
    assert_eq!(answer["status"], "authorized", "{answer}");
    answer["connection"].clone()
}

fn body(connection: &Value) -> Value {
    json!({ "connection": connection })
}

fn listing(demo: &Demo, connection: &Value) -> Value {
    json!({ "url": demo.mcp_url(), "connection": connection })
}

/// What a person reads, in one line: the connection's generation, or the problem.
async fn read(response: Response, demo: &Demo) -> String {
    if response.status() == 200 {
        let answer: Value = response.json().await.unwrap();
        return match answer["connection"]["generation"].as_u64() {
            Some(generation) => format!("generation {generation}"),
            None => "works".to_owned(),
        };
    }
    let host = format!("localhost:{}", demo.address().port());
    crate::support::problem(response).await.replace(&host, "AS")
}
