//! What the protocol costs: whole flows over an in-memory transport, and each parser.
//!
//! `cargo xtask bench` runs it. One thread, nothing waits: time is CPU time.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run must stop")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use futures::executor::block_on;
use http::HeaderMap;
use mcp_oauth_client::{
    AuthClient, AuthorizationServer, BoxFuture, CallbackQuery, Challenges, Clock, Connection,
    Discovery, Issuer, Leg, Random, Request, ResourceMetadata, Response, Scopes, ServerUrl,
    Settings, Target, Timestamp, Transport, TransportError, UrlPolicy, registration,
};
use serde_json::{Map, Value};

fn main() {
    divan::main();
}

const MCP: &str = "https://mcp.example/mcp";
const CHALLENGE: &str = r#"Bearer error="invalid_token", error_description="Missing token", resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", scope="notes:read notes:write""#;
const RESOURCE: &str = r#"{"resource":"https://mcp.example/mcp","authorization_servers":["https://as.example"],"scopes_supported":["notes:read","notes:write"],"bearer_methods_supported":["header"]}"#;
const SERVER: &str = r#"{"issuer":"https://as.example","authorization_endpoint":"https://as.example/authorize","token_endpoint":"https://as.example/token","registration_endpoint":"https://as.example/register","revocation_endpoint":"https://as.example/revoke","scopes_supported":["notes:read","notes:write","offline_access"],"response_types_supported":["code"],"grant_types_supported":["authorization_code","refresh_token"],"code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["none","client_secret_basic"],"authorization_response_iss_parameter_supported":true}"#;
const REGISTERED: &str = r#"{"client_id":"client-1","client_id_issued_at":1800000000,"redirect_uris":["https://app.example/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"]}"#;
const TOKENS: &str = r#"{"access_token":"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl","token_type":"Bearer","expires_in":3600,"refresh_token":"8xLOxBtZp8","scope":"notes:read notes:write"}"#;

/// Answers at once, from memory.
struct Memory;

impl Transport for Memory {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let openid = request.uri().path().ends_with("openid-configuration");
        let (status, body) = match leg {
            Leg::Probe => (401, ""),
            Leg::ResourceMetadata => (200, RESOURCE),
            Leg::ServerMetadata if openid => (404, ""),
            Leg::ServerMetadata => (200, SERVER),
            Leg::Registration => (201, REGISTERED),
            Leg::Token => (200, TOKENS),
            _ => (200, ""),
        };
        let mut answer = http::Response::builder()
            .status(status)
            .header("content-type", "application/json");
        if leg == Leg::Probe {
            answer = answer.header("www-authenticate", CHALLENGE);
        }
        let answer = answer.body(Bytes::from_static(body.as_bytes())).unwrap();
        Box::pin(std::future::ready(Ok(answer)))
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

/// Different bytes at every call, and none of the system's cost of randomness.
#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Relaxed).to_le_bytes();
        for (byte, own) in bytes.iter_mut().zip(count.iter().cycle()) {
            *byte = *own;
        }
    }
}

fn client() -> AuthClient {
    let settings = Settings::new("Bench", "https://app.example/callback");
    AuthClient::new(
        Arc::new(Memory),
        Arc::new(Still),
        Arc::new(Counting::default()),
        settings,
    )
}

/// Discovery, registration, the page, the callback, the exchange: nine steps of a real flow.
async fn flow(client: &AuthClient, server: &ServerUrl) -> Connection {
    let Discovery::Protected(found) = client.discover(server).await.unwrap() else {
        unreachable!("the server asks for a token")
    };
    let issuer = &found.authorization_server;
    let scopes = found.scopes_at(issuer);
    let registration = client.register(issuer, &scopes).await.unwrap();
    let target = Target {
        server: server.clone(),
        resource: found.resource.clone(),
        scopes,
        binding: found.binding,
    };
    let (_, pending) = client.begin(target, issuer, registration).unwrap();
    let state = pending.state.expose();
    let query = format!("code=c&state={state}&iss=https%3A%2F%2Fas.example");
    let query = CallbackQuery::parse(&query).unwrap();
    let callback = pending.validate(query, client.clock().now()).unwrap();
    client.exchange(callback).await.unwrap()
}

fn server() -> ServerUrl {
    ServerUrl::parse(MCP, UrlPolicy::HttpsOnly).unwrap()
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

fn validated() -> AuthorizationServer {
    let issuer = Issuer::parse("https://as.example", UrlPolicy::HttpsOnly).unwrap();
    AuthorizationServer::validate(&object(SERVER), &issuer, UrlPolicy::HttpsOnly, false).unwrap()
}

#[divan::bench]
fn whole_flow(bencher: Bencher<'_, '_>) {
    let (client, server) = (client(), server());
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| block_on(flow(&client, &server)));
}

#[divan::bench]
fn refresh(bencher: Bencher<'_, '_>) {
    let client = client();
    let connection = block_on(flow(&client, &server()));
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| block_on(client.refresh(&connection)).unwrap());
}

#[divan::bench]
fn recall(bencher: Bencher<'_, '_>) {
    let (client, server) = (client(), server());
    block_on(client.discover(&server)).unwrap();
    bencher.bench_local(|| client.recall(&server).unwrap());
}

#[divan::bench]
fn parse_challenge(bencher: Bencher<'_, '_>) {
    let mut headers = HeaderMap::new();
    headers.insert("www-authenticate", CHALLENGE.parse().unwrap());
    bencher.bench_local(|| Challenges::from_headers(&headers));
}

#[divan::bench]
fn parse_resource_metadata(bencher: Bencher<'_, '_>) {
    let server = server();
    bencher.bench_local(|| {
        ResourceMetadata::validate(&object(RESOURCE), &server, UrlPolicy::HttpsOnly).unwrap()
    });
}

#[divan::bench]
fn parse_server_metadata(bencher: Bencher<'_, '_>) {
    bencher.bench_local(validated);
}

#[divan::bench]
fn parse_registration(bencher: Bencher<'_, '_>) {
    let (server, client) = (validated(), client());
    let answer = http::Response::new(Bytes::from_static(REGISTERED.as_bytes()));
    bencher.bench_local(|| {
        registration::process(&server, &answer, client.settings(), Still.now()).unwrap()
    });
}

#[divan::bench]
fn parse_tokens(bencher: Bencher<'_, '_>) {
    let connection = block_on(flow(&client(), &server()));
    let answer = http::Response::new(Bytes::from_static(TOKENS.as_bytes()));
    bencher.bench_local(|| {
        mcp_oauth_client::token::process_refresh(&connection, &answer, Still.now()).unwrap()
    });
}

#[divan::bench]
fn parse_callback(bencher: Bencher<'_, '_>) {
    let query =
        "code=SplxlOBeZQQYbYS6WxSbIA&state=xyzxyzxyzxyzxyzxyzxyzxyz&iss=https%3A%2F%2Fas.example";
    bencher.bench_local(|| CallbackQuery::parse(query).unwrap());
}

#[divan::bench]
fn parse_scopes(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Scopes::parse("notes:read notes:write profile email offline_access"));
}
