//! `cargo xtask lighthouse`: scores of the built page.

use anyhow::Result;

use crate::shell::Shell;
use crate::{node, tools, ui};

const HELP: &str = "\
Run Lighthouse on the built page, headless, as a phone and as a desktop

Usage: cargo xtask lighthouse

Fails if performance, accessibility or best practices are below 95.";

pub(crate) fn main(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{HELP}");
        return Ok(());
    }
    let shell = Shell::new()?;
    ui::build(&shell)?;
    let chromium = tools::chromium(&shell)?;
    node::install(&shell, "lighthouse")?;
    shell.run(shell.cargo().args(["build", "-p", "gatepass"]))?;
    shell.run(
        shell
            .command("node")
            .current_dir(shell.path("lighthouse"))
            .arg("run.mjs")
            .env("GATEPASS_BIN", shell.target().join("debug/gatepass"))
            .env("CHROMIUM", chromium),
    )
}
