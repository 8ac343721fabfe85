//! The way out, against real listeners.
#![expect(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

mod evasions;
mod legs;
mod names;
mod proxy;
mod streaming;
mod support;
mod tls;
