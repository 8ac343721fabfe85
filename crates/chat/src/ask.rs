//! What a turn asks of a person, and what they may answer.

use mcp_oauth_client::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{form, host::ServerRef, part::Part};

/// One thing that a turn waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// Its id, unique over all turns.
    pub id: String,
    /// The server it is about.
    pub server: ServerRef,
    /// The tool calls that wait for it. None if tools could not even be listed.
    pub calls: Vec<String>,
    /// What is wanted.
    pub wants: Wants,
    /// When the turn goes on without an answer.
    pub deadline: Timestamp,
    /// What has become of it.
    pub state: State,
    /// What was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Action>,
}

/// What a person is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Wants {
    /// To sign in, or to allow more.
    Authorization {
        /// One sentence: why.
        reason: String,
        /// The scopes to ask for.
        scopes: Vec<String>,
    },
    /// To allow one call.
    Approval {
        /// The tool's name at its server.
        tool: String,
        /// Its name for people.
        title: Option<String>,
        /// What it would be called with.
        arguments: Map<String, Value>,
        /// One sentence: why this is asked.
        reason: String,
        /// What tells this definition of the tool from another.
        definition: String,
    },
    /// To answer a server's question.
    Elicitation {
        /// The question.
        question: Question,
        /// The server's name for it, where its call has ended and goes on with the answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
}

/// A server's question in the middle of a call (MCP Elicitation).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "mode",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum Question {
    /// A form.
    Form {
        /// What the server says.
        message: String,
        /// The fields: a flat JSON schema.
        requested_schema: Value,
    },
    /// A page to visit.
    Url {
        /// What the server says.
        message: String,
        /// The page.
        url: String,
    },
}

/// What has become of an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has answered yet.
    Waiting,
    /// It was answered.
    Answered,
    /// The person went on without it.
    Skipped,
    /// Nobody answered in time.
    Expired,
    /// The turn was stopped.
    Stopped,
}

/// What a person does about an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// They have signed in, or allowed more.
    Connect,
    /// They go on without signing in.
    Skip,
    /// The call may be made.
    Approve,
    /// The call may not be made.
    Deny,
    /// The question is answered.
    Accept,
    /// They do not want to answer.
    Decline,
    /// They close the question.
    Cancel,
}

/// An answer to an ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// What the person does.
    pub action: Action,
    /// What they filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Map<String, Value>>,
}

impl Answer {
    /// An answer without content.
    pub fn of(action: Action) -> Self {
        Self {
            action,
            content: None,
        }
    }
}

impl Ask {
    /// Whether it still waits.
    pub fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    /// Whether the server holds its call open for the answer, so that the process that made the
    /// call must be the one that answers.
    pub fn is_live(&self) -> bool {
        matches!(self.wants, Wants::Elicitation { key: None, .. })
    }

    /// Whether an answer is one that it takes; if not, why, in a sentence.
    pub fn check(&self, answer: &Answer) -> Result<(), String> {
        use Action::{Accept, Approve, Cancel, Connect, Decline, Deny, Skip};
        let fits = match &self.wants {
            Wants::Authorization { .. } => matches!(answer.action, Connect | Skip),
            Wants::Approval { .. } => matches!(answer.action, Approve | Deny),
            Wants::Elicitation { .. } => matches!(answer.action, Accept | Decline | Cancel),
        };
        if !fits {
            return Err("That is no answer to what was asked.".to_owned());
        }
        match (&self.wants, answer) {
            (
                Wants::Elicitation {
                    question:
                        Question::Form {
                            requested_schema, ..
                        },
                    ..
                },
                Answer {
                    action: Accept,
                    content,
                },
            ) => form::check(requested_schema, content.as_ref()),
            (_, Answer { content: None, .. }) => Ok(()),
            _ => Err("This answer takes no content.".to_owned()),
        }
    }

    /// The part that shows it, as it is now; a later one replaces it.
    pub fn part(&self, run: &str) -> Part {
        let mut data = json!({
            "askId": self.id,
            "runId": run,
            "server": self.server.name,
            "state": self.state,
            "deadline": self.deadline,
            "toolCallIds": self.calls,
        });
        let mut add = |more: Value| {
            if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
                data.extend(more);
            }
        };
        if let Some(first) = self.calls.first() {
            add(json!({ "toolCallId": first }));
        }
        if let Some(answer) = self.answer {
            add(json!({ "answer": answer }));
        }
        let id = self.id.clone();
        match &self.wants {
            Wants::Authorization { reason, scopes } => {
                add(json!({ "url": self.server.url, "reason": reason, "scopes": scopes }));
                Part::DataAuthorization { id, data }
            }
            Wants::Approval {
                tool,
                title,
                arguments,
                reason,
                definition,
            } => {
                add(json!({
                    "url": self.server.url,
                    "tool": tool,
                    "title": title,
                    "arguments": arguments,
                    "reason": reason,
                    "definition": definition,
                }));
                Part::DataApproval { id, data }
            }
            Wants::Elicitation { question, .. } => {
                add(json!({ "serverUrl": self.server.url, "live": self.is_live() }));
                add(serde_json::to_value(question).unwrap_or_default());
                Part::DataElicitation { id, data }
            }
        }
    }

    /// What the model is told of a call that went without an answer, and the user sees.
    pub fn refusal(&self) -> String {
        let server = &self.server.name;
        match (&self.wants, self.state) {
            (_, State::Stopped) => crate::open::STOPPED.to_owned(),
            (Wants::Authorization { .. }, State::Expired) => {
                format!("The user did not connect to “{server}” in time. Go on without it.")
            }
            (Wants::Authorization { .. }, _) => {
                format!("The user chose not to connect to “{server}”. Go on without it.")
            }
            (Wants::Approval { .. }, State::Expired | State::Skipped) => {
                "The user did not say whether this call may be made, so it was not made.".to_owned()
            }
            (Wants::Approval { .. }, _) => "The user did not allow this call.".to_owned(),
            (Wants::Elicitation { .. }, _) => {
                format!("“{server}” asked the user a question, which was not answered.")
            }
        }
    }
}
