//! Tools and results as our API shows them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tool as its server describes it. Everything in it is data from outside: names, descriptions
/// and annotations are shown and passed on, never believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Its name at its server.
    pub name: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does; at most 8,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments, verbatim: keywords nobody here knows are kept, and a
    /// `$ref` to the network is never followed.
    pub input_schema: Map<String, Value>,
    /// Hints about its behaviour, such as `destructiveHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

/// The server at the other end, as it names itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// Its name; empty if it does not say.
    pub name: String,
    /// Its version; empty if it does not say.
    pub version: String,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// All tools of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolList {
    /// The tools, in the server's order.
    pub tools: Vec<Tool>,
    /// What was left out, and why: sentences for people.
    pub notes: Vec<String>,
    /// How long the list may be kept, if the server says.
    pub fresh_for: Option<Duration>,
}

/// What came of a tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The content blocks as the server sent them.
    pub content: Vec<Value>,
    /// The structured result, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured_content: Option<Value>,
    /// Whether the tool says that it failed.
    pub is_error: bool,
}

/// Longest description kept, in characters.
const LONGEST_DESCRIPTION: usize = 8_000;
/// Longest name of a tool, in bytes.
const LONGEST_NAME: usize = 256;
/// Largest schema of one tool, in bytes.
const LARGEST_SCHEMA: usize = 128 * 1024;
/// Most tools of one server.
pub(crate) const MOST_TOOLS: usize = 2_000;
/// Most notes about what was left out.
const MOST_NOTES: usize = 20;

impl ToolList {
    /// Takes tools of one page in, leaving out what is out of bounds.
    pub(crate) fn take(&mut self, tools: impl IntoIterator<Item = Tool>) {
        for mut tool in tools {
            if self.tools.len() == MOST_TOOLS {
                self.note(format!(
                    "The server offers more than {MOST_TOOLS} tools; the rest was left out."
                ));
                return;
            }
            let shown: String = tool.name.chars().take(80).collect();
            if tool.name.is_empty() || tool.name.len() > LONGEST_NAME {
                self.note(format!(
                    "The tool “{shown}” was left out: its name has no usable length."
                ));
                continue;
            }
            if self.tools.iter().any(|other| other.name == tool.name) {
                self.note(format!(
                    "The tool “{shown}” is offered twice; the first counts."
                ));
                continue;
            }
            if size(&Value::Object(tool.input_schema.clone())) > LARGEST_SCHEMA {
                self.note(format!(
                    "The tool “{shown}” was left out: its schema is larger than {} KiB.",
                    LARGEST_SCHEMA / 1024
                ));
                continue;
            }
            tool.title = tool.title.map(|title| shorten(title, LONGEST_NAME));
            tool.description = tool
                .description
                .map(|text| shorten(text, LONGEST_DESCRIPTION));
            self.tools.push(tool);
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        if self.notes.len() < MOST_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn shorten(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Roughly the bytes of a value as JSON, without making it.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| name.len() + 4 + size(member))
            .sum(),
    }
}

impl ToolResult {
    /// Reads a result that the typed layer did not know, such as one with a new kind of content.
    pub(crate) fn from_value(value: Value) -> Option<Self> {
        let Value::Object(mut members) = value else {
            return None;
        };
        let content = match members.remove("content") {
            Some(Value::Array(content)) => content,
            Some(_) => return None,
            None => Vec::new(),
        };
        let structured_content = members.remove("structuredContent");
        if content.is_empty() && structured_content.is_none() {
            return None;
        }
        let is_error = members
            .get("isError")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        Some(Self {
            content,
            structured_content,
            is_error,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(name: &str, schema: Value) -> Tool {
        let Value::Object(input_schema) = schema else {
            panic!("a schema is an object");
        };
        Tool {
            name: name.to_owned(),
            title: None,
            description: None,
            input_schema,
            annotations: None,
        }
    }

    #[test]
    fn unknown_schema_keywords_survive() {
        let text = json!({
            "name": "a",
            "inputSchema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "unevaluatedProperties": false,
                "properties": {"x": {"$ref": "https://elsewhere.example/x", "x-own": 1.5}},
                "$defs": {}
            }
        });
        let tool: Tool = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(&tool).unwrap(), text);
    }

    #[test]
    fn what_is_out_of_bounds_is_left_out_and_said() {
        let mut list = ToolList::default();
        let mut wordy = tool("wordy", json!({}));
        wordy.description = Some("ü".repeat(9_000));
        list.take([
            tool("a", json!({})),
            tool("a", json!({})),
            tool("", json!({})),
            tool("huge", json!({"description": "x".repeat(200_000)})),
            wordy,
        ]);
        let names: Vec<_> = list.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["a", "wordy"]);
        let description = list.tools[1].description.as_ref().unwrap();
        assert_eq!(description.chars().count(), 8_001);
        insta::assert_snapshot!(list.notes.join("\n"), @r"
        The tool “a” is offered twice; the first counts.
        The tool “” was left out: its name has no usable length.
        The tool “huge” was left out: its schema is larger than 128 KiB.
        ");
    }

    #[test]
    fn a_hundred_thousand_tools_become_two_thousand_and_a_note() {
        let mut list = ToolList::default();
        list.take((0..100_000).map(|at| tool(&format!("t{at}"), json!({}))));
        assert_eq!(list.tools.len(), MOST_TOOLS);
        assert_eq!(list.notes.len(), 1);
    }
}
