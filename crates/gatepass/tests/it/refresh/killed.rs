//! The process dies at each step of a refresh, and another one carries on.

use std::{path::PathBuf, time::Duration};

use futures::future::join_all;
use gatepass_demo::{Demo, Fault, RevocationReason, behaviour::RefreshTokens};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection, Row, SqliteConnection};

use super::{Engine, REFRESH, TOOLS, body, listing, read, sign_in};
use crate::{
    program::Program,
    support::{Browser, external, until},
};

/// Where the process dies.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It waits for the lease.
    Lease,
    /// The request has arrived, and nothing has been done about it.
    Asked,
    /// The authorization server has rotated the tokens; its answer does not arrive.
    Rotated,
    /// The answer has arrived, and is about to be written.
    Answered,
    /// It is written; the page does not hear of it.
    Written,
}

use Step::{Answered, Asked, Lease, Rotated, Written};

/// The database, as another process sees it.
enum Rows {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Rows {
    async fn open(url: &str) -> Self {
        match url.strip_prefix("sqlite:") {
            Some(_) => Self::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            None => Self::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }

    /// Keeps everybody else from writing the row, and gives its generation.
    async fn lock(&mut self) -> i64 {
        match self {
            Self::Sqlite(rows) => {
                rows.execute("BEGIN IMMEDIATE").await.unwrap();
                let row = rows.fetch_one("SELECT generation FROM connection");
                row.await.unwrap().get(0)
            }
            Self::Postgres(rows) => {
                rows.execute("BEGIN").await.unwrap();
                let row = rows.fetch_one("SELECT generation FROM connection FOR UPDATE");
                row.await.unwrap().get(0)
            }
        }
    }

    async fn unlock(&mut self) {
        match self {
            Self::Sqlite(rows) => rows.execute("ROLLBACK").await.map(drop),
            Self::Postgres(rows) => rows.execute("ROLLBACK").await.map(drop),
        }
        .unwrap();
    }

    async fn generation(&mut self) -> i64 {
        const SQL: &str = "SELECT generation FROM connection";
        let generation = match self {
            Self::Sqlite(rows) => rows.fetch_one(SQL).await.map(|row| row.get(0)),
            Self::Postgres(rows) => rows.fetch_one(SQL).await.map(|row| row.get(0)),
        };
        generation.unwrap()
    }
}

/// One process with one connection, and what it talks to.
struct House {
    demo: Demo,
    data: tempfile::TempDir,
    config: PathBuf,
    database: String,
    browser: Browser,
    connection: Value,
    address: String,
}

impl House {
    async fn build(database: Option<String>) -> (Self, Program) {
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("gatepass.toml");
        std::fs::write(&config, "[limits]\nanswer_seconds = 4\n").unwrap();
        let sqlite = format!("sqlite:{}", data.path().join("gatepass.sqlite").display());
        let mut house = Self {
            demo: Demo::builder().start().await.unwrap(),
            config,
            database: database.unwrap_or(sqlite),
            browser: external("http://localhost"),
            connection: Value::Null,
            address: "127.0.0.1:0".to_owned(),
            data,
        };
        let program = house.program().await;
        house.address = program.address.clone();
        house.browser = external(&program.url);
        house.connection = sign_in(&house.browser, &house.demo).await;
        (house, program)
    }

    /// A process on these data; the second one takes the first one's place.
    async fn program(&self) -> Program {
        let config = self.config.display().to_string();
        let mut arguments = vec!["--listen", &self.address, "--config", &config];
        if self.database.starts_with("postgres") {
            arguments.extend(["--database-url", &self.database]);
        }
        Program::start(self.data.path(), &arguments).await
    }

    /// Begins a refresh whose answer nobody waits for.
    fn ask(&self) -> tokio::task::JoinHandle<()> {
        let request = self
            .browser
            .request(Method::POST, REFRESH)
            .json(&body(&self.connection));
        tokio::spawn(async move { drop(request.send().await) })
    }

    async fn asked(&self) {
        until(async || (!self.demo.record().refreshes().is_empty()).then_some(())).await;
    }
}

/// Kills the process at a step, starts another, and says what became of the connection.
async fn survive(step: Step, tokens: RefreshTokens, database: Option<String>) -> String {
    let (house, program) = House::build(database).await;
    let mut rows = Rows::open(&house.database).await;
    let fault = match step {
        Lease | Written => Fault::None,
        Asked => Fault::Hang,
        Rotated => Fault::HangAfterAnswer,
        Answered => Fault::Slow(2000),
    };
    house.demo.behaviour().set(|behaviour| {
        behaviour.token.fault = fault.into();
        behaviour.token.refresh_tokens = tokens;
    });
    if matches!(step, Lease) {
        rows.lock().await;
    }
    let page = house.ask();
    match step {
        Lease => tokio::time::sleep(Duration::from_millis(500)).await,
        Asked => house.asked().await,
        Rotated => {
            let family = async || house.demo.record().families()[0].refreshes;
            until(async || (family().await == 1).then_some(())).await;
        }
        Answered => {
            house.asked().await;
            assert_eq!(rows.lock().await, 1, "locked before it was written");
            let answered = async || house.demo.record().refreshes()[0].status;
            until(answered).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Written => {
            let mut written = 1;
            while written == 1 {
                written = rows.generation().await;
            }
        }
    }
    program.kill().await;
    page.await.unwrap();
    if matches!(step, Lease | Answered) {
        rows.unlock().await;
    }
    house
        .demo
        .behaviour()
        .set(|behaviour| behaviour.token.fault = Fault::None.into());

    let program = house.program().await;
    let (browser, demo) = (&house.browser, &house.demo);
    // The access token is good all the time, for whoever does not need a new one.
    let used = browser.post(TOOLS, &listing(demo, &house.connection)).await;
    let used = used.status().as_u16();
    let refreshed = browser.post(REFRESH, &body(&house.connection)).await;
    let refreshed = read(refreshed, demo).await;
    let asked = demo.record().refreshes().len();
    let family = &demo.record().families()[0];
    let verdict = match family.reason {
        None => "the grant lives",
        Some(RevocationReason::RefreshTokenReplay) => "the server took it for a theft",
        other => panic!("{other:?}"),
    };
    program.kill().await;
    format!("{step:?}, {tokens:?}: {asked} asked, {verdict}; meanwhile {used}; then {refreshed}")
}

async fn table(engine: Engine) -> String {
    use RefreshTokens::{ReplaySame, Rotating, UntilReplacementUsed};
    let cases = [
        (Lease, Rotating),
        (Asked, Rotating),
        (Rotated, Rotating),
        (Rotated, ReplaySame(120)),
        (Rotated, UntilReplacementUsed),
        (Answered, Rotating),
        (Answered, ReplaySame(120)),
        (Written, Rotating),
    ];
    let server = engine.server();
    let mut databases = Vec::new();
    for number in 0..cases.len() {
        databases.push(match &server {
            Some(server) => Some(server.create(&format!("killed_{number}")).await),
            None => None,
        });
    }
    // Side by side: most of the time goes into waiting for the lease of the dead process.
    let cases = cases
        .into_iter()
        .zip(databases)
        .map(|((step, tokens), database)| survive(step, tokens, database));
    join_all(cases).await.join("\n")
}

#[tokio::test]
async fn a_process_killed_at_any_step_of_a_refresh_leaves_a_connection_that_goes_on() {
    let sqlite = table(Engine::Sqlite).await;
    assert_snapshot!(sqlite, @r"
    Lease, Rotating: 1 asked, the grant lives; meanwhile 200; then generation 2
    Asked, Rotating: 2 asked, the grant lives; meanwhile 200; then generation 2
    Rotated, Rotating: 2 asked, the server took it for a theft; meanwhile 200; then 401 /problems/reauthorize authorize: The sign-in has ended: AS ended the sign-in: the refresh token was used before; the grant is revoked (invalid_grant). Sign in again.
    Rotated, ReplaySame(120): 2 asked, the grant lives; meanwhile 200; then generation 2
    Rotated, UntilReplacementUsed: 2 asked, the grant lives; meanwhile 200; then generation 2
    Answered, Rotating: 2 asked, the server took it for a theft; meanwhile 200; then 401 /problems/reauthorize authorize: The sign-in has ended: AS ended the sign-in: the refresh token was used before; the grant is revoked (invalid_grant). Sign in again.
    Answered, ReplaySame(120): 2 asked, the grant lives; meanwhile 200; then generation 2
    Written, Rotating: 1 asked, the grant lives; meanwhile 200; then generation 2
    ");
    // PostgreSQL carries out a statement that it has received, though nobody is there any more.
    let spent = "2 asked, the server took it for a theft; meanwhile 200; then 401 /problems/\
        reauthorize authorize: The sign-in has ended: AS ended the sign-in: the refresh \
        token was used before; the grant is revoked (invalid_grant). Sign in again.";
    let lives = "the grant lives; meanwhile 200; then generation 2";
    let expected = sqlite
        .replace(
            &format!("Answered, Rotating: {spent}"),
            &format!("Answered, Rotating: 1 asked, {lives}"),
        )
        .replace(
            &format!("Answered, ReplaySame(120): 2 asked, {lives}"),
            &format!("Answered, ReplaySame(120): 1 asked, {lives}"),
        );
    assert_eq!(table(Engine::Postgres).await, expected);
}
