//! Turns as they are stored, on a real database.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures::StreamExt;
use gatepass_chat::{
    Conversation, ConversationStore, Ending, Message, Role, Run, RunRow, RunStore, Runs, carry_out,
    search::SearchWords,
    store::{Found, MOST_CONVERSATIONS},
};
use gatepass_connections::{OwnerId, StoreError, store::StoreResult};
use gatepass_store::Database;
use mcp_oauth_client::{Clock, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    front_end,
    host::{Hall, Server},
    script::{Answer, Scripted, chunk, end, event, gate},
    stage::{Noon, notes, turn},
};

/// A database that tells when a message was written, and can be made to refuse.
struct Watched {
    database: Database,
    written: Notify,
    full: AtomicBool,
    /// Whether writing never comes to an end.
    stuck: AtomicBool,
}

macro_rules! passed_on {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(fn $name<'a>(&'a self, owner: &'a OwnerId, $($argument: $kind),*) -> StoreResult<'a, $result> {
            self.database.$name(owner, $($argument),*)
        })*
    };
}

impl ConversationStore for Watched {
    passed_on! {
        conversations(most: u32) -> Vec<Conversation>;
        add_conversation(conversation: &'a Conversation, most: u32) -> ();
        conversation(id: &'a str) -> Option<Conversation>;
        messages(id: &'a str) -> Vec<Message>;
        rename_conversation(id: &'a str, title: &'a str, now: Timestamp) -> bool;
        delete_conversation(id: &'a str) -> bool;
        search_conversations(words: &'a SearchWords, most: u32) -> Vec<Found>;
        replace_messages(conversation: &'a str, from: &'a str, messages: &'a [Message], now: Timestamp) -> bool;
    }

    fn save_message<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
        message: &'a Message,
        now: Timestamp,
    ) -> StoreResult<'a, bool> {
        Box::pin(async move {
            if self.stuck.load(Ordering::SeqCst) {
                self.written.notify_one();
                std::future::pending::<()>().await;
            }
            if self.full.load(Ordering::SeqCst) {
                self.written.notify_one();
                return Err(StoreError::Full);
            }
            let saved = self
                .database
                .save_message(owner, conversation, message, now);
            let saved = saved.await;
            self.written.notify_one();
            saved
        })
    }
}

impl RunStore for Watched {
    passed_on! {
        run(id: &'a str) -> Option<RunRow>;
        run_of(conversation: &'a str) -> Option<RunRow>;
        claim_run(id: &'a str, from: u64, now: Timestamp, until: Timestamp) -> bool;
        hold_run(id: &'a str, version: u64, until: Timestamp) -> bool;
        remove_run(id: &'a str, version: u64) -> bool;
        leave_answers(id: &'a str, answers: &'a str, now: Timestamp) -> bool;
        take_answers(id: &'a str, version: u64) -> Option<String>;
    }

    fn add_run<'a>(&'a self, row: &'a RunRow, most: u32) -> StoreResult<'a, bool> {
        self.database.add_run(row, most)
    }

    fn write_run<'a>(&'a self, from: u64, row: &'a RunRow) -> StoreResult<'a, bool> {
        self.database.write_run(from, row)
    }

    fn claim_due_runs(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> StoreResult<'_, Vec<RunRow>> {
        self.database.claim_due_runs(now, until, most)
    }
}

/// A conversation with a question, and the turn that answers it.
struct Desk {
    _folder: TempDir,
    store: Arc<Watched>,
    runs: Runs,
    owner: OwnerId,
    run: Arc<Run>,
    turn: JoinHandle<()>,
}

impl Desk {
    async fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::at(answers, notes()).await
    }

    async fn at(answers: impl IntoIterator<Item = Answer>, server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::sqlite(&folder.path().join("chat.sqlite"))
            .await
            .unwrap();
        let store = Arc::new(Watched {
            database,
            written: Notify::new(),
            full: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
        });
        let owner = OwnerId::from_bytes([1; 32]);
        let now = Noon.now();
        let talk = Conversation {
            id: "talk".to_owned(),
            title: "Notes".to_owned(),
            created_at: now,
            updated_at: now,
        };
        let added = store.add_conversation(&owner, &talk, MOST_CONVERSATIONS);
        added.await.unwrap();
        let answer = Message {
            id: "answer".to_owned(),
            role: Role::Assistant,
            parts: Vec::new(),
            model: Some("small".to_owned()),
            created_at: now,
        };
        let saved = store.save_message(&owner, "talk", &answer, now);
        assert!(saved.await.unwrap());
        store.written.notified().await;
        let runs = Runs::default();
        let run = runs.begin("run".into(), owner, "talk".into()).unwrap();
        let hall = Hall::of([server]);
        let turn = turn(&Scripted::new(answers), &hall);
        let turn = carry_out(
            turn,
            Ending::of(run.clone()),
            owner,
            answer,
            None,
            store.clone(),
            Arc::new(Noon),
        );
        Self {
            _folder: folder,
            store,
            runs,
            owner,
            run,
            turn: tokio::spawn(turn),
        }
    }

    /// The answer as it is stored.
    async fn stored(&self) -> Vec<Value> {
        let messages = self.store.messages(&self.owner, "talk").await.unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].model.as_deref(), Some("small"));
        messages[0].parts.clone()
    }

    /// The stream as a page hears it.
    async fn heard(&self) -> Vec<Value> {
        let parts: Vec<_> = self.run.listen().collect().await;
        let parts = parts.iter().map(|part| serde_json::from_str(part).unwrap());
        parts.collect()
    }
}

fn answer() -> [Answer; 2] {
    [
        Answer::calls(&[("Notes__search", "{}")]),
        Answer::says(&["Milk ", "and eggs."]),
    ]
}

#[tokio::test]
async fn a_turn_nobody_listens_to_is_stored_whole() {
    let desk = Desk::with(answer()).await;
    // Nobody hears it until it is over.
    while !desk.run.is_over() {
        desk.store.written.notified().await;
        tokio::task::yield_now().await;
    }
    let heard = desk.heard().await;
    front_end::hold_to_protocol(&heard);
    assert_eq!(heard[0], json!({"type": "start", "messageId": "answer"}));
    let stored = desk.stored().await;
    let states: Vec<_> = stored
        .iter()
        .map(|part| (part["type"].clone(), part["state"].clone()))
        .collect();
    assert_eq!(
        json!(states),
        json!([
            ["step-start", null],
            ["dynamic-tool", "output-available"],
            ["step-start", null],
            ["text", "done"],
        ])
    );
    assert_eq!(stored[3]["text"], "Milk and eggs.");
    assert_eq!(desk.runs.under_way(), 0);
    desk.turn.await.unwrap();
}

#[tokio::test]
async fn an_answer_is_stored_while_it_grows() {
    let (gate, wait) = gate();
    let slow = Answer::stream([
        event(&chunk(json!({"content": "Once upon"}))),
        wait,
        event(&chunk(json!({"content": " a time."}))),
        event(&end("stop")),
    ]);
    let desk = Desk::with([slow]).await;
    desk.store.written.notified().await;
    assert!(!desk.run.is_over());
    let stored = desk.stored().await;
    assert_eq!(stored[1]["text"], "Once upon");
    assert_eq!(stored[1]["state"], "streaming");
    gate.open();
    desk.heard().await;
    let stored = desk.stored().await;
    assert_eq!(
        stored[1],
        json!({"type": "text", "text": "Once upon a time.", "state": "done"})
    );
    desk.turn.await.unwrap();
}

#[tokio::test]
async fn a_stopped_turn_is_stored_as_stopped() {
    let (gate, wait) = gate();
    gate.never();
    let slow = Answer::stream([event(&chunk(json!({"content": "Once upon"}))), wait]);
    let desk = Desk::with([slow]).await;
    let mut parts = Box::pin(desk.run.listen());
    while !parts.next().await.unwrap().contains("Once upon") {}
    desk.runs.cancel_all(&desk.owner, "talk");
    let last = parts.collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(&*last, r#"{"type":"abort"}"#);
    assert_eq!(
        desk.stored().await,
        [
            json!({"type": "step-start"}),
            json!({"type": "text", "text": "Once upon", "state": "done"}),
            json!({"type": "data-aborted", "data": {}}),
        ]
    );
    desk.turn.await.unwrap();
}

#[tokio::test]
async fn a_failed_turn_is_stored_with_its_reason() {
    let desk = Desk::with([Answer::plain(401, "text/plain", "no")]).await;
    let heard = desk.heard().await;
    let last = heard.last().unwrap();
    assert_eq!(last["type"], "error");
    let stored = desk.stored().await;
    let reason = stored.last().unwrap();
    assert_eq!(reason["errorText"], last["errorText"]);
    assert!(
        reason["errorText"]
            .as_str()
            .unwrap()
            .contains("administrator must set another")
    );
    desk.turn.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_shown_and_the_page_is_told() {
    let (gate, wait) = gate();
    let slow = Answer::stream([
        wait,
        event(&chunk(json!({"content": "Hi."}))),
        event(&end("stop")),
    ]);
    let desk = Desk::with([slow]).await;
    desk.store.full.store(true, Ordering::SeqCst);
    gate.open();
    let heard = desk.heard().await;
    assert!(heard.iter().any(|part| part["delta"] == "Hi."));
    assert_eq!(
        heard.last().unwrap()["errorText"],
        "The answer could not be stored: the database is full."
    );
    assert!(desk.run.is_over());
    desk.turn.await.unwrap();
}

#[tokio::test]
async fn a_conversation_deleted_meanwhile_does_not_come_back() {
    let (gate, wait) = gate();
    let slow = Answer::stream([
        wait,
        event(&chunk(json!({"content": "Hi."}))),
        event(&end("stop")),
    ]);
    let desk = Desk::with([slow]).await;
    assert!(
        desk.store
            .delete_conversation(&desk.owner, "talk")
            .await
            .unwrap()
    );
    gate.open();
    desk.heard().await;
    assert_eq!(
        desk.store.conversation(&desk.owner, "talk").await.unwrap(),
        None
    );
    assert_eq!(desk.store.messages(&desk.owner, "talk").await.unwrap(), []);
    desk.turn.await.unwrap();
}

#[tokio::test]
async fn a_turn_that_panics_is_over_all_the_same() {
    let broken = Server::new("Notes").tool("search", async |_, _| panic!("a bug"));
    let desk = Desk::at([Answer::calls(&[("Notes__search", "{}")])], broken).await;
    let heard = tokio::time::timeout(std::time::Duration::from_secs(5), desk.heard()).await;
    let heard = heard.expect("listeners are let go");
    assert_eq!(heard.last().unwrap()["type"], "error");
    assert_eq!(desk.runs.under_way(), 0);
}

#[tokio::test]
async fn a_database_that_hangs_does_not_hold_the_stream_back() {
    let (gate, wait) = gate();
    let slow = Answer::stream([
        event(&chunk(json!({"content": "Once upon"}))),
        wait,
        event(&chunk(json!({"content": " a time."}))),
        event(&end("stop")),
    ]);
    let desk = Desk::with([slow]).await;
    desk.store.stuck.store(true, Ordering::SeqCst);
    desk.store.written.notified().await;
    gate.open();
    let mut parts = Box::pin(desk.run.listen());
    let told = async { while !parts.next().await.unwrap().contains(" a time.") {} };
    let told = tokio::time::timeout(std::time::Duration::from_secs(5), told).await;
    told.expect("the rest of the answer is heard");
}
