//! A scripted MCP server, a clock and tokens that the test decides.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use gatepass_connections::{ConnectionId, Owner, OwnerSecret};
use gatepass_egress::{Egress, EgressPolicy, Mode};
use gatepass_mcp::{
    Access, McpError, Revision, Session, SessionLimits, SessionOptions, StaticHeaders,
    StreamingTransport, TokenSource, TokenSourceError,
};
use http::{HeaderMap, Method, StatusCode, header};
use mcp_oauth_client::{
    AccessToken, BoxFuture, Challenges, Clock, Random, Secret, ServerUrl, Timestamp, UrlPolicy,
};
use serde_json::{Value, json};

/// A clock that moves when told to.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(by.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Counted bytes: never the same twice, and no secret.
#[derive(Debug, Default)]
pub struct TestRandom(AtomicI64);

impl Random for TestRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes()[0];
        }
    }
}

pub fn owner(number: u8) -> Owner {
    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
    Owner::new(OwnerSecret::generate(&Fixed(number)))
}

pub fn egress() -> Egress {
    Egress::new(EgressPolicy {
        mode: Mode::Loopback,
        ..EgressPolicy::default()
    })
    .unwrap()
}

pub fn carrier() -> Arc<dyn StreamingTransport> {
    Arc::new(egress())
}

pub fn server_url(url: &str) -> ServerUrl {
    ServerUrl::parse(url, UrlPolicy::AllowLoopbackHttp).unwrap()
}

pub fn access(url: &str) -> Access {
    Access::open(*owner(1).id(), server_url(url), StaticHeaders::default())
}

/// Options that never wait long for what never comes, and long enough for a busy machine.
pub fn quick() -> SessionOptions {
    SessionOptions {
        limits: SessionLimits {
            handshake: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            silence: Duration::from_secs(20),
            call: Duration::from_secs(40),
            message: 1024 * 1024,
        },
        ..SessionOptions::default()
    }
}

/// The same, for servers that stay silent.
pub fn impatient() -> SessionOptions {
    let mut options = quick();
    options.limits.silence = Duration::from_millis(400);
    options
}

pub async fn connect_impatiently(access: &Access) -> Session {
    Session::connect(carrier(), access, &impatient(), Revision::Auto)
        .await
        .unwrap()
}

pub async fn connect(access: &Access, revision: Revision) -> Result<Session, McpError> {
    Session::connect(carrier(), access, &quick(), revision).await
}

/// Gives tokens in order, the next one whenever one is rejected.
pub struct Tokens {
    left: Mutex<VecDeque<&'static str>>,
    asked_again: AtomicI64,
}

impl Tokens {
    pub fn of(tokens: &[&'static str]) -> Arc<Self> {
        Arc::new(Self {
            left: Mutex::new(tokens.iter().copied().collect()),
            asked_again: AtomicI64::new(0),
        })
    }

    /// How often another token was asked for.
    pub fn asked_again(&self) -> i64 {
        self.asked_again.load(Ordering::SeqCst)
    }
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<Option<AccessToken>, TokenSourceError>> {
        let token = self.left.lock().unwrap().front().copied();
        Box::pin(async move { Ok(token.map(Secret::new).map(AccessToken::bearer)) })
    }

    fn rejected<'a>(
        &'a self,
        _rejected: &'a AccessToken,
        _challenges: &'a Challenges,
    ) -> BoxFuture<'a, Result<Option<AccessToken>, TokenSourceError>> {
        self.asked_again.fetch_add(1, Ordering::SeqCst);
        let mut left = self.left.lock().unwrap();
        if left.len() > 1 {
            left.pop_front();
        }
        drop(left);
        self.token()
    }
}

pub fn with_tokens(access: Access, tokens: &Arc<Tokens>) -> Access {
    access.with_tokens(ConnectionId::from_text("c1"), tokens.clone())
}

/// A request as the scripted server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub http: Method,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Seen {
    /// The method of the message; the HTTP method where there is none.
    pub fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or(self.http.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A JSON answer to this request.
    pub fn result(&self, result: Value) -> Response {
        json_body(json!({"jsonrpc": "2.0", "id": self.body["id"], "result": result}))
    }

    /// An error of the protocol, with a status.
    pub fn error(&self, status: u16, code: i32, data: Value) -> Response {
        let error = json!({"code": code, "message": "no", "data": data});
        let body = json!({"jsonrpc": "2.0", "id": self.body["id"], "error": error});
        (StatusCode::from_u16(status).unwrap(), json_body(body)).into_response()
    }
}

pub fn json_body(body: Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// An event stream of these bytes.
pub fn events(text: impl Into<String>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from(text.into()),
    )
        .into_response()
}

/// A body that begins and never ends.
pub fn endless(status: u16, media_type: &'static str, beginning: &'static str) -> Response {
    use futures::StreamExt;
    let beginning = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(beginning))]);
    let body = Body::from_stream(beginning.chain(futures::stream::pending()));
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, media_type)], body).into_response()
}

/// One answer of a scripted server.
pub type Answer = fn(&Seen) -> Response;

type Play = dyn Fn(&Seen) -> Option<Response> + Send + Sync;

/// A server that plays a script; what the script leaves to it, it answers as a good server of the
/// handshake or the current revision, with one tool `echo`.
pub struct Scripted {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Stage {
    play: Arc<Play>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    pub async fn start(play: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stage = Stage {
            play: Arc::new(play),
            seen: seen.clone(),
        };
        let app = Router::new().fallback(act).with_state(stage);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, seen }
    }

    pub fn access(&self) -> Access {
        access(&self.url)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods of all messages so far.
    pub fn methods(&self) -> Vec<String> {
        let seen = self.seen();
        seen.iter().map(|seen| seen.method().to_owned()).collect()
    }
}

async fn act(
    State(stage): State<Stage>,
    http: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let seen = Seen {
        http,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    stage.seen.lock().unwrap().push(seen.clone());
    (stage.play)(&seen).unwrap_or_else(|| good(&seen))
}

/// What a good server of every revision answers.
fn good(seen: &Seen) -> Response {
    match seen.method() {
        "server/discover" => seen.result(json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "1"}},
            "ttlMs": 0, "cacheScope": "private",
        })),
        "initialize" => seen.result(json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "scripted", "version": "1"},
        })),
        "tools/list" => seen.result(json!({"tools": [echo()]})),
        "tools/call" => seen.result(json!({"content": [{"type": "text", "text": "echoed"}]})),
        "GET" => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        "DELETE" => StatusCode::NO_CONTENT.into_response(),
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

pub fn echo() -> Value {
    json!({"name": "echo", "inputSchema": {"type": "object"}})
}

/// The script of a server that knows only the handshake.
pub fn handshake_only(seen: &Seen) -> Option<Response> {
    (seen.method() == "server/discover").then(|| seen.error(200, -32601, Value::Null))
}
