//! Folding a stream's parts into the parts of the message that is stored.

use serde_json::{Map, Value, json};

use crate::part::Part;

/// Collects what a stream has shown so far.
#[derive(Debug, Default)]
pub struct Recorder {
    parts: Vec<Value>,
}

impl Recorder {
    /// Goes on with a message as it was stored. What was being written when its turn broke off
    /// is complete.
    pub fn of(mut parts: Vec<Value>) -> Self {
        for part in parts.iter_mut().filter_map(Value::as_object_mut) {
            if part.get("state").is_some_and(|state| state == "streaming") {
                part.insert("state".into(), json!("done"));
                part.shift_remove("id");
            }
        }
        Self { parts }
    }

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
            Part::DataAuthorization { .. }
            | Part::DataApproval { .. }
            | Part::DataElicitation { .. }
            | Part::DataNotice { .. }
            | Part::Stored(_) => self.put(serde_json::to_value(part).unwrap_or_default()),
            Part::Start { .. }
            | Part::ToolInputDelta { .. }
            | Part::FinishStep
            | Part::Finish
            | Part::DataRun { .. }
            | Part::DataWaiting { .. }
            | Part::DataConnection { .. } => {}
        }
    }

    /// Takes a part of ours. Front ends replace the part of the same type and id, and so does the
    /// store.
    fn put(&mut self, part: Value) {
        let same = |own: &Value| own.get("id").is_some() && own["id"] == part["id"];
        let same = |own: &Value| same(own) && own["type"] == part["type"];
        match self.parts.iter().position(same) {
            Some(at) => self.parts[at] = part,
            None => self.parts.push(part),
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
