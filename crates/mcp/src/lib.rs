//! The MCP wire: sessions over our egress, a token source per request, challenges as typed errors.
#![deny(missing_docs)]

pub mod http;

pub use crate::http::{BodyStream, StreamLimits, StreamingTransport};
