//! `cargo xtask fuzz`: the parsers under random bytes.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::Shell;
use crate::tools;

const CARGO_FUZZ: (&str, &str) = ("cargo-fuzz", "0.13.2");

const HELP: &str = "\
Run the fuzz targets of fuzz/, one per parser of documents from outside

Usage: cargo xtask fuzz [TARGET…] [--seconds N]

Each target starts from its seeds in fuzz/seeds/<target>/ and runs for N seconds (default 60).
It needs a nightly compiler (`rustup toolchain install nightly --profile minimal`) and a C++
compiler. cargo-fuzz is built once if it is missing. What a target finds is in
fuzz/artifacts/<target>/; a finding becomes a seed once it is mended.

Examples:
  cargo xtask fuzz
  cargo xtask fuzz challenge --seconds 600";

pub(crate) fn main(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{HELP}");
        return Ok(());
    }
    let shell = Shell::new()?;
    let all = targets(&shell)?;
    let (chosen, seconds) = choose(args, &all)?;
    require_nightly(&shell)?;
    let cargo_fuzz = tools::cargo_tool(&shell, CARGO_FUZZ.0, CARGO_FUZZ.1)?;
    for target in chosen {
        shell.say(&format!("==> {target}: {seconds} seconds"));
        let corpus = shell.path(&format!("fuzz/corpus/{target}"));
        fs::create_dir_all(&corpus)?;
        let mut run = on_nightly(shell.cargo_program(&cargo_fuzz));
        run.arg("run")
            .arg("--target-dir")
            .arg(shell.target().join("fuzz"))
            .arg(&target)
            .arg(&corpus)
            .arg(shell.path(&format!("fuzz/seeds/{target}")))
            .args(["--", "-timeout=10", "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}"));
        shell.run(&mut run).with_context(|| {
            format!("{target} has a finding: see above and fuzz/artifacts/{target}/")
        })?;
    }
    Ok(())
}

/// The targets there are, by their seeds.
fn targets(shell: &Shell) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(shell.path("fuzz/seeds"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn choose(args: &[String], all: &[String]) -> Result<(Vec<String>, u32)> {
    let mut seconds = 60;
    let mut chosen = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let number = args.next().context("--seconds needs a number")?;
            seconds = number
                .parse()
                .with_context(|| format!("--seconds needs a number, not `{number}`"))?;
        } else if all.contains(arg) {
            chosen.push(arg.clone());
        } else {
            bail!(
                "there is no fuzz target `{arg}`; there are: {}",
                all.join(", ")
            );
        }
    }
    if chosen.is_empty() {
        chosen = all.to_vec();
    }
    Ok((chosen, seconds))
}

fn require_nightly(shell: &Shell) -> Result<()> {
    let mut rustc = on_nightly(shell.command("rustc"));
    if shell.answer(rustc.arg("--version")).is_none() {
        bail!(
            "fuzzing needs a nightly compiler, and none is installed: \
             rustup toolchain install nightly --profile minimal"
        );
    }
    Ok(())
}

/// A program that runs with the nightly toolchain instead of the one that the project pins.
fn on_nightly(mut command: Command) -> Command {
    for name in ["CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(name);
    }
    command.env("RUSTUP_TOOLCHAIN", "nightly");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<String> {
        vec!["challenge".to_owned(), "token".to_owned()]
    }

    fn chosen(args: &[&str]) -> Result<(Vec<String>, u32)> {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        choose(&args, &all())
    }

    #[test]
    fn without_a_name_every_target_runs_a_minute() {
        assert_eq!(chosen(&[]).unwrap(), (all(), 60));
    }

    #[test]
    fn targets_and_time_are_chosen_and_what_is_unknown_is_named() {
        let (targets, seconds) = chosen(&["token", "--seconds", "5"]).unwrap();
        assert_eq!((targets, seconds), (vec!["token".to_owned()], 5));
        for wrong in [&["tokens"] as &[&str], &["--seconds"], &["--seconds", "x"]] {
            assert!(chosen(wrong).is_err(), "{wrong:?}");
        }
        let error = chosen(&["tokens"]).unwrap_err().to_string();
        assert!(error.contains("challenge, token"), "{error}");
    }
}
