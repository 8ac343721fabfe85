//! The chat against a scripted endpoint: every byte of the wire is the test's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod history;
mod model;
mod runs;
mod support;
mod turn;
