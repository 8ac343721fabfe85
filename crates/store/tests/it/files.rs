use std::os::unix::fs::PermissionsExt;

use gatepass_connections::store::{ConnectionStore, Store};
use gatepass_store::Database;

use crate::engines::*;

#[tokio::test]
async fn a_sqlite_file_is_private_and_two_processes_may_open_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    let opens = (0..4).map(|_| Database::sqlite(&path));
    let opened = futures::future::join_all(opens).await;
    let databases: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    databases[0].add_connection(&row("a", 1, 1)).await.unwrap();
    let found = databases[3]
        .connection(&owner(1), &connection("a"))
        .await
        .unwrap();
    assert_eq!(found, Some(row("a", 1, 1)));
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    let database = Database::sqlite(&path).await.unwrap();
    database.add_connection(&row("a", 1, 1)).await.unwrap();
    database.close().await;
    let database = Database::sqlite(&path).await.unwrap();
    assert!(
        database
            .connection(&owner(1), &connection("a"))
            .await
            .unwrap()
            .is_some()
    );
    database.ready().await.unwrap();
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named() {
    let sentence = Database::sqlite(std::path::Path::new("/nowhere/x.db"))
        .await
        .unwrap_err()
        .to_string();
    assert!(sentence.contains("/nowhere/x.db"), "{sentence}");
    let sentence = Database::open("mysql://x/y").await.unwrap_err().to_string();
    assert!(!sentence.is_empty());
}
