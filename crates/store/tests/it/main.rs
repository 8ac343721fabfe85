//! One contract, two engines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connections;
mod conversations;
mod engines;
mod files;
mod flows;
mod migrations;
mod outbox;
mod registrations;
mod replicas;
mod runs;
mod sweep;
mod trouble;
