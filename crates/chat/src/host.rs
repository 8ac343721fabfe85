//! What a turn asks of the MCP servers it was given. The loop knows no HTTP and no tokens.

use std::{collections::BTreeMap, sync::Arc};

use gatepass_connections::SealedConnection;
use mcp_oauth_client::{BoxFuture, Scopes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::ask::{Answer, Question};

/// A server of a turn, as the user knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether it may be called.
    pub permission: Permission,
    /// What tells this definition of the tool from another.
    pub definition: String,
}

/// Whether a tool may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    #[default]
    Given,
    /// The person is asked before each call.
    Asked {
        /// One sentence: why.
        reason: String,
    },
    /// It may not.
    Refused,
}

/// A call of a tool.
#[derive(Clone, Default)]
pub struct HostCall {
    /// The tool's name at its server.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Where the call goes on, if its server has asked a question before.
    pub resuming: Option<Resuming>,
    /// Asks the person while the call is under way.
    pub asker: Option<Arc<dyn Asker>>,
}

/// Answers to the questions of a server that ended a call with them (MCP Multi Round-Trip
/// Requests).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resuming {
    /// The answers by the server's names for its questions.
    pub responses: BTreeMap<String, Value>,
    /// What the server wants back as it was.
    pub state: Option<String>,
}

/// Questions that a server ended a call with.
#[derive(Clone, Debug, PartialEq)]
pub struct Inquiry {
    /// The questions by the server's names for them.
    pub questions: BTreeMap<String, Question>,
    /// What the server wants back as it was.
    pub state: Option<String>,
}

/// Asks the person while a call is under way (MCP Elicitation on revisions with sessions).
pub trait Asker: Send + Sync {
    /// The person's answer: accept with content, decline, or cancel.
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer>;
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
#[derive(Clone, Debug, PartialEq)]
pub enum HostError {
    /// The user must sign in, or allow more.
    NeedsAuthorization(NeedsAuthorization),
    /// The server asks a question; the call goes on with the answer.
    Asks(Inquiry),
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

    /// Calls a tool. Ends soon after `cancel`. An error that asks for authorization means that
    /// the server did not carry the call out.
    fn call<'a>(
        &'a self,
        server: usize,
        call: HostCall,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Hosted<HostResult>>;
}
