//! Where a stored turn works: its message as it grows, and what is open of it in the store.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gatepass_connections::{OwnerId, StoreError};
use mcp_oauth_client::{BoxFuture, Clock, Timestamp};
use serde_json::Value;

use crate::{
    ask::Answer,
    inbox::Inbox,
    keeper::{Keeper, NotKept},
    open::Open,
    part::Part,
    recorder::Recorder,
    runs::Run,
    store::{ChatStore, MOST_WAITING, Message, RunRow},
};

/// How long a replica that says nothing is taken to work on a turn still.
pub const HOLD: Duration = Duration::from_secs(30);
/// How often it says so.
const RENEW: Duration = Duration::from_secs(10);
/// Most bytes of a record.
const MOST_BYTES: usize = 1024 * 1024;

/// The place of one stored turn.
pub(crate) struct Desk {
    run: Arc<Run>,
    owner: OwnerId,
    /// The message, without its parts.
    message: Message,
    recorder: Mutex<Recorder>,
    store: Arc<dyn ChatStore>,
    clock: Arc<dyn Clock>,
    /// Held while the message or the row is written, so that the newest is written last.
    row: tokio::sync::Mutex<Option<Row>>,
    /// Bytes of the message when it was last written.
    written: AtomicUsize,
}

struct Row {
    version: u64,
    renewed: Timestamp,
}

impl Desk {
    /// A desk for a message; `version` is that of the row in the store, if this goes on with one.
    pub(crate) fn new(
        run: Arc<Run>,
        owner: OwnerId,
        mut message: Message,
        store: Arc<dyn ChatStore>,
        clock: Arc<dyn Clock>,
        version: Option<u64>,
    ) -> Self {
        let recorder = Recorder::of(std::mem::take(&mut message.parts));
        let renewed = clock.now();
        Self {
            run,
            owner,
            message,
            recorder: Mutex::new(recorder),
            store,
            clock,
            row: tokio::sync::Mutex::new(version.map(|version| Row { version, renewed })),
            written: AtomicUsize::new(0),
        }
    }

    /// Shows a part and records it.
    pub(crate) fn emit(&self, part: &Part) {
        self.recorder().push(part);
        self.run.emit(part);
    }

    /// Writes the message, if it has grown since it was last written.
    pub(crate) async fn checkpoint(&self) -> Result<(), StoreError> {
        let size: usize = self
            .recorder()
            .parts()
            .iter()
            .map(|part| part.to_string().len())
            .sum();
        if self.written.swap(size, Ordering::Relaxed) == size {
            return Ok(());
        }
        self.save().await
    }

    /// Writes the message.
    pub(crate) async fn save(&self) -> Result<(), StoreError> {
        let _row = self.row.lock().await;
        self.write_message().await
    }

    /// The message as it is now. The row must be locked.
    async fn write_message(&self) -> Result<(), StoreError> {
        let mut message = self.message.clone();
        message.parts = self.said();
        self.store
            .save_message(
                &self.owner,
                self.run.conversation(),
                &message,
                self.clock.now(),
            )
            .await
            .map(|_| ())
    }

    async fn write(&self, open: &Open, held: bool) -> Result<(), NotKept> {
        let record = serde_json::to_string(open).map_err(|_| NotKept::TooLarge)?;
        if record.len() > MOST_BYTES {
            return Err(NotKept::TooLarge);
        }
        let mut row = self.row.lock().await;
        self.write_message().await.map_err(failed)?;
        let now = self.clock.now();
        let from = row.as_ref().map(|row| row.version);
        let next = RunRow {
            id: self.run.id().to_owned(),
            owner: self.owner,
            conversation: self.run.conversation().to_owned(),
            message: self.message.id.clone(),
            version: from.unwrap_or_default() + 1,
            held_until: held.then(|| now.after(HOLD)),
            record,
            deadline: open.deadline(now.after(HOLD)),
        };
        let written = match from {
            None => self.store.add_run(&next, MOST_WAITING).await,
            Some(from) => self.store.write_run(from, &next).await,
        };
        match (written.map_err(failed)?, from) {
            (true, _) => {
                *row = Some(Row {
                    version: next.version,
                    renewed: now,
                });
                Ok(())
            }
            (false, None) => Err(NotKept::TooMany),
            (false, Some(_)) => Err(NotKept::Lost),
        }
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: StoreError) -> NotKept {
    NotKept::Failed(error.to_string())
}

impl Keeper for Desk {
    fn inbox(&self) -> &Inbox {
        self.run.inbox()
    }

    fn said(&self) -> Vec<Value> {
        self.recorder().parts().to_vec()
    }

    fn keep<'a>(&'a self, open: &'a Open) -> BoxFuture<'a, Result<(), NotKept>> {
        Box::pin(self.write(open, true))
    }

    fn park<'a>(&'a self, open: &'a Open) -> BoxFuture<'a, Result<(), NotKept>> {
        Box::pin(self.write(open, false))
    }

    fn release(&self) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async move {
            let mut row = self.row.lock().await;
            self.write_message().await.map_err(failed)?;
            let Some(own) = row.take() else {
                return Ok(());
            };
            let removed = self
                .store
                .remove_run(&self.owner, self.run.id(), own.version);
            match removed.await.map_err(failed)? {
                true => Ok(()),
                false => Err(NotKept::Lost),
            }
        })
    }

    fn renew(&self) -> BoxFuture<'_, Result<Vec<(String, Answer)>, NotKept>> {
        Box::pin(async move {
            let mut row = self.row.lock().await;
            let Some(own) = row.as_mut() else {
                return Ok(Vec::new());
            };
            let (owner, id, now) = (&self.owner, self.run.id(), self.clock.now());
            if now >= own.renewed.after(RENEW) {
                let held = self
                    .store
                    .hold_run(owner, id, own.version, now.after(HOLD))
                    .await;
                if !held.map_err(failed)? {
                    return Err(NotKept::Lost);
                }
                own.renewed = now;
            }
            let mail = self.store.take_answers(owner, id, own.version);
            let Some(mail) = mail.await.map_err(failed)? else {
                return Ok(Vec::new());
            };
            Ok(serde_json::from_str(&mail).unwrap_or_default())
        })
    }
}
