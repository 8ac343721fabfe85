//! What a person says, checked: its text and the files that come with it.

use gatepass_chat::{Attachment, AttachmentKind, Message, attachment::stored_bytes};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::models::Model;
use crate::{
    config::Limits,
    problem::{Kind, Problem},
};

/// Most files of one message.
pub const MOST_ATTACHMENTS: usize = 8;

/// A file that comes with a message.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentRequest {
    /// Its name.
    filename: String,
    /// Its media type, as the browser guessed it.
    #[serde(default)]
    media_type: String,
    /// Its content in base64.
    data: String,
}

/// The parts of the message that a person says to a model.
pub fn said(
    limits: &Limits,
    model: &Model,
    text: String,
    files: &[AttachmentRequest],
) -> Result<Vec<Value>, Problem> {
    if text.trim().is_empty() && files.is_empty() {
        return Err(Problem::new(Kind::InvalidRequest, "The message is empty."));
    }
    if files.len() > MOST_ATTACHMENTS {
        return Err(Problem::new(
            Kind::InvalidRequest,
            format!("A message takes at most {MOST_ATTACHMENTS} files."),
        ));
    }
    let mut files = files.iter().map(|file| {
        Attachment::read(&file.filename, &file.media_type, &file.data)
            .map_err(|error| Problem::new(Kind::InvalidRequest, error.to_string()))
    });
    let files: Vec<Attachment> = files.by_ref().collect::<Result<_, _>>()?;
    if let Some(file) = files
        .iter()
        .find(|file| !model.attachments.contains(&file.kind()))
    {
        let what = match file.kind() {
            AttachmentKind::Image => "pictures",
            AttachmentKind::Text => "files",
        };
        return Err(Problem::new(
            Kind::InvalidRequest,
            format!(
                "“{}” cannot be attached: {} takes no {what}. Choose another model, or remove it.",
                file.name(),
                model.label
            ),
        ));
    }
    let size = |kind| {
        let own = files.iter().filter(|file| file.kind() == kind);
        own.map(Attachment::size).sum::<usize>()
    };
    if text.len() + size(AttachmentKind::Text) > limits.message_bytes {
        let files = match size(AttachmentKind::Text) {
            0 => "is",
            _ => "and its text files are together",
        };
        return Err(Problem::new(
            Kind::RequestTooLarge,
            format!(
                "The message {files} longer than {}.",
                amount(limits.message_bytes)
            ),
        ));
    }
    if size(AttachmentKind::Image) > limits.attachment_bytes {
        return Err(Problem::new(
            Kind::RequestTooLarge,
            format!(
                "The pictures of a message may have {} together.",
                amount(limits.attachment_bytes)
            ),
        ));
    }
    let mut parts: Vec<Value> = files.iter().map(Attachment::part).collect();
    if !text.trim().is_empty() {
        parts.push(json!({ "type": "text", "text": text }));
    }
    Ok(parts)
}

/// Whether a conversation has room for the files of one more message.
pub fn has_room(limits: &Limits, earlier: &[Message], parts: &[Value]) -> Result<(), Problem> {
    let new = stored_bytes(parts);
    if new == 0 {
        return Ok(());
    }
    let kept: usize = earlier.iter().map(|own| stored_bytes(&own.parts)).sum();
    match kept + new > limits.conversation_attachment_bytes {
        false => Ok(()),
        true => Err(Problem::new(
            Kind::RequestTooLarge,
            format!(
                "The files of this conversation would have more than {} together. Begin a new one.",
                amount(limits.conversation_attachment_bytes)
            ),
        )),
    }
}

fn amount(bytes: usize) -> String {
    match bytes >> 10 {
        kib if kib >= 1024 => format!("{} MiB", kib >> 10),
        kib => format!("{kib} KiB"),
    }
}
