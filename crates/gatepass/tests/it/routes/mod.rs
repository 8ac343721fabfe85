mod callback;
mod chat;
mod connection;
mod discover;
mod start;
