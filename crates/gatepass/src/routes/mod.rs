//! The calls of the HTTP API, one file each: read the request, call a crate, answer.

pub mod openapi;
pub mod wire;
