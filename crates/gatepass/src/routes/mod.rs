//! The calls of the HTTP API, one file each: read the request, call a crate, answer.

pub mod callback;
pub mod client_metadata;
pub mod config;
pub mod connection;
pub mod conversations;
pub mod discover;
pub mod flows;
pub mod headers;
pub mod messages;
pub mod openapi;
pub mod picture;
pub mod progress;
pub mod runs;
pub mod start;
pub mod stream;
pub mod tools;
pub mod wire;
