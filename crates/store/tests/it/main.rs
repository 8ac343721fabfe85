//! One contract, two engines.

mod connections;
mod engines;
mod files;
mod flows;
mod outbox;
mod postgres;
mod registrations;
