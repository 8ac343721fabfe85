//! The tool calls of a round, read: what was asked, of which tool, with which arguments.

use serde_json::{Map, Value, json};

use super::{
    Emit,
    round::Call,
    toolbox::{Tool, Toolbox},
};
use crate::{
    ask::Wants,
    host::Permission,
    model::ChatMessage,
    open::{OpenCall, Stage},
    part::Part,
};

/// A call that was read.
pub(super) struct Read {
    /// Its id.
    pub(super) id: String,
    /// The call that can be made, and what must be asked first; or why it cannot be made.
    pub(super) outcome: Result<(OpenCall, Option<Wants>), String>,
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

/// Reads a call and shows it.
pub(super) fn read(tools: &Toolbox, call: Call, emit: Emit<'_>) -> Read {
    let found = tools.find(&call.name);
    let arguments = match (found, call.fault) {
        (None, _) => Err(format!("There is no tool called “{}”.", call.name)),
        (_, Some(fault)) => Err(fault.to_owned()),
        _ => arguments(&call.arguments),
    };
    let whose = found.map(|tool| {
        let server = &tools.servers[tool.server];
        json!({"gatepass": {
            "server": server.name,
            "url": server.url,
            "tool": tool.tool.name,
            "title": tool.tool.title,
        }})
    });
    emit(Part::ToolInputAvailable {
        tool_call_id: call.id.clone(),
        tool_name: call.name,
        input: match &arguments {
            Ok(arguments) => Value::Object(arguments.clone()),
            Err(_) => json!({}),
        },
        dynamic: true,
        provider_metadata: whose.unwrap_or_else(|| json!({})),
    });
    let outcome = match (found, arguments) {
        (Some(tool), Ok(arguments)) => permitted(tools, tool, call.id.clone(), arguments),
        (_, Err(why)) => Err(why),
        (None, Ok(_)) => Err("There is no such tool.".to_owned()),
    };
    Read {
        id: call.id,
        outcome,
    }
}

fn permitted(
    tools: &Toolbox,
    tool: &Tool,
    id: String,
    arguments: Map<String, Value>,
) -> Result<(OpenCall, Option<Wants>), String> {
    let wants = match &tool.tool.permission {
        Permission::Given => None,
        Permission::Refused => {
            return Err("The user does not allow calls of this tool.".to_owned());
        }
        Permission::Asked { reason } => Some(Wants::Approval {
            tool: tool.tool.name.clone(),
            title: tool.tool.title.clone(),
            arguments: arguments.clone(),
            reason: reason.clone(),
            definition: tool.tool.definition.clone(),
        }),
    };
    let stage = match wants {
        Some(_) => Stage::Waiting,
        None => Stage::Ready,
    };
    let call = OpenCall {
        id,
        server: tools.servers[tool.server].clone(),
        tool: tool.tool.name.clone(),
        arguments,
        stage,
        resuming: None,
    };
    Ok((call, wants))
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
