//! The client that the official MCP conformance suite drives: connects to the server whose URL is
//! its last argument, authorizes where it must, lists the tools and calls them.
//!
//! It is a thin program over the crates that the server runs, and knows nothing of the suite's
//! scenarios. From its surroundings it takes the protocol revision to speak
//! (`MCP_CONFORMANCE_PROTOCOL_VERSION`), credentials and arguments (`MCP_CONFORMANCE_CONTEXT`), and
//! as its own configuration `CLIENT_METADATA_URL`, where its metadata document is published.

mod arguments;
mod context;
mod identity;
mod person;
mod system;
mod tokens;
mod visit;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use gatepass_egress::{Egress, EgressPolicy, Mode};

use crate::{context::Context, visit::Visit};

/// The suite waits for a client longer than it should; this one ends by itself.
const PATIENCE: Duration = Duration::from_secs(25);

#[tokio::main]
async fn main() -> ExitCode {
    match tokio::time::timeout(PATIENCE, run()).await {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
        Err(_) => {
            tell("it took too long");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let url = std::env::args()
        .next_back()
        .context("the server's URL is the last argument")?;
    let egress = Egress::new(EgressPolicy {
        mode: Mode::Loopback,
        ..EgressPolicy::default()
    })?;
    Visit::new(&url, Arc::new(egress), Context::read()?)?
        .run()
        .await
}

fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
