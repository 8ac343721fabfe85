//! A chat completion request as OpenAI-compatible endpoints take it.

use serde::Serialize;
use serde_json::{Value, json};

/// A message for the model.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatMessage {
    /// Our instructions.
    System(String),
    /// What the person wrote.
    User(String),
    /// What the person wrote, with pictures.
    Illustrated {
        /// The text; may be empty.
        text: String,
        /// The pictures as data URLs.
        pictures: Vec<String>,
    },
    /// What the model wrote and called.
    Assistant {
        /// Its text; may be empty.
        text: String,
        /// Its tool calls: id, name, arguments as JSON text.
        calls: Vec<(String, String, String)>,
    },
    /// What a tool gave back.
    Tool {
        /// The call it answers.
        id: String,
        /// The result as text.
        content: String,
    },
}

impl ChatMessage {
    fn json(&self) -> Value {
        match self {
            Self::System(text) => json!({"role": "system", "content": text}),
            Self::User(text) => json!({"role": "user", "content": text}),
            Self::Illustrated { text, pictures } => {
                let text = (!text.is_empty()).then(|| json!({"type": "text", "text": text}));
                let picture = |url| json!({"type": "image_url", "image_url": {"url": url}});
                let pieces = text.into_iter().chain(pictures.iter().map(picture));
                json!({"role": "user", "content": pieces.collect::<Vec<_>>()})
            }
            Self::Tool { id, content } => {
                json!({"role": "tool", "tool_call_id": id, "content": content})
            }
            Self::Assistant { text, calls } if calls.is_empty() => {
                json!({"role": "assistant", "content": text})
            }
            Self::Assistant { text, calls } => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|(id, name, arguments)| {
                        json!({
                            "id": id,
                            "type": "function",
                            "function": {"name": name, "arguments": arguments},
                        })
                    })
                    .collect();
                // Some endpoints refuse an empty text beside tool calls.
                let content = if text.is_empty() {
                    Value::Null
                } else {
                    json!(text)
                };
                json!({"role": "assistant", "content": content, "tool_calls": calls})
            }
        }
    }
}

/// A tool as the model is told about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolDefinition {
    /// Its name for the model, unique in the request.
    pub name: String,
    /// What it does, in the words of its server.
    pub description: String,
    /// The JSON schema of its arguments.
    pub parameters: Value,
}

/// The body of a request. The tools are left out if there are none, since some endpoints refuse
/// an empty list.
pub(crate) fn body(model: &str, messages: &[ChatMessage], tools: &[ToolDefinition]) -> Value {
    let messages: Vec<Value> = messages.iter().map(ChatMessage::json).collect();
    let mut body = json!({"model": model, "messages": messages, "stream": true});
    if !tools.is_empty() {
        let tools: Vec<Value> = tools
            .iter()
            .map(|tool| json!({"type": "function", "function": tool}))
            .collect();
        body["tools"] = Value::Array(tools);
    }
    body
}
