//! What the tool routes and the chat share: MCP servers as a request names them, and calling them
//! with a connection that is kept fresh.

pub mod host;
pub mod questions;
pub mod rules;
pub mod target;
