//! `GET /oauth/client-metadata.json`: who we are, for authorization servers that look clients up
//! by URL (Client ID Metadata Document).

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use mcp_oauth_client::registration::metadata_document_json;

use crate::{
    app::App,
    http::json::Json,
    problem::{Kind, Problem},
};

/// Our client metadata document; its `client_id` is the very URL it is published at.
#[utoipa::path(
    get,
    path = "/oauth/client-metadata.json",
    tag = "oauth",
    responses(
        (status = 200, description = "The document", body = serde_json::Value),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn client_metadata(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let settings = app.auth.settings();
    let Some(url) = &settings.client_metadata_url else {
        return Err(Problem::new(
            Kind::NotFound,
            "This installation publishes no client metadata document: only one with a public \
             https address can.",
        ));
    };
    let document = Json(metadata_document_json(url, settings)).into_response();
    Ok(([(header::CACHE_CONTROL, "public, max-age=3600")], document).into_response())
}
