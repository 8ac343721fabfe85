//! `cargo xtask test schemathesis`: every call of the running server's own description, with
//! made-up requests, and its answers held to the description.

use std::{
    net::TcpListener,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::parts::build_programs;
use crate::shell::{Shell, find_program};

const VERSION: &str = "4.32.5";
/// Requests made up for each call.
const EXAMPLES: &str = "40";
/// What is asked of every answer. That nonsense is refused and sense is not depends on what lies
/// behind a URL, and the tests of each call see to it.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Ends the server when the run is over, however it went.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn run(shell: &Shell) -> Result<()> {
    let program = installed(shell)?;
    build_programs(shell)?;
    let data = shell.target().join("xtask/schemathesis");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut server = shell.command(shell.target().join("debug/gatepass"));
    server
        .args(["serve", "--demo", "--listen"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("--data-dir")
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut server = Running(server.spawn().context("cannot start the server")?);
    answers(port, &mut server)?;
    let description = format!("http://localhost:{port}/api/openapi.json");
    shell.run(
        shell
            .command(program)
            .arg("run")
            .arg(description)
            .args(["--checks", CHECKS])
            .args(["--max-examples", EXAMPLES])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args(["--request-timeout", "30", "--no-color"])
            .args(["--header", "sec-fetch-site: same-origin"])
            .arg("--header")
            .arg(format!("cookie: gatepass-owner={}", "A".repeat(43)))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
}

/// Waits until the server takes connections.
fn answers(port: u16, server: &mut Running) -> Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a task runner waits by the real clock"
    )]
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        if let Some(status) = server.0.try_wait()? {
            bail!("the server ended with {status}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the server does not answer on port {port}")
}

/// The program, in an environment of its own below the target folder.
fn installed(shell: &Shell) -> Result<std::path::PathBuf> {
    let folder = shell.target().join(format!("tools/schemathesis-{VERSION}"));
    let program = folder.join("bin/schemathesis");
    if !program.is_file() {
        let python = find_program(&["python3"])
            .context("python3 is missing: schemathesis needs it (Debian: python3-venv)")?;
        shell.say(&format!(
            "Installing schemathesis {VERSION} into {}",
            folder.display()
        ));
        shell.run(shell.command(python).args(["-m", "venv"]).arg(&folder))?;
        shell.run(
            shell
                .command(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet"])
                .arg(format!("schemathesis=={VERSION}")),
        )?;
    }
    Ok(program)
}
