//! The chat against scripted endpoints and real ones: every byte of the wire is the test's own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod answers;
mod calls;
mod endings;
mod failures;
mod findings;
mod front_end;
mod history;
mod host;
mod keeping;
mod listeners;
mod messages;
mod model;
mod network;
mod runs;
mod script;
mod servers;
mod shelf;
mod splitting;
mod stage;
mod stream;
mod support;
mod turn;
mod waiting;
