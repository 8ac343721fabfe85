//! Runs a test on every engine.

use gatepass_connections::{ConnectionId, FlowId, OwnerId, Sealed, store::ConnectionRow};
use gatepass_store::Database;
use gatepass_test_postgres::Postgres;
use mcp_oauth_client::Timestamp;

/// A fresh database of each engine.
pub async fn each(test: impl AsyncFn(Database)) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Database::sqlite(&folder.path().join("test.db"))
        .await
        .unwrap();
    test(sqlite.clone()).await;
    sqlite.close().await;

    let server = Postgres::start();
    let postgres = Database::postgres(&server.database().await).await.unwrap();
    test(postgres.clone()).await;
    postgres.close().await;
}

/// Three processes over one database of each engine.
pub async fn each_shared(test: impl AsyncFn([Database; 3])) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let sqlite = async || Database::sqlite(&path).await.unwrap();
    test([sqlite().await, sqlite().await, sqlite().await]).await;

    let server = Postgres::start();
    let url = server.database().await;
    let postgres = async || Database::postgres(&url).await.unwrap();
    test([postgres().await, postgres().await, postgres().await]).await;
}

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub fn owner(name: u8) -> OwnerId {
    OwnerId::from_bytes([name; 32])
}

pub fn connection(name: &str) -> ConnectionId {
    ConnectionId::from_text(name)
}

pub fn flow(name: char) -> FlowId {
    FlowId::parse(&name.to_string().repeat(22)).unwrap()
}

pub fn row(id: &str, of: u8, generation: u64) -> ConnectionRow {
    ConnectionRow {
        id: connection(id),
        owner: owner(of),
        generation,
        sealed: Some(Sealed::from_text(format!("seal-{generation}"))),
        expires_at: at(1_000_000),
    }
}
