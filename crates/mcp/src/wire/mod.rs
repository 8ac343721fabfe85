//! The HTTP half under rmcp's message layer: a token per request, every challenge read, every
//! failure kept with its type, every answer bounded.

mod answer;
mod client;
mod events;
mod exchange;
mod failures;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use mcp_oauth_client::ServerUrl;
use tokio::sync::watch;

use crate::{
    access::Access, error::McpError, hopeless::HopelessTokens, http::StreamingTransport,
    interaction::Askers, token_source::TokenSource,
};

pub(crate) use failures::Failures;

/// The bounds of a session's exchanges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireLimits {
    /// The answer to a discovery or a handshake.
    pub(crate) handshake: Duration,
    /// The answer to anything else but a call.
    pub(crate) answer: Duration,
    /// The answer to a call.
    pub(crate) call: Duration,
    /// Most bytes of one message.
    pub(crate) message: u64,
}

/// The tokens of one request, which go with the message through the message layer; without them
/// the session's own are used.
#[derive(Clone)]
pub(crate) struct RequestTokens(pub(crate) Arc<dyn TokenSource>);

/// The HTTP half of one session. Cheap to clone; clones are the same session.
#[derive(Clone)]
pub(crate) struct Wire {
    inner: Arc<Inner>,
}

struct Inner {
    carrier: Arc<dyn StreamingTransport>,
    server: ServerUrl,
    uri: http::Uri,
    headers: HeaderMap,
    tokens: Mutex<Option<Arc<dyn TokenSource>>>,
    hopeless: HopelessTokens,
    failures: Failures,
    limits: WireLimits,
    /// Whether a stream is kept open for what the server asks outside of any answer.
    listens: bool,
    /// Who is told in which answer a question came.
    askers: Arc<Askers>,
    /// Whether that stream is to come, or has been opened or refused.
    listening: watch::Sender<Listening>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listening {
    /// The server keeps no session, so nothing is opened.
    Never,
    /// The server keeps a session; the stream is being opened.
    Soon,
    /// The server has answered.
    Settled,
}

/// How long a server may take to open a stream before requests go out all the same.
const OPENING: Duration = Duration::from_secs(5);

/// A failure on its way through the message layer, which keeps it as an opaque error; the typed
/// one is in [`Failures`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WireError(pub(crate) McpError);

impl Wire {
    pub(crate) fn new(
        carrier: Arc<dyn StreamingTransport>,
        access: &Access,
        limits: WireLimits,
        listens: bool,
        askers: Arc<Askers>,
        hopeless: HopelessTokens,
    ) -> Result<Self, McpError> {
        let mut headers = HeaderMap::new();
        access.headers.add_to(&mut headers);
        let uri = access
            .server
            .as_str()
            .parse()
            .map_err(|_| McpError::Protocol {
                host: access.server.host(),
                what: "its address cannot be sent in a request".to_owned(),
            })?;
        Ok(Self {
            inner: Arc::new(Inner {
                carrier,
                server: access.server.clone(),
                uri,
                headers,
                tokens: Mutex::new(access.tokens.clone()),
                hopeless,
                failures: Failures::default(),
                limits,
                listens,
                askers,
                listening: watch::Sender::new(Listening::Never),
            }),
        })
    }

    /// Makes another source the session's own: the latest caller's.
    pub(crate) fn use_tokens(&self, tokens: Option<Arc<dyn TokenSource>>) {
        *lock(&self.inner.tokens) = tokens;
    }

    pub(crate) fn failures(&self) -> &Failures {
        &self.inner.failures
    }

    /// Waits until the server can ask its questions: what it would ask before is lost.
    pub(crate) async fn listening(&self) {
        let mut listening = self.inner.listening.subscribe();
        let settled = listening.wait_for(|state| *state != Listening::Soon);
        let _ = tokio::time::timeout(OPENING, settled).await;
    }

    pub(crate) fn host(&self) -> String {
        self.inner.server.host()
    }

    fn protocol(&self, what: impl Into<String>) -> McpError {
        McpError::Protocol {
            host: self.host(),
            what: what.into(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
