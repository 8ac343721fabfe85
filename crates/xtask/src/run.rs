//! `cargo xtask run`: from a fresh clone to a running server.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::Shell;
use crate::ui;

const HELP: &str = "\
Build the UI and the server (dev profile), then start it

Usage: cargo xtask run [-- <arguments of `gatepass serve`>]

What did not change since the last run is not built again. With no arguments and nothing in the
environment that configures it (GATEPASS_…, OPENAI_BASE_URL, OPENAI_API_KEY) the server starts with
the demo provider: an authorization server, a protected MCP server and a demo model.

Examples:
  cargo xtask run
  cargo xtask run -- --listen 127.0.0.1:8080 --demo
  OPENAI_API_KEY=… cargo xtask run";

pub(crate) fn main(args: &[String]) -> Result<()> {
    if matches!(args.first().map(String::as_str), Some("--help" | "-h")) {
        println!("{HELP}");
        return Ok(());
    }
    let args = match args.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => args,
    };
    let shell = Shell::new()?;
    ui::build(&shell)?;
    shell.say("Building the server");
    shell.run(shell.cargo().args(["build", "-p", "gatepass"]))?;

    let configured = !args.is_empty() || std::env::vars_os().any(|(name, _)| configures(&name));
    let mut server = shell.command(shell.target().join("debug/gatepass"));
    server.arg("serve").args(args);
    if !configured {
        server.arg("--demo");
    }
    become_program(server)
}

/// Whether a variable of this name says how to run the server or which model to use.
fn configures(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("GATEPASS_")
        || name == "OPENAI_BASE_URL"
        || name == "OPENAI_API_KEY"
}

/// The server takes this process's place, so that signals and the exit code are its own.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("cannot start the server")
}

#[cfg(not(unix))]
fn become_program(mut command: Command) -> Result<()> {
    let status = command.status().context("cannot start the server")?;
    anyhow::ensure!(status.success(), "the server ended with {status}");
    Ok(())
}
