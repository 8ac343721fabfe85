//! What the chat routes share: the models on offer and the turns under way.

pub mod models;
pub mod turns;
