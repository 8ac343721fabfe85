//! A transport of your own: the crate hands you requests and takes responses, so anything can
//! carry them. This one carries nothing anywhere: it answers from a small table, the way a test
//! does, and prints what the protocol asks for.
//!
//! ```text
//! cargo run --example custom_transport
//! ```

mod common;

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use mcp_oauth_client::{
    AuthClient, BoxFuture, CallbackQuery, Discovery, Leg, Request, Response, ServerUrl, Settings,
    Target, Transport, TransportError, TransportFailure, UrlPolicy,
};

use crate::common::{System, Wall, say};

/// Answers by method and URL.
struct Table;

const ANSWERS: [(&str, u16, &str, &str); 5] = [
    (
        "POST https://mcp.example/mcp",
        401,
        r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp""#,
        "",
    ),
    (
        "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
        200,
        "",
        r#"{"resource": "https://mcp.example/mcp", "authorization_servers": ["https://as.example"]}"#,
    ),
    (
        "GET https://as.example/.well-known/oauth-authorization-server",
        200,
        "",
        r#"{"issuer": "https://as.example", "authorization_endpoint": "https://as.example/authorize",
            "token_endpoint": "https://as.example/token",
            "registration_endpoint": "https://as.example/register",
            "code_challenge_methods_supported": ["S256"]}"#,
    ),
    (
        "POST https://as.example/register",
        201,
        "",
        r#"{"client_id": "example-client"}"#,
    ),
    (
        "POST https://as.example/token",
        200,
        "",
        r#"{"access_token": "example-token", "token_type": "Bearer", "expires_in": 3600}"#,
    ),
];

impl Transport for Table {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let line = format!("{} {}", request.method(), request.uri());
        let known = ANSWERS.iter().find(|(own, ..)| *own == line);
        let (_, status, challenge, body) = known.unwrap_or(&("", 404, "", ""));
        let response = http::Response::builder()
            .status(*status)
            .header("www-authenticate", *challenge)
            .body(Bytes::from_static(body.as_bytes()));
        Box::pin(async move {
            say(&format!("{:28} {line} → {status}", leg.name())).map_err(|error| {
                TransportError::new(TransportFailure::Broken, error.to_string())
            })?;
            response
                .map_err(|error| TransportError::new(TransportFailure::Broken, error.to_string()))
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::new("Example", "https://app.example/callback");
    let client = AuthClient::new(Arc::new(Table), Arc::new(Wall), Arc::new(System), settings);
    let server = ServerUrl::parse("https://mcp.example/mcp", UrlPolicy::HttpsOnly)?;
    let Discovery::Protected(found) = client.discover(&server).await? else {
        return Err("it asks for no sign-in".into());
    };
    let issuer = &found.authorization_server;
    let scopes = found.scopes_at(issuer);
    let registration = client.register(issuer, &scopes).await?;
    let target = Target {
        server,
        resource: found.resource.clone(),
        scopes,
        binding: found.binding,
    };
    let (page, pending) = client.begin(target, issuer, registration)?;
    say(&format!("the person goes to           {}", page.host()))?;
    // What the authorization server would send back.
    let state = pending.state.expose();
    let query = CallbackQuery::parse(&format!("code=example-code&state={state}"))?;
    let callback = pending.validate(query, client.clock().now())?;
    let connection = client.exchange(callback).await?;
    say(&format!(
        "connected to                 {}",
        connection.resource
    ))?;
    Ok(())
}
