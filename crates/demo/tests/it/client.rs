//! A small OAuth and MCP client for these tests, with no opinions of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use gatepass_demo::{Decision, Demo, HttpAnswer, Person, http};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use mcp_oauth_client::{Clock, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters";

/// A clock that moves when told to.
#[derive(Debug, Default)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0
            .fetch_add(by.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) async fn start() -> Demo {
    Demo::builder().start().await.unwrap()
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

pub(crate) async fn get(url: &str) -> HttpAnswer {
    http(Method::GET, url, HeaderMap::new(), "").await.unwrap()
}

pub(crate) async fn post_json(url: &str, body: &Value) -> HttpAnswer {
    let headers = headers(&[("content-type", "application/json")]);
    http(Method::POST, url, headers, body.to_string())
        .await
        .unwrap()
}

pub(crate) async fn post_form(url: &str, fields: &[(&str, &str)]) -> HttpAnswer {
    post_form_with(url, fields, &[]).await
}

pub(crate) async fn post_form_with(
    url: &str,
    fields: &[(&str, &str)],
    extra: &[(&str, &str)],
) -> HttpAnswer {
    let mut headers = headers(extra);
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    http(Method::POST, url, headers, body).await.unwrap()
}

pub(crate) fn endpoint(demo: &Demo, name: &str) -> String {
    format!("{}/as/{name}", demo.origin())
}

/// Registers a public client and returns its id.
pub(crate) async fn register(demo: &Demo) -> String {
    let answer = post_json(&endpoint(demo, "register"), &registration()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["client_id"].as_str().unwrap().to_owned()
}

pub(crate) fn registration() -> Value {
    json!({
        "client_name": "Test client",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native",
    })
}

/// A complete authorization request; `changes` replace parameters, an empty value removes one.
pub(crate) fn authorization_url(demo: &Demo, client: &str, changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("state", "the state"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("resource", demo.mcp_url()),
        ("scope", "tools notes:read"),
    ];
    for (name, value) in changes {
        parameters.retain(|(known, _)| known != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    let mut url = Url::parse(&endpoint(demo, "authorize")).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url.into()
}

/// A parameter of the query of a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// Goes through sign-in and consent and returns the code.
pub(crate) async fn code(demo: &Demo, client: &str, changes: &[(&str, &str)]) -> String {
    code_of(demo, client, "ada", changes).await
}

pub(crate) async fn code_of(
    demo: &Demo,
    client: &str,
    account: &str,
    changes: &[(&str, &str)],
) -> String {
    let url = authorization_url(demo, client, changes);
    let back = Person::named(account)
        .decide(&url, Decision::Allow)
        .await
        .unwrap();
    parameter(&back, "code").unwrap_or_else(|| panic!("no code in {back}"))
}

pub(crate) async fn exchange(demo: &Demo, client: &str, code: &str) -> HttpAnswer {
    post_form(
        &endpoint(demo, "token"),
        &[
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", CALLBACK),
            ("resource", demo.mcp_url()),
        ],
    )
    .await
}

pub(crate) async fn refresh(demo: &Demo, client: &str, refresh_token: &str) -> HttpAnswer {
    post_form(
        &endpoint(demo, "token"),
        &[
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", refresh_token),
            ("resource", demo.mcp_url()),
        ],
    )
    .await
}

/// The tokens of a finished flow.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) client: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) async fn connect(demo: &Demo) -> Tokens {
    connect_with(demo, "ada", "tools notes:read").await
}

pub(crate) async fn connect_with(demo: &Demo, account: &str, scope: &str) -> Tokens {
    let client = register(demo).await;
    let code = code_of(demo, &client, account, &[("scope", scope)]).await;
    let answer = exchange(demo, &client, &code).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tokens = answer.json();
    Tokens {
        client,
        access: text(&tokens, "access_token"),
        refresh: text(&tokens, "refresh_token"),
    }
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
        .to_owned()
}

/// One JSON-RPC request on revision 2026-07-28, which needs no session.
pub(crate) async fn rpc(
    demo: &Demo,
    token: Option<&str>,
    method: &str,
    params: Value,
) -> HttpAnswer {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let bearer = format!("Bearer {}", token.unwrap_or_default());
    let mut pairs = vec![
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    if !name.is_empty() {
        pairs.push(("mcp-name", &name));
    }
    if token.is_some() {
        pairs.push(("authorization", &bearer));
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    http(
        Method::POST,
        demo.mcp_url(),
        headers(&pairs),
        body.to_string(),
    )
    .await
    .unwrap()
}

pub(crate) async fn call(
    demo: &Demo,
    token: Option<&str>,
    tool: &str,
    arguments: Value,
) -> HttpAnswer {
    rpc(
        demo,
        token,
        "tools/call",
        json!({"name": tool, "arguments": arguments}),
    )
    .await
}

/// The JSON-RPC messages of an answer, whether it came as JSON or as events.
pub(crate) fn messages(answer: &HttpAnswer) -> Vec<Value> {
    if answer
        .header("content-type")
        .is_some_and(|t| t.starts_with("text/event-stream"))
    {
        answer
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter_map(|data| serde_json::from_str(data.trim()).ok())
            .collect()
    } else {
        vec![answer.json()]
    }
}

/// What a tool call returned as text.
pub(crate) fn tool_text(answer: &HttpAnswer) -> String {
    let messages = messages(answer);
    let result = messages
        .iter()
        .find(|message| message.get("result").is_some());
    result
        .and_then(|message| message["result"]["content"][0]["text"].as_str())
        .unwrap_or_else(|| panic!("{} {}", answer.status, answer.text()))
        .to_owned()
}
