//! `POST /api/mcp/oauth/refresh` and `/revoke`: what can be done with a connection.

use std::sync::Arc;

use axum::extract::State;
use gatepass_connections::{CustodyError, Need, SealedConnection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::ConnectionSchema;
use crate::{
    app::App,
    http::{json::Json, owner::Present},
    problem::{Problem, map::sentence},
};

/// A connection, as the page keeps it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBody {
    /// The connection.
    #[schema(value_type = ConnectionSchema)]
    connection: SealedConnection,
}

/// A connection to refresh.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshRequest {
    /// The connection.
    #[schema(value_type = ConnectionSchema)]
    connection: SealedConnection,
    /// Only if its access token is about to end, by this server's clock: a page's may be wrong.
    #[serde(default)]
    if_due: bool,
}

/// What became of a connection's tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokeAnswer {
    /// Whether the authorization server has revoked them. Here the connection is gone in any case.
    revoked: bool,
    /// What the person should know.
    reason: Option<String>,
}

/// Refresh a connection: a generation newer than the one presented, refreshing only if there is
/// none yet; with `ifDue`, only if its access token is about to end.
#[utoipa::path(
    post,
    path = "/api/mcp/oauth/refresh",
    tag = "oauth",
    request_body = RefreshRequest,
    responses(
        (status = 200, body = ConnectionBody),
        (status = 401, description = "`reauthorize`: the authorization server ended it", body = crate::problem::ProblemBody<'_>),
        (status = 503, description = "`temporarily-unavailable`: it is kept, try again", body = crate::problem::ProblemBody<'_>),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn refresh(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Json(body): Json<RefreshRequest>,
) -> Result<Json<ConnectionBody>, Problem> {
    let need = match body.if_due {
        true => Need::Valid,
        false => Need::Newer,
    };
    let current = app
        .connections
        .current(&owner, &body.connection, need)
        .await?;
    Ok(Json(ConnectionBody {
        connection: current.newer.unwrap_or(body.connection),
    }))
}

/// Disconnect: gone here at once, revoked at the authorization server as soon as it can be.
#[utoipa::path(
    post,
    path = "/api/mcp/oauth/revoke",
    tag = "oauth",
    request_body = ConnectionBody,
    responses(
        (status = 200, body = RevokeAnswer),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Json(body): Json<ConnectionBody>,
) -> Result<Json<RevokeAnswer>, Problem> {
    app.sessions
        .forget_connection(owner.id(), &body.connection.id);
    match app.connections.disconnect(&owner, &body.connection).await {
        Ok(ended) => Ok(Json(RevokeAnswer {
            revoked: ended.revoked,
            reason: Some(ended.reason),
        })),
        // Nothing here can use it any more either, so the page may forget it.
        Err(error @ CustodyError::Unreadable(_)) => Ok(Json(RevokeAnswer {
            revoked: false,
            reason: Some(format!(
                "{} To be sure, remove the access at the server.",
                sentence(&error)
            )),
        })),
        Err(error) => Err(error.into()),
    }
}
