//! Answers on their way to a turn of this process.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{ask::Answer, host::ToolHost, open::Open};

/// What a person brings to a turn that waits.
#[derive(Clone)]
pub struct Delivery {
    /// Their answers, by ask.
    pub answers: Vec<(String, Answer)>,
    /// The servers, with the connections as they are now.
    pub host: Arc<dyn ToolHost>,
}

/// Why a delivery was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The turn does not wait in this process (any more): the store knows where it is.
    Elsewhere,
    /// The answers do not fit what was asked; a sentence that says how.
    Unfit(String),
}

/// The answers that a turn has not taken up yet.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
    leaving: CancellationToken,
}

#[derive(Default)]
struct State {
    /// What is open; nothing while the turn asks for nothing.
    open: Option<Open>,
    deliveries: VecDeque<Delivery>,
}

impl Inbox {
    /// Tells what is open now, so that answers can be held against it.
    pub fn show(&self, open: &Open) {
        self.state().open = Some(open.clone());
    }

    /// Tells a turn that waits to let go of what it waits for, since its process ends; another one
    /// goes on with it. Whether it waits.
    pub fn leave(&self) -> bool {
        let waits = self.state().open.as_ref().is_some_and(Open::is_waiting);
        if waits {
            self.leaving.cancel();
        }
        waits
    }

    /// Comes when the process ends.
    pub fn leaving(&self) -> &CancellationToken {
        &self.leaving
    }

    /// Nothing is open any more.
    pub fn clear(&self) {
        self.state().open = None;
    }

    /// Takes answers in.
    pub fn deliver(&self, delivery: Delivery) -> Result<(), NotTaken> {
        let mut state = self.state();
        let open = state.open.as_ref().ok_or(NotTaken::Elsewhere)?;
        open.check(&delivery.answers).map_err(NotTaken::Unfit)?;
        state.deliveries.push_back(delivery);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Answers that are here already.
    pub fn take(&self) -> Option<Delivery> {
        self.state().deliveries.pop_front()
    }

    /// The next answers.
    pub async fn next(&self) -> Delivery {
        loop {
            if let Some(delivery) = self.take() {
                return delivery;
            }
            self.arrived.notified().await;
        }
    }

    /// Closes it, unless answers are waiting: whoever comes later finds the turn in the store.
    pub fn close_if_empty(&self) -> bool {
        let mut state = self.state();
        let empty = state.deliveries.is_empty();
        if empty {
            state.open = None;
        }
        empty
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
