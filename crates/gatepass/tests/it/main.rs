//! The binary's tests: the real server on a free port, spoken to over HTTP.
#![cfg(test)]

mod config;
mod server;
mod support;
