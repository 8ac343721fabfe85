//! The protocol against a recording transport: whole operations, every request seen.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod authorization;
mod cache;
mod callback;
mod discovery;
mod dpop;
mod grants;
mod registration;
mod revocation;
mod round_trips;
mod support;
mod token;
