//! One connected server.

mod call;
mod connect;
mod handler;
mod list;

use std::{fmt, sync::Arc, time::Duration};

use mcp_oauth_client::Recovery;
use rmcp::{
    Peer, RoleClient,
    model::{ClientRequest, ErrorData, GetExtensions, RequestId, ServerResult},
    service::{PeerRequestOptions, RequestHandle, RunningService, ServiceError},
};

pub use call::{Progress, ToolCall};

use crate::{
    error::{McpError, bounded},
    hopeless::HopelessTokens,
    interaction::Interaction,
    token_source::TokenSource,
    tool::ServerInfo,
    wire::{RequestTokens, Wire},
};
use handler::Handler;

/// Which revision of the protocol a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revision {
    /// Found out: the current one first, then the handshake.
    #[default]
    Auto,
    /// 2026-07-28: every request stands for itself.
    Current,
    /// 2025-11-25 and older: a handshake, and often a session.
    Handshake,
}

/// How we name ourselves to servers.
#[derive(Clone, Debug)]
pub struct ClientName {
    /// The program's name.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// Its version.
    pub version: String,
}

impl Default for ClientName {
    fn default() -> Self {
        Self {
            name: "gatepass".to_owned(),
            title: Some("Gatepass".to_owned()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Bounds in time and size.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Connecting, per step of it.
    pub handshake: Duration,
    /// The answer to anything but a call.
    pub answer: Duration,
    /// Silence during a call; progress starts it anew.
    pub silence: Duration,
    /// A call as a whole, whatever progress is reported.
    pub call: Duration,
    /// Most bytes of one message, and so of one result.
    pub message: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(120),
            call: Duration::from_secs(60 * 60),
            message: 4 * 1024 * 1024,
        }
    }
}

/// What a session is made with.
#[derive(Clone, Default)]
pub struct SessionOptions {
    /// How we name ourselves.
    pub client: ClientName,
    /// Bounds.
    pub limits: SessionLimits,
    /// Protocol extensions that the program supports beside [`DPOP_EXTENSION`], by their ids.
    pub extensions: Vec<&'static str>,
    /// Who answers a server's questions; without one no server may ask any.
    pub interaction: Option<Arc<dyn Interaction>>,
    /// Keeps no stream open for questions that belong to no call.
    pub quiet: bool,
    /// What the servers have rejected although it was fresh; a pool's sessions share it.
    pub hopeless: HopelessTokens,
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionOptions")
            .field("client", &self.client)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The extension that every session supports: tokens bound to a key (RFC 9449).
pub const DPOP_EXTENSION: &str = "io.modelcontextprotocol/auth/dpop";

/// How long the end of a session is waited for.
const CLOSING: Duration = Duration::from_secs(3);

/// A connected server. Dropping it ends the session at the server too.
pub struct Session {
    running: RunningService<RoleClient, Handler>,
    wire: Wire,
    limits: SessionLimits,
    interaction: Option<Arc<dyn Interaction>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("server", &self.server())
            .field("protocol_version", &self.protocol_version())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The server, as it names itself. For people to see, never to decide by.
    pub fn server(&self) -> ServerInfo {
        let info = self.running.peer_info();
        let info = info.and_then(|info| info.server_info.clone());
        info.map_or_else(ServerInfo::default, |info| ServerInfo {
            name: bounded(&info.name, 200),
            version: bounded(&info.version, 100),
            title: info.title.map(|title| bounded(&title, 200)),
        })
    }

    /// The revision that is spoken, such as `2026-07-28`.
    pub fn protocol_version(&self) -> String {
        let info = self.running.peer_info();
        info.map(|info| info.protocol_version.to_string())
            .unwrap_or_default()
    }

    /// Which kind of revision is spoken.
    pub fn revision(&self) -> Revision {
        match self.running.peer_info() {
            Some(info) if info.protocol_version.has_initialize() => Revision::Handshake,
            Some(_) => Revision::Current,
            None => Revision::Auto,
        }
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.running.is_closed() || self.running.is_transport_closed()
    }

    /// Whether the server said, since this was last asked, that its tools have changed.
    pub fn tools_changed(&self) -> bool {
        self.running.service().take_tools_changed()
    }

    /// Makes another source the session's own, for what belongs to no call.
    pub fn use_tokens(&self, tokens: Option<Arc<dyn TokenSource>>) {
        self.wire.use_tokens(tokens);
    }

    /// The protocol's own interface, for what goes beyond tools.
    pub fn peer(&self) -> &Peer<RoleClient> {
        self.running.peer()
    }

    /// Ends the session and waits for the server to know, three seconds at most. Whether it knew
    /// by then; if not, it is told in the background.
    pub async fn close(mut self) -> bool {
        let closed = self.running.close_with_timeout(CLOSING).await;
        matches!(closed, Ok(Some(_)))
    }

    /// Hands a request to the message layer, with the tokens it is to be sent with.
    async fn request(
        &self,
        mut request: ClientRequest,
        tokens: Option<&Arc<dyn TokenSource>>,
        options: PeerRequestOptions,
    ) -> Result<RequestHandle<RoleClient>, McpError> {
        if let Some(tokens) = tokens {
            let tokens = RequestTokens(tokens.clone());
            request.extensions_mut().insert(tokens);
        }
        self.running
            .send_cancellable_request(request, options)
            .await
            .map_err(|error| self.failed(None, error))
    }

    /// The typed failure of a request: what the wire knows of it, else what the message layer
    /// says.
    fn failed(&self, request: Option<&RequestId>, error: ServiceError) -> McpError {
        let failures = self.wire.failures();
        if let Some(own) = request.and_then(|id| failures.of(id)) {
            return own;
        }
        let host = self.wire.host();
        match error {
            ServiceError::McpError(error) => reported(host, &error),
            ServiceError::Timeout { timeout } => McpError::Timeout {
                host,
                after: timeout,
            },
            ServiceError::Cancelled { .. } => McpError::Cancelled,
            ServiceError::TransportClosed => failures.other().unwrap_or(McpError::Protocol {
                host,
                what: "it ended its answer before the result".to_owned(),
            }),
            other => failures.other().unwrap_or(McpError::Protocol {
                host,
                what: bounded(&other.to_string(), 200),
            }),
        }
    }

    fn unexpected(&self, result: &ServerResult) -> McpError {
        tracing::debug!(?result, "an answer of another kind than was asked for");
        McpError::Protocol {
            host: self.wire.host(),
            what: "its answer is of another kind than was asked for".to_owned(),
        }
    }
}

fn reported(host: String, error: &ErrorData) -> McpError {
    McpError::Reported {
        host,
        code: error.code.0,
        message: bounded(&error.message, 500),
    }
}

/// Whether a failure is one that a new session may not have.
pub(crate) fn is_of_the_session(error: &McpError) -> bool {
    matches!(error, McpError::Protocol { .. } | McpError::Unreachable(_))
        && !matches!(error.recovery(), Recovery::Refuse)
}
