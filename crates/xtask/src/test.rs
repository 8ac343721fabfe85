//! `cargo xtask test`: everything a change must pass.

use std::fs::{self, File};

use anyhow::{Context, Result, bail};

use crate::parts::{FULL, Lane, PARTS, Part};
use crate::shell::Shell;
use crate::summary::{Finished, table, timed};

pub(crate) fn main(args: &[String]) -> Result<()> {
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{}", help());
        return Ok(());
    }
    let chosen = choose(args)?;
    let shell = Shell::new()?;
    let finished = run(&shell, &chosen)?;
    println!("{}", table(&finished));
    if finished.iter().any(|part| part.failure.is_some()) {
        bail!("the tests failed");
    }
    Ok(())
}

/// The parts named, or all; with `--full` also those that are left out otherwise.
fn choose(args: &[String]) -> Result<Vec<&'static Part>> {
    let (options, names): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with("--"));
    let known = |name: &str| PARTS.iter().chain(&FULL).any(|part| part.name == name);
    let unknown = names.iter().find(|name| !known(name));
    let unknown = unknown.or_else(|| options.iter().find(|option| **option != "--full"));
    if let Some(arg) = unknown {
        bail!("test has no part or option `{arg}`\n\n{}", help());
    }
    let named = |part: &&Part| names.iter().any(|name| *name == part.name);
    let usual = PARTS
        .iter()
        .filter(|part| named(part) || (names.is_empty()));
    let full = FULL
        .iter()
        .filter(|part| named(part) || (names.is_empty() && !options.is_empty()));
    Ok(usual.chain(full).collect())
}

/// Runs the parts, each whatever the others did.
fn run(shell: &Shell, parts: &[&'static Part]) -> Result<Vec<Finished>> {
    let of = |lane: Lane| parts.iter().filter(move |part| part.lane == lane);
    let logs = shell.target().join("xtask");
    fs::create_dir_all(&logs)?;

    let mut finished = std::thread::scope(|scope| -> Result<Vec<Finished>> {
        let mut beside = Vec::new();
        for part in of(Lane::Beside) {
            let path = logs.join(format!("{}.log", part.name));
            let log =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            let quiet = shell.logging_to(log);
            println!("==> {}: {} (beside the others)", part.name, part.about);
            beside.push((
                path,
                scope.spawn(move || timed(part.name, || (part.run)(&quiet))),
            ));
        }
        let mut finished: Vec<_> = of(Lane::Cargo).map(|part| in_front(shell, part)).collect();
        for (path, thread) in beside {
            let Ok(part) = thread.join() else {
                bail!("a part of the task runner panicked");
            };
            println!("{}", String::from_utf8_lossy(&fs::read(path)?).trim_end());
            println!("{}", part.line());
            finished.push(part);
        }
        Ok(finished)
    })?;
    finished.extend(of(Lane::Built).map(|part| in_front(shell, part)));
    Ok(finished)
}

fn in_front(shell: &Shell, part: &Part) -> Finished {
    println!("==> {}: {}", part.name, part.about);
    let finished = timed(part.name, || (part.run)(shell));
    println!("{}", finished.line());
    finished
}

fn help() -> String {
    let mut text = String::from(
        "\
Everything a change must pass

Usage: cargo xtask test [--full] [part…]

Without a part, all of them run, each whatever the others did. What is missing (Chromium,
PostgreSQL, cargo-nextest, cargo-deny) is installed where that is possible, else named.

Parts:",
    );
    for part in &PARTS {
        text.push_str(&format!("\n  {:<12} {}", part.name, part.about));
    }
    text.push_str("\n\nOnly when named, or with --full:");
    for part in &FULL {
        text.push_str(&format!("\n  {:<12} {}", part.name, part.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(args: &[&str]) -> Vec<&'static str> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        choose(&args)
            .unwrap()
            .iter()
            .map(|part| part.name)
            .collect()
    }

    #[test]
    fn without_a_name_every_part_runs() {
        assert_eq!(chosen(&[]).len(), PARTS.len());
    }

    #[test]
    fn the_longer_parts_run_when_they_are_asked_for() {
        let full = chosen(&["--full"]);
        assert_eq!(full.len(), PARTS.len() + FULL.len());
        assert_eq!(chosen(&["schemathesis"]), ["schemathesis"]);
        assert_eq!(chosen(&["fmt", "--full"]), ["fmt"]);
    }

    #[test]
    fn named_parts_run_alone_in_the_usual_order() {
        assert_eq!(chosen(&["deny", "fmt"]), ["fmt", "deny"]);
    }

    #[test]
    fn an_unknown_part_is_an_error_that_lists_the_known_ones() {
        let error = choose(&["fnt".to_owned()]).err().unwrap().to_string();
        assert!(
            error.contains("`fnt`") && error.contains("clippy"),
            "{error}"
        );
    }
}
