//! `POST /api/mcp/headers/seal`: static headers, such as an API key, for the page to keep.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use gatepass_connections::Sealed;
use gatepass_mcp::StaticHeaders;
use mcp_oauth_client::{Secret, ServerUrl};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    http::{json::Json, owner::Session},
    problem::{Kind, Problem},
};

/// Headers to seal.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealRequest {
    /// The MCP server they are for.
    url: String,
    /// Names and values.
    #[schema(value_type = BTreeMap<String, String>)]
    headers: BTreeMap<String, Secret>,
}

/// Sealed headers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealAnswer {
    /// To be sent as `sealedHeaders` with calls to this very server. Only this installation can
    /// open it, and only for this browser; the values are never shown again.
    #[schema(value_type = String)]
    sealed_headers: Sealed,
}

/// Seal static headers for one server. Nothing is sent to it.
#[utoipa::path(
    post,
    path = "/api/mcp/headers/seal",
    tag = "mcp",
    request_body = SealRequest,
    responses((status = 200, body = SealAnswer), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn seal(
    State(app): State<Arc<App>>,
    session: Session,
    Json(request): Json<SealRequest>,
) -> Result<Json<SealAnswer>, Problem> {
    let server = ServerUrl::parse(&request.url, app.auth.settings().url_policy)?;
    let pairs = request.headers.iter();
    let checked = StaticHeaders::new(pairs.map(|(name, value)| (name.as_str(), value.expose())))?;
    if checked.is_empty() {
        return Err(Problem::new(Kind::InvalidRequest, "There is no header."));
    }
    let owner = session.owner_or_new();
    Ok(Json(SealAnswer {
        sealed_headers: app.headers.seal(owner, &server, &request.headers),
    }))
}
