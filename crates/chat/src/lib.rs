//! The chat: the model client, the tool loop, the turn and its stream.
//!
//! | file | what |
//! |---|---|
//! | [`model`] | any OpenAI-compatible endpoint, streamed |
//! | [`host`] | what a turn asks of MCP servers |
//! | [`turn`] | the tool loop |
//! | [`part`] | the stream's parts |
//! | [`recorder`], [`history`] | parts to a stored message, and back to the model |
//! | [`runs`], [`chat`] | turns that go on when nobody listens |
//! | [`attachment`] | files in a message |
//! | [`store`], [`search`] | what is asked of a database |
#![deny(missing_docs)]

pub mod attachment;
pub mod chat;
pub mod history;
pub mod host;
pub mod model;
mod naming;
pub mod part;
pub mod recorder;
mod result_text;
pub mod runs;
pub mod search;
pub mod store;
pub mod title;
pub mod turn;

pub use attachment::{Attachment, AttachmentKind};
pub use chat::carry_out;
pub use host::ToolHost;
pub use model::{ModelClient, ModelEndpoint, ModelError};
pub use part::Part;
pub use runs::{Ending, Run, Runs};
pub use store::{Conversation, ConversationStore, Message, Role};
pub use turn::{Ended, Turn};
