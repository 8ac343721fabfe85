//! A program that acts as itself (MCP extension OAuth Client Credentials): no person, no browser.
//!
//! ```text
//! CLIENT_ID=… CLIENT_KEY=key.pem cargo run --example client_credentials -- https://mcp.example.com/mcp
//! CLIENT_ID=… CLIENT_SECRET=…    cargo run --example client_credentials -- https://mcp.example.com/mcp
//! ```
//!
//! `--local` accepts servers on this machine over http.

mod common;

use std::{env, error::Error, fs};

use mcp_oauth_client::{
    ClientId, Discovery, Es256Key, GivenClient, RegistrationKind, Secret, ServerUrl, Settings,
    Target, UrlPolicy, grants::MachineGrant, registration,
};

use crate::common::say;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let local = arguments.iter().position(|argument| argument == "--local");
    let policy = match local.map(|at| arguments.remove(at)) {
        Some(_) => UrlPolicy::AllowLoopbackHttp,
        None => UrlPolicy::HttpsOnly,
    };
    let [url] = &arguments[..] else {
        return Err("usage: client_credentials [--local] <URL of an MCP server>".into());
    };
    let key = match env::var("CLIENT_KEY") {
        Ok(file) => Some(Es256Key::from_pkcs8_pem(&fs::read_to_string(file)?)?),
        Err(_) => None,
    };
    let program = GivenClient {
        client_id: ClientId::new(&env::var("CLIENT_ID")?)?,
        client_secret: env::var("CLIENT_SECRET").ok().map(Secret::new),
        client_key: key,
        auth_method: None,
    };

    // Nobody is redirected anywhere, so the redirect URI is never used.
    let mut settings = Settings::new("Program example", "http://127.0.0.1/unused");
    settings.url_policy = policy;
    let client = common::client(settings)?;
    let server = ServerUrl::parse(url, policy)?;
    let Discovery::Protected(found) = client.discover(&server).await? else {
        return Ok(say("It asks for no sign-in.")?);
    };
    let issuer = &found.authorization_server;
    let kind = RegistrationKind::Preregistered;
    let registration = registration::given(&program, issuer, kind, client.settings());
    let target = Target {
        server,
        resource: found.resource.clone(),
        scopes: found.wanted_scopes.clone(),
        binding: found.binding,
    };
    let grant = MachineGrant::ClientCredentials;
    let connection = client
        .authorize_machine(target, issuer, registration, grant)
        .await?;
    say(&format!(
        "{} gave a token with the scopes “{}”.",
        connection.issuer, connection.tokens.scopes
    ))?;
    // There is nothing to refresh with: when the token ends, ask again.
    match connection.tokens.expires_at {
        Some(at) => {
            let left = client.clock().now().until(at).as_secs().div_ceil(60);
            Ok(say(&format!("It is good for {left} minutes."))?)
        }
        None => Ok(say("It is good until the server says otherwise.")?),
    }
}
