//! A report as text: for a terminal, and as Markdown to paste into a bug report. Both hold what
//! the report holds, and so no secret.

use std::fmt::Write;

use crate::report::{Actor, Report, Step, Verdict};

impl Actor {
    /// Who must act, as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::You => "You can fix this.",
            Self::Admin => "Whoever runs this installation has to look at it.",
            Self::Vendor => "Whoever runs that server, or its sign-in, has to fix it.",
            Self::Nobody => "Nobody has to do anything; trying again later is enough.",
        }
    }
}

impl Verdict {
    fn sign(self) -> char {
        match self {
            Self::Ok => '✓',
            Self::Miss => '·',
            Self::Failed => '✗',
            Self::Info => 'i',
        }
    }
}

impl Report {
    /// For a terminal: a line per step with its rule under it, then the cause and who must act.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {}", step.verdict.sign(), headline(step));
            let _ = writeln!(text, "    {}", step.rule);
            if let Some(note) = &step.note {
                let _ = writeln!(text, "    {note}");
            }
        }
        if let Some(summary) = &self.summary {
            let _ = writeln!(text, "\n{summary}");
        }
        if let Some(actor) = self.actor {
            let _ = writeln!(text, "{}", actor.sentence());
        }
        text
    }

    /// As Markdown: the cause, who must act, and a table of the steps.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        if let Some(summary) = &self.summary {
            let _ = writeln!(text, "**{}**\n", cell(summary));
        }
        if let Some(actor) = self.actor {
            let _ = writeln!(text, "{}\n", actor.sentence());
        }
        text.push_str(
            "| | step | request | status | ms | rule | note |\n|---|---|---|---|---|---|---|\n",
        );
        for step in &self.steps {
            let request = step.request.as_deref().unwrap_or_default();
            let request = if request.is_empty() {
                String::new()
            } else {
                format!("`{}`", request.replace(['`', '|', '\n', '\r'], " "))
            };
            let status = step.status.map(|status| status.to_string());
            let _ = writeln!(
                text,
                "| {} | {} | {request} | {} | {} | {} | {} |",
                step.verdict.sign(),
                cell(&step.name),
                status.unwrap_or_default(),
                step.millis,
                cell(&step.rule),
                cell(step.note.as_deref().unwrap_or_default()),
            );
        }
        text
    }
}

fn headline(step: &Step) -> String {
    let mut line = step.name.clone();
    if let Some(request) = &step.request {
        let _ = write!(line, ": {request}");
    }
    if let Some(status) = step.status {
        let _ = write!(line, " → {status}");
    }
    if step.request.is_some() {
        let _ = write!(line, " ({} ms)", step.millis);
    }
    line
}

/// Text from outside in a table's cell: one line, nothing that Markdown or HTML would act on.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => safe.push(' '),
            '|' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '\\' | '!' | '#' => {
                safe.push('\\');
                safe.push(c);
            }
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new();
        let url = "https://mcp.example/mcp?key=1".parse().unwrap();
        let elapsed = std::time::Duration::from_millis(12);
        let mut probe = Step::request("probe", &http::Method::POST, &url, elapsed, "RFC 9728 §5");
        (probe.status, probe.verdict) = (Some(401), Verdict::Ok);
        report.push(probe);
        let hostile = "<script>|`x` [a](javascript:1)\nb";
        report.note("metadata", "RFC 9728 §3.3", Verdict::Failed, hostile);
        report.conclude("it does not work", Actor::Vendor);
        report
    }

    #[test]
    fn a_terminal_sees_each_step_the_cause_and_who_must_act() {
        insta::assert_snapshot!(report().to_text(), @r"
        ✓ probe: POST https://mcp.example/mcp?… → 401 (12 ms)
            RFC 9728 §5
        ✗ metadata
            RFC 9728 §3.3
            <script>|`x` [a](javascript:1)
        b

        it does not work
        Whoever runs that server, or its sign-in, has to fix it.
        ");
    }

    #[test]
    fn a_bug_report_gets_a_table_that_nothing_breaks_out_of() {
        insta::assert_snapshot!(report().to_markdown(), @r"
        **it does not work**

        Whoever runs that server, or its sign-in, has to fix it.

        | | step | request | status | ms | rule | note |
        |---|---|---|---|---|---|---|
        | ✓ | probe | `POST https://mcp.example/mcp?…` | 401 | 12 | RFC 9728 §5 |  |
        | ✗ | metadata |  |  | 0 | RFC 9728 §3.3 | \<script\>\|\`x\` \[a\](javascript:1) b |
        ");
    }
}
