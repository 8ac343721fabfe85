//! The project's task runner: `cargo xtask run`, `cargo xtask test`, `cargo xtask dist`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the terminal"
)]

mod bench;
mod conformance;
mod dist;
mod fuzz;
mod lighthouse;
mod node;
mod parts;
mod run;
mod schemathesis;
mod shell;
mod shots;
mod soak;
mod stamp;
mod summary;
mod test;
mod tools;
mod ui;

use std::process::ExitCode;

const HELP: &str = "\
The tasks of Gatepass

Usage: cargo xtask <task> [options]

Tasks:
  run    build the UI and the server, then start it (with the demo provider unless configured)
  test   everything a change must pass
  dist   make the release binary with the UI inside, in dist/
  fuzz   run the parsers of documents from outside on random bytes (needs a nightly compiler)
  shots  take pictures of the real pages
  bench  measure what the parts cost
  soak   refresh connections thousands of times, with faults on the way
  lighthouse
         score the built page
  conformance
         run the official MCP conformance suite

`cargo xtask <task> --help` says more.";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next();
    let args: Vec<String> = args.collect();
    let done = match task.as_deref() {
        Some("run") => run::main(&args),
        Some("test") => test::main(&args),
        Some("dist") => dist::main(&args),
        Some("bench") => bench::main(&args),
        Some("conformance") => conformance::main(&args),
        Some("lighthouse") => lighthouse::main(&args),
        Some("fuzz") => fuzz::main(&args),
        Some("shots") => shots::main(&args),
        Some("soak") => soak::main(&args),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => Err(anyhow::anyhow!("there is no task `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
