//! `GET /api/mcp/oauth/flows/{flowId}`: how far a sign-in is.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use gatepass_connections::{FlowId, FlowOutcome, FlowStatus, SealedConnection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::wire::ConnectionSchema;
use crate::{
    app::App,
    http::{
        json::{Json, Path, Query},
        owner::Present,
    },
    problem::{Kind, Problem},
};

/// Longest wait, in seconds: shorter than proxies keep a silent connection.
const LONGEST: u64 = 30;

/// Whether to wait.
#[derive(Debug, Deserialize, IntoParams)]
pub struct FlowQuery {
    /// Seconds to wait for the flow to end, at most 30.
    wait: Option<u64>,
}

/// How far a flow is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowAnswer {
    /// `pending`, `authorized` or `failed`.
    status: &'static str,
    /// The connection, once authorized.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConnectionSchema>)]
    connection: Option<SealedConnection>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::problem::ProblemBody<'static>>)]
    problem: Option<Value>,
}

/// Ask how far a sign-in is; with `wait`, as soon as it has ended.
#[utoipa::path(
    get,
    path = "/api/mcp/oauth/flows/{flowId}",
    tag = "oauth",
    params(("flowId" = String, Path, description = "The flow"), FlowQuery),
    responses(
        (status = 200, body = FlowAnswer),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn flow(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path(id): Path<String>,
    Query(query): Query<FlowQuery>,
) -> Result<Json<FlowAnswer>, Problem> {
    let Some(id) = FlowId::parse(&id) else {
        return Err(Problem::new(
            Kind::FlowNotFound,
            "There is no such sign-in.",
        ));
    };
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(LONGEST));
    let status = tokio::select! {
        status = app.flows.wait(&owner, &id, wait) => status?,
        () = app.ending.cancelled() => FlowStatus::Pending,
    };
    Ok(Json(match status {
        FlowStatus::Pending => FlowAnswer {
            status: "pending",
            connection: None,
            problem: None,
        },
        FlowStatus::Finished(FlowOutcome::Authorized { connection }) => FlowAnswer {
            status: "authorized",
            connection: Some(connection),
            problem: None,
        },
        FlowStatus::Finished(FlowOutcome::Failed { problem }) => FlowAnswer {
            status: "failed",
            connection: None,
            problem: Some(problem),
        },
    }))
}
