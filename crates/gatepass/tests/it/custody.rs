//! What a thief, a new key or a meddled database can do to connections: nothing but end them.

use std::collections::BTreeSet;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use gatepass::system::SystemRandom;
use gatepass_connections::KeyRing;
use gatepass_demo::{Decision, Demo, Fault, Person, Plan, When};
use gatepass_test_postgres::Postgres;
use hkdf::Hkdf;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{Column, Connection, Executor, PgConnection, Row, SqliteConnection};

use crate::{
    program::Program,
    site::{MCP, REGISTER, Site},
    support::{Browser, TestApp, external, parts, problem, query, sign_in},
};

const START: &str = "/api/mcp/oauth/start";
const REFRESH: &str = "/api/mcp/oauth/refresh";
const REVOKE: &str = "/api/mcp/oauth/revoke";
const TOOLS: &str = "/api/mcp/tools";

fn body(connection: &Value) -> Value {
    json!({ "connection": connection })
}

async fn refreshed(browser: &Browser, connection: &Value) -> Value {
    let response = browser.post(REFRESH, &body(connection)).await;
    let answer: Value = response.json().await.unwrap();
    assert!(answer["connection"].is_object(), "{answer}");
    answer["connection"].clone()
}

/// A row of a dump: its table, and its values as bytes.
struct DumpedRow {
    table: String,
    values: Vec<Vec<u8>>,
}

/// Everything a database holds.
async fn dump(url: &str) -> Vec<DumpedRow> {
    let mut rows = Vec::new();
    if let Some(path) = url.strip_prefix("sqlite:") {
        let mut file = SqliteConnection::connect(path).await.unwrap();
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
        for table in file.fetch_all(tables).await.unwrap() {
            let table: String = table.get(0);
            let all = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
            for row in file.fetch_all(all).await.unwrap() {
                let values = row.columns().iter().filter_map(|column| {
                    let at = column.ordinal();
                    row.try_get_unchecked::<Option<Vec<u8>>, _>(at).unwrap()
                });
                let values = values.collect();
                let table = table.clone();
                rows.push(DumpedRow { table, values });
            }
        }
        return rows;
    }
    let mut server = PgConnection::connect(url).await.unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    for table in server.fetch_all(tables).await.unwrap() {
        let table: String = table.get(0);
        let columns = format!(
            "SELECT column_name::text FROM information_schema.columns \
             WHERE table_name = '{table}' ORDER BY ordinal_position"
        );
        let columns = server
            .fetch_all(sqlx::AssertSqlSafe(columns))
            .await
            .unwrap();
        let names = columns
            .iter()
            .map(|row| format!("{}::text", row.get::<String, _>(0)));
        let names = names.collect::<Vec<_>>().join(", ");
        let all = sqlx::AssertSqlSafe(format!("SELECT {names} FROM {table}"));
        for row in server.fetch_all(all).await.unwrap() {
            let values = (0..columns.len()).filter_map(|at| row.get::<Option<String>, _>(at));
            let values = values.map(|text| match text.strip_prefix("\\x") {
                Some(hex) => unhex(hex),
                None => text.into_bytes(),
            });
            let values = values.collect();
            let table = table.clone();
            rows.push(DumpedRow { table, values });
        }
    }
    rows
}

fn unhex(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len() / 2).map(|at| &hex[2 * at..2 * at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// The seals in a row, wherever they stand in its values.
fn seals(row: &DumpedRow) -> Vec<String> {
    let mut found = Vec::new();
    for value in &row.values {
        let text = String::from_utf8_lossy(value);
        for (at, _) in text.match_indices("s1.") {
            let seal = text[at..].chars();
            let seal: String = seal
                .take_while(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
                .collect();
            if seal.len() > 40 {
                found.push(seal);
            }
        }
    }
    found
}

/// Somebody who has the database and the key file, and knows the program by heart.
struct Thief {
    masters: Vec<Vec<u8>>,
    /// What they try in the place of a visitor's secret.
    secrets: BTreeSet<Vec<u8>>,
}

const LABELS: [&str; 5] = [
    "owner/connection",
    "owner/flow",
    "owner/headers",
    "server/registration",
    "server/outbox",
];

/// A derived key, and the purpose that it was derived for.
type Derived = (XChaCha20Poly1305, &'static str);

impl Thief {
    fn new(keys: &str, rows: &[DumpedRow]) -> Self {
        let keys = keys.lines().filter(|line| !line.starts_with('#'));
        let masters: Vec<Vec<u8>> = keys.map(|key| STANDARD.decode(key).unwrap()).collect();
        let mut secrets: BTreeSet<Vec<u8>> =
            BTreeSet::from([Vec::new(), vec![0; 32], vec![255; 32]]);
        secrets.extend(masters.iter().cloned());
        for value in rows.iter().flat_map(|row| &row.values) {
            // Whatever is stored, as it is, decoded and hashed: owners' names, ids, versions.
            if (16..=64).contains(&value.len()) {
                secrets.insert(value.clone());
                secrets.insert(Sha256::digest(value).to_vec());
                secrets.extend(URL_SAFE_NO_PAD.decode(value));
            }
        }
        Self { masters, secrets }
    }

    /// Every key that can be derived from what there is.
    fn derive(&self) -> Vec<Derived> {
        let mut derived = Vec::new();
        for master in &self.masters {
            for secret in &self.secrets {
                let material = [master.as_slice(), secret].concat();
                let material = Hkdf::<Sha256>::new(Some(b"gatepass seal v1"), &material);
                for label in LABELS {
                    let mut key = [0; 32];
                    material.expand(label.as_bytes(), &mut key).unwrap();
                    derived.push((XChaCha20Poly1305::new((&key).into()), label));
                }
            }
        }
        derived
    }

    /// Tries everything on a seal of a row; what it holds if something fits.
    fn open(derived: &[Derived], row: &DumpedRow, seal: &str) -> Option<String> {
        let text = seal.splitn(3, '.').nth(2).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        let (nonce, ciphertext) = bytes.split_at(24);
        let nonce: [u8; 24] = nonce.try_into().unwrap();
        let texts = row
            .values
            .iter()
            .map(|value| String::from_utf8_lossy(value));
        // A finished flow names its connection inside its outcome; a registration is bound to the
        // first two values of its row.
        let mut bindings: Vec<String> = texts
            .clone()
            .filter(|text| (16..200).contains(&text.len()))
            .map(Into::into)
            .collect();
        bindings.push(texts.clone().take(2).collect::<Vec<_>>().join(" "));
        for text in texts.filter(|text| text.starts_with('{')) {
            let outcome: Value = serde_json::from_str(&text).unwrap_or_default();
            bindings.extend(outcome["connection"]["id"].as_str().map(str::to_owned));
        }
        for (cipher, label) in derived {
            for binding in &bindings {
                let aad = format!("s1|{}|{label}|{binding}", label.len());
                let payload = Payload {
                    msg: ciphertext,
                    aad: aad.as_bytes(),
                };
                if let Ok(plain) = cipher.decrypt(&XNonce::from(nonce), payload) {
                    return Some(String::from_utf8(plain).unwrap());
                }
            }
        }
        None
    }

    /// What opens, by table.
    fn loot(&self, rows: &[DumpedRow]) -> Vec<(String, String)> {
        let derived = self.derive();
        let mut loot = Vec::new();
        for row in rows {
            for seal in seals(row) {
                if let Some(plain) = Self::open(&derived, row, &seal) {
                    loot.push((row.table.clone(), plain));
                }
            }
        }
        loot
    }
}

/// Signs in at the demo; gives the connection.
async fn connect(browser: &Browser, mcp: &str) -> Value {
    let start = json!({ "url": mcp, "mode": "popup" });
    let started = browser.post(START, &start).await;
    let started: Value = started.json().await.unwrap();
    let page = started["authorizationUrl"].as_str().unwrap();
    let back = Person::named("ada")
        .decide(page, Decision::Allow)
        .await
        .unwrap();
    let callback = back.split_once("/api/").unwrap().1;
    browser.arrive(&format!("/api/{callback}")).await;
    let flow = started["flowId"].as_str().unwrap();
    let flow = browser.get(&format!("/api/mcp/oauth/flows/{flow}")).await;
    let flow: Value = flow.json().await.unwrap();
    assert_eq!(flow["status"], "authorized", "{flow}");
    flow["connection"].clone()
}

/// Everything that leaves something in the database: sign-ins that are finished, pending and
/// abandoned, a refresh, a chat with a tool, a connection that ended and could not be revoked.
async fn a_day_of_work(app: &TestApp, visitor: &Browser) {
    let mcp = app.demo().mcp_url().to_owned();
    let connection = connect(visitor, &mcp).await;
    let connection = refreshed(visitor, &connection).await;
    let conversation = visitor.post("/api/conversations", &json!({})).await;
    let conversation: Value = conversation.json().await.unwrap();
    let path = format!(
        "/api/conversations/{}/messages",
        conversation["id"].as_str().unwrap()
    );
    let servers = json!([{ "name": "Notes", "url": mcp, "connection": connection }]);
    let message = json!({ "text": "what is 12 * 7", "model": "gatepass-demo", "servers": servers });
    parts(visitor.post(&path, &message).await).await;
    let start = json!({ "url": mcp, "mode": "popup" });
    assert_eq!(visitor.post(START, &start).await.status(), 200);
    let ending = connect(visitor, &mcp).await;
    app.demo().behaviour().set(|behaviour| {
        behaviour.revocation.fault = Plan {
            fault: Fault::Status(503),
            when: When::Always,
        };
    });
    let ended: Value = visitor
        .post(REVOKE, &body(&ending))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(ended["revoked"], false);
}

async fn the_dump_with_the_key_opens_nothing_of_a_visitor(database: Option<String>) {
    let app = TestApp::start_with(|args| {
        args.demo = Some("true".to_owned());
        args.database_url.clone_from(&database);
    })
    .await;
    let visitor = app.browser();
    a_day_of_work(&app, &visitor).await;
    // The thief is a visitor too, who did the same things.
    let own = app.browser();
    connect(&own, app.demo().mcp_url()).await;
    let file = || format!("sqlite:{}", app.data().join("gatepass.sqlite").display());
    let rows = dump(&database.unwrap_or_else(file)).await;
    let tables: BTreeSet<&str> = rows.iter().map(|row| row.table.as_str()).collect();
    for table in [
        "connection",
        "flow",
        "registration",
        "outbox",
        "conversation",
        "message",
    ] {
        assert!(
            tables.contains(table),
            "{table} is not in the dump: {tables:?}"
        );
    }
    let keys = std::fs::read_to_string(app.data().join("keys")).unwrap();
    let mut thief = Thief::new(&keys, &rows);
    let cookie = |browser: &Browser| {
        let cookie = browser.cookie("gatepass-owner");
        URL_SAFE_NO_PAD.decode(cookie).unwrap()
    };
    assert!(thief.secrets.insert(cookie(&own)), "the store has a cookie");
    assert!(
        !thief.secrets.contains(&cookie(&visitor)),
        "the store has a cookie"
    );

    let loot = thief.loot(&rows);
    let mine = loot
        .iter()
        .filter(|(table, _)| ["connection", "flow"].contains(&table.as_str()));
    assert_eq!(mine.count(), 2, "the thief's own, with their own cookie");
    // What the server may open alone: who it is to the authorization server, and what the visitor
    // has ended and nobody can use any more.
    let rest = loot
        .iter()
        .filter(|(table, _)| !["connection", "flow"].contains(&table.as_str()));
    let mut rest: Vec<&str> = rest.map(|(table, _)| table.as_str()).collect();
    rest.sort_unstable();
    assert_eq!(rest, ["outbox", "registration"]);
    let registration = loot
        .iter()
        .find(|(table, _)| table == "registration")
        .unwrap();
    assert!(!registration.1.contains("_token\""), "{}", registration.1);

    // The same tries with the visitor's cookie open everything, so they were the right ones.
    thief.secrets.insert(cookie(&visitor));
    let all: usize = rows.iter().map(|row| seals(row).len()).sum();
    let opened = thief.loot(&rows);
    assert_eq!(opened.len(), all);
    let tokens = opened
        .iter()
        .filter(|(_, plain)| plain.contains("refresh_token"));
    assert!(tokens.count() >= 4);

    // And nothing lies there in the clear.
    let secret = |name: &str| {
        let found = opened.iter().filter_map(|(_, plain)| {
            let at = plain.find(&format!("\"{name}\":\""))? + name.len() + 4;
            Some(plain[at..].split('"').next()?.to_owned())
        });
        found.collect::<Vec<_>>()
    };
    let secrets = [secret("access_token"), secret("refresh_token")].concat();
    assert!(secrets.len() >= 8);
    for value in rows.iter().flat_map(|row| &row.values) {
        let text = String::from_utf8_lossy(value);
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()));
        }
    }
}

#[tokio::test]
async fn a_stolen_file_with_the_master_key_opens_no_visitors_connection_without_their_cookie() {
    the_dump_with_the_key_opens_nothing_of_a_visitor(None).await;
}

#[tokio::test]
async fn a_stolen_server_with_the_master_key_opens_no_visitors_connection_without_their_cookie() {
    let server = Postgres::start();
    let url = server.database().await;
    the_dump_with_the_key_opens_nothing_of_a_visitor(Some(url)).await;
}

/// A sign-in that has begun: the address to come back to, and its flow.
async fn begun(browser: &Browser, site: &Site) -> (String, String) {
    let start = json!({ "url": site.mcp(), "mode": "popup" });
    let started: Value = browser.post(START, &start).await.json().await.unwrap();
    let state = query(started["authorizationUrl"].as_str().unwrap())["state"].clone();
    let iss = &site.origin;
    let callback = format!("/api/mcp/oauth/callback?code=c&state={state}&iss={iss}");
    (callback, started["flowId"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_master_key_changes_under_live_connections_and_none_is_lost() {
    let data = tempfile::tempdir().unwrap();
    let keys = data.path().join("keys");
    let fresh = || KeyRing::generate(&SystemRandom).to_text().to_string();
    let site = Site::start().await;
    let program = Program::start(data.path(), &[]).await;
    let (url, address) = (program.url.clone(), program.address.clone());
    let restart = async |program: Program| {
        program.stop().await;
        Program::start(data.path(), &["--listen", &address]).await
    };
    let browsers: Vec<Browser> = (0..4).map(|_| external(&url)).collect();
    let mut connections = Vec::new();
    for browser in &browsers {
        connections.push(sign_in(browser, &site).await);
    }
    let traveller = external(&url);
    let (callback, flow) = begun(&traveller, &site).await;

    // A new key in front: everything goes on, and is sealed anew as people come by.
    let old = std::fs::read_to_string(&keys).unwrap();
    let new = fresh();
    std::fs::write(&keys, format!("{new}{old}")).unwrap();
    let program = restart(program).await;
    assert!(!program.log().contains("what other master keys have sealed"));
    traveller.arrive(&callback).await;
    let answer = traveller.get(&format!("/api/mcp/oauth/flows/{flow}")).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["status"], "authorized", "{answer}");
    let key_of = |connection: &Value| {
        let seal = connection["sealed"].as_str().unwrap();
        seal.split('.').nth(1).unwrap().to_owned()
    };
    for at in 0..3 {
        let newer = refreshed(&browsers[at], &connections[at]).await;
        assert_eq!(newer["generation"], 2);
        assert_ne!(key_of(&newer), key_of(&connections[at]));
        connections[at] = newer;
    }
    assert_eq!(site.seen(REGISTER).len(), 1, "the registration went on too");

    // The old key goes: whoever came by does not notice, the last one is asked to connect again.
    std::fs::write(&keys, &new).unwrap();
    let program = restart(program).await;
    for at in 0..3 {
        assert_eq!(
            refreshed(&browsers[at], &connections[at]).await["generation"],
            3
        );
    }
    assert!(program.log().contains("what other master keys have sealed"));
    let (late, lost) = (&browsers[3], &connections[3]);
    let again = "401 /problems/reauthorize authorize: This connection cannot be opened here: this was sealed for another browser, or by a key that this server no longer has. Connect again.";
    assert_eq!(problem(late.post(REFRESH, &body(lost)).await).await, again);
    let tools = json!({ "url": site.mcp(), "connection": lost });
    assert_eq!(problem(late.post(TOOLS, &tools).await).await, again);
    // Without a token that it can vouch for, it sends none.
    assert!(site.authorizations(MCP).iter().all(String::is_empty));
    let connected = sign_in(late, &site).await;
    assert_eq!(refreshed(late, &connected).await["generation"], 2);

    // All keys are lost: a new one is made, and everybody can connect again.
    std::fs::remove_file(&keys).unwrap();
    let program = restart(program).await;
    assert_eq!(
        problem(late.post(REFRESH, &body(&connected)).await).await,
        again
    );
    let connected = sign_in(late, &site).await;
    assert_eq!(refreshed(late, &connected).await["generation"], 2);
    assert!(!program.log().contains("panic"), "{}", program.log());
    program.stop().await;

    // Nonsense instead of keys is said, and nothing is written over.
    std::fs::write(&keys, "hunter2\n").unwrap();
    let refused = Program::refused(data.path(), &["--listen", &address]).await;
    assert!(
        refused.contains("master key number 1 is not 32 bytes"),
        "{refused}"
    );
    assert!(!refused.contains("hunter2"));
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), "hunter2\n");
}

/// Runs statements on the database behind a running server.
async fn meddle(url: &str, statements: &[&str]) {
    for statement in statements {
        let statement = sqlx::AssertSqlSafe((*statement).to_owned());
        match url.strip_prefix("sqlite:") {
            Some(path) => {
                let mut file = SqliteConnection::connect(path).await.unwrap();
                file.execute(statement).await.unwrap();
            }
            None => {
                let mut server = PgConnection::connect(url).await.unwrap();
                server.execute(statement).await.unwrap();
            }
        }
    }
}

async fn meddled_rows_give_nobody_anything(database: Option<String>) {
    let app = TestApp::start_with(|args| args.database_url.clone_from(&database)).await;
    let file = || format!("sqlite:{}", app.data().join("gatepass.sqlite").display());
    let url = database.unwrap_or_else(file);
    let demo = Demo::builder().start().await.unwrap();
    let (one, two) = (app.browser(), app.browser());
    let mut first = connect(&one, demo.mcp_url()).await;
    let mut second = connect(&two, demo.mcp_url()).await;
    let names = |connection: &Value| connection["id"].as_str().unwrap().to_owned();
    let (a, b) = (names(&first), names(&second));
    let swap = format!(
        "UPDATE connection SET generation = 9, sealed = \
         (SELECT sealed FROM connection AS other WHERE other.id <> connection.id) \
         WHERE id IN ('{a}', '{b}')"
    );
    let exchange = format!(
        "UPDATE connection SET owner = \
         (SELECT owner FROM connection AS other WHERE other.id <> connection.id) \
         WHERE id IN ('{a}', '{b}')"
    );
    for meddling in [
        // The other's seal under a newer generation, nonsense, nothing at all that could be read.
        swap.as_str(),
        "UPDATE connection SET generation = 9, sealed = 's1.00000000.AAAA'",
        "UPDATE connection SET generation = 9, sealed = ''",
    ] {
        meddle(&url, &[meddling]).await;
        for (browser, connection) in [(&one, &mut first), (&two, &mut second)] {
            let tools = json!({ "url": demo.mcp_url(), "connection": connection });
            let listed = browser.post(TOOLS, &tools).await;
            assert_eq!(
                listed.status(),
                200,
                "{meddling}: {}",
                listed.text().await.unwrap()
            );
            meddle(&url, &["UPDATE connection SET generation = 1"]).await;
            *connection = refreshed(browser, connection).await;
        }
    }
    // Each row in the other's name: who presents their own seal is not believed to be the other.
    meddle(&url, &[&exchange]).await;
    for (browser, connection) in [(&one, &second), (&two, &first)] {
        let read = problem(browser.post(REFRESH, &body(connection)).await).await;
        assert!(
            read.starts_with("401 /problems/reauthorize authorize"),
            "{read}"
        );
    }
    // No request to the MCP server carried an empty token.
    let nothing = gatepass_demo::Record::fingerprint("");
    for request in demo.record().requests_to(gatepass_demo::Endpoint::Mcp) {
        let sent = request.authorization.is_some();
        assert_eq!(request.bearer.is_some_and(|bearer| bearer != nothing), sent);
    }
    assert!(
        demo.record()
            .families()
            .iter()
            .all(|family| !family.revoked)
    );
}

#[tokio::test]
async fn rows_that_are_meddled_with_or_swapped_in_a_file_give_nobody_anything() {
    meddled_rows_give_nobody_anything(None).await;
}

#[tokio::test]
async fn rows_that_are_meddled_with_or_swapped_on_a_server_give_nobody_anything() {
    let server = Postgres::start();
    let url = server.database().await;
    meddled_rows_give_nobody_anything(Some(url)).await;
}
