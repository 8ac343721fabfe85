//! The parts of `cargo xtask test`, in the order they run.

use anyhow::Result;

use crate::conformance::{self, Side};
use crate::node;
use crate::schemathesis;
use crate::shell::Shell;
use crate::tools;
use crate::ui;

/// Versions of the cargo programs that are built when missing.
const NEXTEST: (&str, &str) = ("cargo-nextest", "0.9.151");
const DENY: (&str, &str) = ("cargo-deny", "0.20.2");

/// When a part may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// One after the other, on the terminal: they all want cargo's lock.
    Cargo,
    /// Beside the cargo parts, its output shown when it ends.
    Beside,
    /// Afterwards, with the built programs.
    Built,
}

/// One part of a test run.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) lane: Lane,
    pub(crate) run: fn(&Shell) -> Result<()>,
}

pub(crate) const PARTS: [Part; 8] = [
    Part {
        name: "fmt",
        about: "Rust formatting",
        lane: Lane::Cargo,
        run: |shell| shell.run(shell.cargo().args(["fmt", "--all", "--check"])),
    },
    Part {
        name: "clippy",
        about: "Rust lints, warnings are errors",
        lane: Lane::Cargo,
        run: |shell| {
            shell.run(shell.cargo().args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Part {
        name: "nextest",
        about: "Rust unit and integration tests, SQLite and PostgreSQL",
        lane: Lane::Cargo,
        run: nextest,
    },
    Part {
        name: "doctests",
        about: "examples in the Rust documentation",
        lane: Lane::Cargo,
        run: |shell| {
            shell.run(
                shell
                    .cargo()
                    .args(["test", "--workspace", "--doc", "--locked"]),
            )
        },
    },
    Part {
        name: "ui",
        about: "UI types, unit tests, build and size budget",
        lane: Lane::Beside,
        run: ui::test,
    },
    Part {
        name: "e2e",
        about: "the main job in Chromium and against third-party servers",
        lane: Lane::Built,
        run: e2e,
    },
    Part {
        name: "conformance",
        about: "the official MCP suite against our client and the demo's servers",
        lane: Lane::Built,
        run: |shell| conformance::run(shell, Side::Both),
    },
    Part {
        name: "deny",
        about: "dependencies: bans, licences, sources",
        lane: Lane::Beside,
        run: |shell| {
            let deny = tools::cargo_tool(shell, DENY.0, DENY.1)?;
            shell.run(
                shell
                    .command(deny)
                    .args(["check", "bans", "licenses", "sources"]),
            )
        },
    },
];

/// Parts that `cargo xtask test --full` runs too: they take longer, and need more from outside.
pub(crate) const FULL: [Part; 1] = [Part {
    name: "schemathesis",
    about: "made-up requests at every call of the server's own description",
    lane: Lane::Built,
    run: schemathesis::run,
}];

fn nextest(shell: &Shell) -> Result<()> {
    tools::postgresql(shell)?;
    let nextest = tools::cargo_tool(shell, NEXTEST.0, NEXTEST.1)?;
    // Called by path as cargo would call it, so that it need not be on the PATH.
    let mut command = shell.cargo_program(nextest);
    shell.run(command.args(["nextest", "run", "--workspace", "--locked"]))
}

fn e2e(shell: &Shell) -> Result<()> {
    node::require(shell)?;
    let chromium = tools::chromium(shell)?;
    node::install(shell, "e2e")?;
    ui::build(shell)?;
    build_programs(shell)?;
    shell.run(
        node::npm(shell, "e2e")
            .arg("test")
            .env("GATEPASS_BIN", shell.target().join("debug/gatepass"))
            .env(
                "GATEPASS_DEMO_BIN",
                shell.target().join("debug/gatepass-demo"),
            )
            .env("CHROMIUM", chromium),
    )
}

/// Builds the binaries. Asking for the tests too gives the dependencies the features that the
/// `nextest` part has built them with, so that nothing is compiled a second time.
pub(crate) fn build_programs(shell: &Shell) -> Result<()> {
    shell.run(
        shell
            .cargo()
            .args(["build", "--workspace", "--bins", "--tests", "--locked"]),
    )
}
