//! Programs the tests need beside Rust and Node: found, installed where that is possible, else named.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell::{Shell, find_program};

/// A cargo subcommand's program: the one on the PATH, or one built into the target folder.
pub(crate) fn cargo_tool(shell: &Shell, name: &str, version: &str) -> Result<PathBuf> {
    if let Some(found) = find_program(&[name]) {
        return Ok(found);
    }
    let tools = shell
        .target()
        .join("tools")
        .join(format!("{name}-{version}"));
    let program = tools
        .join("bin")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        shell.say(&format!(
            "{name} is not installed: building it once into {} (a few minutes)",
            tools.display()
        ));
        shell
            .run(
                shell
                    .cargo()
                    .args(["install", "--locked", name, "--version", version, "--root"])
                    .arg(&tools)
                    .env("CARGO_TARGET_DIR", shell.target().join("tools/build")),
            )
            .with_context(|| {
                format!("{name} cannot be built; install it by hand: cargo install --locked {name}")
            })?;
    }
    Ok(program)
}

/// A Chromium for the browser tests.
pub(crate) fn chromium(shell: &Shell) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    if find_program(&names).is_none() {
        apt_install(
            shell,
            "Chromium",
            "chromium",
            "set CHROMIUM to the path of a Chromium or Chrome",
        )?;
    }
    find_program(&names).context("Chromium was installed but is not on the PATH")
}

/// PostgreSQL's server programs, which the store's tests start in a folder of their own.
pub(crate) fn postgresql(shell: &Shell) -> Result<()> {
    let is_there = || {
        // Debian keeps the server programs off the PATH.
        let debian = std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| {
            versions
                .flatten()
                .any(|version| version.path().join("bin/initdb").is_file())
        });
        debian || find_program(&["initdb"]).is_some()
    };
    if !is_there() {
        apt_install(
            shell,
            "PostgreSQL",
            "postgresql",
            "put `initdb` and `postgres` on the PATH",
        )?;
    }
    if !is_there() {
        bail!("PostgreSQL was installed but its `initdb` cannot be found");
    }
    Ok(())
}

/// Installs a Debian package where this user may; otherwise says what is missing.
fn apt_install(shell: &Shell, what: &str, package: &str, otherwise: &str) -> Result<()> {
    let is_root = shell.answer(shell.command("id").arg("-u")).as_deref() == Some("0");
    if !is_root || find_program(&["apt-get"]).is_none() {
        bail!("{what} is missing: install it (Debian: `apt-get install {package}`) or {otherwise}");
    }
    shell.say(&format!("{what} is missing: installing Debian's package"));
    let apt = || {
        let mut apt = shell.command("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    shell.run(apt().args(["update", "-qq"]))?;
    shell.run(apt().args(["install", "-y", "-qq", "--no-install-recommends", package]))
}
