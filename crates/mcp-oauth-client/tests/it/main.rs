//! The protocol against a recording transport: whole operations, every request seen.

mod callback;
mod discovery;
mod registration;
mod revocation;
mod support;
mod token;
