//! The servers' own record of what happened: what a test asserts on instead of trusting the client.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, header};
use mcp_oauth_client::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{authorization_server::Ledger, secrets};

/// How many requests and tool calls are remembered.
const CAPACITY: usize = 20_000;

/// The members of forms, queries and JSON bodies that the record shows as fingerprints.
const SECRET: [&str; 8] = [
    "code",
    "code_verifier",
    "refresh_token",
    "access_token",
    "client_secret",
    "client_assertion",
    "token",
    "csrf",
];

/// The parts of an instance that requests go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Protected resource metadata.
    ResourceMetadata,
    /// Authorization server metadata.
    ServerMetadata,
    /// Dynamic registration.
    Registration,
    /// The authorization endpoint.
    Authorize,
    /// The sign-in form.
    SignIn,
    /// The consent form.
    Consent,
    /// The token endpoint.
    Token,
    /// The revocation endpoint.
    Revocation,
    /// The protected MCP server.
    Mcp,
    /// The rule-based model.
    Model,
    /// Anything else.
    Other,
}

/// One request, as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRequest {
    /// When it arrived.
    pub at: Timestamp,
    /// Where it went.
    pub endpoint: Endpoint,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's parameters, secrets as fingerprints.
    pub query: Vec<(String, String)>,
    /// The fields of a form body, secrets as fingerprints.
    pub form: Vec<(String, String)>,
    /// A JSON body of the authorization server's own endpoints.
    pub json: Option<Value>,
    /// The scheme of the `Authorization` header, such as `Bearer` or `Basic`.
    pub authorization: Option<String>,
    /// The fingerprint of the bearer token.
    pub bearer: Option<String>,
    /// Whether the request carried cookies.
    pub cookies: bool,
    /// The `Origin` header.
    pub origin: Option<String>,
    /// The `MCP-Protocol-Version` header.
    pub protocol_version: Option<String>,
    /// For MCP: the JSON-RPC method of the body.
    pub rpc_method: Option<String>,
    /// The answer's status; none while there is none, or when there never was.
    pub status: Option<u16>,
}

impl RecordedRequest {
    /// A field of the form body.
    pub fn field(&self, name: &str) -> Option<&str> {
        value(&self.form, name)
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// One call of a tool that reached the tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedToolCall {
    /// When.
    pub at: Timestamp,
    /// The account whose token made the call; none on an open server.
    pub account: Option<String>,
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
}

/// A client the server knows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegisteredClient {
    /// Its id.
    pub client_id: String,
    /// Its name, if it gave one.
    pub client_name: Option<String>,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
    /// How it authenticates.
    pub auth_method: crate::behaviour::AuthMethod,
    /// The `application_type` it gave.
    pub application_type: Option<String>,
}

/// A grant and all tokens that ever came from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrantFamily {
    /// A number that tells families apart, in the order of consent.
    pub number: u64,
    /// The client.
    pub client_id: String,
    /// Who consented.
    pub account: String,
    /// The resource the tokens are for.
    pub resource: String,
    /// What was consented to.
    pub scopes: Vec<String>,
    /// How many refreshes were served.
    pub refreshes: u64,
    /// Whether it is revoked.
    pub revoked: bool,
    /// Why.
    pub reason: Option<RevocationReason>,
}

/// Why a family was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// The client asked for it.
    Client,
    /// An old refresh token was used again.
    RefreshTokenReplay,
    /// The authorization code was used again.
    CodeReplay,
    /// The user or an administrator withdrew it.
    Withdrawn,
}

/// Reads what happened. Cheap to clone; all clones show the same instance.
#[derive(Clone, Debug)]
pub struct Record {
    log: Arc<Mutex<Log>>,
    ledger: Arc<Mutex<Ledger>>,
}

#[derive(Debug, Default)]
struct Log {
    requests: VecDeque<RecordedRequest>,
    /// How many requests were forgotten: the index of the first one still there.
    forgotten: usize,
    tool_calls: VecDeque<RecordedToolCall>,
}

impl Record {
    pub(crate) fn new(ledger: Arc<Mutex<Ledger>>) -> Self {
        Self {
            log: Arc::default(),
            ledger,
        }
    }

    /// Every request, oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.log().requests.iter().cloned().collect()
    }

    /// The requests to one endpoint, oldest first.
    pub fn requests_to(&self, endpoint: Endpoint) -> Vec<RecordedRequest> {
        self.log()
            .requests
            .iter()
            .filter(|request| request.endpoint == endpoint)
            .cloned()
            .collect()
    }

    /// The requests to the token endpoint.
    pub fn token_requests(&self) -> Vec<RecordedRequest> {
        self.requests_to(Endpoint::Token)
    }

    /// The token requests that were refreshes.
    pub fn refreshes(&self) -> Vec<RecordedRequest> {
        let mut requests = self.token_requests();
        requests.retain(|request| request.field("grant_type") == Some("refresh_token"));
        requests
    }

    /// The requests to the revocation endpoint.
    pub fn revocations(&self) -> Vec<RecordedRequest> {
        self.requests_to(Endpoint::Revocation)
    }

    /// The tool calls that reached a tool.
    pub fn tool_calls(&self) -> Vec<RecordedToolCall> {
        self.log().tool_calls.iter().cloned().collect()
    }

    /// The clients that registered and were not forgotten.
    pub fn registrations(&self) -> Vec<RegisteredClient> {
        lock(&self.ledger).registered()
    }

    /// The grants, oldest first.
    pub fn families(&self) -> Vec<GrantFamily> {
        lock(&self.ledger).families()
    }

    /// Forgets requests and tool calls; registrations and grants stay.
    pub fn clear(&self) {
        let mut log = self.log();
        log.forgotten += log.requests.len();
        log.requests.clear();
        log.tool_calls.clear();
    }

    /// What the record shows in place of this secret.
    pub fn fingerprint(secret: &str) -> String {
        secrets::fingerprint(secret)
    }

    /// Notes a request; the number it returns is for [`Self::finish`].
    pub(crate) fn begin(&self, request: RecordedRequest) -> usize {
        let mut log = self.log();
        if log.requests.len() >= CAPACITY {
            log.requests.pop_front();
            log.forgotten += 1;
        }
        log.requests.push_back(request);
        log.forgotten + log.requests.len() - 1
    }

    pub(crate) fn finish(&self, number: usize, status: u16) {
        let mut log = self.log();
        if let Some(index) = number.checked_sub(log.forgotten)
            && let Some(request) = log.requests.get_mut(index)
        {
            request.status = Some(status);
        }
    }

    pub(crate) fn tool_called(&self, call: RecordedToolCall) {
        let mut log = self.log();
        if log.tool_calls.len() >= CAPACITY {
            log.tool_calls.pop_front();
        }
        log.tool_calls.push_back(call);
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the record keeps of a request's head and body.
pub(crate) fn describe(
    at: Timestamp,
    endpoint: Endpoint,
    parts: &http::request::Parts,
    body: &[u8],
) -> RecordedRequest {
    let authorization = text(&parts.headers, &header::AUTHORIZATION);
    let (scheme, credentials) = authorization
        .as_deref()
        .and_then(|value| value.split_once(' '))
        .unzip();
    let content_type = text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let json = serde_json::from_slice::<Value>(body)
        .ok()
        .filter(|_| content_type.starts_with("application/json"));
    RecordedRequest {
        at,
        endpoint,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        form: if content_type.starts_with("application/x-www-form-urlencoded") {
            pairs(body)
        } else {
            Vec::new()
        },
        rpc_method: json
            .as_ref()
            .filter(|_| endpoint == Endpoint::Mcp)
            .and_then(|value| value["method"].as_str())
            .map(ToOwned::to_owned),
        json: json.filter(|_| endpoint == Endpoint::Registration),
        bearer: credentials
            .filter(|_| scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")))
            .map(secrets::fingerprint),
        authorization: scheme.map(ToOwned::to_owned),
        cookies: parts.headers.contains_key(header::COOKIE),
        origin: text(&parts.headers, &header::ORIGIN),
        protocol_version: parts
            .headers
            .get("mcp-protocol-version")
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned),
        status: None,
    }
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded)
        .map(|(name, value)| {
            let value = if SECRET.contains(&&*name) {
                secrets::fingerprint(&value)
            } else {
                value.into_owned()
            };
            (name.into_owned(), value)
        })
        .collect()
}
