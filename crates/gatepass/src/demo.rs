//! `--demo`: an authorization server, a protected MCP server and a rule-based model on this
//! machine, offered as a server and a model like any other.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use gatepass_chat::{AttachmentKind, ModelEndpoint};
use gatepass_demo::Demo;
use gatepass_egress::Allowed;
use mcp_oauth_client::{ServerUrl, UrlPolicy};
use url::Url;

use crate::{chat::models::Model, config::PresetServer};

/// How often the usual port is tried, 50 milliseconds apart.
const PATIENCE: u32 = 10;
/// The id of the demo's one model.
const MODEL: &str = "gatepass-demo";

/// The running demo; it ends when it is dropped.
#[derive(Debug)]
pub struct Running {
    demo: Demo,
}

impl Running {
    /// Starts the demo on the port after ours, so that servers that pages remember are still there
    /// after a restart; on any free one if that is taken.
    pub async fn start(beside: SocketAddr) -> anyhow::Result<Self> {
        let listen = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
        let next = beside.port().checked_add(1).unwrap_or_default();
        let demo = match beside_us(&listen(next)).await {
            Some(demo) => demo,
            None => Demo::builder().listen(listen(0)).start().await?,
        };
        tracing::info!(url = demo.origin(), "the demo runs");
        Ok(Self { demo })
    }

    /// The demo itself.
    pub fn demo(&self) -> &Demo {
        &self.demo
    }

    /// What must be reachable for it.
    pub fn allowed(&self) -> Option<Allowed> {
        Allowed::host_of(&Url::parse(self.demo.origin()).ok()?)
    }

    /// Its MCP server, as one that is offered to everyone.
    pub fn preset(&self) -> anyhow::Result<PresetServer> {
        Ok(PresetServer {
            name: "Demo notes".to_owned(),
            url: ServerUrl::parse(self.demo.mcp_url(), UrlPolicy::AllowLoopbackHttp)?,
            description: Some(
                "Notes, a calculator and a unit converter behind a real sign-in, on this machine"
                    .to_owned(),
            ),
            headers: Vec::new(),
        })
    }

    /// Its model.
    pub fn model(&self) -> anyhow::Result<Model> {
        Ok(Model {
            id: MODEL.to_owned(),
            label: "Demo model (rule-based, not an LLM)".to_owned(),
            demo: true,
            attachments: vec![AttachmentKind::Text],
            endpoint: ModelEndpoint::new(Url::parse(self.demo.model_url())?, None),
        })
    }
}

/// The demo at an address; whoever was there before us may need a moment to go.
async fn beside_us(address: &str) -> Option<Demo> {
    for _ in 0..PATIENCE {
        match Demo::builder().listen(address).start().await {
            Ok(demo) => return Some(demo),
            Err(error) => tracing::debug!(%error, "the demo's usual port is not free"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}
