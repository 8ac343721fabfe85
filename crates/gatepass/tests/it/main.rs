//! The binary's tests: the real server on a free port, spoken to over HTTP.
#![cfg(test)]

mod api;
mod config;
mod main_job;
mod pages;
mod problems;
mod public;
mod routes;
mod secrets;
mod server;
mod site;
mod support;
