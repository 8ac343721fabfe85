//! `POST /api/mcp/oauth/discover`: does this server ask for a sign-in, and where?

use std::sync::Arc;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use mcp_oauth_client::{Discovery, ProtectedServer, Report, ServerUrl};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    progress,
    wire::{ReportSchema, RungSchema, only_false, only_true},
};
use crate::{
    app::App,
    authorize::{client, site},
    http::json::Json,
    problem::Problem,
};

/// Which server to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscoverRequest {
    /// The MCP server's URL.
    url: String,
}

/// What the server asks for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum DiscoverAnswer {
    /// A sign-in.
    Protected(ProtectedAnswer),
    /// None.
    Open(OpenAnswer),
}

/// A server that asks for a sign-in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedAnswer {
    /// Always `true`.
    #[schema(schema_with = only_true)]
    requires_auth: bool,
    /// The resource identifier (RFC 8707), byte for byte as published.
    resource: String,
    /// The authorization server that is used unless another is chosen.
    issuer: String,
    /// Every authorization server that the server names.
    authorization_servers: Vec<String>,
    /// Those of them that are on another site than the server, or whose sign-in page or token
    /// endpoint is: worth a second look before a password is typed there.
    foreign: Vec<String>,
    /// How a client id is come by: `preregistered`, `metadata-document`, `dynamic`, or
    /// `client-required` where a person must enter one.
    #[schema(value_type = RungSchema)]
    registration: &'static str,
    /// The redirect URI to register by hand, where that is needed.
    redirect_uri: String,
    /// The scopes that will be asked for.
    scopes: Vec<String>,
    /// What was tried.
    #[schema(value_type = ReportSchema)]
    report: Report,
}

/// A server that asks for no sign-in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenAnswer {
    /// Always `false`.
    #[schema(schema_with = only_false)]
    requires_auth: bool,
    /// The status that the server answered the probe with.
    probe_status: u16,
    /// What was tried.
    #[schema(value_type = ReportSchema)]
    report: Report,
}

/// Look at a server: sends nothing secret, registers nothing. With `Accept: text/event-stream` the
/// steps come while they happen: `{"type":"began"|"step","step"}` for each, then
/// `{"type":"answer","answer"}` or `{"type":"problem","problem"}`, then `[DONE]`.
#[utoipa::path(
    post,
    path = "/api/mcp/oauth/discover",
    tag = "oauth",
    request_body = DiscoverRequest,
    responses((status = 200, body = DiscoverAnswer), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn discover(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Json(request): Json<DiscoverRequest>,
) -> Result<Response, Problem> {
    let server = ServerUrl::parse(&request.url, app.auth.settings().url_policy)?;
    if progress::is_wanted(&headers) {
        let ending = app.ending.clone();
        return Ok(progress::stream(ending, async move |observer| {
            let found = app.auth.observed_by(observer).discover(&server).await?;
            Ok(described(&app, found))
        }));
    }
    let found = app.auth.discover(&server).await?;
    Ok(Json(described(&app, found)).into_response())
}

fn described(app: &App, discovery: Discovery) -> DiscoverAnswer {
    match discovery {
        Discovery::Open(open) => DiscoverAnswer::Open(OpenAnswer {
            requires_auth: false,
            probe_status: open.status,
            report: open.report,
        }),
        Discovery::Protected(protected) => DiscoverAnswer::Protected(answer(app, *protected)),
    }
}

fn answer(app: &App, protected: ProtectedServer) -> ProtectedAnswer {
    let server = &protected.authorization_server;
    let rung = client::rung(&app.config, app.auth.settings(), server);
    let scopes = client::preregistered(&app.config, server)
        .and_then(|client| client.scopes.clone())
        .unwrap_or_else(|| protected.scopes_at(server));
    ProtectedAnswer {
        requires_auth: true,
        resource: protected.resource.to_string(),
        issuer: server.issuer.to_string(),
        authorization_servers: protected
            .authorization_servers
            .iter()
            .map(ToString::to_string)
            .collect(),
        foreign: protected
            .authorization_servers
            .iter()
            .filter(|issuer| {
                let page = server.authorization_endpoint.url();
                let elsewhere = **issuer == server.issuer
                    && (!site::both(protected.server.url(), page)
                        || !site::both(page, server.token_endpoint.url()));
                elsewhere || !site::same(protected.server.url(), issuer)
            })
            .map(ToString::to_string)
            .collect(),
        registration: client::rung_name(&rung),
        redirect_uri: app.auth.settings().redirect_uri.clone(),
        scopes: scopes.iter().map(str::to_owned).collect(),
        report: protected.report,
    }
}
