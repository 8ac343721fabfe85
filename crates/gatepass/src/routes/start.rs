//! `POST /api/mcp/oauth/start`: begin a sign-in.

use std::sync::Arc;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use gatepass_connections::{Owner, SealedConnection};
use mcp_oauth_client::{
    AuthorizationServer, ClientId, Connection, Endpoint, GivenClient, ProtectedServer, Scopes,
    Secret, ServerUrl, Target, Timestamp, authorization::for_another_account,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire::ConnectionSchema;
use crate::{
    app::App,
    authorize::{
        client,
        discovery::{self, Knowledge},
        record::{self, FlowRecord, Mode},
    },
    http::{json::Json, owner::Session},
    pages::return_to::ReturnTo,
    problem::{Kind, Problem, map},
};

/// How long the cookie lives, in seconds: as long as the flow.
const COOKIE_AGE: u64 = 600;

/// What to sign in to, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRequest {
    /// The MCP server's URL.
    url: String,
    /// One of the authorization servers it names; the first that works if absent.
    issuer: Option<String>,
    /// A client registered by hand. A blank id is no client.
    client: Option<TypedClient>,
    /// Scopes to ask for instead of those the server names; those of `connection` are kept.
    scopes: Option<Vec<String>>,
    /// Popup or full page.
    mode: Mode,
    /// In redirect mode, the path on this origin to come back to.
    return_to: Option<String>,
    /// `another` asks the authorization server to let the person sign in as somebody else.
    account: Option<Account>,
    /// `new` registers anew where registrations are dynamic: for when the one that is kept does
    /// not work any more. It takes the place of the other once a sign-in with it has worked.
    registration: Option<Registering>,
    /// The connection that is renewed or given more access.
    #[schema(value_type = Option<ConnectionSchema>)]
    connection: Option<SealedConnection>,
}

/// Whose account to sign in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Account {
    /// Another than the one that the authorization server may remember.
    Another,
}

/// How a dynamic registration is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registering {
    /// Not the one that is kept, but a new one.
    New,
}

/// A client that somebody registered by hand.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypedClient {
    client_id: Option<String>,
    #[schema(value_type = Option<String>)]
    client_secret: Option<Secret>,
}

impl std::fmt::Debug for TypedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TypedClient({:?})", self.client_id)
    }
}

/// Where to send the person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartAnswer {
    /// The flow, to ask for its result.
    flow_id: String,
    /// The authorization server's page.
    authorization_url: String,
    /// When the flow ends, in Unix milliseconds.
    #[schema(value_type = i64)]
    expires_at: Timestamp,
}

/// Begin a sign-in: finds or makes a client registration and sets the flow's cookie.
#[utoipa::path(
    post,
    path = "/api/mcp/oauth/start",
    tag = "oauth",
    request_body = StartRequest,
    responses(
        (status = 200, body = StartAnswer),
        (status = 422, description = "`client-required`, with `issuer` and `redirectUri`", body = crate::problem::ProblemBody<'_>),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn start(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    Json(request): Json<StartRequest>,
) -> Result<Response, Problem> {
    let server = ServerUrl::parse(&request.url, app.auth.settings().url_policy)?;
    let return_to = return_to(request.mode, request.return_to.as_deref())?;
    let owner = session.owner_or_new();
    let renewed = renewed(&app, owner, &server, request.connection.as_ref());
    let knowledge = match request.connection {
        Some(_) => Knowledge::None,
        None => Knowledge::Recent,
    };
    let protected = discovery::to_sign_in(&app.auth, &server, knowledge).await?;
    let issuer = choose(&app, &protected, request.issuer.as_deref()).await?;
    let page = issuer.authorization_endpoint.url();
    // A browser is sent there, which must not become a way into networks that we do not enter.
    app.egress
        .check(page)
        .map_err(|error| map::hostile_page(&error))?;
    let scopes = scopes(
        &app,
        &protected,
        &issuer,
        request.scopes.as_deref(),
        renewed.as_ref(),
    );
    let chosen = client::registration(
        &app,
        &issuer,
        client::Wanted {
            typed: request.client.and_then(typed),
            renewed: renewed.as_ref().map(|connection| &connection.registration),
            anew: request.registration == Some(Registering::New),
            scopes: &scopes,
        },
    )
    .await?;
    let target = Target {
        server,
        resource: protected.resource.clone(),
        scopes,
        binding: protected.binding,
    };
    let (mut url, pending) = app.auth.begin(target, &issuer, chosen.registration)?;
    if request.account == Some(Account::Another) {
        url = for_another_account(&url, &issuer);
    }
    let record = FlowRecord {
        mode: request.mode,
        return_to,
        unproved: chosen.unproved,
        pending,
    };
    answer(&app, owner, &headers, &url, &record).await
}

async fn answer(
    app: &App,
    owner: &Owner,
    request: &HeaderMap,
    url: &Endpoint,
    record: &FlowRecord,
) -> Result<Response, Problem> {
    let begun = app.flows.begin(owner, record).await?;
    let mut response = Json(StartAnswer {
        flow_id: begun.id.to_string(),
        authorization_url: url.to_string(),
        expires_at: begun.expires_at,
    })
    .into_response();
    let headers = response.headers_mut();
    for name in record::surplus(app, owner, request, app.clock.now()) {
        app.cookies.remove(headers, &name);
    }
    let name = format!("{}{}", record::COOKIE, begun.id);
    app.cookies
        .keep(headers, &name, begun.cookie.as_str(), COOKIE_AGE);
    Ok(response)
}

fn return_to(mode: Mode, text: Option<&str>) -> Result<ReturnTo, Problem> {
    match (mode, text) {
        (Mode::Redirect, Some(text)) => ReturnTo::parse(text).map_err(|_| {
            Problem::new(
                Kind::InvalidReturnTo,
                "returnTo must be the path of a page of this installation, such as /c/123.",
            )
        }),
        _ => Ok(ReturnTo::home()),
    }
}

/// The connection that is renewed, if it opens here and belongs to this server. One that does not
/// open is no obstacle: signing in again is the way out.
fn renewed(
    app: &App,
    owner: &Owner,
    server: &ServerUrl,
    connection: Option<&SealedConnection>,
) -> Option<Connection> {
    let opened = app.connections.peek(owner, connection?).ok()?;
    Some(opened.connection).filter(|connection| connection.server == *server)
}

/// The authorization server that was asked for, which must be one that the server names; else the
/// first that works.
async fn choose(
    app: &App,
    protected: &ProtectedServer,
    issuer: Option<&str>,
) -> Result<AuthorizationServer, Problem> {
    let Some(wanted) =
        issuer.filter(|issuer| *issuer != protected.authorization_server.issuer.as_str())
    else {
        return Ok(protected.authorization_server.clone());
    };
    let named = protected
        .authorization_servers
        .iter()
        .find(|issuer| issuer.as_str() == wanted);
    match named {
        Some(issuer) => Ok(app.auth.authorization_server(issuer).await?),
        None => Err(Problem::new(
            Kind::UnknownIssuer,
            format!(
                "{} does not name that authorization server.",
                protected.server.host()
            ),
        )),
    }
}

/// The scopes to ask for. What the connection has is kept, so that more access never costs access.
fn scopes(
    app: &App,
    protected: &ProtectedServer,
    server: &AuthorizationServer,
    wanted: Option<&[String]>,
    renewed: Option<&Connection>,
) -> Scopes {
    let usual = protected.scopes_at(server);
    let asked = match wanted {
        Some(wanted) => {
            let offline = Scopes::parse("offline_access");
            let wanted: Scopes = wanted.iter().map(String::as_str).collect();
            match server.scopes_supported.covers(&offline) {
                true => wanted.union(&offline),
                false => wanted,
            }
        }
        None => client::preregistered(&app.config, server)
            .and_then(|client| client.scopes.clone())
            .unwrap_or(usual),
    };
    match renewed.filter(|connection| connection.issuer == server.issuer) {
        Some(connection) => connection.tokens.scopes.union(&asked),
        None => asked,
    }
}

/// The client that was typed in. An empty or blank id is no client.
fn typed(client: TypedClient) -> Option<GivenClient> {
    let client_id = ClientId::new(&client.client_id?).ok()?;
    let client_secret = client
        .client_secret
        .map(|secret| Secret::new(secret.expose().trim()))
        .filter(|secret| !secret.is_blank());
    Some(GivenClient {
        client_id,
        client_secret,
        client_key: None,
        auth_method: None,
    })
}
