//! What the chat asks of a store. Conversations belong to an owner; no call does without.

use gatepass_connections::{OwnerId, store::StoreResult};
use mcp_oauth_client::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::search::SearchWords;

/// Most conversations an owner may keep; creating one more removes the one unused for longest.
pub const MOST_CONVERSATIONS: u32 = 1000;

/// Most turns of an owner that wait for them at once.
pub const MOST_WAITING: u32 = 20;

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Its id: 128 random bits as 22 characters.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// When it was begun, in Unix milliseconds.
    pub created_at: Timestamp,
    /// When it last changed, in Unix milliseconds.
    pub updated_at: Timestamp,
}

/// A conversation that was found by what was said in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: Conversation,
    /// The words around the newest place where it was said; absent if only the title has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// A message, in parts as the AI SDK's UI messages have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id: 128 random bits as 22 characters.
    pub id: String,
    /// Who it is from.
    pub role: Role,
    /// What it says and did.
    pub parts: Vec<Value>,
    /// The model that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When it was begun, in Unix milliseconds.
    pub created_at: Timestamp,
}

/// The rows of conversations and their messages.
pub trait ConversationStore: Send + Sync {
    /// An owner's conversations, the one that changed last first.
    fn conversations<'a>(
        &'a self,
        owner: &'a OwnerId,
        most: u32,
    ) -> StoreResult<'a, Vec<Conversation>>;

    /// An owner's conversations whose title, or one message of which, has all the words; the one
    /// that changed last first.
    fn search_conversations<'a>(
        &'a self,
        owner: &'a OwnerId,
        words: &'a SearchWords,
        most: u32,
    ) -> StoreResult<'a, Vec<Found>>;

    /// Adds a conversation; past `most` of an owner the one unused for longest is removed.
    fn add_conversation<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a Conversation,
        most: u32,
    ) -> StoreResult<'a, ()>;

    /// A conversation of an owner, without its messages.
    fn conversation<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
    ) -> StoreResult<'a, Option<Conversation>>;

    /// The messages of an owner's conversation, the first one first.
    fn messages<'a>(&'a self, owner: &'a OwnerId, id: &'a str) -> StoreResult<'a, Vec<Message>>;

    /// Renames a conversation; tells whether there was one.
    fn rename_conversation<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        title: &'a str,
        now: Timestamp,
    ) -> StoreResult<'a, bool>;

    /// Removes a conversation and its messages; tells whether there was one.
    fn delete_conversation<'a>(&'a self, owner: &'a OwnerId, id: &'a str) -> StoreResult<'a, bool>;

    /// Adds a message to an owner's conversation, or writes over the one of the same id; tells
    /// whether there is such a conversation. The conversation has then changed at `now`.
    fn save_message<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
        message: &'a Message,
        now: Timestamp,
    ) -> StoreResult<'a, bool>;

    /// Puts messages in the place of the one called `from` and of everything after it, all at
    /// once; tells whether there is such a message in an owner's conversation.
    fn replace_messages<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
        from: &'a str,
        messages: &'a [Message],
        now: Timestamp,
    ) -> StoreResult<'a, bool>;
}

/// A turn that waits for a person, or whose step is not over since it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// Whose.
    pub owner: OwnerId,
    /// The conversation it is of; at most one turn waits in each.
    pub conversation: String,
    /// The assistant's message that it writes.
    pub message: String,
    /// Grows with every change: each is a compare-and-swap.
    pub version: u64,
    /// Until when a replica works on it; nothing while it is parked.
    pub held_until: Option<Timestamp>,
    /// What is open, as JSON.
    pub record: String,
    /// When it goes on without an answer.
    pub deadline: Timestamp,
}

impl RunRow {
    /// Whether a replica works on it at `now`.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.held_until.is_some_and(|until| until > now)
    }
}

/// The rows of turns that wait for a person.
pub trait RunStore: Send + Sync {
    /// Adds a row, unless its owner has `most` already or another turn of its conversation waits;
    /// tells whether it did.
    fn add_run<'a>(&'a self, row: &'a RunRow, most: u32) -> StoreResult<'a, bool>;

    /// Writes `row` over the row of its id and owner if that is at version `from`; tells whether
    /// it did.
    fn write_run<'a>(&'a self, from: u64, row: &'a RunRow) -> StoreResult<'a, bool>;

    /// An owner's row.
    fn run<'a>(&'a self, owner: &'a OwnerId, id: &'a str) -> StoreResult<'a, Option<RunRow>>;

    /// The row of an owner's conversation.
    fn run_of<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
    ) -> StoreResult<'a, Option<RunRow>>;

    /// Takes a row that is at version `from` and that nobody holds at `now`, until `until`; its
    /// version grows by one. Tells whether it did.
    fn claim_run<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        from: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<'a, bool>;

    /// Holds a row at version `version` until `until`; tells whether it is still there.
    fn hold_run<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        version: u64,
        until: Timestamp,
    ) -> StoreResult<'a, bool>;

    /// Claims rows of any owner, at most `most`, whose deadline has come and that nobody holds, as
    /// [`claim_run`](Self::claim_run) does, for what is due when nobody is there.
    fn claim_due_runs(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> StoreResult<'_, Vec<RunRow>>;

    /// Removes a row at version `version`; tells whether it did.
    fn remove_run<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        version: u64,
    ) -> StoreResult<'a, bool>;

    /// Leaves answers for the replica that holds a row at `now`, if none are left there already;
    /// tells whether it did.
    fn leave_answers<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        answers: &'a str,
        now: Timestamp,
    ) -> StoreResult<'a, bool>;

    /// Takes the answers that were left at a row at version `version`.
    fn take_answers<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        version: u64,
    ) -> StoreResult<'a, Option<String>>;
}

/// Everything the chat asks of a store.
pub trait ChatStore: ConversationStore + RunStore {}

impl<T: ConversationStore + RunStore> ChatStore for T {}
