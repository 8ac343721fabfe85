//! `cargo xtask bench`: what the parts cost.

use anyhow::{Result, bail};

use crate::shell::Shell;

/// Packages with benchmarks.
const PACKAGES: [&str; 2] = ["mcp-oauth-client", "gatepass-connections"];

const HELP: &str = "\
Runs the benchmarks, in an optimized build, and prints their tables. docs/PERFORMANCE.md keeps
figures and says on which machine they were taken.

Usage: cargo xtask bench [PACKAGE] [-- FILTER]";

pub(crate) fn main(args: &[String]) -> Result<()> {
    let (own, filter) = match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[][..]),
    };
    let packages = match own {
        [] => PACKAGES.to_vec(),
        [help] if help == "--help" || help == "-h" => {
            println!("{HELP}");
            return Ok(());
        }
        [package] => match PACKAGES.iter().find(|known| *known == package) {
            Some(package) => vec![*package],
            None => bail!(
                "`{package}` has no benchmarks; these have: {}",
                PACKAGES.join(", ")
            ),
        },
        _ => bail!("bench takes one package\n\n{HELP}"),
    };
    let shell = Shell::new()?;
    for package in packages {
        let mut command = shell.cargo();
        command.args([
            "bench",
            "--locked",
            "--package",
            package,
            "--bench",
            "*",
            "--",
        ]);
        shell.run(command.args(filter))?;
    }
    Ok(())
}
