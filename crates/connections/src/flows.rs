//! Flows: one trip to the authorization page and back, single use, ten minutes.
//!
//! What the callback needs travels in a cookie, sealed for the owner and bound to the flow. The
//! store holds who the flow belongs to and how far it is; any replica can take the callback.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_oauth_client::{Clock, FLOW_LIFETIME, Random, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::{
    keyring::KeyRing,
    owner::Owner,
    seal::{OwnerPurpose, Sealed, Unreadable},
    store::{FlowState, Store, StoreError},
    wire::SealedConnection,
};

/// Most flows an owner may have under way; a ninth ends the oldest.
pub const MOST_FLOWS: u32 = 8;
/// Largest cookie value, in bytes, so that browsers keep it beside its name and attributes.
const MOST_BYTES: usize = 3072;
/// How long a finished flow can still be asked for, for a page that comes back late.
const KEPT: Duration = Duration::from_secs(3600);
/// How long a callback that came in time may take.
const CALLBACK: Duration = Duration::from_secs(120);
/// How often a waiter looks at the store, for flows that end on another replica.
const POLL: Duration = Duration::from_millis(500);

/// A flow's id: 128 random bits as 22 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowId(String);

impl FlowId {
    /// Reads an id: 22 characters of base64url, nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (text.len() == 22 && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A flow that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its id.
    pub id: FlowId,
    /// The value of its cookie.
    pub cookie: Sealed,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a flow came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "status")]
pub enum FlowOutcome {
    /// The user allowed it.
    Authorized {
        /// The connection.
        connection: SealedConnection,
    },
    /// It failed.
    Failed {
        /// Why, as problem details (RFC 9457).
        problem: serde_json::Value,
    },
}

/// How far a flow is.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowStatus {
    /// The user is still at the authorization server.
    Pending,
    /// It is over.
    Finished(FlowOutcome),
}

/// Why a flow cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// There is no such flow of this owner, or its ten minutes are over.
    #[error("This sign-in has expired or was started in another browser. Start it again.")]
    Unknown,
    /// Its callback came before.
    #[error("This sign-in was already completed.")]
    Used,
    /// Its cookie does not open.
    #[error("This sign-in was started in another browser or has expired. Start it again.")]
    Unreadable(#[from] Unreadable),
    /// What the callback needs does not fit into a cookie.
    #[error(
        "The sign-in needs more data than a cookie holds ({0} bytes): the addresses in the authorization server's metadata are too long."
    )]
    TooLarge(usize),
    /// The store failed.
    #[error("{0}. Try again.")]
    Store(#[from] StoreError),
}

/// The keeper of flows. Cheap to clone.
#[derive(Clone)]
pub struct Flows {
    store: Arc<dyn Store>,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    waiters: Arc<Mutex<HashMap<FlowId, Arc<Notify>>>>,
}

impl Flows {
    /// A keeper over a store and the master keys.
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<KeyRing>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            random,
            waiters: Arc::default(),
        }
    }

    /// Begins a flow: its row, and a cookie with what the callback will need.
    pub async fn begin<T: Serialize>(&self, owner: &Owner, record: &T) -> Result<Begun, FlowError> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        let id = FlowId(URL_SAFE_NO_PAD.encode(bytes));
        let plain = Zeroizing::new(serde_json::to_vec(record).unwrap_or_default());
        let purpose = OwnerPurpose::Flow;
        let cookie = self
            .keys
            .seal_for(owner, purpose, id.as_str(), &*self.random, &plain);
        if cookie.as_str().len() > MOST_BYTES {
            return Err(FlowError::TooLarge(cookie.as_str().len()));
        }
        let expires_at = self.clock.now().after(FLOW_LIFETIME);
        self.store
            .add_flow(&id, owner.id(), expires_at, MOST_FLOWS)
            .await?;
        Ok(Begun {
            id,
            cookie,
            expires_at,
        })
    }

    /// Opens a flow's cookie. Whether the flow is still open is a question for the store.
    pub fn open_cookie<T: DeserializeOwned>(
        &self,
        owner: &Owner,
        id: &FlowId,
        cookie: &Sealed,
    ) -> Result<T, Unreadable> {
        let purpose = OwnerPurpose::Flow;
        let plain = self.keys.open_for(owner, purpose, id.as_str(), cookie)?;
        serde_json::from_slice(&plain).map_err(|_| Unreadable)
    }

    /// Takes a flow for its callback. Succeeds once, on one replica.
    pub async fn consume(&self, owner: &Owner, id: &FlowId) -> Result<(), FlowError> {
        let now = self.clock.now();
        let until = now.after(CALLBACK);
        if self.store.consume_flow(owner.id(), id, now, until).await? {
            return Ok(());
        }
        match self.store.flow(owner.id(), id, now).await? {
            Some(_) => Err(FlowError::Used),
            None => Err(FlowError::Unknown),
        }
    }

    /// Ends a flow and wakes whoever waits for it.
    pub async fn finish(
        &self,
        owner: &Owner,
        id: &FlowId,
        outcome: &FlowOutcome,
    ) -> Result<(), FlowError> {
        let text = serde_json::to_string(outcome).unwrap_or_default();
        let kept = self.clock.now().after(KEPT);
        self.store.finish_flow(owner.id(), id, &text, kept).await?;
        if let Some(waiter) = self.board().get(id) {
            waiter.notify_waiters();
        }
        Ok(())
    }

    /// How far a flow is.
    pub async fn status(&self, owner: &Owner, id: &FlowId) -> Result<FlowStatus, FlowError> {
        let row = self.store.flow(owner.id(), id, self.clock.now()).await?;
        match row.map(|row| row.state) {
            None => Err(FlowError::Unknown),
            Some(FlowState::Pending | FlowState::Consumed) => Ok(FlowStatus::Pending),
            Some(FlowState::Finished(text)) => match serde_json::from_str(&text) {
                Ok(outcome) => Ok(FlowStatus::Finished(outcome)),
                Err(error) => Err(FlowError::Store(StoreError::Corrupt {
                    detail: error.to_string(),
                })),
            },
        }
    }

    /// Waits until a flow is over, for at most `patience`, and tells how far it is.
    pub async fn wait(
        &self,
        owner: &Owner,
        id: &FlowId,
        patience: Duration,
    ) -> Result<FlowStatus, FlowError> {
        let waiting = Waiting::new(self, id);
        let over = tokio::time::sleep(patience);
        tokio::pin!(over);
        loop {
            // Listening begins before looking, so that no end is missed in between.
            let woken = waiting.notify.notified();
            let status = self.status(owner, id).await?;
            if status != FlowStatus::Pending {
                return Ok(status);
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(POLL) => {}
                () = &mut over => return Ok(FlowStatus::Pending),
            }
        }
    }

    fn board(&self) -> std::sync::MutexGuard<'_, HashMap<FlowId, Arc<Notify>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiter on the board; the last one to leave takes the flow off.
struct Waiting<'a> {
    flows: &'a Flows,
    id: &'a FlowId,
    notify: Arc<Notify>,
}

impl<'a> Waiting<'a> {
    fn new(flows: &'a Flows, id: &'a FlowId) -> Self {
        let notify = flows.board().entry(id.clone()).or_default().clone();
        Self { flows, id, notify }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut board = self.flows.board();
        // The board's own copy and ours.
        if Arc::strong_count(&self.notify) <= 2 {
            board.remove(self.id);
        }
    }
}
