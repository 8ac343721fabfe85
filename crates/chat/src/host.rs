//! What a turn asks of the MCP servers it was given. The loop knows no HTTP and no tokens.

use gatepass_connections::SealedConnection;
use mcp_oauth_client::{BoxFuture, Scopes};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// A server of a turn, as the user knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRef {
    /// The name the user gave it.
    pub name: String,
    /// Its URL.
    pub url: String,
}

/// A tool as its server describes it. Names and descriptions are data from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTool {
    /// Its name at its server.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    pub input_schema: Value,
}

/// Why something needs the user's consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsAuthorization {
    /// One sentence: why.
    pub reason: String,
    /// The scopes to ask for; empty where the server names none.
    pub scopes: Scopes,
}

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// The user must sign in, or allow more.
    NeedsAuthorization(NeedsAuthorization),
    /// It failed; one sentence for the user and the model.
    Failed(String),
    /// The turn was stopped.
    Cancelled,
}

/// A tool's result.
#[derive(Clone, Debug, PartialEq)]
pub struct HostResult {
    /// The whole result as its server gave it: `content`, `structuredContent`.
    pub output: Value,
    /// Whether the tool says that it failed.
    pub is_error: bool,
}

/// An outcome, and the connection to keep if it became newer meanwhile.
#[derive(Clone, Debug)]
pub struct Hosted<T> {
    /// What came of it.
    pub outcome: Result<T, HostError>,
    /// The newer connection.
    pub newer: Option<SealedConnection>,
}

/// The servers of one turn.
pub trait ToolHost: Send + Sync {
    /// The servers, in the user's order.
    fn servers(&self) -> Vec<ServerRef>;

    /// The tools of the server at a place of [`servers`](Self::servers).
    fn tools(&self, server: usize) -> BoxFuture<'_, Hosted<Vec<HostTool>>>;

    /// Calls a tool. Ends soon after `cancel`.
    fn call<'a>(
        &'a self,
        server: usize,
        tool: &'a str,
        arguments: Map<String, Value>,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Hosted<HostResult>>;
}
