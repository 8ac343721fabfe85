//! `cargo xtask conformance`: the official MCP suite against our client and the demo's servers.

use anyhow::{Result, bail};

use crate::node;
use crate::parts::build_programs;
use crate::shell::Shell;

const HELP: &str = "\
Runs the official MCP conformance suite, strictly: each scenario alone, no failed check, no
warning, and a tool call answered with 200 wherever a sign-in has to succeed. Prints one table.

Usage: cargo xtask conformance [client | server]

  client  only our client, crates/conformance-client
  server  only the demo's authorization server and MCP server";

/// Whom the suite is run against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
    Both,
}

impl Side {
    fn scripts(self) -> &'static [&'static str] {
        match self {
            Self::Client => &["client.mjs"],
            Self::Server => &["server.mjs"],
            Self::Both => &["server.mjs", "client.mjs"],
        }
    }
}

pub(crate) fn main(args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let side = match args[..] {
        [] => Side::Both,
        ["client"] => Side::Client,
        ["server"] => Side::Server,
        ["--help" | "-h"] => {
            println!("{HELP}");
            return Ok(());
        }
        _ => bail!("conformance takes `client`, `server` or nothing\n\n{HELP}"),
    };
    run(&Shell::new()?, side)
}

/// Installs the suite, builds the programs and runs it; fails on any miss of either side.
pub(crate) fn run(shell: &Shell, side: Side) -> Result<()> {
    node::require(shell)?;
    node::install(shell, "conformance")?;
    build_programs(shell)?;
    let program = |name: &str| shell.target().join("debug").join(name);
    let mut missed = Vec::new();
    for script in side.scripts() {
        let mut command = shell.command("node");
        command
            .arg(script)
            .current_dir(shell.path("conformance"))
            .env("GATEPASS_DEMO_BIN", program("gatepass-demo"))
            .env("GATEPASS_CONFORMANCE_CLIENT", program("conformance-client"));
        if let Err(error) = shell.run(&mut command) {
            missed.push(error.to_string());
        }
    }
    if !missed.is_empty() {
        bail!("{}", missed.join("\n"));
    }
    Ok(())
}
