//! Where a turn keeps what is open while it waits for a person.

use mcp_oauth_client::BoxFuture;
use serde_json::Value;

use crate::{ask::Answer, inbox::Inbox, open::Open};

/// Keeps what is open, so that nothing is lost with this process.
pub trait Keeper: Send + Sync {
    /// Where answers arrive.
    fn inbox(&self) -> &Inbox;

    /// The message so far, as it is stored.
    fn said(&self) -> Vec<Value>;

    /// Writes down what is open while this process works on it. Nothing is shown to a person, and
    /// nothing sent to a server, before it is written.
    fn keep<'a>(&'a self, open: &'a Open) -> BoxFuture<'a, Result<(), NotKept>>;

    /// Writes down what is open and lets go of it: whoever gets the answer goes on.
    fn park<'a>(&'a self, open: &'a Open) -> BoxFuture<'a, Result<(), NotKept>>;

    /// Writes the message down; nothing is open any more.
    fn release(&self) -> BoxFuture<'_, Result<(), NotKept>>;

    /// Says that this process still works on it, and fetches answers that other replicas got.
    fn renew(&self) -> BoxFuture<'_, Result<Vec<(String, Answer)>, NotKept>>;
}

/// Why something could not be kept. Each displays as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// Another replica goes on with it.
    #[error("another server goes on with it")]
    Lost,
    /// The owner has too many turns that wait.
    #[error("too many turns wait already")]
    TooMany,
    /// It is larger than is kept.
    #[error("there is too much to remember")]
    TooLarge,
    /// The database does not do it.
    #[error("{0}")]
    Failed(String),
}
