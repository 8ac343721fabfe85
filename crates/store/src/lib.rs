//! Storage over SQLite (one machine) and PostgreSQL (several).
//!
//! Both engines run the same statements; what differs is in [`pool`] and in `migrations/`.
#![deny(missing_docs)]

mod connections;
mod conversations;
mod error;
mod flows;
mod outbox;
pub mod pool;
mod registrations;
mod runs;
mod sqlite;
mod sweep;

pub use pool::{Database, OpenError};
