//! `cargo xtask shots`: pictures of the real pages.

use anyhow::Result;

use crate::shell::Shell;
use crate::{node, tools, ui};

const HELP: &str = "\
Take pictures of the real pages with the demo provider: light, dark and narrow

Usage: cargo xtask shots [folder]

The pictures land in shots/ unless another folder is named.";

pub(crate) fn main(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{HELP}");
        return Ok(());
    }
    let shell = Shell::new()?;
    let folder = std::path::absolute(args.first().map_or("shots", String::as_str))?;
    ui::build(&shell)?;
    let chromium = tools::chromium(&shell)?;
    node::install(&shell, "e2e")?;
    shell.run(shell.cargo().args(["build", "-p", "gatepass"]))?;
    shell.run(
        shell
            .command("node")
            .current_dir(shell.path("e2e"))
            .arg("shots.mjs")
            .arg(folder)
            .env("GATEPASS_BIN", shell.target().join("debug/gatepass"))
            .env("CHROMIUM", chromium),
    )
}
