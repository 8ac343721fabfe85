//! Our parsers beside those of two other crates, on documents that all should read alike. Where
//! ours is to differ, a test says so.

mod callback;
mod challenge;
mod documents;
