//! Building the web UI.

use anyhow::{Result, bail};

use crate::node;
use crate::shell::Shell;
use crate::stamp;

const FOLDER: &str = "web";

/// Installs and builds what changed; does nothing in a few milliseconds otherwise.
pub(crate) fn build(shell: &Shell) -> Result<()> {
    node::require(shell)?;
    node::install(shell, FOLDER)?;

    let web = shell.path(FOLDER);
    // Installing packages afresh removes the stamp too: new tools, new build.
    let stamp = web.join("node_modules/.built");
    let inputs = stamp::files_under(&web, &["node_modules", "dist", "coverage"])?;
    let digest = stamp::digest(&inputs)?;
    if stamp::is_fresh(&stamp, &digest) && is_built(shell) {
        return Ok(());
    }
    shell.say("Building the UI");
    shell.run(node::npm(shell, FOLDER).args(["run", "build"]))?;
    if !is_built(shell) {
        bail!("the UI's build succeeded but left no web/dist/index.html");
    }
    stamp::write(&stamp, &digest)
}

/// Type check, unit tests, build and size budget.
pub(crate) fn test(shell: &Shell) -> Result<()> {
    node::require(shell)?;
    node::install(shell, FOLDER)?;
    shell.run(node::npm(shell, FOLDER).args(["run", "check"]))?;
    // The compiler runs beside this on the same cores: slow is not wrong here.
    shell.run(node::npm(shell, FOLDER).args(["test", "--", "--testTimeout=60000"]))?;
    build(shell)?;
    shell.run(node::npm(shell, FOLDER).args(["run", "budget"]))
}

fn is_built(shell: &Shell) -> bool {
    shell.path("web/dist/index.html").is_file()
}
