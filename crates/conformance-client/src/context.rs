//! What the suite hands over.

use anyhow::{Context as _, Result};
use gatepass_mcp::Revision;
use mcp_oauth_client::{ClientId, GivenClient, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the suite hands over, all of it optional.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    client_id: Option<String>,
    client_secret: Option<Secret>,
    /// The issuer that the client is registered at.
    pub(crate) issuer: Option<String>,
    /// Calls to make instead of one of each tool.
    #[serde(rename = "toolCalls")]
    pub(crate) tool_calls: Option<Vec<Call>>,
}

/// A call to make.
#[derive(Clone, Deserialize)]
pub(crate) struct Call {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: Map<String, Value>,
}

impl Context {
    pub(crate) fn read() -> Result<Self> {
        match std::env::var("MCP_CONFORMANCE_CONTEXT") {
            Ok(text) => serde_json::from_str(&text).context("MCP_CONFORMANCE_CONTEXT"),
            Err(_) => Ok(Self::default()),
        }
    }

    /// The client that was registered beforehand.
    pub(crate) fn client(&self) -> Option<GivenClient> {
        Some(GivenClient {
            client_id: ClientId::new(self.client_id.as_deref()?).ok()?,
            client_secret: self.client_secret.clone(),
            auth_method: None,
        })
    }
}

/// The revision to speak.
pub(crate) fn revision() -> Revision {
    match std::env::var("MCP_CONFORMANCE_PROTOCOL_VERSION").as_deref() {
        Ok("2026-07-28") => Revision::Current,
        Ok(_) => Revision::Handshake,
        Err(_) => Revision::Auto,
    }
}
