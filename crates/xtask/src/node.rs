//! Node and the packages of the folders that use it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::Shell;
use crate::stamp;

/// The oldest Node that Vite runs on.
const OLDEST: (u32, u32) = (20, 19);

/// Fails, with what to do, unless a new enough Node is there.
pub(crate) fn require(shell: &Shell) -> Result<()> {
    let wanted = format!("{}.{}", OLDEST.0, OLDEST.1);
    let Some(answer) = shell.answer(shell.command("node").arg("--version")) else {
        bail!("Node is missing: the UI is built with Node {wanted} or newer (https://nodejs.org)");
    };
    match parse_version(&answer) {
        Some(version) if version >= OLDEST => Ok(()),
        Some(_) => bail!(
            "Node {answer} is too old: the UI is built with Node {wanted} or newer (https://nodejs.org)"
        ),
        None => bail!("`node --version` answers `{answer}`, which is no version"),
    }
}

/// `npm` in a folder of the workspace.
pub(crate) fn npm(shell: &Shell, folder: &str) -> Command {
    let mut command = shell.command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command
        .current_dir(shell.path(folder))
        .env("npm_config_update_notifier", "false");
    command
}

/// Installs the folder's locked packages, unless they are there already.
pub(crate) fn install(shell: &Shell, folder: &str) -> Result<()> {
    let folder_path = shell.path(folder);
    let stamp = folder_path.join("node_modules/.installed");
    let digest = stamp::digest(&[
        folder_path.join("package.json"),
        folder_path.join("package-lock.json"),
    ])?;
    if stamp::is_fresh(&stamp, &digest) {
        return Ok(());
    }
    shell.say(&format!("Installing the packages of {folder}/"));
    shell.run(npm(shell, folder).args(["ci", "--no-audit", "--no-fund"]))?;
    stamp::write(&stamp, &digest)
}

fn parse_version(answer: &str) -> Option<(u32, u32)> {
    let mut parts = answer.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn node_versions_are_compared_by_number() {
        assert_eq!(parse_version("v20.19.0"), Some((20, 19)));
        assert!(parse_version("v20.9.1") < Some(super::OLDEST));
        assert!(parse_version("v22.3.0") > Some(super::OLDEST));
        assert_eq!(parse_version("node 20"), None);
    }
}
