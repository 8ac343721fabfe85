//! What a server may ask of the user in the middle of a call.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mcp_oauth_client::BoxFuture;
use rmcp::model::{ElicitRequestParams, ElicitResult, RequestId};
use serde_json::Value;

/// Answers a server's questions (MCP Elicitation). Only a session that was given one declares the
/// capability; the others are never asked.
pub trait Interaction: Send + Sync {
    /// Asks the user and gives their answer: accept with content, decline, or cancel.
    fn elicit(&self, request: ElicitRequestParams) -> BoxFuture<'_, ElicitResult>;

    /// Whether it can send the user to a page of the server's, too (URL mode).
    fn opens_pages(&self) -> bool {
        false
    }
}

/// Questions that a server ended a call with; the call goes on when it is made again with the
/// answers (MCP Multi Round-Trip Requests).
#[derive(Clone, Debug, PartialEq)]
pub struct Inquiry {
    /// The questions, by the server's names for them.
    pub questions: BTreeMap<String, ElicitRequestParams>,
    /// What the server wants back as it was.
    pub state: Option<String>,
}

/// The answers to an [`Inquiry`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resumption {
    /// Each an elicitation result, by the server's names for its questions.
    pub responses: BTreeMap<String, Value>,
    /// What the server wants back as it was.
    pub state: Option<String>,
}

/// Most questions of servers that are remembered by the answer they came in.
const MOST_ORIGINS: usize = 64;

/// The calls of a session that are under way and can ask the user.
#[derive(Default)]
pub(crate) struct Askers(Mutex<Board>);

#[derive(Default)]
struct Board {
    calls: Vec<(RequestId, Arc<dyn Interaction>, Arc<Activity>)>,
    /// In the answer to which request each question came.
    origins: HashMap<RequestId, RequestId>,
    order: VecDeque<RequestId>,
}

/// What a call shows of life.
#[derive(Default)]
pub(crate) struct Activity {
    /// Signs of life so far; odd changes do not matter, only that it changes.
    signs: AtomicU64,
    /// Questions that the user has not answered yet.
    asked: AtomicU64,
}

impl Activity {
    pub(crate) fn sign(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
    }

    /// Comes when there was no sign of life for so long, and the user is not being asked.
    pub(crate) async fn silence(&self, most: Duration) {
        loop {
            let before = self.signs.load(Ordering::Relaxed);
            tokio::time::sleep(most).await;
            let quiet = self.signs.load(Ordering::Relaxed) == before;
            if quiet && self.asked.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

/// A question that is with the user, while it lives.
struct Asking(Arc<Activity>);

impl Asking {
    fn of(activity: &Arc<Activity>) -> Self {
        activity.asked.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.sign();
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call that can ask, while it lives.
pub(crate) struct Registered {
    askers: Arc<Askers>,
    call: RequestId,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.askers
            .board()
            .calls
            .retain(|(own, ..)| *own != self.call);
    }
}

impl Askers {
    pub(crate) fn register(
        self: &Arc<Self>,
        call: &RequestId,
        interaction: Arc<dyn Interaction>,
        activity: Arc<Activity>,
    ) -> Registered {
        let mut board = self.board();
        board.calls.push((call.clone(), interaction, activity));
        drop(board);
        Registered {
            askers: Arc::clone(self),
            call: call.clone(),
        }
    }

    /// Remembers in the answer to which request a question came.
    pub(crate) fn came_in(&self, question: RequestId, call: RequestId) {
        let mut board = self.board();
        if board.order.len() == MOST_ORIGINS
            && let Some(oldest) = board.order.pop_front()
        {
            board.origins.remove(&oldest);
        }
        board.order.push_back(question.clone());
        board.origins.insert(question, call);
    }

    /// Asks through the call that a question belongs to: the one in whose answer it came, else
    /// the newest. Nothing if no call can ask.
    pub(crate) async fn ask(
        &self,
        question: &RequestId,
        request: ElicitRequestParams,
    ) -> Option<ElicitResult> {
        let (interaction, activity) = {
            let mut board = self.board();
            let origin = board.origins.remove(question);
            board.order.retain(|own| own != question);
            let own = |call: &&(RequestId, _, _)| Some(&call.0) == origin.as_ref();
            let call = board.calls.iter().find(own).or(board.calls.last())?;
            (Arc::clone(&call.1), Arc::clone(&call.2))
        };
        let _asking = Asking::of(&activity);
        Some(interaction.elicit(request).await)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
