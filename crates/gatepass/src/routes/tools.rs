//! `POST /api/mcp/tools` and `/tools/call`: a server's tools, listed and called by hand.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use gatepass_connections::{Owner, Sealed, SealedConnection};
use gatepass_mcp::{ConnectionTokens, McpError, Tool, ToolCall};
use mcp_oauth_client::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::wire::{ConnectionSchema, ToolSchema};
use crate::{
    app::App,
    http::{json::Json, owner::Session},
    problem::{Problem, map},
    tools::{
        rules::definition,
        target::{ServerRequest, Target},
    },
};

/// A server's tools.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolsAnswer {
    /// Who the server says it is.
    server: ServerName,
    /// The revision of MCP that it speaks.
    protocol_version: String,
    /// Its tools.
    #[schema(value_type = Vec<ToolSchema>)]
    tools: Vec<ListedTool>,
    /// What was left out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The connection, if it became newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConnectionSchema>)]
    connection: Option<SealedConnection>,
}

/// A tool, and what tells this definition of it from another.
#[derive(Debug, Serialize)]
struct ListedTool {
    #[serde(flatten)]
    tool: Tool,
    definition: String,
}

/// Who a server says it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerName {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

/// A tool to call.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    /// The server's MCP endpoint.
    url: String,
    /// Headers to send to it.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    headers: BTreeMap<String, Secret>,
    /// Headers to send to it, as `/api/mcp/headers/seal` gave them.
    #[schema(value_type = Option<String>)]
    sealed_headers: Option<Sealed>,
    /// The connection to it.
    #[schema(value_type = Option<ConnectionSchema>)]
    connection: Option<SealedConnection>,
    /// The tool's name at its server.
    name: String,
    /// Its arguments.
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// What came of a tool call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallAnswer {
    /// The content blocks, as the server sent them.
    content: Vec<Value>,
    /// The structured result.
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Value>,
    /// Whether the tool says that it failed.
    is_error: bool,
    /// The connection, if it became newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConnectionSchema>)]
    connection: Option<SealedConnection>,
}

/// List a server's tools.
#[utoipa::path(
    post,
    path = "/api/mcp/tools",
    operation_id = "list_tools",
    tag = "mcp",
    request_body = ServerRequest,
    responses(
        (status = 200, body = ToolsAnswer),
        (status = 401, description = "`authorization-required` or `reauthorize`", body = crate::problem::ProblemBody<'_>),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn list(
    State(app): State<Arc<App>>,
    session: Session,
    Json(request): Json<ServerRequest>,
) -> Result<Json<ToolsAnswer>, Problem> {
    let owner = owner(&session);
    let target = Target::read(&app, owner, request)?;
    let (access, tokens) = target.access(&app, owner);
    match app.sessions.tools(&access).await {
        Ok(listed) => Ok(Json(ToolsAnswer {
            server: ServerName {
                name: listed.server.name.clone(),
                version: listed.server.version.clone(),
                title: listed.server.title.clone(),
            },
            protocol_version: listed.protocol_version.clone(),
            tools: listed.list.tools.iter().map(listed_tool).collect(),
            notes: listed.list.notes.clone(),
            connection: newer(tokens.as_deref()),
        })),
        Err(error) => Err(problem(error, tokens.as_deref())),
    }
}

fn listed_tool(tool: &Tool) -> ListedTool {
    ListedTool {
        definition: definition(tool),
        tool: tool.clone(),
    }
}

/// Call a tool.
#[utoipa::path(
    post,
    path = "/api/mcp/tools/call",
    operation_id = "call_tool",
    tag = "mcp",
    request_body = CallRequest,
    responses(
        (status = 200, body = CallAnswer),
        (status = 401, description = "`authorization-required` or `reauthorize`", body = crate::problem::ProblemBody<'_>),
        (status = 403, description = "`scope-required`, with `scopes`", body = crate::problem::ProblemBody<'_>),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn call(
    State(app): State<Arc<App>>,
    session: Session,
    Json(request): Json<CallRequest>,
) -> Result<Json<CallAnswer>, Problem> {
    let server = ServerRequest {
        name: String::new(),
        url: request.url,
        headers: request.headers,
        sealed_headers: request.sealed_headers,
        connection: request.connection,
        tools: BTreeMap::new(),
    };
    let owner = owner(&session);
    let target = Target::read(&app, owner, server)?;
    let (access, tokens) = target.access(&app, owner);
    let call = ToolCall::new(request.name, request.arguments);
    match app.sessions.call(&access, &call).await {
        Ok(result) => Ok(Json(CallAnswer {
            content: result.content,
            structured_content: result.structured_content,
            is_error: result.is_error,
            connection: newer(tokens.as_deref()),
        })),
        Err(error) => Err(problem(error, tokens.as_deref())),
    }
}

/// Sessions with servers belong to an owner, so that nobody ever uses another's.
fn owner(session: &Session) -> &Owner {
    session.owner_or_new()
}

fn newer(tokens: Option<&ConnectionTokens>) -> Option<SealedConnection> {
    tokens.and_then(ConnectionTokens::newer)
}

/// A failed call. The connection may have become newer all the same, and then the page must keep
/// that.
fn problem(error: McpError, tokens: Option<&ConnectionTokens>) -> Problem {
    let problem = map::mcp(error, tokens.is_some());
    match newer(tokens).and_then(|newer| serde_json::to_value(newer).ok()) {
        Some(newer) => problem.with("connection", newer),
        None => problem,
    }
}
