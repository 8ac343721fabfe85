//! JSON shapes that several calls share, and the schemas of shapes that other crates own.

use serde::Serialize;
use utoipa::ToSchema;

/// The steps of a discovery, a flow or a refresh.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Report)]
#[serde(rename_all = "camelCase")]
pub struct ReportSchema {
    /// What happened, in order.
    pub steps: Vec<StepSchema>,
    /// The cause in one sentence.
    pub summary: Option<String>,
    /// Who must act: `you`, `admin`, `vendor` or `nobody`.
    pub actor: Option<String>,
}

/// One step of a report.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Step)]
#[serde(rename_all = "camelCase")]
pub struct StepSchema {
    /// What the step was for.
    pub name: String,
    /// Method and URL, without query values.
    pub request: Option<String>,
    /// The response's status.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// The rule that was applied, with the document it is from.
    pub rule: String,
    /// `ok`, `miss`, `failed` or `info`.
    pub verdict: String,
    /// What was noticed.
    pub note: Option<String>,
}
