//! The chat: the model client, the tool loop, the turn and its stream.
//!
//! | file | what |
//! |---|---|
//! | [`model`] | any OpenAI-compatible endpoint, streamed |
//! | [`host`] | what a turn asks of MCP servers |
//! | [`turn`] | the tool loop |
//! | [`part`] | the stream's parts |
//! | [`recorder`], [`replay`], [`history`] | parts to a stored message, back to parts, and to the model |
//! | [`runs`], [`chat`] | turns that go on when nobody listens |
//! | [`attachment`] | files in a message |
//! | [`ask`], [`open`] | what a turn asks of a person, and what is kept of it meanwhile |
//! | [`inbox`], [`keeper`] | how answers arrive, and where it is kept |
//! | [`store`], [`search`] | what is asked of a database |
#![deny(missing_docs)]

pub mod ask;
pub mod attachment;
pub mod chat;
mod desk;
mod form;
pub mod history;
pub mod host;
pub mod inbox;
pub mod keeper;
pub mod model;
mod naming;
pub mod open;
pub mod part;
pub mod recorder;
pub mod replay;
mod result_text;
pub mod runs;
pub mod search;
pub mod store;
pub mod title;
pub mod turn;

pub use ask::{Answer, Ask};
pub use attachment::{Attachment, AttachmentKind};
pub use chat::carry_out;
pub use desk::HOLD;
pub use host::ToolHost;
pub use inbox::{Delivery, NotTaken};
pub use model::{ModelClient, ModelEndpoint, ModelError};
pub use open::Open;
pub use part::Part;
pub use runs::{Ending, Run, Runs};
pub use store::{ChatStore, Conversation, ConversationStore, Message, Role, RunRow, RunStore};
pub use turn::{Ended, Turn};
