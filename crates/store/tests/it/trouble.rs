//! A database that is locked, may not be written to, or is gone says so, and nothing panics.

use std::path::Path;

use gatepass_chat::store::{ConversationStore, Message, Role};
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

fn remove(path: &Path, endings: &[&str]) {
    for ending in endings {
        let file = format!("{}{ending}", path.display());
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_open_is_made_again_at_the_next_statement() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    let database = Database::sqlite(&path).await.unwrap();
    for endings in [&["", "-wal", "-shm"][..], &[""]] {
        database.add_connection(&row("a", 1, 1)).await.unwrap();
        remove(&path, endings);
        let (owner, id) = (owner(1), connection("a"));
        let (found, ready) = tokio::join!(database.connection(&owner, &id), database.ready());
        assert_eq!(found.unwrap(), None);
        ready.unwrap();
        database.add_connection(&row("b", 1, 1)).await.unwrap();
        let again = Database::sqlite(&path).await.unwrap();
        let found = again.connection(&owner, &connection("b")).await.unwrap();
        assert!(
            found.is_some(),
            "what is written is where others look for it"
        );
    }
    // Gone with its folder: that is said, and ends when the folder is back.
    let elsewhere = folder.path().with_extension("elsewhere");
    std::fs::rename(folder.path(), &elsewhere).unwrap();
    let error = database.add_connection(&row("c", 1, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    std::fs::rename(&elsewhere, folder.path()).unwrap();
    let found = database.connection(&owner(1), &connection("b")).await;
    assert!(found.unwrap().is_some());
    database.close().await;
    assert!(database.ready().await.is_err(), "closed is closed");
}

#[tokio::test]
async fn a_file_that_may_not_grow_says_that_it_is_full_until_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    let database = Database::sqlite_of(&path, Some(512 * 1024)).await.unwrap();
    database.add_connection(&row("a", 1, 1)).await.unwrap();
    let one = owner(1);
    let chat = crate::conversations::conversation("long", 1);
    database.add_conversation(&one, &chat, 9).await.unwrap();
    let save = async |n: u32| {
        let message = Message {
            id: format!("m{n}"),
            role: Role::User,
            parts: vec![serde_json::json!({ "type": "text", "text": "x".repeat(50_000) })],
            model: None,
            created_at: at(1),
        };
        database.save_message(&one, "long", &message, at(2)).await
    };
    let mut n = 0;
    let error = loop {
        match save(n).await {
            Ok(saved) => assert!(saved),
            Err(error) => break error,
        }
        n += 1;
        assert!(n < 20, "it never gets full");
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert_eq!(error.to_string(), "the database is full");
    assert_eq!(
        database.messages(&one, "long").await.unwrap().len(),
        n as usize
    );
    // A connection is small and goes on.
    assert!(
        database
            .advance_connection(1, &row("a", 1, 2))
            .await
            .unwrap()
    );
    assert!(database.delete_conversation(&one, "long").await.unwrap());
    database.add_conversation(&one, &chat, 9).await.unwrap();
    assert!(save(99).await.unwrap());
    assert!(std::fs::metadata(&path).unwrap().len() <= 512 * 1024);
}

#[tokio::test]
async fn a_server_that_comes_back_is_used_again_with_everything_it_had() {
    let mut server = Postgres::start();
    let database = Database::postgres(&server.database().await).await.unwrap();
    database.add_connection(&row("a", 1, 1)).await.unwrap();
    server.kill();
    let error = database.add_connection(&row("b", 1, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    server.go_on();
    while database.ready().await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let found = database.connection(&owner(1), &connection("a")).await;
    assert_eq!(found.unwrap(), Some(row("a", 1, 1)));
    assert!(database.add_connection(&row("b", 1, 1)).await.unwrap());
}

#[tokio::test]
async fn a_server_without_room_says_that_it_is_full() {
    let server = Postgres::start();
    let url = server.database().await;
    let database = Database::postgres(&url).await.unwrap();
    let mut admin = PgConnection::connect(&url).await.unwrap();
    // What PostgreSQL itself raises when the disk has no room.
    admin
        .execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'could not extend file: No space left on device' \
             USING ERRCODE = 'disk_full'; END $$",
        )
        .await
        .unwrap();
    admin
        .execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON connection EXECUTE FUNCTION full_disk()",
        )
        .await
        .unwrap();
    let error = database.add_connection(&row("a", 1, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    admin
        .execute("DROP TRIGGER full_disk ON connection")
        .await
        .unwrap();
    assert!(database.add_connection(&row("a", 1, 1)).await.unwrap());
}
