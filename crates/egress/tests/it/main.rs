//! The way out, against real listeners.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod evasions;
mod legs;
mod names;
mod proxy;
mod streaming;
mod support;
mod tls;
