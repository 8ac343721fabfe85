//! Backups are made while the server runs, as the manual says, and put back.

use std::path::Path;

use gatepass_test_postgres::Postgres;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection};

use crate::{
    program::Program,
    site::{REGISTER, Site, TOKEN, json_answer},
    support::{Browser, external, sign_in},
};

const REFRESH: &str = "/api/mcp/oauth/refresh";

async fn refreshed(browser: &Browser, connection: &Value) -> Value {
    let body = json!({ "connection": connection });
    let answer: Value = browser.post(REFRESH, &body).await.json().await.unwrap();
    assert!(answer["connection"].is_object(), "{answer}");
    answer["connection"].clone()
}

fn rotate(site: &Site, n: u32) {
    let tokens = json!({
        "access_token": format!("at-{n}"), "refresh_token": format!("rt-{n}"),
        "token_type": "Bearer", "expires_in": 3600,
    });
    site.set(TOKEN, json_answer(200, &tokens));
}

/// What was there before the backup, and what has happened since.
struct Life {
    browser: Browser,
    connection: Value,
    idle: Value,
    conversation: String,
}

impl Life {
    async fn begin(url: &str, site: &Site) -> Self {
        let browser = external(url);
        let connection = sign_in(&browser, site).await;
        let idle = sign_in(&browser, site).await;
        let conversation = browser.post("/api/conversations", &json!({})).await;
        let conversation: Value = conversation.json().await.unwrap();
        Self {
            conversation: conversation["id"].as_str().unwrap().to_owned(),
            browser,
            connection,
            idle,
        }
    }

    /// The connection is refreshed, so that the backup is older than what the browser has.
    async fn go_on(&mut self, site: &Site) {
        rotate(site, 2);
        self.connection = refreshed(&self.browser, &self.connection).await;
        assert_eq!(self.connection["generation"], 2);
    }

    /// Everything works on the restored database.
    async fn check(&self, site: &Site) {
        rotate(site, 3);
        let next = refreshed(&self.browser, &self.connection).await;
        assert_eq!(next["generation"], 3);
        let spent = site.seen(TOKEN).pop().unwrap();
        assert!(
            spent.contains("refresh_token=rt-2"),
            "the newest token: {spent}"
        );
        assert_eq!(refreshed(&self.browser, &self.idle).await["generation"], 2);
        let path = format!("/api/conversations/{}", self.conversation);
        assert_eq!(self.browser.get(&path).await.status(), 200);
        sign_in(&self.browser, site).await;
        assert_eq!(site.seen(REGISTER).len(), 1, "the registration is there");
    }
}

#[tokio::test]
async fn a_file_that_is_put_back_serves_the_connections_of_the_browsers() {
    let data = tempfile::tempdir().unwrap();
    let site = Site::start().await;
    let program = Program::start(data.path(), &[]).await;
    let address = program.address.clone();
    let mut life = Life::begin(&program.url, &site).await;
    let file = data.path().join("gatepass.sqlite");
    let copy = data.path().join("copy.sqlite");
    let mut backup = SqliteConnection::connect(&file.display().to_string())
        .await
        .unwrap();
    let statement = format!("VACUUM INTO '{}'", copy.display());
    backup
        .execute(sqlx::AssertSqlSafe(statement))
        .await
        .unwrap();
    backup.close().await.unwrap();
    life.go_on(&site).await;
    program.stop().await;

    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
    std::fs::rename(&copy, &file).unwrap();
    let program = Program::start(data.path(), &["--listen", &address]).await;
    life.check(&site).await;
    program.stop().await;
}

#[tokio::test]
async fn a_dump_that_is_restored_serves_the_connections_of_the_browsers() {
    let server = Postgres::start();
    let url = server.database().await;
    let data = tempfile::tempdir().unwrap();
    let site = Site::start().await;
    let program = Program::start(data.path(), &["--database-url", &url]).await;
    let address = program.address.clone();
    let mut life = Life::begin(&program.url, &site).await;
    let dump = data.path().join("gatepass.dump");
    let run = |name: &str, arguments: &[&str], file: &Path| {
        let done = server.program(name).args(arguments).arg(file).status();
        assert!(done.unwrap().success(), "{name}");
    };
    run(
        "pg_dump",
        &["--format=custom", "--dbname=gatepass", "--file"],
        &dump,
    );
    life.go_on(&site).await;
    program.stop().await;

    let restored = server.create("restored").await;
    run("pg_restore", &["--dbname=restored"], &dump);
    let arguments = ["--database-url", restored.as_str(), "--listen", &address];
    let program = Program::start(data.path(), &arguments).await;
    life.check(&site).await;
    program.stop().await;
}
