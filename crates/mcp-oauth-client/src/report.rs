//! The report: what was tried, what came back, which rule decided, who must act.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The steps of a discovery, a flow or a refresh, in the order they ended. Holds no secret:
/// requests are recorded without bodies, credentials or query values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What happened, step by step.
    pub steps: Vec<Step>,
    /// The cause in one sentence, once there is a verdict.
    pub summary: Option<String>,
    /// Who must act for this to work.
    pub actor: Option<Actor>,
}

/// One step of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What the step was for, such as “resource metadata”.
    pub name: String,
    /// Method and URL without query values, if a request was sent.
    pub request: Option<String>,
    /// The response's status, if one came.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The rule that was applied, with the document it is from.
    pub rule: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was noticed, for people.
    pub note: Option<String>,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not there; the next candidate is tried.
    Miss,
    /// This ends the operation, or would if nothing after it works.
    Failed,
    /// Worth knowing, decides nothing.
    Info,
}

/// Who must act for a failed operation to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The person in front of the page.
    You,
    /// Whoever runs this installation.
    Admin,
    /// Whoever runs the MCP server or its authorization server.
    Vendor,
    /// Nobody: waiting helps.
    Nobody,
}

/// Watches an operation while it runs, for whoever shows its progress. The report stays the truth:
/// a step may be judged anew once the whole operation has ended.
pub trait Observer: Send + Sync {
    /// A request is about to be sent; the step has no outcome yet.
    fn began(&self, step: &Step);

    /// The step has ended.
    fn ended(&self, step: &Step);
}

/// Most steps kept, so that a report stays readable and bounded.
const MOST_STEPS: usize = 64;

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step; past 64 steps the oldest in the middle give way to nothing new.
    pub fn push(&mut self, step: Step) {
        if self.steps.len() < MOST_STEPS {
            self.steps.push(step);
        }
    }

    /// Adds a step that sent nothing.
    pub fn note(&mut self, name: &str, rule: &str, verdict: Verdict, note: impl Into<String>) {
        self.push(Step {
            name: name.to_owned(),
            request: None,
            status: None,
            millis: 0,
            rule: rule.to_owned(),
            verdict,
            note: Some(note.into()),
        });
    }

    /// Records the cause, unless an earlier one is recorded: the first real cause is never
    /// replaced by a later fallback's error.
    pub fn conclude(&mut self, summary: impl Into<String>, actor: Actor) {
        if self.summary.is_none() {
            self.summary = Some(summary.into());
            self.actor = Some(actor);
        }
    }

    /// Appends the steps of another report, and its cause if this one has none.
    pub fn extend(&mut self, other: Self) {
        for step in other.steps {
            self.push(step);
        }
        if let (Some(summary), Some(actor)) = (other.summary, other.actor) {
            self.conclude(summary, actor);
        }
    }
}

impl Step {
    /// A step that sent a request.
    pub fn request(
        name: &str,
        method: &http::Method,
        url: &url::Url,
        elapsed: Duration,
        rule: &str,
    ) -> Self {
        Self {
            name: name.to_owned(),
            request: Some(format!("{method} {}", without_query(url))),
            status: None,
            millis: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            rule: rule.to_owned(),
            verdict: Verdict::Info,
            note: None,
        }
    }
}

fn without_query(url: &url::Url) -> String {
    if url.query().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    shown.set_query(None);
    format!("{shown}?…")
}
