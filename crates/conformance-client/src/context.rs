//! What the suite hands over.

use anyhow::{Context as _, Result};
use gatepass_mcp::Revision;
use mcp_oauth_client::{ClientId, Es256Key, GivenClient, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the suite hands over, all of it optional: what an operator would configure.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    client_id: Option<String>,
    client_secret: Option<Secret>,
    private_key_pem: Option<Secret>,
    /// The issuer that the client is registered at.
    pub(crate) issuer: Option<String>,
    /// A workload's own token.
    pub(crate) valid_jwt: Option<Secret>,
    /// The company's identity provider, and who is signed in there.
    #[serde(flatten)]
    pub(crate) company: Company,
    /// Calls to make instead of one of each tool.
    #[serde(rename = "toolCalls")]
    pub(crate) tool_calls: Option<Vec<Call>>,
}

/// A company's identity provider, and who is signed in there.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Company {
    pub(crate) idp_client_id: Option<String>,
    pub(crate) idp_id_token: Option<Secret>,
    pub(crate) idp_issuer: Option<String>,
    pub(crate) idp_token_endpoint: Option<String>,
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
    pub(crate) fn client(&self) -> Result<Option<GivenClient>> {
        let Some(client_id) = self.client_id.as_deref() else {
            return Ok(None);
        };
        let key = self.private_key_pem.as_ref();
        let key = key.map(|pem| Es256Key::from_pkcs8_pem(pem.expose()));
        Ok(Some(GivenClient {
            client_id: ClientId::new(client_id)?,
            client_secret: self.client_secret.clone(),
            client_key: key.transpose()?,
            auth_method: None,
        }))
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
