//! The servers of a turn, as the tool loop asks them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use gatepass_chat::{
    ToolHost,
    host::{HostCall, HostError, HostResult, HostTool, Hosted, NeedsAuthorization, ServerRef},
};
use gatepass_connections::{Owner, SealedConnection};
use gatepass_mcp::{Access, ConnectionTokens, McpError, ToolCall};
use mcp_oauth_client::BoxFuture;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{questions, rules::permission, target::Target};
use crate::{app::App, problem::map::sentence};

/// The servers of one turn of one owner.
pub struct Host {
    app: Arc<App>,
    servers: Vec<Server>,
}

struct Server {
    target: Target,
    access: Access,
    tokens: Option<Arc<ConnectionTokens>>,
    /// The newest generation that the page was told of.
    told: AtomicU64,
}

impl Host {
    /// No servers: nobody is there to bring connections.
    pub fn none(app: Arc<App>) -> Self {
        Self {
            app,
            servers: Vec::new(),
        }
    }

    /// The servers that a request named.
    pub fn new(app: Arc<App>, owner: &Owner, targets: Vec<Target>) -> Self {
        let servers = targets.into_iter().map(|target| {
            let (access, tokens) = target.access(&app, owner);
            Server {
                target,
                access,
                tokens,
                told: AtomicU64::new(0),
            }
        });
        Self {
            servers: servers.collect(),
            app,
        }
    }
}

impl Server {
    /// The connection, if it became newer than the page knows.
    fn newer(&self) -> Option<SealedConnection> {
        let newer = self.tokens.as_ref()?.newer()?;
        let told = self.told.fetch_max(newer.generation, Ordering::Relaxed);
        (newer.generation > told).then_some(newer)
    }

    fn hosted<T>(&self, outcome: Result<T, McpError>) -> Hosted<T> {
        Hosted {
            outcome: outcome.map_err(failed),
            newer: self.newer(),
        }
    }
}

fn failed(error: McpError) -> HostError {
    if let McpError::Asks(inquiry) = error {
        return questions::inquiry(inquiry);
    }
    if matches!(error, McpError::Cancelled) {
        return HostError::Cancelled;
    }
    if error.needs_authorization() {
        return HostError::NeedsAuthorization(NeedsAuthorization {
            reason: sentence(&error),
            scopes: error.scopes(),
        });
    }
    HostError::Failed(sentence(&error))
}

impl ToolHost for Host {
    fn servers(&self) -> Vec<ServerRef> {
        let servers = self.servers.iter();
        servers
            .map(|server| ServerRef {
                name: server.target.name.clone(),
                url: server.target.url.to_string(),
            })
            .collect()
    }

    fn tools(&self, server: usize) -> BoxFuture<'_, Hosted<Vec<HostTool>>> {
        Box::pin(async move {
            let server = &self.servers[server];
            let listed = self.app.sessions.tools(&server.access).await;
            server.hosted(listed.map(|listed| {
                let tools = listed.list.tools.iter();
                tools
                    .filter_map(|tool| {
                        let rule = server.target.rules().get(&tool.name);
                        let (permission, definition) = permission(rule, tool)?;
                        Some(HostTool {
                            name: tool.name.clone(),
                            title: tool.title.clone(),
                            description: tool.description.clone(),
                            input_schema: Value::Object(tool.input_schema.clone()),
                            permission,
                            definition,
                        })
                    })
                    .collect()
            }))
        })
    }

    fn call<'a>(
        &'a self,
        server: usize,
        call: HostCall,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Hosted<HostResult>> {
        Box::pin(async move {
            let server = &self.servers[server];
            let HostCall {
                tool,
                arguments,
                resuming,
                asker,
            } = call;
            let mut call = ToolCall::new(tool, arguments).cancelled_by(cancel.clone());
            if let Some(asker) = asker {
                call = call.asking(questions::line(asker), resuming.map(questions::resumption));
            }
            let result = self.app.sessions.call(&server.access, &call).await;
            server.hosted(result.map(|result| {
                let mut output = json!({ "content": result.content });
                if let Some(structured) = result.structured_content {
                    output["structuredContent"] = structured;
                }
                HostResult {
                    output,
                    is_error: result.is_error,
                }
            }))
        })
    }
}
