//! Sign in to an MCP server from a terminal (RFC 8252): a listener on the loopback address takes
//! the answer that the browser brings back.
//!
//! ```text
//! cargo run --example terminal_login -- https://mcp.example.com/mcp
//! ```
//!
//! `--local` accepts servers on this machine over http.

mod common;

use std::error::Error;

use mcp_oauth_client::{
    AuthClient, CallbackQuery, Discovery, PendingAuthorization, Rung, ServerUrl, Settings, Target,
    UrlPolicy, ValidatedCallback, registration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::common::say;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let local = arguments.iter().position(|argument| argument == "--local");
    let policy = match local.map(|at| arguments.remove(at)) {
        Some(_) => UrlPolicy::AllowLoopbackHttp,
        None => UrlPolicy::HttpsOnly,
    };
    let [url] = &arguments[..] else {
        return Err("usage: terminal_login [--local] <URL of an MCP server>".into());
    };

    // The listener comes first: its port is part of the redirect URI.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let redirect_uri = format!("http://{}/callback", listener.local_addr()?);
    let mut settings = Settings::new("Terminal example", redirect_uri);
    settings.url_policy = policy;
    let client = common::client(settings)?;

    let server = ServerUrl::parse(url, policy)?;
    let found = match client.discover(&server).await? {
        Discovery::Open(_) => return Ok(say("It asks for no sign-in.")?),
        Discovery::Protected(found) => found,
    };
    let issuer = &found.authorization_server;
    let scopes = found.scopes_at(issuer);
    let registration = match registration::ladder(issuer, None, client.settings()) {
        Rung::Ready(registration) => registration,
        Rung::Dynamic => client.register(issuer, &scopes).await?,
        Rung::ClientRequired => {
            return Err(format!("{} wants a client that you register there", issuer.issuer).into());
        }
    };
    let target = Target {
        server,
        resource: found.resource.clone(),
        scopes,
        binding: found.binding,
    };
    let (page, pending) = client.begin(target, issuer, registration)?;
    say(&format!("Open this page in your browser:\n{page}"))?;

    let callback = answer(&listener, &client, &pending).await?;
    let connection = client.exchange(callback).await?;
    say(&format!(
        "Signed in at {} with the scopes “{}”.",
        connection.issuer, connection.tokens.scopes
    ))?;
    // A program keeps the connection somewhere safe and refreshes it when it is due.
    if connection.tokens.refresh_token.is_some() {
        let connection = client.refresh(&connection).await?;
        let due = connection.tokens.due(client.clock().now());
        say(&format!("It can be refreshed; due right now: {due}."))?;
    }
    Ok(())
}

/// The answer to our flow. Browsers ask for other things too, and anything on this machine may
/// knock: what does not belong to the flow is turned away, and the waiting goes on.
async fn answer(
    listener: &TcpListener,
    client: &AuthClient,
    pending: &PendingAuthorization,
) -> Result<ValidatedCallback, Box<dyn Error>> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let Some(query) = callback_query(&mut stream).await else {
            respond(&mut stream, "404 Not Found", "There is nothing here.").await;
            continue;
        };
        let ours = query.state().is_some_and(|state| *state == pending.state);
        if !ours {
            respond(
                &mut stream,
                "400 Bad Request",
                "This belongs to no sign-in here.",
            )
            .await;
            continue;
        }
        let validated = pending.clone().validate(query, client.clock().now());
        let text = match &validated {
            Ok(_) => "You are signed in. You can close this page.".to_owned(),
            Err(error) => format!("That did not work. {error}"),
        };
        respond(&mut stream, "200 OK", &text).await;
        return Ok(validated?);
    }
}

/// The query of a request for the callback's path.
async fn callback_query(stream: &mut TcpStream) -> Option<CallbackQuery> {
    let mut head = vec![0; 16 * 1024];
    let mut length = 0;
    while length < head.len() && !head[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut head[length..]).await {
            Ok(0) | Err(_) => return None,
            Ok(more) => length += more,
        }
    }
    let line = String::from_utf8_lossy(&head[..length]);
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    let query = target.strip_prefix("/callback?")?;
    CallbackQuery::parse(query).ok()
}

/// The page the person sees. It says nothing that came from outside unescaped, and stays nowhere.
async fn respond(stream: &mut TcpStream, status: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
         Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    // A browser that has gone away needs no page.
    let _ = stream.write_all(page.as_bytes()).await;
}
