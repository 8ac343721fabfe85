//! What the model says: tool calls for what the user asks, then a sentence with their results.

use serde_json::Value;

use super::{
    Message, OfferedTool,
    rules::{self, Call},
};
use crate::shared::Shared;

/// How much of a tool's result is repeated.
const MAX_RESULT: usize = 1_500;

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: Option<String>,
    pub(super) calls: Vec<IdentifiedCall>,
}

#[derive(Debug)]
pub(super) struct IdentifiedCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text.
    pub(super) arguments: String,
}

impl Answer {
    pub(super) fn calls(app: &Shared, calls: Vec<Call>) -> Self {
        let calls = calls
            .into_iter()
            .map(|call| IdentifiedCall {
                id: app.fresh("call_"),
                name: call.name,
                arguments: call.arguments.to_string(),
            })
            .collect();
        Self { text: None, calls }
    }

    fn text(text: String) -> Self {
        Self {
            text: Some(text),
            calls: Vec::new(),
        }
    }

    pub(super) fn finish_reason(&self) -> &'static str {
        if self.calls.is_empty() {
            "stop"
        } else {
            "tool_calls"
        }
    }
}

pub(super) fn to(app: &Shared, messages: &[Message], tools: &[OfferedTool]) -> Answer {
    let asked = messages.iter().rposition(|message| message.role == "user");
    let (question, after) = match asked {
        Some(index) => (messages[index].text(), &messages[index + 1..]),
        None => (String::new(), messages),
    };
    let results: Vec<_> = after
        .iter()
        .filter(|message| message.role == "tool")
        .collect();
    if !results.is_empty() {
        return Answer::text(summary(&results, after));
    }
    let calls = rules::calls(&question, tools);
    if calls.is_empty() {
        Answer::text(introduction(tools))
    } else {
        Answer::calls(app, calls)
    }
}

fn summary(results: &[&Message], turn: &[Message]) -> String {
    let sentences: Vec<String> = results
        .iter()
        .map(|result| {
            let tool = tool_of(result, turn);
            let text = result.text();
            let text = text.trim();
            if let Some(reason) = failure(text) {
                format!("{tool} did not work: {}", shortened(reason))
            } else if text.is_empty() {
                format!("{tool} answered with nothing.")
            } else {
                format!("{tool} says: {}", shortened(text))
            }
        })
        .collect();
    match sentences.as_slice() {
        [one] => one.clone(),
        several => format!("- {}", several.join("\n- ")),
    }
}

/// The tool a result belongs to, without what the host put in front of its name.
fn tool_of(result: &Message, turn: &[Message]) -> String {
    let id = result.tool_call_id.as_deref();
    let name = turn
        .iter()
        .filter_map(|message| message.tool_calls.as_deref())
        .flatten()
        .find(|call| call["id"].as_str() == id)
        .and_then(|call| call["function"]["name"].as_str())
        .unwrap_or("The tool");
    name.rsplit("__").next().unwrap_or(name).to_owned()
}

/// Words that hosts begin a failed result with: the chat API has no field for failure.
const FAILURES: [&str; 5] = [
    "the tool reports an error:",
    "error:",
    "error",
    "tool error",
    "failed",
];

/// Why a result is a failure, if it is one.
fn failure(text: &str) -> Option<&str> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    if json["isError"] == true || json.get("error").is_some() {
        return Some(text);
    }
    FAILURES.iter().find_map(|words| {
        let start = text.get(..words.len())?;
        start
            .eq_ignore_ascii_case(words)
            .then(|| text[words.len()..].trim())
            .map(|reason| if reason.is_empty() { text } else { reason })
    })
}

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(MAX_RESULT).collect();
    match characters.count() {
        0 => start,
        more => format!("{start}… ({more} more characters)"),
    }
}

fn introduction(tools: &[OfferedTool]) -> String {
    let start = "I am Gatepass's demo model: a handful of rules, not an LLM.";
    let examples = rules::examples(tools);
    if tools.is_empty() {
        format!(
            "{start} I can only call tools, and none are connected. Add an MCP server, then ask \
             me something like \"what is 12 * 7\"."
        )
    } else if examples.is_empty() {
        let names: Vec<_> = tools
            .iter()
            .map(|tool| tool.function.name.as_str())
            .collect();
        format!(
            "{start} I found no rule for that. You can name a tool and its arguments, such as \
             \"call {} {{}}\". Offered now: {}.",
            names.first().unwrap_or(&""),
            names.join(", ")
        )
    } else {
        format!(
            "{start} I found no rule for that. Try: {}.",
            examples.join("; ")
        )
    }
}
