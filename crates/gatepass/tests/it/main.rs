//! The binary's tests: the real server on a free port, spoken to over HTTP.
#![cfg(test)]

mod api;
mod attacks;
mod backup;
mod config;
mod custody;
mod load;
mod main_job;
mod owners;
mod pages;
mod probe;
mod problems;
mod program;
mod proxy;
mod public;
mod refresh;
mod replicas;
mod routes;
mod seals;
mod secrets;
mod server;
mod site;
mod support;
mod trouble;
