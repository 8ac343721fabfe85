//! How the parts of a test run went.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// One part that has run.
pub(crate) struct Finished {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
    pub(crate) failure: Option<String>,
}

/// Runs a part and takes its time.
pub(crate) fn timed(name: &'static str, part: impl FnOnce() -> Result<()>) -> Finished {
    #[expect(
        clippy::disallowed_methods,
        reason = "the task runner times real work; there is no clock to inject"
    )]
    let started = Instant::now();
    let failure = part().err().map(|error| format!("{error:#}"));
    Finished {
        name,
        took: started.elapsed(),
        failure,
    }
}

impl Finished {
    /// One line for when the part ends.
    pub(crate) fn line(&self) -> String {
        let verdict = match &self.failure {
            None => "ok".to_owned(),
            Some(failure) => format!("FAILED: {failure}"),
        };
        format!(
            "==> {}: {verdict} ({:.1} s)",
            self.name,
            self.took.as_secs_f64()
        )
    }
}

/// The closing table and one last sentence.
pub(crate) fn table(parts: &[Finished]) -> String {
    let mut text = String::from("\nPart           Result      Time\n");
    for part in parts {
        let verdict = if part.failure.is_none() {
            "ok"
        } else {
            "FAILED"
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<14} {:<8} {:>7.1} s",
            part.name,
            verdict,
            part.took.as_secs_f64()
        );
    }
    let failed: Vec<_> = parts
        .iter()
        .filter_map(|part| part.failure.as_ref().map(|failure| (part.name, failure)))
        .collect();
    for (name, failure) in &failed {
        let _ = writeln!(text, "\n{name}: {failure}");
    }
    let _ = match failed.len() {
        0 => write!(text, "\nAll {} parts passed.", parts.len()),
        count => write!(text, "\n{count} of {} parts failed.", parts.len()),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(name: &'static str, failure: Option<&str>) -> Finished {
        Finished {
            name,
            took: Duration::from_millis(1_250),
            failure: failure.map(str::to_owned),
        }
    }

    #[test]
    fn the_table_names_what_failed_and_why() {
        let text = table(&[
            finished("fmt", None),
            finished("e2e", Some("Chromium is missing")),
        ]);
        assert_eq!(
            text,
            "\nPart           Result      Time\n\
             fmt            ok           1.2 s\n\
             e2e            FAILED       1.2 s\n\
             \ne2e: Chromium is missing\n\
             \n1 of 2 parts failed."
        );
    }

    #[test]
    fn a_clean_run_says_so() {
        assert!(table(&[finished("fmt", None)]).ends_with("\nAll 1 parts passed."));
    }

    #[test]
    fn a_part_that_errs_is_a_failure() {
        let part = timed("ui", || anyhow::bail!("Node is missing"));
        assert!(part.line().starts_with("==> ui: FAILED: Node is missing ("));
    }
}
