//! What the chat routes share: the models on offer, what a person says, the turns under way and
//! those that wait.

pub mod models;
pub mod said;
pub mod turns;
pub mod waiting;

use gatepass_chat::{AttachmentKind, Message, history, model::ChatMessage};

use crate::app::App;

/// A conversation as a model can take it.
pub fn told(model: &models::Model, messages: &[Message]) -> Vec<ChatMessage> {
    let mut told = history::told(messages);
    if !model.attachments.contains(&AttachmentKind::Image) {
        history::without_pictures(&mut told);
    }
    told
}

/// Today, for the model.
pub fn today(app: &App) -> String {
    jiff::Timestamp::from_millisecond(app.clock.now().as_millis())
        .map(|now| now.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}
