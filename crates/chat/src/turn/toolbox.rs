//! The tools of a turn: listed from all servers side by side, named for the model.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::Emit;
use crate::{
    host::{HostError, HostTool, NeedsAuthorization, ServerRef, ToolHost},
    model::ToolDefinition,
    naming::aliases,
    part::Part,
};

/// Most tools told to the model; endpoints refuse more.
const MOST_TOOLS: usize = 128;
/// Longest description told to the model, in characters.
const LONGEST_DESCRIPTION: usize = 1024;

/// A tool with its name for the model.
pub(super) struct Tool {
    pub(super) alias: String,
    pub(super) server: usize,
    pub(super) tool: HostTool,
}

/// The tools of a turn, and the servers that have none to offer right now.
pub(super) struct Toolbox {
    pub(super) servers: Vec<ServerRef>,
    tools: Vec<Tool>,
    absent: Vec<ServerRef>,
}

impl Toolbox {
    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    pub(super) fn absent(&self) -> &[ServerRef] {
        &self.absent
    }

    pub(super) fn find(&self, alias: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.alias == alias)
    }

    pub(super) fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools
            .iter()
            .map(|tool| ToolDefinition {
                name: tool.alias.clone(),
                description: description(&self.servers[tool.server], &tool.tool),
                parameters: parameters(&tool.tool.input_schema),
            })
            .collect()
    }
}

/// Lists the tools of every server. One that fails costs its own tools only, and the user is told,
/// unless it was `noted` before. The servers that want the user's consent come back beside them.
pub(super) async fn gather(
    host: &dyn ToolHost,
    noted: &mut HashSet<(String, String)>,
    emit: Emit<'_>,
) -> (Toolbox, Vec<(ServerRef, NeedsAuthorization)>) {
    let mut note = |server: &ServerRef, text: &str| {
        if noted.insert((server.name.clone(), text.to_owned())) {
            emit(Part::notice(server, text));
        }
    };
    let mut closed = Vec::new();
    let servers = host.servers();
    let listed = join_all((0..servers.len()).map(|at| host.tools(at))).await;
    let mut found = Vec::new();
    let mut absent = Vec::new();
    for (at, listed) in listed.into_iter().enumerate() {
        let server = &servers[at];
        if let Some(newer) = &listed.newer {
            emit(Part::connection(server, newer));
        }
        match listed.outcome {
            Ok(tools) => found.extend(tools.into_iter().map(|tool| (at, tool))),
            Err(HostError::NeedsAuthorization(needs)) => {
                closed.push((server.clone(), needs));
                absent.push(server.clone());
            }
            Err(HostError::Failed(why)) => {
                note(server, &why);
                absent.push(server.clone());
            }
            Err(HostError::Asks(_) | HostError::Cancelled) => {}
        }
    }
    if found.len() > MOST_TOOLS {
        let dropped = found.len() - MOST_TOOLS;
        found.truncate(MOST_TOOLS);
        if let Some(server) = servers.last() {
            let text = format!(
                "There are more tools than a model can be offered; {dropped} are left out. Switch \
                 servers off that this chat does not need."
            );
            note(server, &text);
        }
    }
    let own: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    let pairs: Vec<(usize, &str)> = found
        .iter()
        .map(|(at, tool)| (*at, tool.name.as_str()))
        .collect();
    let names = aliases(&own, &pairs);
    let tools = names
        .into_iter()
        .zip(found)
        .map(|(alias, (server, tool))| Tool {
            alias,
            server,
            tool,
        })
        .collect();
    let toolbox = Toolbox {
        servers,
        tools,
        absent,
    };
    (toolbox, closed)
}

fn description(server: &ServerRef, tool: &HostTool) -> String {
    let text = tool.description.as_deref().or(tool.title.as_deref());
    let whole = text.unwrap_or_default();
    let mut text: String = whole.chars().take(LONGEST_DESCRIPTION).collect();
    if text.len() < whole.len() {
        text.push_str("… [cut]");
    }
    format!("[{}] {text}", server.name)
}

/// The schema, made an object at the top as endpoints want it; everything else stays.
fn parameters(schema: &Value) -> Value {
    let mut schema = match schema {
        Value::Object(_) => schema.clone(),
        _ => json!({}),
    };
    schema["type"] = json!("object");
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema["properties"] = json!({});
    }
    schema
}
