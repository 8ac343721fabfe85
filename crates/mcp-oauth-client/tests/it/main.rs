//! The protocol against a recording transport: whole operations, every request seen.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod authorization;
mod cache;
mod callback;
mod differential;
mod discovery;
mod dpop;
mod examples;
mod flow;
mod grants;
mod limits;
mod properties;
mod public_api;
mod records;
mod registration;
mod revocation;
mod round_trips;
mod sans_io;
mod seeds;
mod sentences;
mod support;
mod token;
