use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use gatepass_chat::{
    Conversation, ConversationStore, Ending, Message, Open, Part, Role, Runs, Turn, carry_out,
    model::ChatMessage,
};
use gatepass_connections::OwnerId;
use gatepass_store::Database;
use mcp_oauth_client::{Clock, Timestamp};
use serde_json::json;

use crate::support::*;

/// A database with a conversation in it.
async fn database(folder: &std::path::Path) -> Arc<Database> {
    let database = Database::sqlite(&folder.join("chat.sqlite")).await.unwrap();
    let now = Timestamp::from_millis(1);
    let talk = Conversation {
        id: "c1".into(),
        title: "Talk".into(),
        created_at: now,
        updated_at: now,
    };
    database
        .add_conversation(&owner(1), &talk, 9)
        .await
        .unwrap();
    Arc::new(database)
}

struct Frozen;

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(7)
    }
}

fn owner(name: u8) -> OwnerId {
    OwnerId::from_bytes([name; 32])
}

#[tokio::test]
async fn a_run_goes_on_without_listeners_and_is_heard_from_the_start_afterwards() {
    let runs = Runs::default();
    let run = runs.begin("r1".into(), owner(1), "c1".into()).unwrap();
    let model = Endpoint::with([calls(&[("Notes__search", "{}")]), says("found it")]);
    let turn = Turn {
        client: model.client(),
        endpoint: endpoint(),
        model: "m1".into(),
        messages: vec![ChatMessage::User("find".into())],
        host: Servers::with([server("Notes", &[("search", text("milk"))])]),
        random: Arc::new(Counting::default()),
        clock: Arc::new(Frozen),
        rounds: 5,
        today: "2026-11-23".into(),
        run: "r1".into(),
        open: Open::default(),
    };
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path()).await;
    let message = Message {
        id: "m".into(),
        role: Role::Assistant,
        parts: Vec::new(),
        model: Some("m1".into()),
        created_at: Timestamp::from_millis(1),
    };
    let early = tokio::spawn(run.listen().collect::<Vec<_>>());
    carry_out(
        turn,
        Ending::of(run.clone()),
        owner(1),
        message,
        None,
        database.clone(),
        Arc::new(Frozen),
    )
    .await;
    assert!(run.is_over());
    let late: Vec<_> = run.listen().collect().await;
    assert_eq!(early.await.unwrap(), late);
    assert!(late[0].contains(r#""type":"start""#));

    let stored = database.messages(&owner(1), "c1").await.unwrap();
    let stored = stored[0].parts.clone();
    let kinds: Vec<_> = stored
        .iter()
        .map(|part| part["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["step-start", "dynamic-tool", "step-start", "text"]);
    assert_eq!(stored[1]["state"], "output-available");
    assert_eq!(stored[1]["server"], "Notes");
    assert_eq!(
        stored[3],
        json!({"type": "text", "text": "found it", "state": "done"})
    );
}

#[tokio::test]
async fn a_run_is_its_owners_and_its_conversations_alone() {
    let runs = Runs::default();
    let run = runs.begin("r1".into(), owner(1), "c1".into()).unwrap();
    assert!(runs.find(&owner(1), "c1", "r1").is_some());
    assert!(runs.find(&owner(2), "c1", "r1").is_none());
    assert!(runs.find(&owner(1), "c2", "r1").is_none());
    runs.cancel_all(&owner(2), "c1");
    assert!(!run.cancel().is_cancelled());
    runs.cancel_all(&owner(1), "c1");
    assert!(run.cancel().is_cancelled());
}

#[tokio::test]
async fn runs_are_bounded_and_those_under_way_are_kept() {
    let runs = Runs::default();
    let first = runs.begin("first".into(), owner(1), "c".into()).unwrap();
    for n in 0..511 {
        let run = runs.begin(format!("r{n}"), owner(1), "c".into()).unwrap();
        if n == 300 {
            run.finish();
        }
    }
    assert!(runs.begin("more".into(), owner(1), "c".into()).is_some());
    assert!(runs.find(&owner(1), "c", "r300").is_none());
    assert!(
        runs.begin("too many".into(), owner(1), "c".into())
            .is_none()
    );
    assert!(runs.find(&owner(1), "c", first.id()).is_some());
    assert_eq!(runs.under_way(), 512);
}

#[tokio::test]
async fn a_listener_hears_parts_as_they_come() {
    let runs = Runs::default();
    let run = runs.begin("r".into(), owner(1), "c".into()).unwrap();
    let mut heard = Box::pin(run.listen());
    let nothing = tokio::time::timeout(Duration::from_millis(20), heard.next()).await;
    assert!(nothing.is_err());
    run.emit(&Part::Finish);
    assert_eq!(heard.next().await.as_deref(), Some(r#"{"type":"finish"}"#));
    run.finish();
    assert_eq!(heard.next().await, None);
}
