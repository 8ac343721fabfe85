//! What a server may ask of the user in the middle of a call.

use mcp_oauth_client::BoxFuture;
use rmcp::model::{ElicitRequestParams, ElicitResult};

/// Answers a server's questions (MCP Elicitation). Only a session that was given one declares the
/// capability; the others are never asked.
pub trait Interaction: Send + Sync {
    /// Asks the user and gives their answer: accept with content, decline, or cancel.
    fn elicit(&self, request: ElicitRequestParams) -> BoxFuture<'_, ElicitResult>;
}
