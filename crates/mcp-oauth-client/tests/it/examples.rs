//! The examples, run as their readers run them, against a small authorization server.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Form, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

type Fields = std::collections::HashMap<String, String>;

/// An MCP server and its authorization server on one port.
struct Site {
    origin: String,
    challenge: Mutex<Option<String>>,
}

impl Site {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let site = Arc::new(Self {
            origin: format!("http://{address}"),
            challenge: Mutex::default(),
        });
        let router = Router::new()
            .route("/mcp", post(mcp))
            .route("/.well-known/oauth-protected-resource/mcp", get(resource))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/register", post(register))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    fn mcp(&self) -> String {
        format!("{}/mcp", self.origin)
    }
}

async fn mcp() -> Response {
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, "Bearer")],
    )
        .into_response()
}

async fn resource(State(site): State<Arc<Site>>) -> Json<Value> {
    Json(
        json!({"resource": site.mcp(), "authorization_servers": [site.origin], "scopes_supported": ["notes"]}),
    )
}

async fn metadata(State(site): State<Arc<Site>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", site.origin);
    Json(json!({
        "issuer": site.origin,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "registration_endpoint": at("/register"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "private_key_jwt"],
    }))
}

async fn register() -> Response {
    (StatusCode::CREATED, Json(json!({"client_id": "c-1"}))).into_response()
}

async fn authorize(State(site): State<Arc<Site>>, Query(query): Query<Fields>) -> Redirect {
    assert_eq!(query["resource"], site.mcp());
    *site.challenge.lock().unwrap() = Some(query["code_challenge"].clone());
    Redirect::to(&format!(
        "{}?code=the-code&state={}",
        query["redirect_uri"], query["state"]
    ))
}

async fn token(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let refused =
        |code: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": code}))).into_response();
    match form["grant_type"].as_str() {
        "authorization_code" => {
            let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
            if site.challenge.lock().unwrap().take() != Some(hash) || form["code"] != "the-code" {
                return refused("invalid_grant");
            }
        }
        "refresh_token" if form["refresh_token"] == "rt-1" => {}
        "client_credentials" => {
            let by_secret = headers.get(header::AUTHORIZATION);
            let by_secret = by_secret.is_some_and(|value| value == "Basic cHJvZ3JhbTpzM2NyZXQ=");
            if !by_secret && !form.contains_key("client_assertion") {
                return refused("invalid_client");
            }
        }
        _ => return refused("unsupported_grant_type"),
    }
    Json(json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt-1", "scope": "notes"}))
        .into_response()
}

/// The program that cargo has built of an example.
fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "cargo builds examples with all tests: run them without `--test`"
    );
    let mut command = Command::new(path);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    lines.next_line().await.unwrap().unwrap()
}

async fn ended(child: Child) -> String {
    let output = child.wait_with_output().await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    complaint
}

#[tokio::test]
async fn a_terminal_signs_in_through_a_browser() {
    let site = Site::start().await;
    let mut child = example("terminal_login")
        .args(["--local", &site.mcp()])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(line(&mut lines).await, "Open this page in your browser:");
    let page = line(&mut lines).await;

    #[expect(
        clippy::disallowed_methods,
        reason = "this stands for the person's browser"
    )]
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = browser.get(&page).send().await.unwrap();
    let callback = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    // Browsers ask for more, and others may knock: none of it ends the sign-in.
    let stranger = format!("{}?code=x&state=other", callback.split('?').next().unwrap());
    assert_eq!(browser.get(stranger).send().await.unwrap().status(), 400);
    let icon = callback.replace("/callback", "/favicon.ico");
    assert_eq!(browser.get(icon).send().await.unwrap().status(), 404);
    let done = browser.get(&callback).send().await.unwrap();
    assert_eq!(done.headers()["referrer-policy"], "no-referrer");
    assert_eq!(
        done.text().await.unwrap(),
        "You are signed in. You can close this page."
    );

    let signed_in = format!("Signed in at {} with the scopes “notes”.", site.origin);
    assert_eq!(line(&mut lines).await, signed_in);
    assert_eq!(
        line(&mut lines).await,
        "It can be refreshed; due right now: false."
    );
    ended(child).await;
}

#[tokio::test]
async fn a_program_gets_a_token_for_itself() {
    let site = Site::start().await;
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/client.pem");
    for (name, value) in [("CLIENT_SECRET", "s3cret"), ("CLIENT_KEY", key)] {
        let child = example("client_credentials")
            .args(["--local", &site.mcp()])
            .env("CLIENT_ID", "program")
            .env(name, value)
            .spawn()
            .unwrap();
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).replace(&site.origin, "SITE");
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @r"
            SITE gave a token with the scopes “notes”.
            It is good for 60 minutes.
            ");
        }
    }
}

#[tokio::test]
async fn anything_can_carry_the_requests() {
    let output = example("custom_transport").output().await.unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r"
    probe                        POST https://mcp.example/mcp → 401
    resource metadata            GET https://mcp.example/.well-known/oauth-protected-resource/mcp → 200
    authorization server metadata GET https://as.example/.well-known/oauth-authorization-server → 200
    authorization server metadata GET https://as.example/.well-known/openid-configuration → 404
    registration                 POST https://as.example/register → 201
    the person goes to           as.example
    token                        POST https://as.example/token → 200
    connected to                 https://mcp.example/mcp
    ");
}
