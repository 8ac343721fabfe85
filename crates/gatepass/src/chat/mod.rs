//! What the chat routes share: the models on offer, what a person says, and the turns under way.

pub mod models;
pub mod said;
pub mod turns;
