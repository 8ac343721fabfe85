//! Warm sessions and tool lists, kept per owner, server and connection.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use gatepass_connections::{ConnectionId, OwnerId};
use mcp_oauth_client::{Clock, ServerUrl, Timestamp};

use crate::{
    access::{Access, StaticHeaders},
    error::McpError,
    http::StreamingTransport,
    session::{Revision, Session, SessionOptions, ToolCall, is_of_the_session},
    step_up::StepUps,
    tool::{ServerInfo, ToolList, ToolResult},
};

/// Most sessions kept warm.
const MOST_SESSIONS: usize = 512;
/// How long an unused session is kept.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// How often unused sessions are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// How long a list of tools is kept, if the server does not say.
const LIST_FRESH: Duration = Duration::from_secs(60);

/// What one session may be used for again: the same owner, server, connection and headers.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    owner: [u8; 32],
    server: ServerUrl,
    connection: Option<ConnectionId>,
    headers: StaticHeaders,
}

impl Key {
    fn of(access: &Access) -> Self {
        Self {
            owner: *access.owner.as_bytes(),
            server: access.server.clone(),
            connection: access.connection.clone(),
            headers: access.headers.clone(),
        }
    }
}

/// The tools of a server, with who it says it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTools {
    /// The server.
    pub server: ServerInfo,
    /// The revision it speaks.
    pub protocol_version: String,
    /// Its tools.
    pub list: ToolList,
}

/// The pool of sessions. Cheap to clone; clones are the same pool.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    carrier: Arc<dyn StreamingTransport>,
    clock: Arc<dyn Clock>,
    options: SessionOptions,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    step_ups: StepUps,
}

/// The place of one session. Whoever needs it connected waits for the one who connects it.
struct Slot {
    session: tokio::sync::Mutex<Warm>,
    used_at: AtomicI64,
}

#[derive(Default)]
struct Warm {
    session: Option<Arc<Session>>,
    /// What the server spoke last, so that the next connection asks for nothing else first.
    revision: Revision,
    tools: Option<(Timestamp, Arc<ServerTools>)>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// A pool over a carrier. Unused sessions are ended by a task that lives as long as the pool.
    pub fn new(
        carrier: Arc<dyn StreamingTransport>,
        clock: Arc<dyn Clock>,
        options: SessionOptions,
    ) -> Self {
        let inner = Arc::new(Inner {
            carrier,
            clock,
            options,
            slots: Mutex::default(),
            step_ups: StepUps::default(),
        });
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(sweep(Arc::downgrade(&inner)));
        }
        Self { inner }
    }

    /// How many sessions are kept.
    pub fn len(&self) -> usize {
        self.inner.slots().len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tools of a server: kept ones while they are fresh, else asked for.
    pub async fn tools(&self, access: &Access) -> Result<Arc<ServerTools>, McpError> {
        let listed = self.list(access).await;
        self.inner.bound(access, "tools/list", listed)
    }

    async fn list(&self, access: &Access) -> Result<Arc<ServerTools>, McpError> {
        let slot = self.inner.slot(access);
        {
            let warm = slot.session.lock().await;
            let changed = warm.session.as_ref().is_some_and(|own| own.tools_changed());
            if let Some((until, tools)) = &warm.tools
                && !changed
                && self.inner.clock.now() < *until
            {
                return Ok(tools.clone());
            }
        }
        let (session, is_warm) = self.inner.session(&slot, access).await?;
        let (session, list) = match session.list_tools(access.tokens.as_ref()).await {
            // A warm session may have ended at the other side. Listing changes nothing, so it
            // may be asked again.
            Err(error) if is_warm && is_of_the_session(&error) => {
                self.inner.drop_session(&slot, &session).await;
                let (session, _) = self.inner.session(&slot, access).await?;
                let list = session.list_tools(access.tokens.as_ref()).await?;
                (session, list)
            }
            list => (session, list?),
        };
        let fresh_for = list.fresh_for.unwrap_or(LIST_FRESH);
        let tools = Arc::new(ServerTools {
            server: session.server(),
            protocol_version: session.protocol_version(),
            list,
        });
        let until = self.inner.clock.now().after(fresh_for);
        slot.session.lock().await.tools = Some((until, tools.clone()));
        Ok(tools)
    }

    /// Calls a tool over a warm session.
    pub async fn call(&self, access: &Access, call: &ToolCall) -> Result<ToolResult, McpError> {
        let slot = self.inner.slot(access);
        let connecting = self.inner.session(&slot, access);
        let (session, _) = tokio::select! {
            session = connecting => session?,
            () = call.cancel.cancelled() => return Err(McpError::Cancelled),
        };
        let result = session.call_tool(call, access.tokens.as_ref()).await;
        if session.is_closed() {
            self.inner.drop_session(&slot, &session).await;
        }
        self.inner.bound(access, &call.name, result)
    }

    /// Ends every session of a connection, because it was disconnected.
    pub fn forget_connection(&self, owner: &OwnerId, connection: &ConnectionId) {
        self.inner.slots().retain(|key, _| {
            key.owner != *owner.as_bytes() || key.connection.as_ref() != Some(connection)
        });
    }

    /// Ends every session of an owner.
    pub fn forget_owner(&self, owner: &OwnerId) {
        self.inner
            .slots()
            .retain(|key, _| key.owner != *owner.as_bytes());
    }

    /// Ends all sessions and waits for the servers to know, a few seconds at most.
    pub async fn close(&self) {
        let slots: Vec<Arc<Slot>> = self.inner.slots().drain().map(|(_, slot)| slot).collect();
        let closing = slots.into_iter().map(|slot| async move {
            let session = slot.session.lock().await.session.take();
            if let Some(session) = session.and_then(Arc::into_inner) {
                session.close().await;
            }
        });
        futures::future::join_all(closing).await;
    }
}

impl Inner {
    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends asking for more access to an operation where that does not help.
    fn bound<T>(
        &self,
        access: &Access,
        operation: &str,
        outcome: Result<T, McpError>,
    ) -> Result<T, McpError> {
        let Some(connection) = &access.connection else {
            return outcome;
        };
        let operation = || (access.owner, access.server.clone(), operation.to_owned());
        match outcome {
            Err(McpError::InsufficientScope { host, scopes, .. })
                if !self
                    .step_ups
                    .may_ask(operation(), connection, self.clock.now()) =>
            {
                Err(McpError::NeverEnough { host, scopes })
            }
            Ok(outcome) => {
                self.step_ups.worked(&operation());
                Ok(outcome)
            }
            outcome => outcome,
        }
    }

    fn slot(&self, access: &Access) -> Arc<Slot> {
        let now = self.clock.now().as_millis();
        let mut slots = self.slots();
        let key = Key::of(access);
        if slots.len() >= MOST_SESSIONS && !slots.contains_key(&key) {
            let oldest = slots
                .iter()
                .min_by_key(|(_, slot)| slot.used_at.load(Ordering::Relaxed))
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                slots.remove(&oldest);
            }
        }
        let slot = slots.entry(key).or_insert_with(|| {
            Arc::new(Slot {
                session: tokio::sync::Mutex::default(),
                used_at: AtomicI64::new(now),
            })
        });
        slot.used_at.store(now, Ordering::Relaxed);
        slot.clone()
    }

    /// The slot's session, connected if it is not, and whether it was there already.
    async fn session(
        &self,
        slot: &Slot,
        access: &Access,
    ) -> Result<(Arc<Session>, bool), McpError> {
        let mut warm = slot.session.lock().await;
        if let Some(session) = warm.session.as_ref().filter(|session| !session.is_closed()) {
            session.use_tokens(access.tokens.clone());
            return Ok((session.clone(), true));
        }
        warm.session = None;
        let connect =
            |revision| Session::connect(self.carrier.clone(), access, &self.options, revision);
        let connected = match (warm.revision, connect(warm.revision).await) {
            // The server may have been replaced by one of another revision since.
            (known, Err(error)) if known != Revision::Auto && error.may_be_older() => {
                warm.revision = Revision::Auto;
                connect(Revision::Auto).await
            }
            (_, connected) => connected,
        };
        let session = Arc::new(connected?);
        warm.revision = session.revision();
        warm.session = Some(session.clone());
        Ok((session, false))
    }

    /// Ends sessions that nobody has used for a while.
    fn evict_unused(&self) {
        let oldest = self.clock.now().before(IDLE).as_millis();
        self.slots().retain(|_, slot| {
            let in_use = Arc::strong_count(slot) > 1;
            in_use || slot.used_at.load(Ordering::Relaxed) > oldest
        });
    }

    async fn drop_session(&self, slot: &Slot, session: &Arc<Session>) {
        let mut warm = slot.session.lock().await;
        if warm
            .session
            .as_ref()
            .is_some_and(|own| Arc::ptr_eq(own, session))
        {
            warm.session = None;
        }
    }
}

/// Looks for unused sessions as long as the pool lives.
async fn sweep(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        inner.evict_unused();
    }
}

#[cfg(test)]
mod tests {
    use gatepass_connections::OwnerId;
    use mcp_oauth_client::{BoxFuture, Request, TransportError, TransportFailure, UrlPolicy};

    use super::*;
    use crate::http::{BodyStream, StreamLimits};

    /// A carrier to nowhere: these tests connect nothing.
    struct Nowhere;

    impl StreamingTransport for Nowhere {
        fn open(
            &self,
            _request: Request,
            _limits: StreamLimits,
        ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
            Box::pin(async { Err(TransportError::new(TransportFailure::Dns, "nowhere")) })
        }
    }

    #[derive(Default)]
    struct TestClock(AtomicI64);

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    fn pool() -> (Sessions, Arc<TestClock>) {
        let clock = Arc::new(TestClock::default());
        let options = SessionOptions::default();
        (
            Sessions::new(Arc::new(Nowhere), clock.clone(), options),
            clock,
        )
    }

    fn access(owner: u16) -> Access {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&owner.to_be_bytes());
        let server = ServerUrl::parse("https://mcp.example/", UrlPolicy::HttpsOnly).unwrap();
        Access::open(OwnerId::from_bytes(id), server, StaticHeaders::default())
    }

    #[test]
    fn the_pool_is_bounded_and_lets_the_longest_unused_go() {
        let (sessions, clock) = pool();
        for owner in 0..600 {
            clock.0.fetch_add(1, Ordering::SeqCst);
            sessions.inner.slot(&access(owner));
            // The first one is used again and again.
            clock.0.fetch_add(1, Ordering::SeqCst);
            sessions.inner.slot(&access(0));
        }
        assert_eq!(sessions.len(), MOST_SESSIONS);
        let slots = sessions.inner.slots();
        assert!(slots.contains_key(&Key::of(&access(0))));
        assert!(!slots.contains_key(&Key::of(&access(1))));
        assert!(slots.contains_key(&Key::of(&access(599))));
    }

    #[test]
    fn what_nobody_uses_goes_and_what_is_in_use_stays() {
        let (sessions, clock) = pool();
        let held = sessions.inner.slot(&access(1));
        sessions.inner.slot(&access(2));
        clock.0.fetch_add(9 * 60_000, Ordering::SeqCst);
        sessions.inner.slot(&access(3));
        sessions.inner.evict_unused();
        assert_eq!(sessions.len(), 3);
        clock.0.fetch_add(2 * 60_000, Ordering::SeqCst);
        sessions.inner.evict_unused();
        assert_eq!(sessions.len(), 2);
        drop(held);
        sessions.inner.evict_unused();
        assert_eq!(sessions.len(), 1);
        assert!(sessions.inner.slots().contains_key(&Key::of(&access(3))));
    }
}
