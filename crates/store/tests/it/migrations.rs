//! Tables of every release that ever was come up to date at the start, with what is in them.

use std::path::Path;

use gatepass_chat::store::ConversationStore;
use gatepass_connections::store::ConnectionStore;
use gatepass_store::{Database, OpenError};
use gatepass_test_postgres::Postgres;
use sqlx::{
    Executor, PgPool, SqlSafeStr, SqlitePool,
    migrate::{Migration, Migrator},
    sqlite::SqliteConnectOptions,
};

use crate::engines::*;

/// What a release with the first `version` steps could have written.
fn written(version: i64, blob: &str) -> Vec<String> {
    let mut statements = vec![format!(
        "INSERT INTO connection (id, owner, generation, sealed, expires_at) \
         VALUES ('a', {blob}, 1, 'seal-1', 1000000)"
    )];
    if version >= 2 {
        statements.push(format!(
            "INSERT INTO conversation (id, owner, title, created_at, updated_at) \
             VALUES ('c', {blob}, 'Trip', 1, 2)"
        ));
        statements.push(
            "INSERT INTO message (id, conversation, role, parts, created_at, place) \
             VALUES ('m', 'c', 'user', '[]', 1, 1)"
                .to_owned(),
        );
    }
    statements
}

async fn steps(engine: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(engine);
    Migrator::new(folder).await.unwrap()
}

async fn check(version: i64, database: &Database) {
    let found = database
        .connection(&owner(1), &connection("a"))
        .await
        .unwrap();
    assert_eq!(found, Some(row("a", 1, 1)), "from version {version}");
    if version >= 2 {
        let conversation = database
            .conversation(&owner(1), "c")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(conversation.title, "Trip");
        assert_eq!(database.messages(&owner(1), "c").await.unwrap().len(), 1);
    }
    database.add_connection(&row("b", 1, 1)).await.unwrap();
}

#[tokio::test]
async fn a_file_of_every_older_version_is_brought_up_to_date() {
    let steps = steps("sqlite").await;
    let versions: Vec<i64> = steps.iter().map(|step| step.version).collect();
    assert!(versions.len() >= 2);
    for version in versions {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gatepass.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let old = SqlitePool::connect_with(options).await.unwrap();
        steps.run_to(version, &old).await.unwrap();
        for statement in written(version, &format!("x'{}'", "01".repeat(32))) {
            old.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
        old.close().await;
        check(version, &Database::sqlite(&path).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_server_of_every_older_version_is_brought_up_to_date() {
    let steps = steps("postgres").await;
    let server = Postgres::start();
    for version in steps.iter().map(|step| step.version) {
        let url = server.create(&format!("version_{version}")).await;
        let old = PgPool::connect(&url).await.unwrap();
        steps.run_to(version, &old).await.unwrap();
        for statement in written(version, &format!("'\\x{}'", "01".repeat(32))) {
            old.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        }
        old.close().await;
        check(version, &Database::postgres(&url).await.unwrap()).await;
    }
}

#[tokio::test]
async fn what_a_newer_release_has_changed_is_left_alone_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatepass.db");
    let database = Database::sqlite(&path).await.unwrap();
    database.add_connection(&row("a", 1, 1)).await.unwrap();
    database.close().await;
    let mut steps: Vec<Migration> = steps("sqlite").await.iter().cloned().collect();
    let mut next = steps.last().unwrap().clone();
    next.version += 1;
    next.sql = "CREATE TABLE novelty (id TEXT)".into_sql_str();
    let version = next.version;
    steps.push(next);
    let newer = SqlitePool::connect(&path.display().to_string())
        .await
        .unwrap();
    Migrator::with_migrations(steps).run(&newer).await.unwrap();
    newer.close().await;
    let error = Database::sqlite(&path).await.unwrap_err();
    assert!(matches!(&error, OpenError::Newer { version: found, .. } if *found == version));
    let sentence = error.to_string();
    assert!(sentence.contains("a newer release"), "{sentence}");
}
