//! Custody over a real SQLite file, with an authorization server that counts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disconnect;
mod flows;
mod headers;
mod keeping;
mod keys;
mod refresh;
mod registrations;
mod seal;
mod support;
