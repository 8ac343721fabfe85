//! The demo's behaviour over real HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what these helpers cannot do is a failed test"
)]

mod authorization;
mod client;
mod faults;
mod mcp;
mod model;
mod pages;
mod tokens;
