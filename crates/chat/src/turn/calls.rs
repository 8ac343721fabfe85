//! The tool calls of a round: run side by side, shown as they end, told to the model in order.

use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    round::Call,
    toolbox::{Tool, Toolbox, authorization},
};
use crate::{
    host::{HostError, HostResult, ToolHost},
    model::ChatMessage,
    part::Part,
    result_text::result_text,
};

/// How many calls run at once.
const AT_ONCE: usize = 8;

type Emit<'a> = &'a (dyn Fn(Part) + Send + Sync);

/// What a call came to.
enum Outcome {
    Result(HostResult),
    /// It could not be made, or failed; for the user and the model.
    Error(String),
}

/// The model's own message that asked for the calls.
pub(super) fn asked(text: String, calls: &[Call]) -> ChatMessage {
    let calls = calls
        .iter()
        .map(|call| {
            // Arguments that do not parse would make endpoints refuse the whole conversation.
            let sound = call.fault.is_none()
                && serde_json::from_str::<Map<String, Value>>(&call.arguments).is_ok();
            let arguments = if sound { call.arguments.as_str() } else { "{}" };
            (call.id.clone(), call.name.clone(), arguments.to_owned())
        })
        .collect();
    ChatMessage::Assistant { text, calls }
}

/// Runs the calls and answers with their results for the model, in the order of the calls.
pub(super) async fn run(
    host: &dyn ToolHost,
    tools: &Toolbox,
    calls: Vec<Call>,
    cancel: &CancellationToken,
    emit: Emit<'_>,
) -> Vec<ChatMessage> {
    let runs = calls.into_iter().enumerate().map(|(at, call)| async move {
        let outcome = one(host, tools, &call, cancel, emit).await;
        let (part, content) = show(&call.id, outcome);
        emit(part);
        let id = call.id;
        (at, ChatMessage::Tool { id, content })
    });
    let mut results: Vec<_> = stream::iter(runs).buffer_unordered(AT_ONCE).collect().await;
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, message)| message).collect()
}

/// An outcome as the user sees it and as the model is told.
fn show(id: &str, outcome: Outcome) -> (Part, String) {
    match outcome {
        Outcome::Result(result) => {
            let content = result_text(&result.output, result.is_error);
            let mut output = result.output;
            if result.is_error {
                output["isError"] = json!(true);
            }
            let part = Part::ToolOutputAvailable {
                tool_call_id: id.to_owned(),
                output,
                dynamic: true,
            };
            (part, content)
        }
        Outcome::Error(text) => {
            let content = format!("The call failed: {text}");
            let part = Part::ToolOutputError {
                tool_call_id: id.to_owned(),
                error_text: text,
                dynamic: true,
            };
            (part, content)
        }
    }
}

async fn one(
    host: &dyn ToolHost,
    tools: &Toolbox,
    call: &Call,
    cancel: &CancellationToken,
    emit: Emit<'_>,
) -> Outcome {
    let Some(tool) = tools.find(&call.name) else {
        available(call, None, json!({}), emit);
        return Outcome::Error(format!("There is no tool called “{}”.", call.name));
    };
    let server = &tools.servers[tool.server];
    let whose = json!({"gatepass": {
        "server": server.name,
        "url": server.url,
        "tool": tool.tool.name,
        "title": tool.tool.title,
    }});
    let read = match call.fault {
        Some(fault) => Err(fault.to_owned()),
        None => arguments(&call.arguments),
    };
    let arguments = match read {
        Ok(arguments) => arguments,
        Err(why) => {
            available(call, Some(whose), json!({}), emit);
            return Outcome::Error(why);
        }
    };
    available(call, Some(whose), Value::Object(arguments.clone()), emit);
    let hosted = host
        .call(tool.server, &tool.tool.name, arguments, cancel)
        .await;
    if let Some(newer) = &hosted.newer {
        emit(Part::connection(server, newer));
    }
    outcome(hosted.outcome, tool, tools, call, emit)
}

fn outcome(
    outcome: Result<HostResult, HostError>,
    tool: &Tool,
    tools: &Toolbox,
    call: &Call,
    emit: Emit<'_>,
) -> Outcome {
    let server = &tools.servers[tool.server];
    match outcome {
        Ok(result) => Outcome::Result(result),
        Err(HostError::NeedsAuthorization(needs)) => {
            emit(authorization(server, &needs, Some(&call.id)));
            Outcome::Error(format!(
                "{} The user has been asked and has not allowed it yet.",
                needs.reason
            ))
        }
        Err(HostError::Failed(why)) => Outcome::Error(why),
        Err(HostError::Cancelled) => Outcome::Error("The call was stopped.".to_owned()),
    }
}

fn available(call: &Call, whose: Option<Value>, input: Value, emit: Emit<'_>) {
    emit(Part::ToolInputAvailable {
        tool_call_id: call.id.clone(),
        tool_name: call.name.clone(),
        input,
        dynamic: true,
        provider_metadata: whose.unwrap_or_else(|| json!({})),
    });
}

/// A call's arguments. Nothing at all is a call without arguments; anything else that is no
/// object is an error that the model is told, never a call with other arguments than it asked.
fn arguments(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err("The arguments are not a JSON object.".to_owned()),
        Err(error) => Err(format!("The arguments are not valid JSON: {error}.")),
    }
}
