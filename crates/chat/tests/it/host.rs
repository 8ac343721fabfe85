//! MCP servers that do what the test says.

use std::sync::{Arc, Mutex};

use gatepass_chat::{
    ToolHost,
    host::{
        HostCall, HostError, HostResult, HostTool, Hosted, NeedsAuthorization, Permission,
        ServerRef,
    },
};
use gatepass_connections::SealedConnection;
use mcp_oauth_client::{BoxFuture, Scopes};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

type Behave =
    dyn Fn(HostCall, CancellationToken) -> BoxFuture<'static, Hosted<HostResult>> + Send + Sync;

/// A server of a turn.
pub struct Server {
    name: String,
    listed: Result<(), HostError>,
    newer: Option<SealedConnection>,
    tools: Vec<(HostTool, Arc<Behave>)>,
    stuck: bool,
}

impl Server {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            listed: Ok(()),
            newer: None,
            tools: Vec::new(),
            stuck: false,
        }
    }

    /// Its tools cannot be listed.
    pub fn failing(name: &str, error: HostError) -> Self {
        let mut server = Self::new(name);
        server.listed = Err(error);
        server
    }

    /// Its tools are never listed.
    pub fn stuck(name: &str) -> Self {
        let mut server = Self::new(name);
        server.stuck = true;
        server
    }

    /// A newer connection comes with the list.
    pub fn refreshed(mut self, connection: SealedConnection) -> Self {
        self.newer = Some(connection);
        self
    }

    pub fn tool<F, R>(self, name: &str, behave: F) -> Self
    where
        F: Fn(Map<String, Value>, CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Hosted<HostResult>> + Send + 'static,
    {
        self.described(described(name), behave)
    }

    pub fn described<F, R>(self, tool: HostTool, behave: F) -> Self
    where
        F: Fn(Map<String, Value>, CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Hosted<HostResult>> + Send + 'static,
    {
        self.answering(tool, move |call, cancel| behave(call.arguments, cancel))
    }

    /// A tool that sees the whole call.
    pub fn answering<F, R>(mut self, tool: HostTool, behave: F) -> Self
    where
        F: Fn(HostCall, CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = Hosted<HostResult>> + Send + 'static,
    {
        let behave =
            move |call, cancel| -> BoxFuture<'static, _> { Box::pin(behave(call, cancel)) };
        self.tools.push((tool, Arc::new(behave)));
        self
    }

    /// A tool that says its own and its server's name.
    pub fn speaking(self, tool: &str) -> Self {
        let text = format!("{} of {}", tool, self.name);
        self.tool(tool, move |_, _| std::future::ready(gives(&text)))
    }

    /// A tool that always comes to this.
    pub fn giving(self, tool: &str, hosted: Hosted<HostResult>) -> Self {
        self.tool(tool, move |_, _| std::future::ready(hosted.clone()))
    }
}

/// A tool that does what its name says.
pub fn described(name: &str) -> HostTool {
    HostTool {
        name: name.to_owned(),
        title: None,
        description: Some(format!("Does {name}.")),
        input_schema: json!({"type": "object"}),
        permission: Permission::Given,
        definition: String::new(),
    }
}

/// A result of text.
pub fn gives(text: &str) -> Hosted<HostResult> {
    returns(json!({"content": [{"type": "text", "text": text}]}), false)
}

/// A result as it is.
pub fn returns(output: Value, is_error: bool) -> Hosted<HostResult> {
    Hosted {
        outcome: Ok(HostResult { output, is_error }),
        newer: None,
    }
}

/// A call that fails.
pub fn fails(error: HostError) -> Hosted<HostResult> {
    Hosted {
        outcome: Err(error),
        newer: None,
    }
}

/// What a server says to somebody who has not signed in.
pub fn needs(scopes: &str) -> HostError {
    HostError::NeedsAuthorization(NeedsAuthorization {
        reason: "The server asks for a sign-in.".to_owned(),
        scopes: Scopes::parse(scopes),
    })
}

/// A connection at a generation.
pub fn connection(generation: u64) -> SealedConnection {
    serde_json::from_value(json!({
        "id": "AAAAAAAAAAAAAAAAAAAAAA",
        "sealed": "sealed",
        "resource": "https://notes.example/mcp",
        "issuer": "https://as.example",
        "scopes": ["notes"],
        "expiresAt": 1_795_420_800_000_i64,
        "refreshable": true,
        "generation": generation,
        "registration": "dynamic",
    }))
    .unwrap()
}

/// A call as it reached its server.
#[derive(Clone, Debug, PartialEq)]
pub struct Called {
    pub server: String,
    pub tool: String,
    pub arguments: Value,
}

/// The servers of a turn.
#[derive(Default)]
pub struct Hall {
    servers: Vec<Server>,
    called: Mutex<Vec<Called>>,
}

impl Hall {
    pub fn of(servers: impl IntoIterator<Item = Server>) -> Arc<Self> {
        Arc::new(Self {
            servers: servers.into_iter().collect(),
            called: Mutex::default(),
        })
    }

    /// The calls that reached a server.
    pub fn called(&self) -> Vec<Called> {
        self.called.lock().unwrap().clone()
    }
}

impl ToolHost for Hall {
    fn servers(&self) -> Vec<ServerRef> {
        let servers = self.servers.iter().map(|server| ServerRef {
            name: server.name.clone(),
            url: format!("https://{}.example/mcp", server.name.to_lowercase()),
        });
        servers.collect()
    }

    fn tools(&self, server: usize) -> BoxFuture<'_, Hosted<Vec<HostTool>>> {
        let server = &self.servers[server];
        Box::pin(async move {
            if server.stuck {
                std::future::pending::<()>().await;
            }
            let tools = server.tools.iter().map(|(tool, _)| tool.clone()).collect();
            Hosted {
                outcome: server.listed.clone().map(|()| tools),
                newer: server.newer.clone(),
            }
        })
    }

    fn call<'a>(
        &'a self,
        server: usize,
        call: HostCall,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Hosted<HostResult>> {
        let server = &self.servers[server];
        self.called.lock().unwrap().push(Called {
            server: server.name.clone(),
            tool: call.tool.clone(),
            arguments: Value::Object(call.arguments.clone()),
        });
        let found = server.tools.iter().find(|(own, _)| own.name == call.tool);
        let (_, behave) = found.expect("only tools that were listed are called");
        behave(call, cancel.clone())
    }
}
