mod callback;
mod connection;
mod discover;
mod start;
