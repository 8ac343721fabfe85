//! Where a turn of a test keeps what is open: in memory, so that the test can go on with it.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use gatepass_chat::{
    Answer, Open, Part,
    inbox::Inbox,
    keeper::{Keeper, NotKept},
    recorder::Recorder,
};
use mcp_oauth_client::BoxFuture;
use serde_json::Value;

#[derive(Default)]
pub struct Shelf {
    inbox: Inbox,
    recorder: Mutex<Recorder>,
    open: Mutex<Option<Open>>,
    /// Whether nothing can be kept.
    pub full: AtomicBool,
    /// Whether another replica has taken the turn.
    pub taken: AtomicBool,
}

impl Shelf {
    pub fn of(message: Vec<Value>) -> Self {
        Self {
            recorder: Mutex::new(Recorder::of(message)),
            ..Self::default()
        }
    }

    pub fn push(&self, part: &Part) {
        self.recorder.lock().unwrap().push(part);
    }

    /// What is open, as it would be read from a database.
    pub fn open(&self) -> Option<Open> {
        let open = self.open.lock().unwrap();
        let text = serde_json::to_string(open.as_ref()?).unwrap();
        Some(serde_json::from_str(&text).unwrap())
    }

    fn put(&self, open: Option<&Open>) -> Result<(), NotKept> {
        if self.taken.load(Ordering::SeqCst) {
            return Err(NotKept::Lost);
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(NotKept::TooMany);
        }
        *self.open.lock().unwrap() = open.cloned();
        Ok(())
    }
}

impl Keeper for Shelf {
    fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    fn said(&self) -> Vec<Value> {
        self.recorder.lock().unwrap().parts().to_vec()
    }

    fn keep<'a>(&'a self, open: &'a Open) -> BoxFuture<'a, Result<(), NotKept>> {
        Box::pin(async move { self.put(Some(open)) })
    }

    fn park<'a>(&'a self, open: &'a Open) -> BoxFuture<'a, Result<(), NotKept>> {
        Box::pin(async move { self.put(Some(open)) })
    }

    fn release(&self) -> BoxFuture<'_, Result<(), NotKept>> {
        Box::pin(async move { self.put(None) })
    }

    fn renew(&self) -> BoxFuture<'_, Result<Vec<(String, Answer)>, NotKept>> {
        Box::pin(async move {
            match self.taken.load(Ordering::SeqCst) {
                true => Err(NotKept::Lost),
                false => Ok(Vec::new()),
            }
        })
    }
}
