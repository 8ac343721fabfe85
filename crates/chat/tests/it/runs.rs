use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt;
use gatepass_chat::{
    Conversation, ConversationStore, Message, Part, Role, Runs, Turn, carry_out,
    model::ChatMessage, search::SearchWords, store::Found,
};
use gatepass_connections::{OwnerId, store::StoreResult};
use mcp_oauth_client::{Clock, Timestamp};
use serde_json::json;

use crate::support::*;

/// Remembers every version of the one message of a run.
#[derive(Default)]
struct MessageLog(Mutex<Vec<Message>>);

impl ConversationStore for MessageLog {
    fn conversations<'a>(&'a self, _: &'a OwnerId, _: u32) -> StoreResult<'a, Vec<Conversation>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn add_conversation<'a>(
        &'a self,
        _: &'a OwnerId,
        _: &'a Conversation,
        _: u32,
    ) -> StoreResult<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn conversation<'a>(
        &'a self,
        _: &'a OwnerId,
        _: &'a str,
    ) -> StoreResult<'a, Option<Conversation>> {
        Box::pin(async { Ok(None) })
    }

    fn messages<'a>(&'a self, _: &'a OwnerId, _: &'a str) -> StoreResult<'a, Vec<Message>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn rename_conversation<'a>(
        &'a self,
        _: &'a OwnerId,
        _: &'a str,
        _: &'a str,
        _: Timestamp,
    ) -> StoreResult<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn delete_conversation<'a>(&'a self, _: &'a OwnerId, _: &'a str) -> StoreResult<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn search_conversations<'a>(
        &'a self,
        _: &'a OwnerId,
        _: &'a SearchWords,
        _: u32,
    ) -> StoreResult<'a, Vec<Found>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn replace_messages<'a>(
        &'a self,
        _: &'a OwnerId,
        _: &'a str,
        _: &'a str,
        _: &'a [Message],
        _: Timestamp,
    ) -> StoreResult<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn save_message<'a>(
        &'a self,
        _: &'a OwnerId,
        _: &'a str,
        message: &'a Message,
        _: Timestamp,
    ) -> StoreResult<'a, bool> {
        self.0.lock().unwrap().push(message.clone());
        Box::pin(async { Ok(true) })
    }
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
        rounds: 5,
        today: "2026-11-23".into(),
    };
    let log = Arc::new(MessageLog::default());
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
        run.clone(),
        owner(1),
        message,
        log.clone(),
        Arc::new(Frozen),
    )
    .await;
    assert!(run.is_over());
    let late: Vec<_> = run.listen().collect().await;
    assert_eq!(early.await.unwrap(), late);
    assert!(late[0].contains(r#""type":"start""#));

    let stored = log.0.lock().unwrap().last().unwrap().parts.clone();
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
