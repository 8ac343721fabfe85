//! The MCP wire: sessions over a carrier we pass in, a token per request, challenges as typed
//! errors. The message layer is rmcp's; the HTTP half is ours.
//!
//! | file | what |
//! |---|---|
//! | [`http`] | what is asked of the world: a carrier of streamed exchanges |
//! | [`access`] | whose request it is, to which server, with which headers and tokens |
//! | [`token_source`] | where tokens come from, and what is done when one is rejected |
//! | `wire` | one HTTP exchange: token, challenge, one retry, bounds |
//! | [`session`] | one connected server: tools, calls, progress, cancelling |
//! | [`sessions`] | warm sessions and tool lists, never shared across owners |
//! | `step_up`, [`hopeless`] | where asking for more access, or for another token, ends |
//! | [`tool`] | tools and results as our API shows them |
//! | [`interaction`] | what a server may ask of the user in the middle of a call |
//! | [`error`] | everything that can go wrong, with a sentence and what to do |
#![deny(missing_docs)]

pub mod access;
pub mod error;
pub mod hopeless;
pub mod http;
pub mod interaction;
pub mod session;
pub mod sessions;
mod step_up;
pub mod token_source;
pub mod tool;
mod wire;

pub use crate::http::{BodyStream, StreamLimits, StreamingTransport};
pub use access::{Access, HeaderError, StaticHeaders};
pub use error::McpError;
pub use hopeless::HopelessTokens;
pub use interaction::{Inquiry, Interaction, Resumption};
pub use session::{
    ClientName, DPOP_EXTENSION, Progress, Revision, Session, SessionLimits, SessionOptions,
    ToolCall,
};
pub use sessions::{ServerTools, Sessions};
pub use token_source::{ConnectionTokens, TokenSource, TokenSourceError};
pub use tool::{ServerInfo, Tool, ToolList, ToolResult};

/// The protocol's own types, for what [`Session::peer`] offers beyond tools.
pub use rmcp::model as protocol;
