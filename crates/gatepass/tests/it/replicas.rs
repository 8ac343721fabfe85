//! Several real programs over one PostgreSQL, behind a plain reverse proxy.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures::future::join_all;
use gatepass_demo::{Decision, Demo, Fault, Person, Plan, When, behaviour::AutoDecision};
use gatepass_test_postgres::Postgres;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    program::Program,
    proxy::Proxy,
    support::{Browser, external, parts, until},
};

const TOOLS: &str = "/api/mcp/tools";
const START: &str = "/api/mcp/oauth/start";
const REFRESH: &str = "/api/mcp/oauth/refresh";

/// Programs that share a database and a key file, what is in front of them, and what they talk to.
struct Cluster {
    proxy: Proxy,
    demo: Demo,
    programs: Vec<(String, Program)>,
    database: String,
    folder: tempfile::TempDir,
    started: usize,
    _postgres: Postgres,
}

impl Cluster {
    /// Three programs that start at the same moment, the shared key file not being there yet.
    async fn start(limits: &str) -> Self {
        let postgres = Postgres::start();
        let folder = tempfile::tempdir().unwrap();
        let file = format!("[limits]\n{limits}\n");
        std::fs::write(folder.path().join("gatepass.toml"), file).unwrap();
        let mut cluster = Self {
            proxy: Proxy::start().await,
            demo: Demo::builder().start().await.unwrap(),
            programs: Vec::new(),
            database: postgres.database().await,
            folder,
            started: 0,
            _postgres: postgres,
        };
        let places: Vec<_> = (0..3).map(|_| cluster.next_place()).collect();
        let starting = places.iter().map(|(_, data)| cluster.program(data));
        let programs = join_all(starting).await;
        for ((name, _), program) in places.into_iter().zip(programs) {
            cluster.proxy.add(&name, &program.address);
            cluster.programs.push((name, program));
        }
        cluster
    }

    fn next_place(&mut self) -> (String, PathBuf) {
        self.started += 1;
        let name = format!("replica {}", self.started);
        let data = self.folder.path().join(&name);
        (name, data)
    }

    async fn program(&self, data: &std::path::Path) -> Program {
        let text = |name: &str| self.folder.path().join(name).display().to_string();
        let arguments = [
            ("--public-url", self.proxy.url.clone()),
            ("--database-url", self.database.clone()),
            ("--key-file", text("keys")),
            ("--config", text("gatepass.toml")),
            ("--model-url", self.demo.model_url().to_owned()),
        ];
        let arguments: Vec<&str> = arguments
            .iter()
            .flat_map(|(flag, value)| [*flag, value.as_str()])
            .collect();
        Program::start(data, &arguments).await
    }

    /// Replaces the oldest program: it is told to end, has ended, and another takes its place.
    async fn replace_oldest(&mut self) {
        let (name, mut program) = self.programs.remove(0);
        program.terminate().await;
        let status = program.ended().await;
        assert!(status.success(), "{status}: {}", program.log());
        assert!(
            !program.log().contains("did not end in time"),
            "{}",
            program.log()
        );
        self.proxy.remove(&name);
        let (name, data) = self.next_place();
        let program = self.program(&data).await;
        self.proxy.add(&name, &program.address);
        self.programs.push((name, program));
    }

    fn browser(&self) -> Browser {
        external(&self.proxy.url)
    }
}

/// A sign-in of one browser, begun.
struct Begun {
    browser: Browser,
    flow: String,
    page: String,
}

async fn begin(browser: Browser, mcp: &str) -> Begun {
    let start = json!({ "url": mcp, "mode": "popup" });
    let response = browser.post(START, &start).await;
    let started: Value = response.json().await.unwrap();
    let text = |name: &str| {
        let value = started[name].as_str();
        value.unwrap_or_else(|| panic!("{started}")).to_owned()
    };
    Begun {
        flow: text("flowId"),
        page: text("authorizationUrl"),
        browser,
    }
}

impl Begun {
    /// Consents, and comes back.
    async fn allow(&self) {
        let back = Person::named("ada")
            .decide(&self.page, Decision::Allow)
            .await;
        let back = back.unwrap();
        let callback = back.split_once("/api/").unwrap().1;
        let page = self.browser.arrive(&format!("/api/{callback}")).await;
        assert_eq!(page.status(), 200);
    }

    /// Waits for the result as the page does: by asking again whenever an answer says "not yet".
    async fn result(&self) -> Value {
        let path = format!("/api/mcp/oauth/flows/{}?wait=25", self.flow);
        loop {
            let answer = self.browser.get(&path).await;
            assert_eq!(answer.status(), 200);
            let answer: Value = answer.json().await.unwrap();
            if answer["status"] != "pending" {
                assert_eq!(answer["status"], "authorized", "{answer}");
                return answer["connection"].clone();
            }
        }
    }
}

async fn conversation(browser: &Browser) -> String {
    let response = browser.post("/api/conversations", &json!({})).await;
    let conversation: Value = response.json().await.unwrap();
    conversation["id"].as_str().unwrap().to_owned()
}

async fn chat(
    browser: &Browser,
    id: &str,
    text: &str,
    mcp: &str,
    connection: &Value,
) -> Vec<Value> {
    let servers = json!([{ "name": "Notes", "url": mcp, "connection": connection }]);
    let body = json!({ "text": text, "model": "gatepass-demo", "servers": servers });
    let path = format!("/api/conversations/{id}/messages");
    let response = browser.post(&path, &body).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    parts(response).await
}

fn said(parts: &[Value]) -> String {
    let deltas = parts.iter().filter(|part| part["type"] == "text-delta");
    deltas.map(|part| part["delta"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_sign_in_begun_on_one_process_comes_back_to_another_and_is_used_on_the_third() {
    let cluster = Cluster::start("").await;
    let (browser, mcp) = (cluster.browser(), cluster.demo.mcp_url());
    let id = conversation(&browser).await;
    let begun = begin(browser, mcp).await;
    begun.allow().await;
    let connection = begun.result().await;
    let browser = &begun.browser;
    let body = json!({ "url": mcp, "connection": connection });
    assert_eq!(browser.post(TOOLS, &body).await.status(), 200);
    assert_eq!(browser.get("/api/config").await.status(), 200);
    let heard = chat(browser, &id, "what is 12 * 7", mcp, &connection).await;
    assert!(said(&heard).contains("84"), "{heard:?}");
    let who = |end| cluster.proxy.who_served(end);
    let served = [who("/start"), who("/callback"), who("/messages")];
    let mut each = served.to_vec();
    each.sort_unstable();
    assert_eq!(each, ["replica 1", "replica 2", "replica 3"], "{served:?}");

    // Whoever is asked knows the conversation, and the connection at its newest.
    cluster.demo.forget_access_tokens();
    let body = json!({ "connection": connection });
    for _ in 0..3 {
        let answer: Value = browser.post(REFRESH, &body).await.json().await.unwrap();
        assert_eq!(answer["connection"]["generation"], 2, "{answer}");
        let read = browser.get(&format!("/api/conversations/{id}")).await;
        let read: Value = read.json().await.unwrap();
        assert_eq!(read["messages"].as_array().unwrap().len(), 2);
    }
    assert_eq!(cluster.demo.record().refreshes().len(), 1);
}

/// Sign-ins and chats under way at each step of the rolling restart.
const EACH: usize = 17;

#[tokio::test]
async fn a_rolling_restart_loses_no_sign_in_and_no_chat() {
    let mut cluster = Cluster::start("drain_seconds = 1\ngrace_seconds = 60").await;
    let mcp = cluster.demo.mcp_url().to_owned();
    cluster.demo.behaviour().set(|behaviour| {
        behaviour.model.pause_millis = 200;
        behaviour.authorize.auto = Some(AutoDecision::Allow);
    });
    let signed_in = begin(cluster.browser(), &mcp).await;
    signed_in.allow().await;
    let connection = signed_in.result().await;
    let chatting = Arc::new(signed_in.browser);
    let (mut flows, mut chats) = (Vec::new(), Vec::new());
    for step in 0..3 {
        let oldest = cluster.programs[0].0.clone();
        let (restart, begun) = watch::channel(false);
        for n in 0..EACH {
            let (browser, mcp, mut begun) = (cluster.browser(), mcp.clone(), begun.clone());
            flows.push(tokio::spawn(async move {
                let flow = begin(browser, &mcp).await;
                let person = async {
                    begun.wait_for(|begun| *begun).await.unwrap();
                    // People take their time: they come back while a process is being replaced.
                    tokio::time::sleep(Duration::from_millis(100 * n as u64)).await;
                    flow.allow().await;
                };
                tokio::join!(flow.result(), person).0
            }));
        }
        let waiting = |count| (count >= EACH).then_some(());
        until(async || waiting(cluster.proxy.under_way("/flows/").len())).await;
        for n in 0..EACH {
            let (browser, connection) = (Arc::clone(&chatting), connection.clone());
            let (mcp, sum) = (mcp.clone(), 1000 * step + n);
            chats.push(tokio::spawn(async move {
                let id = conversation(&browser).await;
                let text = format!("what is {sum} + 100000");
                let heard = chat(&browser, &id, &text, &mcp, &connection).await;
                (id, 100_000 + sum, heard)
            }));
        }
        let at_work =
            |by: Vec<String>| (by.iter().filter(|by| **by == oldest).count() >= 2).then_some(());
        until(async || at_work(cluster.proxy.under_way("/messages"))).await;
        assert!(cluster.proxy.under_way("/flows/").contains(&oldest));
        restart.send_replace(true);
        cluster.replace_oldest().await;
    }
    for flow in flows {
        let connection = flow.await.unwrap();
        assert_eq!(connection["generation"], 1);
    }
    assert!(chats.len() > 50);
    for chat in chats {
        let (id, sum, heard) = chat.await.unwrap();
        assert_eq!(heard.last().unwrap()["type"], "finish", "{heard:?}");
        assert!(said(&heard).contains(&sum.to_string()), "{heard:?}");
        let kept = chatting.get(&format!("/api/conversations/{id}")).await;
        let kept: Value = kept.json().await.unwrap();
        assert!(kept["messages"][1].to_string().contains(&sum.to_string()));
    }
    // Each tool was called once, each sign-in exchanged once, and nobody met an error.
    assert_eq!(cluster.demo.record().tool_calls().len(), 3 * EACH);
    assert_eq!(cluster.demo.record().families().len(), 3 * EACH + 1);
    let failed: Vec<_> = cluster.proxy.served();
    let failed: Vec<_> = failed
        .iter()
        .filter(|served| !served.status.is_success())
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    let by: std::collections::BTreeSet<_> = cluster
        .proxy
        .served()
        .into_iter()
        .map(|served| served.by)
        .collect();
    assert_eq!(by.len(), 6, "every process had its part: {by:?}");
}

#[tokio::test]
async fn a_process_that_is_told_to_end_writes_the_refresh_under_way_first() {
    let demo = Demo::builder().start().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &[]).await;
    let port = program.address.clone();
    let begun = begin(external(&program.url), demo.mcp_url()).await;
    begun.allow().await;
    let connection = begun.result().await;
    demo.behaviour().set(|behaviour| {
        behaviour.token.fault = Plan {
            fault: Fault::Slow(1500),
            when: When::Always,
        };
    });
    let body = json!({ "connection": connection });
    // A page that does not stay for the answer.
    let asked = begun
        .browser
        .request(reqwest::Method::POST, REFRESH)
        .json(&body)
        .send();
    let gone = tokio::time::timeout(Duration::from_millis(500), asked).await;
    assert!(gone.is_err());
    program.stop().await;
    assert_eq!(demo.record().refreshes().len(), 1);

    let program = Program::start(data.path(), &["--listen", &port]).await;
    let answer = begun.browser.post(REFRESH, &body).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["connection"]["generation"], 2, "{answer}");
    assert_eq!(demo.record().refreshes().len(), 1);
    assert!(!demo.record().families()[0].revoked);
    program.stop().await;
}

#[tokio::test]
async fn two_processes_on_one_file_refresh_a_connection_once() {
    let demo = Demo::builder().start().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let proxy = Proxy::start().await;
    let public = ["--public-url", proxy.url.as_str()];
    // Both make the file, its tables and the key at the same moment.
    let (one, two) = tokio::join!(
        Program::start(data.path(), &public),
        Program::start(data.path(), &public)
    );
    proxy.add("one", &one.address);
    proxy.add("two", &two.address);
    let begun = begin(external(&proxy.url), demo.mcp_url()).await;
    begun.allow().await;
    let connection = begun.result().await;
    let body = json!({ "connection": connection });
    let callers = (0..20).map(|_| begun.browser.post(REFRESH, &body));
    for answer in join_all(callers).await {
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["connection"]["generation"], 2, "{answer}");
    }
    assert_eq!(demo.record().refreshes().len(), 1);
    assert!(!demo.record().families()[0].revoked);
    let by: std::collections::BTreeSet<_> =
        proxy.served().into_iter().map(|served| served.by).collect();
    assert_eq!(by.len(), 2);
    one.stop().await;
    two.stop().await;
}
