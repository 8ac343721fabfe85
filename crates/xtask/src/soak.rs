//! `cargo xtask soak`: thousands of refreshes with faults on the way.

use anyhow::Result;

use crate::shell::Shell;

const HELP: &str = "\
Refresh connections thousands of times, with faults on the way, and say what was lost

Usage: cargo xtask soak [--refreshes 10000] [--connections 20] [--replicas 3] [--one-in 20]
                        [--database-url postgres://…]

Three replicas over one database ask for every refresh at once, at an authorization server with
rotation and replay detection where every twentieth token request fails. Fails if a connection was
lost or a sign-in asked for.";

pub(crate) fn main(args: &[String]) -> Result<()> {
    if matches!(args.first().map(String::as_str), Some("--help" | "-h")) {
        println!("{HELP}");
        return Ok(());
    }
    let shell = Shell::new()?;
    let mut soak = shell.cargo();
    soak.args(["run", "--quiet", "-p", "gatepass-soak", "--"]);
    shell.run(soak.args(args))
}
