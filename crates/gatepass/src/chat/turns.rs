//! The turns of this process: one at a time in a conversation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gatepass_chat::{Run, Runs};
use gatepass_connections::OwnerId;
use mcp_oauth_client::Random;

use crate::problem::{Kind, Problem};

/// The turns under way.
#[derive(Default)]
pub struct Turns {
    runs: Runs,
    /// The newest turn of each conversation that has one under way.
    newest: Mutex<HashMap<String, Arc<Run>>>,
}

impl Turns {
    /// Begins a turn of a conversation, or goes on with one, unless one is under way there.
    pub fn begin(
        &self,
        owner: OwnerId,
        conversation: &str,
        id: String,
    ) -> Result<Arc<Run>, Problem> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.retain(|_, run| !run.is_over());
        if newest.contains_key(conversation) {
            return Err(Problem::new(
                Kind::TurnInProgress,
                "The last message of this conversation is still being answered.",
            ));
        }
        let run = self.runs.begin(id, owner, conversation.to_owned());
        let run = run.ok_or_else(|| {
            Problem::new(
                Kind::Overloaded,
                "Too many turns are under way. Try again in a moment.",
            )
        })?;
        newest.insert(conversation.to_owned(), Arc::clone(&run));
        Ok(run)
    }

    /// The turn under way in an owner's conversation.
    pub fn under_way(&self, owner: &OwnerId, conversation: &str) -> Option<Arc<Run>> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let id = newest
            .get(conversation)
            .filter(|run| !run.is_over())?
            .id()
            .to_owned();
        self.runs.find(owner, conversation, &id)
    }

    /// A turn of an owner's conversation, under way or over.
    pub fn find(&self, owner: &OwnerId, conversation: &str, id: &str) -> Result<Arc<Run>, Problem> {
        self.runs.find(owner, conversation, id).ok_or_else(|| {
            Problem::new(
                Kind::RunNotFound,
                "This turn has ended long ago, or was not begun here. Read the conversation again.",
            )
        })
    }

    /// Stops the turns of a conversation.
    pub fn stop(&self, owner: &OwnerId, conversation: &str) {
        self.runs.cancel_all(owner, conversation);
    }

    /// Ends every turn here, for the end of the process; those that wait go on elsewhere.
    pub fn stop_all(&self) {
        self.runs.end_everything();
    }

    /// How many are under way.
    pub fn count(&self) -> usize {
        self.runs.under_way()
    }
}

/// A new id: 128 random bits as 22 characters.
pub fn new_id(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
