//! One contract, two engines.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod connections;
mod conversations;
mod engines;
mod files;
mod flows;
mod outbox;
mod postgres;
mod registrations;
mod replicas;
mod trouble;
