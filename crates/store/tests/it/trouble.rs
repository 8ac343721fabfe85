//! A database that is locked, may not be written to, or is gone says so, and nothing panics.

use gatepass_connections::{
    StoreError,
    store::{ConnectionStore, Store},
};
use gatepass_store::Database;
use gatepass_test_postgres::Postgres;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use crate::engines::*;

#[tokio::test]
async fn a_file_that_somebody_else_locks_can_be_read_and_written_to_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    let database = Database::sqlite(&path).await.unwrap();
    database.add_connection(&row("a", 1, 1)).await.unwrap();
    let mut other = SqliteConnection::connect(&path.display().to_string())
        .await
        .unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = database.add_connection(&row("b", 1, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let found = database.connection(&owner(1), &connection("a")).await;
    assert_eq!(found.unwrap(), Some(row("a", 1, 1)));
    other.execute("ROLLBACK").await.unwrap();
    assert!(database.add_connection(&row("b", 1, 1)).await.unwrap());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    std::fs::write(&path, "This is a letter, not a database. ".repeat(100)).unwrap();
    let sentence = Database::sqlite(&path).await.unwrap_err().to_string();
    assert!(sentence.contains("gatepass.db"), "{sentence}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("This is a letter"), "it is left as it was");
}

#[tokio::test]
async fn a_database_url_names_its_file_with_any_number_of_slashes() {
    let folder = tempfile::tempdir().unwrap();
    for (slashes, name) in [
        ("sqlite:", "a.db"),
        ("sqlite://", "b.db"),
        ("sqlite:///", "c.db"),
    ] {
        let path = folder.path().join(name);
        let url = format!("{slashes}{}", path.display());
        let database = Database::open(&url).await.unwrap();
        database.ready().await.unwrap();
        assert!(path.exists(), "{url}");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_says_so_and_is_read_all_the_same() {
    let server = Postgres::start();
    let url = server.database().await;
    let first = Database::postgres(&url).await.unwrap();
    first.add_connection(&row("a", 1, 1)).await.unwrap();
    // As after a fail-over to a standby: whoever connects from now on may only read.
    let mut admin = PgConnection::connect(&url).await.unwrap();
    admin
        .execute("ALTER DATABASE gatepass SET default_transaction_read_only = on")
        .await
        .unwrap();
    admin
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'gatepass' AND pid <> pg_backend_pid()")
        .await
        .unwrap();
    let found = first.connection(&owner(1), &connection("a")).await;
    assert_eq!(
        found.unwrap(),
        Some(row("a", 1, 1)),
        "it connects again by itself"
    );
    let error = first.add_connection(&row("b", 1, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
    assert_eq!(error.to_string(), "the database cannot be written to");
}

#[tokio::test]
async fn a_server_that_is_gone_is_temporary_and_named_without_its_password() {
    let server = Postgres::start();
    let url = server.database().await;
    let database = Database::postgres(&url).await.unwrap();
    database.ready().await.unwrap();
    drop(server);
    let error = database
        .connection(&owner(1), &connection("a"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    assert!(database.ready().await.is_err());

    let url = "postgres://gatepass:hunter2@127.0.0.1:1/gatepass";
    let sentence = Database::open(url).await.unwrap_err().to_string();
    assert!(sentence.contains("gatepass at 127.0.0.1"), "{sentence}");
    assert!(!sentence.contains("hunter2"), "{sentence}");
}
