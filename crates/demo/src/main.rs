//! `gatepass-demo`: the demo on its own, with its behaviour from a file.

mod control;

use std::{io::Write, path::PathBuf, sync::Arc};

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
    /// Also serve the record and the switches here, for tests; a loopback address. The start is
    /// then announced as one line of JSON.
    #[arg(long, value_name = "ADDR:PORT")]
    control: Option<String>,
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
    let demo = Arc::new(builder.start().await?);
    announce(&demo, arguments.control.as_deref()).await?;
    tokio::signal::ctrl_c()
        .await
        .context("cannot wait for the signal to stop")?;
    // With a control address its server holds the instance too, and both end with the process.
    if let Some(demo) = Arc::into_inner(demo) {
        demo.stop().await;
    }
    Ok(())
}

/// Says where everything is: to a person, or to the program that controls it.
async fn announce(demo: &Arc<Demo>, control: Option<&str>) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match control {
        None => writeln!(
            out,
            "MCP server  {}\nissuer      {}\nmodel       {}",
            demo.mcp_url(),
            demo.issuer(),
            demo.model_url()
        )?,
        Some(address) => {
            let control_url = control::serve(address, Arc::clone(demo)).await?;
            let places = serde_json::json!({
                "mcpUrl": demo.mcp_url(),
                "issuer": demo.issuer(),
                "modelUrl": demo.model_url(),
                "controlUrl": control_url,
            });
            writeln!(out, "{places}")?;
        }
    }
    Ok(())
}
