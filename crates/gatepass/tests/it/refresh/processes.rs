//! Many callers, in several processes: one token request.

use std::{path::Path, time::Duration};

use futures::future::join_all;
use gatepass_demo::{Demo, Fault};
use reqwest::{Method, Response, header};
use serde_json::Value;

use super::{ENGINES, Engine, REFRESH, TOOLS, body, listing, sign_in};
use crate::{
    program::Program,
    support::{Browser, external},
};

/// Programs that share a database and the master keys, and a browser that can ask any of them.
struct Programs {
    programs: Vec<Program>,
    /// The way to each.
    ways: Vec<Browser>,
    _folders: Vec<tempfile::TempDir>,
    _server: Option<gatepass_test_postgres::Postgres>,
    browser: Browser,
}

impl Programs {
    /// So many processes on one PostgreSQL, or one on SQLite.
    async fn start(engine: Engine, count: usize) -> Self {
        let server = engine.server();
        let database = match &server {
            Some(server) => vec!["--database-url".to_owned(), server.database().await],
            None => Vec::new(),
        };
        let (mut programs, mut folders): (Vec<Program>, Vec<tempfile::TempDir>) = (vec![], vec![]);
        for _ in 0..count {
            let folder = tempfile::tempdir().unwrap();
            let mut arguments = database.clone();
            if let (Some(first), Some(keys)) = (programs.first(), folders.first()) {
                copy_keys(keys.path(), folder.path());
                arguments.extend(["--public-url".to_owned(), first.url.clone()]);
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            programs.push(Program::start(folder.path(), &arguments).await);
            folders.push(folder);
        }
        let browser = external(&programs[0].url);
        let address = |program: &Program| external(&format!("http://{}", program.address));
        Self {
            ways: programs.iter().map(address).collect(),
            programs,
            _folders: folders,
            _server: server,
            browser,
        }
    }

    /// Asks one of the processes, as a proxy in front of them passes a request on.
    async fn ask(&self, way: &Browser, path: &str, body: &Value) -> Response {
        let first = url::Url::parse(&self.programs[0].url).unwrap();
        let host = format!("localhost:{}", first.port().unwrap());
        way.bare(Method::POST, path)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, self.browser.cookie_header())
            .header(header::HOST, host)
            .json(body)
            .send()
            .await
            .unwrap()
    }
}

fn copy_keys(from: &Path, to: &Path) {
    std::fs::copy(from.join("keys"), to.join("keys")).unwrap();
}

/// A demo whose tokens are about to end once somebody has signed in.
async fn demo() -> Demo {
    let demo = Demo::builder().start().await.unwrap();
    let behaviour = demo.behaviour();
    behaviour.set(|behaviour| behaviour.token.access_lifetime_seconds = 4);
    demo
}

/// From now on tokens last, and they are issued slowly.
fn slow(demo: &Demo) {
    demo.behaviour().set(|behaviour| {
        behaviour.token.access_lifetime_seconds = 3600;
        behaviour.token.fault = Fault::Slow(300).into();
    });
}

#[tokio::test]
async fn a_hundred_callers_in_each_process_make_one_token_request() {
    for (engine, processes) in [(Engine::Postgres, 3), (Engine::Sqlite, 1)] {
        let demo = demo().await;
        let house = Programs::start(engine, processes).await;
        let connection = sign_in(&house.browser, &demo).await;
        slow(&demo);
        tokio::time::sleep(Duration::from_millis(3300)).await;
        let (refresh, tools) = (body(&connection), listing(&demo, &connection));
        let callers = house.ways.iter().flat_map(|way| {
            let house = &house;
            let ask = move |(path, body)| house.ask(way, path, body);
            let asked = (0..50).flat_map(|_| [(REFRESH, &refresh), (TOOLS, &tools)]);
            asked.map(ask).collect::<Vec<_>>()
        });
        let answers = join_all(callers).await;
        assert_eq!(answers.len(), processes * 100);
        for answer in answers {
            assert_eq!(answer.status(), 200);
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["connection"]["generation"], 2, "{answer}");
        }
        assert_eq!(demo.record().refreshes().len(), 1, "{engine:?}");
        let family = &demo.record().families()[0];
        assert!(!family.revoked, "{engine:?}: {family:?}");
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_while_it_is_refreshed_costs_nothing() {
    for engine in ENGINES {
        let demo = demo().await;
        let house = Programs::start(engine, 1).await;
        let connection = sign_in(&house.browser, &demo).await;
        slow(&demo);
        let asked = body(&connection);
        let gone = house.ask(&house.ways[0], REFRESH, &asked);
        let gone = tokio::time::timeout(Duration::from_millis(150), gone).await;
        assert!(gone.is_err());
        let answer = house.browser.post(REFRESH, &asked).await;
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["connection"]["generation"], 2, "{answer}");
        // What it won works, and the next refresh too.
        let next = house
            .browser
            .post(REFRESH, &body(&answer["connection"]))
            .await;
        assert_eq!(next.status(), 200);
        assert_eq!(demo.record().refreshes().len(), 2, "{engine:?}");
        assert!(!demo.record().families()[0].revoked);
    }
}
