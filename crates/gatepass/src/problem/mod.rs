//! Errors as people and programs read them: RFC 9457 problem details.

mod kind;
pub mod map;
mod page;

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use mcp_oauth_client::Report;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use kind::Kind;
pub use page::page;

/// What the person can do about a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Try again, now or after `Retry-After`.
    Retry,
    /// Authorize (again).
    Authorize,
    /// Enter a client id.
    EnterClient,
    /// Ask whoever runs this installation or the server.
    AskAdmin,
    /// Change the request.
    None,
}

/// One problem, on its way to a person.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    detail: String,
    action: Action,
    report: Option<Report>,
    retry_after: Option<Duration>,
    extensions: Map<String, Value>,
}

/// A problem as it is sent: `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// `/problems/<slug>`; stable, and a page for people.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened, for people.
    detail: &'a str,
    /// What the person can do.
    action: Action,
    /// The steps that led here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::routes::wire::ReportSchema>)]
    report: Option<&'a Report>,
    /// Members of this kind of problem alone.
    #[serde(flatten)]
    #[schema(ignore)]
    extensions: &'a Map<String, Value>,
}

impl Problem {
    /// A problem of a kind, with what happened in a sentence for people.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            action: kind.action(),
            report: None,
            retry_after: None,
            extensions: Map::new(),
        }))
    }

    /// Another action than the kind's usual one.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.0.action = action;
        self
    }

    /// The steps that led here.
    #[must_use]
    pub fn with_report(mut self, report: Report) -> Self {
        if !report.steps.is_empty() || report.summary.is_some() {
            self.0.report = Some(report);
        }
        self
    }

    /// How long to wait before trying again; becomes `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.0.retry_after = after;
        self
    }

    /// A member of this kind of problem alone.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What the person can do.
    pub fn action(&self) -> Action {
        self.0.action
    }

    /// What happened.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The problem as it is sent.
    pub fn body(&self) -> ProblemBody<'_> {
        ProblemBody {
            kind: self.0.kind.type_uri(),
            title: self.0.kind.title(),
            status: self.0.kind.status().as_u16(),
            detail: &self.0.detail,
            action: self.0.action,
            report: self.0.report.as_ref(),
            extensions: &self.0.extensions,
        }
    }

    /// The problem as a JSON value, to be kept with a failed flow.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self.body()).unwrap_or(Value::Null)
    }

    /// An internal error: the cause goes to the log, not to the person.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(
            Kind::Internal,
            "Something went wrong inside Gatepass. The log of the installation says what.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.0.kind.status();
        let Ok(body) = serde_json::to_vec(&self.body()) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let after = self.0.retry_after.or_else(|| self.0.kind.usual_wait());
        if let Some(after) = after {
            // Whole seconds (RFC 9110 §10.2.3), rounded up so that nobody comes back too early.
            let seconds = after.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        response.extensions_mut().insert(self.0.kind);
        response
    }
}
