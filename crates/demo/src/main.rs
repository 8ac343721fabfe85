//! `gatepass-demo`: the demo on its own, with its behaviour from a file.

use std::{io::Write, path::PathBuf};

use anyhow::Context as _;
use clap::Parser;
use gatepass_demo::{Behaviour, Demo};

/// An authorization server, a protected MCP server and a rule-based model, in memory.
#[derive(Debug, Parser)]
#[command(name = "gatepass-demo", version)]
struct Arguments {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:4284")]
    listen: String,
    /// The origin to publish; derived from the address if not given.
    #[arg(long)]
    origin: Option<String>,
    /// A JSON file that says how it deviates from a well-behaved server.
    #[arg(long, value_name = "FILE")]
    behaviour: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut builder = Demo::builder().listen(arguments.listen);
    if let Some(origin) = arguments.origin {
        builder = builder.origin(origin);
    }
    if let Some(file) = arguments.behaviour {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        builder = builder.behaviour(Behaviour::from_json(&text)?);
    }
    let demo = builder.start().await?;
    writeln!(
        std::io::stdout(),
        "MCP server  {}\nissuer      {}\nmodel       {}",
        demo.mcp_url(),
        demo.issuer(),
        demo.model_url()
    )?;
    tokio::signal::ctrl_c()
        .await
        .context("cannot wait for the signal to stop")?;
    demo.stop().await;
    Ok(())
}
