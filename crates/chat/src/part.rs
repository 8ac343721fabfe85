//! The parts of an event stream, as the AI SDK's UI message stream (version 1) has them, so that
//! existing front ends understand it; `data-…` parts are ours.

use gatepass_connections::SealedConnection;
use mcp_oauth_client::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::host::ServerRef;

/// One part of the stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Part {
    /// The assistant's message begins.
    Start {
        /// Its id.
        message_id: String,
    },
    /// A round begins: the model is asked.
    StartStep,
    /// A piece of text begins.
    TextStart {
        /// Its id within the message.
        id: String,
    },
    /// More of a text.
    TextDelta {
        /// Which.
        id: String,
        /// What is added.
        delta: String,
    },
    /// A text is complete.
    TextEnd {
        /// Which.
        id: String,
    },
    /// The model's reasoning begins.
    ReasoningStart {
        /// Its id within the message.
        id: String,
    },
    /// More of the reasoning.
    ReasoningDelta {
        /// Which.
        id: String,
        /// What is added.
        delta: String,
    },
    /// The reasoning is complete.
    ReasoningEnd {
        /// Which.
        id: String,
    },
    /// A tool call begins.
    ToolInputStart {
        /// Which call.
        tool_call_id: String,
        /// The tool's name for the model.
        tool_name: String,
        /// Always true: tools are not known to the front end.
        dynamic: bool,
    },
    /// More of a call's arguments.
    ToolInputDelta {
        /// Which call.
        tool_call_id: String,
        /// A fragment of JSON text.
        input_text_delta: String,
    },
    /// A call's arguments are complete and it runs.
    ToolInputAvailable {
        /// Which call.
        tool_call_id: String,
        /// The tool's name for the model.
        tool_name: String,
        /// The arguments.
        input: Value,
        /// Always true.
        dynamic: bool,
        /// Whose tool it is: `gatepass: {server, url, tool, title}`.
        provider_metadata: Value,
    },
    /// A call has its result.
    ToolOutputAvailable {
        /// Which call.
        tool_call_id: String,
        /// The result.
        output: Value,
        /// Always true.
        dynamic: bool,
    },
    /// A call failed.
    ToolOutputError {
        /// Which call.
        tool_call_id: String,
        /// Why, in one sentence.
        error_text: String,
        /// Always true.
        dynamic: bool,
    },
    /// A round is over.
    FinishStep,
    /// The message is complete.
    Finish,
    /// The turn was stopped.
    Abort,
    /// The turn failed.
    Error {
        /// Why, in one sentence.
        error_text: String,
    },
    /// The run this stream is of, to come back to it or cancel it.
    DataRun {
        /// `{runId, messageId}`: the run, and the person's message that it answers.
        data: Value,
        /// Not part of the message.
        transient: bool,
    },
    /// A newer connection to keep.
    DataConnection {
        /// The server's URL, so that a later one replaces it.
        id: String,
        /// `{server, url, connection}`.
        data: Value,
        /// Not part of the message: the page keeps it elsewhere.
        transient: bool,
    },
    /// A server needs the user's consent.
    DataAuthorization {
        /// The ask's id, so that a later one replaces it.
        id: String,
        /// What every ask has, and `{url, reason, scopes}`.
        data: Value,
    },
    /// A call needs the user's word before it is made.
    DataApproval {
        /// The ask's id, so that a later one replaces it.
        id: String,
        /// What every ask has, and `{url, tool, title, arguments, reason, definition}`.
        data: Value,
    },
    /// A server asks the user a question.
    DataElicitation {
        /// The ask's id, so that a later one replaces it.
        id: String,
        /// What every ask has, and `{serverUrl, live, mode, message, requestedSchema?, url?}`.
        data: Value,
    },
    /// The stream ends here because the turn waits for a person.
    DataWaiting {
        /// `{runId, deadline}`.
        data: Value,
        /// Not part of the message.
        transient: bool,
    },
    /// Something the user should know.
    DataNotice {
        /// `{server, level, text}`.
        data: Value,
    },
    /// A part of ours as it was stored.
    #[serde(untagged)]
    Stored(Value),
}

impl Part {
    /// The run of a stream.
    pub fn run(id: &str, message: &str) -> Self {
        Self::DataRun {
            data: json!({"runId": id, "messageId": message}),
            transient: true,
        }
    }

    /// The end of the stream of a turn that waits until `deadline`.
    pub fn waiting(run: &str, deadline: Timestamp) -> Self {
        Self::DataWaiting {
            data: json!({"runId": run, "deadline": deadline}),
            transient: true,
        }
    }

    /// A newer connection.
    pub fn connection(server: &ServerRef, connection: &SealedConnection) -> Self {
        Self::DataConnection {
            id: server.url.clone(),
            data: json!({"server": server.name, "url": server.url, "connection": connection}),
            transient: true,
        }
    }

    /// A notice about a server.
    pub fn notice(server: &ServerRef, text: &str) -> Self {
        Self::DataNotice {
            data: json!({"server": server.name, "level": "warning", "text": text}),
        }
    }
}
