//! The wire against real servers: the demo's, on both kinds of revision, and a scripted one that
//! does what servers in the field do.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod asking;
mod custody;
mod demo;
mod odd;
mod pool;
mod revisions;
mod support;
