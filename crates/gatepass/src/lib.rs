//! The `gatepass` binary as a library, so that its tests run the real server.
#![deny(missing_docs)]

pub mod app;
pub mod authorize;
pub mod chat;
pub mod cli;
pub mod config;
pub mod demo;
pub mod http;
pub mod listen;
pub mod ops;
pub mod pages;
pub mod probe;
pub mod problem;
pub mod router;
pub mod routes;
pub mod serve;
pub mod shutdown;
pub mod system;
pub mod telemetry;
pub mod tools;
pub mod ui;
pub mod world;
