//! What the chat asks of a store. Conversations belong to an owner; no call does without.

use gatepass_connections::{OwnerId, store::StoreResult};
use mcp_oauth_client::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::search::SearchWords;

/// Most conversations an owner may keep; creating one more removes the one unused for longest.
pub const MOST_CONVERSATIONS: u32 = 1000;

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
