mod callback;
mod chat;
mod connection;
mod discover;
mod headers;
mod picture;
mod runs;
mod start;
