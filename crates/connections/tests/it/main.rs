//! Custody over a real SQLite file, with an authorization server that counts.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod clocks;
mod disconnect;
mod flows;
mod headers;
mod keeping;
mod keys;
mod refresh;
mod registrations;
mod seal;
mod support;
mod waits;
