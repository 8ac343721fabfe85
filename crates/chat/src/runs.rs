//! The runs of this process: a turn goes on when nobody listens, and a listener who comes back
//! hears it from the start.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, stream};
use gatepass_connections::OwnerId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{inbox::Inbox, part::Part};

/// Most runs kept, under way and over; the oldest that is over gives way.
const MOST_RUNS: usize = 512;
/// Most bytes kept of all runs that are over.
const MOST_OVER: usize = 16 * 1024 * 1024;
/// Bytes of one run past which long parts are shortened for listeners; the store has them whole.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// What counts as long.
const LONG: usize = 64 * 1024;

/// One run.
pub struct Run {
    id: String,
    owner: OwnerId,
    conversation: String,
    cancel: CancellationToken,
    inbox: Inbox,
    heard: Mutex<Heard>,
    /// How many parts there are, and whether it is over.
    progress: watch::Sender<(usize, bool)>,
}

#[derive(Default)]
struct Heard {
    parts: Vec<Arc<str>>,
    bytes: usize,
}

impl Run {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The conversation it is of.
    pub fn conversation(&self) -> &str {
        &self.conversation
    }

    /// What stops it.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Where answers arrive that it waits for.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.progress.borrow().1
    }

    /// Comes when it is over.
    pub async fn ended(&self) {
        let mut progress = self.progress.subscribe();
        let _ = progress.wait_for(|(_, over)| *over).await;
    }

    /// Adds a part for every listener.
    pub fn emit(&self, part: &Part) {
        let Ok(mut text) = serde_json::to_string(part) else {
            return;
        };
        let count = {
            let mut heard = self.heard();
            if heard.bytes + text.len() > MOST_BYTES && text.len() > LONG {
                let Some(short) = shortened(part) else {
                    return;
                };
                text = short;
            }
            // Text that goes on for ever is bounded as well; what opens and closes it is not.
            let delta = matches!(
                part,
                Part::TextDelta { .. } | Part::ReasoningDelta { .. } | Part::ToolInputDelta { .. }
            );
            if delta && heard.bytes > 2 * MOST_BYTES {
                return;
            }
            heard.bytes += text.len();
            heard.parts.push(text.into());
            heard.parts.len()
        };
        self.progress.send_modify(|progress| progress.0 = count);
    }

    /// Ends it: listeners get the rest and then the end.
    pub fn finish(&self) {
        self.progress.send_modify(|progress| progress.1 = true);
    }

    /// Its parts as JSON texts, from the first one, until it is over.
    pub fn listen(self: &Arc<Self>) -> impl Stream<Item = Arc<str>> + Send + 'static + use<> {
        let progress = self.progress.subscribe();
        stream::unfold(
            (self.clone(), progress, 0),
            |(run, mut progress, at)| async move {
                loop {
                    let part = run.heard().parts.get(at).cloned();
                    if let Some(part) = part {
                        return Some((part, (run, progress, at + 1)));
                    }
                    let (count, over) = *progress.borrow_and_update();
                    if count > at {
                        continue;
                    }
                    if over || progress.changed().await.is_err() {
                        return None;
                    }
                }
            },
        )
    }

    fn bytes(&self) -> usize {
        self.heard().bytes
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A long part without what makes it long.
fn shortened(part: &Part) -> Option<String> {
    let word = "[too long to show while it arrives; reload the conversation to see it]";
    let short = match part {
        Part::ToolOutputAvailable { tool_call_id, .. } => Part::ToolOutputAvailable {
            tool_call_id: tool_call_id.clone(),
            output: serde_json::json!({"content": [{"type": "text", "text": word}]}),
            dynamic: true,
        },
        _ => return None,
    };
    serde_json::to_string(&short).ok()
}

/// Ends a run when it goes out of scope, however that comes: with an error that says so, unless
/// the run has ended by itself.
pub struct Ending(Arc<Run>);

impl Ending {
    /// Whoever holds this answers for the run's end.
    pub fn of(run: Arc<Run>) -> Self {
        Self(run)
    }

    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.0
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.emit(&Part::Error {
                error_text: "The answer broke off. Try again.".to_owned(),
            });
            self.0.finish();
        }
    }
}

/// The runs of this process.
#[derive(Default)]
pub struct Runs(Mutex<Board>);

#[derive(Default)]
struct Board {
    runs: HashMap<String, Arc<Run>>,
    order: VecDeque<String>,
}

impl Board {
    fn bytes_over(&self) -> usize {
        let over = self.runs.values().filter(|run| run.is_over());
        over.map(|run| run.bytes()).sum()
    }

    /// Forgets the oldest run that is over; tells whether there was one.
    fn forget_oldest(&mut self) -> bool {
        let over = |id: &String| self.runs.get(id).is_none_or(|run| run.is_over());
        let Some(at) = self.order.iter().position(over) else {
            return false;
        };
        if let Some(oldest) = self.order.remove(at) {
            self.runs.remove(&oldest);
        }
        true
    }
}

impl Runs {
    /// Begins a run, or goes on with one that is over here. Nothing if as many as are kept are
    /// all under way, or the run itself is.
    pub fn begin(&self, id: String, owner: OwnerId, conversation: String) -> Option<Arc<Run>> {
        let mut board = self.board();
        match board.runs.get(&id) {
            Some(run) if !run.is_over() => return None,
            Some(_) => {
                board.runs.remove(&id);
                board.order.retain(|own| *own != id);
            }
            None => {}
        }
        while board.bytes_over() > MOST_OVER && board.forget_oldest() {}
        if board.runs.len() >= MOST_RUNS && !board.forget_oldest() {
            return None;
        }
        let run = Arc::new(Run {
            id: id.clone(),
            owner,
            conversation,
            cancel: CancellationToken::new(),
            inbox: Inbox::default(),
            heard: Mutex::default(),
            progress: watch::Sender::new((0, false)),
        });
        board.runs.insert(id.clone(), run.clone());
        board.order.push_back(id);
        Some(run)
    }

    /// A run of an owner's conversation.
    pub fn find(&self, owner: &OwnerId, conversation: &str, id: &str) -> Option<Arc<Run>> {
        let board = self.board();
        let run = board.runs.get(id)?;
        (run.owner == *owner && run.conversation == conversation).then(|| run.clone())
    }

    /// Stops every run of a conversation that is under way.
    pub fn cancel_all(&self, owner: &OwnerId, conversation: &str) {
        for run in self.board().runs.values() {
            if run.owner == *owner && run.conversation == conversation {
                run.cancel.cancel();
            }
        }
    }

    /// Stops every run, for the end of the process; those that wait for a person are let go of, so
    /// that another process goes on with them.
    pub fn end_everything(&self) {
        for run in self.board().runs.values() {
            if !run.inbox.leave() {
                run.cancel.cancel();
            }
        }
    }

    /// How many runs are under way.
    pub fn under_way(&self) -> usize {
        let board = self.board();
        board.runs.values().filter(|run| !run.is_over()).count()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
