//! A transport that answers from a table and remembers every request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use mcp_oauth_client::{
    AuthClient, AuthorizationServer, Binding, BoxFuture, CallbackQuery, ClientAuthMethod, ClientId,
    Clock, Connection, Issuer, Leg, PendingAuthorization, ProtectedServer, Random, Registration,
    RegistrationKind, Request, ResourceId, Response, Scopes, Secret, ServerUrl, Settings, Target,
    Timestamp, Transport, TransportError, TransportFailure, UrlPolicy,
};
use serde_json::{Value, json};

pub const MCP: &str = "https://mcp.example/mcp";
pub const AS: &str = "https://as.example";
pub const REDIRECT: &str = "https://app.example/api/mcp/oauth/callback";

/// A request as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub leg: Leg,
    pub method: String,
    pub url: String,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub enum Reply {
    Answer(Response),
    Fails(TransportFailure),
}

type Replies = Vec<Arc<dyn Fn() -> Reply + Send + Sync>>;

#[derive(Default)]
pub struct World {
    replies: Mutex<HashMap<String, Replies>>,
    seen: Mutex<Vec<Seen>>,
}

impl World {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The well-behaved pair of an MCP server and its authorization server.
    pub fn well_behaved() -> Arc<Self> {
        let world = Self::new();
        world.challenge(r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp", scope="notes:read""#);
        world.json(
            "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
            json!({"resource": MCP, "authorization_servers": [AS], "scopes_supported": ["a", "b"]}),
        );
        world.json(
            "GET https://as.example/.well-known/oauth-authorization-server",
            server_metadata(),
        );
        world
    }

    pub fn challenge(&self, value: &str) {
        let value = value.to_owned();
        self.on(&format!("POST {MCP}"), move || {
            Reply::Answer(
                http::Response::builder()
                    .status(401)
                    .header("www-authenticate", value.as_str())
                    .body(Bytes::new())
                    .unwrap(),
            )
        });
    }

    pub fn on(&self, line: &str, reply: impl Fn() -> Reply + Send + Sync + 'static) {
        let mut replies = self.replies.lock().unwrap();
        replies.insert(line.to_owned(), vec![Arc::new(reply)]);
    }

    /// Answers in turn; the last answer stays.
    pub fn then(&self, line: &str, reply: impl Fn() -> Reply + Send + Sync + 'static) {
        let mut replies = self.replies.lock().unwrap();
        let list = replies.entry(line.to_owned()).or_default();
        list.push(Arc::new(reply));
    }

    pub fn json(&self, line: &str, document: Value) {
        self.on(line, move || {
            answer(200, "application/json", &document.to_string())
        });
    }

    pub fn text(&self, line: &str, status: u16, content_type: &'static str, body: &str) {
        let body = body.to_owned();
        self.on(line, move || answer(status, content_type, &body));
    }

    pub fn fails(&self, line: &str, failure: TransportFailure) {
        self.on(line, move || Reply::Fails(failure));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub fn last(&self) -> Seen {
        self.seen().last().unwrap().clone()
    }

    pub fn client(self: &Arc<Self>) -> AuthClient {
        self.client_with(settings())
    }

    pub fn client_with(self: &Arc<Self>, settings: Settings) -> AuthClient {
        AuthClient::new(
            self.clone(),
            Arc::new(Frozen),
            Arc::new(Counting::default()),
            settings,
        )
    }
}

pub fn answer(status: u16, content_type: &str, body: &str) -> Reply {
    Reply::Answer(
        http::Response::builder()
            .status(status)
            .header("content-type", content_type)
            .body(Bytes::from(body.to_owned()))
            .unwrap(),
    )
}

impl Transport for World {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let seen = Seen {
            leg,
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: request.headers().clone(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        };
        let line = seen.line();
        self.seen.lock().unwrap().push(seen);
        let reply = {
            let mut replies = self.replies.lock().unwrap();
            match replies.get_mut(&line) {
                Some(list) if list.len() > 1 => Some(list.remove(0)),
                Some(list) => list.first().cloned(),
                None => None,
            }
        };
        let outcome = match reply.map(|reply| reply()) {
            Some(Reply::Answer(response)) => Ok(response),
            Some(Reply::Fails(failure)) => Err(transport_error(failure, &line)),
            None => Ok(http::Response::builder()
                .status(404)
                .body(Bytes::new())
                .unwrap()),
        };
        Box::pin(async move { outcome })
    }
}

/// A failure with the sentence that a transport gives it; names the host, as they do.
fn transport_error(failure: TransportFailure, line: &str) -> TransportError {
    let host = line.split('/').nth(2).unwrap_or_default();
    let sentence = match failure {
        TransportFailure::Refused => format!(
            "{host} leads to a private address, which this installation does not contact; its operator can allow it"
        ),
        TransportFailure::Dns => format!("The host name {host} cannot be found"),
        TransportFailure::Connect => {
            format!("{host} refuses connections: nothing is listening there")
        }
        TransportFailure::Tls => format!("The certificate of {host} has expired"),
        TransportFailure::Timeout => format!("{host} did not answer within 10 seconds"),
        TransportFailure::Broken => {
            format!("{host} ended the connection in the middle of its answer")
        }
        TransportFailure::TooLarge => {
            format!("{host} answered with more than the 256 KiB that are read")
        }
        TransportFailure::Redirect => format!(
            "{host} wanted to redirect the request to https://evil.example; it was not followed"
        ),
        _ => format!("{host} failed"),
    };
    TransportError::new(failure, sentence)
}

/// A clock that stands still.
pub struct Frozen;

pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

impl Clock for Frozen {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// Bytes that differ at every call, and are the same in every run.
#[derive(Default)]
pub struct Counting(std::sync::atomic::AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    }
}

pub fn settings() -> Settings {
    Settings::new("Gatepass", REDIRECT)
}

pub fn server_metadata() -> Value {
    json!({
        "issuer": AS,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "registration_endpoint": "https://as.example/register",
        "revocation_endpoint": "https://as.example/revoke",
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": ["offline_access", "everything"],
    })
}

/// Server metadata with members replaced; `null` removes one.
pub fn server_metadata_with(changes: Value) -> Value {
    let mut document = server_metadata();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            document.as_object_mut().unwrap().remove(name);
        } else {
            document[name] = value.clone();
        }
    }
    document
}

pub fn authorization_server(changes: Value) -> AuthorizationServer {
    let document = server_metadata_with(changes);
    let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
    AuthorizationServer::validate(
        document.as_object().unwrap(),
        &issuer,
        UrlPolicy::HttpsOnly,
        false,
    )
    .unwrap()
}

pub fn server() -> ServerUrl {
    ServerUrl::parse(MCP, UrlPolicy::HttpsOnly).unwrap()
}

pub fn registration(kind: RegistrationKind) -> Registration {
    Registration {
        issuer: Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap(),
        kind,
        client_id: ClientId::new("client-1").unwrap(),
        client_secret: None,
        client_key: None,
        secret_expires_at: None,
        auth_method: ClientAuthMethod::None,
        redirect_uri: REDIRECT.to_owned(),
    }
}

pub fn confidential(method: ClientAuthMethod, id: &str, secret: &str) -> Registration {
    Registration {
        client_id: ClientId::new(id).unwrap(),
        client_secret: Some(Secret::new(secret)),
        auth_method: method,
        ..registration(RegistrationKind::Manual)
    }
}

/// What a flow at the usual server asks for.
pub fn target(scopes: Scopes) -> Target {
    Target {
        binding: Binding::Bearer,
        server: server(),
        resource: ResourceId::verbatim(MCP),
        scopes,
    }
}

/// What a flow at a discovered server asks for.
pub fn target_of(found: &ProtectedServer, scopes: Scopes) -> Target {
    Target {
        server: found.server.clone(),
        resource: found.resource.clone(),
        binding: found.binding,
        scopes,
    }
}

pub fn begin(client: &AuthClient, registration: Registration) -> PendingAuthorization {
    let target = target(Scopes::parse("notes:read"));
    client
        .begin(target, &authorization_server(json!({})), registration)
        .unwrap()
        .1
}

/// The callback query that the authorization server would send for a flow.
pub fn answer_to(pending: &PendingAuthorization) -> CallbackQuery {
    let state = pending.state.expose();
    CallbackQuery::parse(&format!("code=the-code&state={state}&iss={AS}")).unwrap()
}

/// A connection got through the whole flow with a given token answer.
pub async fn connect(world: &Arc<World>, registration: Registration, answer: Value) -> Connection {
    world.json("POST https://as.example/token", answer);
    let client = world.client();
    let pending = begin(&client, registration);
    let query = answer_to(&pending);
    let callback = pending.validate(query, NOW).unwrap();
    client.exchange(callback).await.unwrap()
}
