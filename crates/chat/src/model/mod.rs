//! The model client: any OpenAI-compatible endpoint, streamed.

mod assembler;
mod client;
mod error;
mod request;

pub use assembler::{Assembler, Delta, ToolRequest};
pub use client::{ModelClient, ModelEndpoint, ModelStream};
pub use error::ModelError;
pub use request::{ChatMessage, ToolDefinition};
