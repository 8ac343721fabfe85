//! How the rule-based model's endpoint behaves.

use serde::{Deserialize, Serialize};

use super::Plan;

/// The model's endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelBehaviour {
    /// What goes wrong with requests to it.
    pub fault: Plan,
    /// What becomes of a streamed answer.
    pub stream: ModelStream,
    /// Milliseconds between the pieces of a streamed answer.
    pub pause_millis: u64,
    /// Calls this tool in every answer, for ever, as a model in a loop does.
    pub always_call: Option<String>,
}

/// What becomes of a streamed answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelStream {
    /// It is whole.
    #[default]
    Whole,
    /// Its third piece is not JSON.
    MalformedPiece,
    /// The connection ends after its third piece.
    Dropped,
    /// It ends without `[DONE]` and without a finish reason.
    Unfinished,
    /// An error object arrives in the stream after its third piece.
    ErrorPiece,
}
