//! `cargo xtask dist`: the one file to ship.

use std::fs;

use anyhow::{Context, Result};

use crate::shell::Shell;
use crate::ui;

const HELP: &str = "\
Build the release binary with the UI inside: dist/gatepass

Usage: cargo xtask dist";

pub(crate) fn main(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        anyhow::ensure!(
            matches!(arg.as_str(), "--help" | "-h"),
            "dist has no option `{arg}`"
        );
        println!("{HELP}");
        return Ok(());
    }
    let shell = Shell::new()?;
    ui::build(&shell)?;
    shell.say("Building the server (release profile, several minutes)");
    shell.run(
        shell
            .cargo()
            .args(["build", "--release", "--locked", "-p", "gatepass"]),
    )?;

    let name = format!("gatepass{}", std::env::consts::EXE_SUFFIX);
    let built = shell.target().join("release").join(&name);
    let shipped = shell.path("dist").join(&name);
    fs::create_dir_all(shell.path("dist"))?;
    let bytes =
        fs::copy(&built, &shipped).with_context(|| format!("cannot copy {}", built.display()))?;
    shell.say(&format!(
        "dist/{name}: {:.1} MiB",
        bytes as f64 / 1_048_576.0
    ));
    Ok(())
}
