//! A visit to a server: connect, list its tools, call them; authorize where it asks for it.

use std::sync::Arc;

use anyhow::{Result, bail};
use gatepass_connections::{ConnectionId, OwnerId};
use gatepass_egress::Egress;
use gatepass_mcp::{
    Access, Interaction, McpError, Session, SessionOptions, StaticHeaders, StreamingTransport,
    TokenSource, ToolCall, protocol,
};
use mcp_oauth_client::{AuthClient, BoxFuture, Challenges, Legacy, ServerUrl, Settings, UrlPolicy};
use serde_json::Value;

use crate::{
    arguments,
    context::{Call, Context, revision},
    identity::Identity,
    system::{SystemClock, SystemRandom},
    tell,
    tokens::Tokens,
};

/// How often more access is asked for within one visit, the first sign-in included.
const MOST_FLOWS: u32 = 3;

/// The ways to authorize without a person that this program knows.
const EXTENSIONS: [&str; 3] = [
    "io.modelcontextprotocol/oauth-client-credentials",
    "io.modelcontextprotocol/enterprise-managed-authorization",
    "io.modelcontextprotocol/auth/wif",
];

/// A visit to a server.
pub(crate) struct Visit {
    server: ServerUrl,
    carrier: Arc<dyn StreamingTransport>,
    tokens: Arc<Tokens>,
    calls: Option<Vec<Call>>,
    flows: std::cell::Cell<u32>,
}

impl Visit {
    pub(crate) fn new(url: &str, egress: Arc<Egress>, context: Context) -> Result<Self> {
        let policy = UrlPolicy::AllowLoopbackHttp;
        let server = ServerUrl::parse(url, policy)?;
        let redirect_uri = "http://localhost:4283/api/mcp/oauth/callback";
        let mut settings = Settings::new("Gatepass conformance client", redirect_uri);
        settings.url_policy = policy;
        settings.client_metadata_url = std::env::var("CLIENT_METADATA_URL").ok();
        settings.legacy = Legacy::AssumeEndpoints;
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let auth = AuthClient::new(egress.clone(), clock, random, settings);
        let identity = Identity::of(&context, policy, redirect_uri)?;
        let client = context.client()?;
        let preregistered = client.map(|client| (client, context.issuer.clone()));
        let tokens = Tokens::new(auth, server.clone(), preregistered, identity);
        Ok(Self {
            server,
            carrier: egress,
            tokens: Arc::new(tokens),
            calls: context.tool_calls,
            flows: std::cell::Cell::new(0),
        })
    }

    pub(crate) async fn run(&self) -> Result<()> {
        let session = loop {
            match self.connect().await {
                Err(error) => self.more_access(error).await?,
                Ok(session) => break session,
            }
        };
        let list = loop {
            match session.list_tools(Some(&self.source())).await {
                Err(error) => self.more_access(error).await?,
                Ok(list) => break list,
            }
        };
        let calls = self.calls.clone().unwrap_or_else(|| {
            let each = list.tools.iter();
            each.map(|tool| Call {
                name: tool.name.clone(),
                arguments: arguments::of(&tool.input_schema, &list.tools),
            })
            .collect()
        });
        for call in calls {
            let call = ToolCall::new(call.name, call.arguments);
            loop {
                match session.call_tool(&call, Some(&self.source())).await {
                    Ok(_) => break,
                    // A server that reports an error of its own has been understood.
                    Err(error @ McpError::Reported { .. }) => {
                        tell(&error.to_string());
                        break;
                    }
                    Err(error) => self.more_access(error).await?,
                }
            }
        }
        session.close().await;
        Ok(())
    }

    async fn connect(&self) -> Result<Session, McpError> {
        let owner = OwnerId::from_bytes([0; 32]);
        let access = Access::open(owner, self.server.clone(), StaticHeaders::default())
            .with_tokens(ConnectionId::from_text("visit"), self.source());
        let options = SessionOptions {
            extensions: EXTENSIONS.to_vec(),
            interaction: Some(Arc::new(Accepting)),
            ..SessionOptions::default()
        };
        Session::connect(self.carrier.clone(), &access, &options, revision()).await
    }

    /// Gets the access that an error asks for, a few times; passes every other error on.
    async fn more_access(&self, error: McpError) -> Result<()> {
        let challenges: Challenges = match &error {
            McpError::AuthorizationRequired { challenges, .. }
            | McpError::InsufficientScope { challenges, .. } => challenges.clone(),
            _ => return Err(error.into()),
        };
        if self.flows.get() == MOST_FLOWS {
            bail!("{error}, again after {MOST_FLOWS} sign-ins");
        }
        self.flows.set(self.flows.get() + 1);
        self.tokens.authorize(&challenges).await?;
        Ok(())
    }

    fn source(&self) -> Arc<dyn TokenSource> {
        self.tokens.clone()
    }
}

/// Answers every question with its defaults.
struct Accepting;

impl Interaction for Accepting {
    fn elicit(
        &self,
        request: protocol::ElicitRequestParams,
    ) -> BoxFuture<'_, protocol::ElicitResult> {
        Box::pin(async move {
            let request = serde_json::to_value(&request).unwrap_or_default();
            let schema = request.get("requestedSchema").cloned().unwrap_or_default();
            let content = Value::Object(arguments::answers(&schema));
            protocol::ElicitResult::new(protocol::ElicitationAction::Accept).with_content(content)
        })
    }
}
