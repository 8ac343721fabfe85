//! A stored message as the stream that made it, so that whoever comes to a turn later hears all
//! of it, on whichever replica it goes on.

use serde_json::{Value, json};

use crate::part::Part;

/// The parts that a stream of this message had.
pub fn replay(parts: &[Value]) -> Vec<Part> {
    let mut told = Vec::new();
    let mut in_step = false;
    for (at, part) in parts.iter().enumerate() {
        let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = || format!("told-{at}");
        match text("type") {
            "step-start" => {
                if in_step {
                    told.push(Part::FinishStep);
                }
                in_step = true;
                told.push(Part::StartStep);
            }
            "text" => told.extend([
                Part::TextStart { id: id() },
                Part::TextDelta {
                    id: id(),
                    delta: text("text").to_owned(),
                },
                Part::TextEnd { id: id() },
            ]),
            "reasoning" => told.extend([
                Part::ReasoningStart { id: id() },
                Part::ReasoningDelta {
                    id: id(),
                    delta: text("text").to_owned(),
                },
                Part::ReasoningEnd { id: id() },
            ]),
            "dynamic-tool" => tool(part, &mut told),
            "error" => told.push(Part::Error {
                error_text: text("errorText").to_owned(),
            }),
            "data-aborted" => told.push(Part::Abort),
            _ => told.push(Part::Stored(part.clone())),
        }
    }
    if in_step {
        told.push(Part::FinishStep);
    }
    told
}

fn tool(part: &Value, told: &mut Vec<Part>) {
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    let (id, name) = (text("toolCallId"), text("toolName"));
    let (Some(id), Some(name)) = (id, name) else {
        return;
    };
    told.push(Part::ToolInputStart {
        tool_call_id: id.to_owned(),
        tool_name: name.to_owned(),
        dynamic: true,
    });
    if text("state") == Some("input-streaming") {
        return;
    }
    let metadata = part.get("callProviderMetadata").cloned();
    told.push(Part::ToolInputAvailable {
        tool_call_id: id.to_owned(),
        tool_name: name.to_owned(),
        input: part.get("input").cloned().unwrap_or_else(|| json!({})),
        dynamic: true,
        provider_metadata: metadata.unwrap_or_else(|| json!({})),
    });
    match (part.get("output"), text("errorText")) {
        (Some(output), _) => told.push(Part::ToolOutputAvailable {
            tool_call_id: id.to_owned(),
            output: output.clone(),
            dynamic: true,
        }),
        (None, Some(error)) => told.push(crate::open::failed(id, error)),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;

    #[test]
    fn a_message_told_again_is_the_same_message() {
        let message = vec![
            json!({"type": "data-notice", "data": {"text": "Wiki does not answer."}}),
            json!({"type": "step-start"}),
            json!({"type": "reasoning", "text": "Hm.", "state": "done"}),
            json!({"type": "text", "text": "Let me look.", "state": "done"}),
            json!({"type": "dynamic-tool", "toolCallId": "a", "toolName": "N__s", "state": "output-available",
                "input": {"q": 1}, "callProviderMetadata": {"gatepass": {"server": "N", "title": null}},
                "server": "N", "title": null, "output": {"content": []}}),
            json!({"type": "dynamic-tool", "toolCallId": "b", "toolName": "N__s", "state": "output-error",
                "input": {}, "callProviderMetadata": {}, "errorText": "no"}),
            json!({"type": "data-authorization", "id": "ask", "data": {"state": "answered"}}),
            json!({"type": "step-start"}),
            json!({"type": "dynamic-tool", "toolCallId": "c", "toolName": "N__s", "state": "input-available",
                "input": {}, "callProviderMetadata": {}}),
        ];
        let mut recorder = Recorder::default();
        for part in replay(&message) {
            recorder.push(&part);
        }
        assert_eq!(recorder.parts(), message);
    }
}
