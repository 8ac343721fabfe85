//! Running other programs from the workspace root, on the terminal or into a log.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Where the workspace is and where the output of its programs goes.
pub(crate) struct Shell {
    root: PathBuf,
    target: PathBuf,
    log: Option<File>,
}

impl Shell {
    /// A shell on the terminal.
    pub(crate) fn new() -> Result<Self> {
        // Cargo names the package it runs. What was compiled in may be another checkout's, when
        // several share a target folder.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package)
            .ancestors()
            .nth(2)
            .context("the task runner is not inside the workspace")?
            .to_path_buf();
        // The runner itself is `<target>/<profile>/xtask`: right whatever sets the target folder.
        let target = std::env::current_exe()?
            .ancestors()
            .nth(2)
            .context("the task runner is not inside a target folder")?
            .to_path_buf();
        Ok(Self {
            root,
            target,
            log: None,
        })
    }

    /// The same shell, writing to a file instead of the terminal.
    pub(crate) fn logging_to(&self, log: File) -> Self {
        Self {
            root: self.root.clone(),
            target: self.target.clone(),
            log: Some(log),
        }
    }

    /// A path inside the workspace.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder cargo builds into.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// One line of progress.
    pub(crate) fn say(&self, line: &str) {
        use std::io::Write;
        match &self.log {
            // A log that cannot be written loses a progress line, nothing else.
            Some(log) => drop(writeln!(&*log, "{line}")),
            None => println!("{line}"),
        }
    }

    /// `cargo` of the toolchain that built this program.
    pub(crate) fn cargo(&self) -> Command {
        self.cargo_program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// A program that calls cargo in its turn.
    pub(crate) fn cargo_program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command(program);
        // `cargo run` describes the runner's own package to it. Passed on, these would make the
        // build scripts that watch them run again each time the caller changes.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let describes_package = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix));
            if describes_package || name == "CARGO_PRIMARY_PACKAGE" {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// A program, started in the workspace root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Runs to the end; fails unless the program succeeds.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        self.say(&format!("$ {}", shown(command)));
        if let Some(log) = &self.log {
            command
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log.try_clone()?);
        }
        let status = command.status().with_context(|| {
            format!("cannot start `{}`", command.get_program().to_string_lossy())
        })?;
        if !status.success() {
            bail!("`{}` failed ({status})", shown(command));
        }
        Ok(())
    }

    /// What the program prints; `None` if it is missing or fails.
    pub(crate) fn answer(&self, command: &mut Command) -> Option<String> {
        let output = command.stdin(Stdio::null()).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// The first of these programs that is on the PATH (absolute paths are looked up as they are).
pub(crate) fn find_program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    names.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())
    })
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
