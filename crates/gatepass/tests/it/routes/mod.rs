mod callback;
mod chat;
mod connection;
mod discover;
mod headers;
mod runs;
mod start;
