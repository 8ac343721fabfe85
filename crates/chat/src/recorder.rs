//! Folding a stream's parts into the parts of the message that is stored.

use serde_json::{Map, Value, json};

use crate::part::Part;

/// Collects what a stream has shown so far.
#[derive(Debug, Default)]
pub struct Recorder {
    parts: Vec<Value>,
}

impl Recorder {
    /// The message so far.
    pub fn parts(&self) -> &[Value] {
        &self.parts
    }

    /// Takes one part.
    pub fn push(&mut self, part: &Part) {
        match part {
            Part::StartStep => self.parts.push(json!({"type": "step-start"})),
            Part::TextStart { id } => self.open("text", id),
            Part::ReasoningStart { id } => self.open("reasoning", id),
            Part::TextDelta { id, delta } | Part::ReasoningDelta { id, delta } => {
                self.append(id, delta);
            }
            Part::TextEnd { id } | Part::ReasoningEnd { id } => self.close(id),
            Part::ToolInputStart {
                tool_call_id,
                tool_name,
                ..
            } => self.parts.push(json!({
                "type": "dynamic-tool",
                "toolCallId": tool_call_id,
                "toolName": tool_name,
                "state": "input-streaming",
            })),
            Part::ToolInputAvailable {
                tool_call_id,
                input,
                provider_metadata,
                ..
            } => {
                if let Some(tool) = self.tool(tool_call_id) {
                    tool.insert("state".into(), json!("input-available"));
                    tool.insert("input".into(), input.clone());
                    tool.insert("callProviderMetadata".into(), provider_metadata.clone());
                    for name in ["server", "title"] {
                        if let Some(value) = provider_metadata.pointer(&format!("/gatepass/{name}"))
                        {
                            tool.insert(name.into(), value.clone());
                        }
                    }
                }
            }
            Part::ToolOutputAvailable {
                tool_call_id,
                output,
                ..
            } => {
                if let Some(tool) = self.tool(tool_call_id) {
                    tool.insert("state".into(), json!("output-available"));
                    tool.insert("output".into(), output.clone());
                }
            }
            Part::ToolOutputError {
                tool_call_id,
                error_text,
                ..
            } => {
                if let Some(tool) = self.tool(tool_call_id) {
                    tool.insert("state".into(), json!("output-error"));
                    tool.insert("errorText".into(), json!(error_text));
                }
            }
            Part::Error { error_text } => self
                .parts
                .push(json!({"type": "error", "errorText": error_text})),
            Part::Abort => self.parts.push(json!({"type": "data-aborted", "data": {}})),
            Part::DataAuthorization { id, .. } => {
                // Front ends replace the part of the same type and id, and so does the store.
                let same = |own: &Value| own["type"] == "data-authorization" && own["id"] == **id;
                let value = serde_json::to_value(part).unwrap_or_default();
                match self.parts.iter_mut().find(|own| same(own)) {
                    Some(own) => *own = value,
                    None => self.parts.push(value),
                }
            }
            Part::DataNotice { .. } => self.parts.extend(serde_json::to_value(part).ok()),
            Part::Start { .. }
            | Part::ToolInputDelta { .. }
            | Part::FinishStep
            | Part::Finish
            | Part::DataRun { .. }
            | Part::DataConnection { .. } => {}
        }
    }

    fn open(&mut self, kind: &str, id: &str) {
        self.parts
            .push(json!({"type": kind, "text": "", "state": "streaming", "id": id}));
    }

    fn append(&mut self, id: &str, delta: &str) {
        if let Some(Value::String(text)) = self.streaming(id).and_then(|part| part.get_mut("text"))
        {
            text.push_str(delta);
        }
    }

    fn close(&mut self, id: &str) {
        if let Some(part) = self.streaming(id) {
            part.insert("state".into(), json!("done"));
            part.shift_remove("id");
        }
    }

    fn streaming(&mut self, id: &str) -> Option<&mut Map<String, Value>> {
        self.parts
            .iter_mut()
            .rev()
            .filter_map(Value::as_object_mut)
            .find(|part| part.get("id").and_then(Value::as_str) == Some(id))
    }

    fn tool(&mut self, id: &str) -> Option<&mut Map<String, Value>> {
        self.parts
            .iter_mut()
            .rev()
            .filter_map(Value::as_object_mut)
            .find(|part| part.get("toolCallId").and_then(Value::as_str) == Some(id))
    }
}
