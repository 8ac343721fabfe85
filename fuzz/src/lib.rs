//! One function per parser of documents from outside. Each takes any bytes, checks what must hold
//! whatever they are, and says whether the document was understood.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use mcp_oauth_client::{
    AuthorizationServer, Binding, CallbackQuery, Challenges, ClientAuthMethod, Issuer,
    PendingAuthorization, Random, ResourceId, ResourceMetadata, Response, Scopes, ServerUrl,
    Settings, Target, Timestamp, UrlPolicy, ValidatedCallback, authorization,
    registration as registrations, token as tokens,
};
use serde_json::{Map, Value, json};

/// A target: its name, and its function.
pub type Parser = (&'static str, fn(&[u8]) -> bool);

/// Every target; each has a program in `fuzz_targets/` and a folder in `seeds/`.
pub const TARGETS: [Parser; 6] = [
    ("callback", callback),
    ("challenge", challenge),
    ("registration", registration),
    ("resource_metadata", resource_metadata),
    ("server_metadata", server_metadata),
    ("token", token),
];

const MCP: &str = "https://mcp.example/mcp";
const AS: &str = "https://as.example";
/// The state of the flow that callbacks are judged against.
const STATE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
/// More characters than any sentence for people has.
const LONGEST_SENTENCE: usize = 1_000;
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// `WWW-Authenticate`, one header line per line. Understood: there is an OAuth challenge.
pub fn challenge(data: &[u8]) -> bool {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    let challenges = Challenges::from_headers(&headers);
    assert!(challenges.iter().count() <= 40, "bounded");
    for challenge in challenges.iter() {
        assert!(!challenge.scheme().is_empty());
        assert!(challenge.scopes().len() <= 50, "bounded");
        assert_ne!(challenge.resource_metadata(), Some(""));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        Challenges::parse(text);
    }
    challenges.oauth().is_some()
}

/// Protected resource metadata (RFC 9728).
pub fn resource_metadata(data: &[u8]) -> bool {
    let server = server();
    let Ok(document) = serde_json::from_slice::<Map<String, Value>>(data) else {
        return false;
    };
    match ResourceMetadata::validate(&document, &server, UrlPolicy::HttpsOnly) {
        Ok(found) => {
            let own = url::Url::parse(found.resource.as_str());
            assert_eq!(
                own.map(|url| url.origin()),
                Ok(server.url().origin()),
                "never another origin"
            );
            assert_eq!(document["resource"], found.resource.as_str(), "verbatim");
            assert!((1..=16).contains(&found.authorization_servers.len()));
            assert!(found.scopes_supported.len() <= 50);
            for issuer in &found.authorization_servers {
                assert!(Issuer::parse(issuer.as_str(), UrlPolicy::HttpsOnly).is_ok());
            }
            true
        }
        Err(error) => told(&error),
    }
}

/// Authorization server metadata (RFC 8414, OpenID Connect Discovery).
pub fn server_metadata(data: &[u8]) -> bool {
    let issuer = issuer();
    let Ok(document) = serde_json::from_slice::<Map<String, Value>>(data) else {
        return false;
    };
    match AuthorizationServer::validate(&document, &issuer, UrlPolicy::HttpsOnly, false) {
        Ok(found) => {
            assert_eq!(document["issuer"], AS, "byte for byte");
            assert_eq!(found.s256, Some(true));
            let endpoints = [
                Some(&found.authorization_endpoint),
                Some(&found.token_endpoint),
                found.registration_endpoint.as_ref(),
                found.revocation_endpoint.as_ref(),
            ];
            for endpoint in endpoints.into_iter().flatten() {
                assert_eq!(endpoint.url().scheme(), "https");
            }
            true
        }
        Err(error) => told(&error),
    }
}

/// The query of a callback (RFC 6749 §4.1.2, RFC 9207). Understood: its code may be exchanged.
pub fn callback(data: &[u8]) -> bool {
    let Ok(query) = std::str::from_utf8(data) else {
        return false;
    };
    let parsed = match CallbackQuery::parse(query) {
        Ok(parsed) => parsed,
        Err(error) => return told(&error),
    };
    let is = |name: &str, wanted: &str| {
        url::form_urlencoded::parse(data).any(|(own, value)| own == name && value == wanted)
    };
    match pending().validate(parsed, NOW) {
        Ok(_) => {
            assert!(is("state", STATE), "its own state");
            assert!(is("iss", AS), "its own issuer");
            true
        }
        Err(error) => told(&error),
    }
}

/// The answer to a registration (RFC 7591 §3.2), with the statuses that servers send.
pub fn registration(data: &[u8]) -> bool {
    let server = authorization_server();
    let settings = settings();
    let mut understood = false;
    for status in [201, 200, 400, 503] {
        let response = response(status, "application/json", data);
        match registrations::process(&server, &response, &settings, NOW) {
            Ok(found) => {
                assert!(status < 300);
                assert!(!found.client_id.as_str().trim().is_empty());
                let public = found.auth_method == ClientAuthMethod::None;
                assert_eq!(found.client_secret.is_none(), public);
                assert!(found.secret_expires_at.is_none_or(|at| at > NOW));
                understood = true;
            }
            Err(error) => {
                told(&error);
                assert!(status != 503 || error.recovery().is_temporary());
            }
        }
    }
    understood
}

/// The answer of a token endpoint (RFC 6749 §5), JSON or form, with the statuses that servers send.
pub fn token(data: &[u8]) -> bool {
    let callback = validated();
    let mut understood = false;
    for (status, content_type) in [
        (200, "application/json"),
        (200, "application/x-www-form-urlencoded"),
        (400, "application/json"),
        (401, "text/html"),
        (503, "application/json"),
    ] {
        let response = response(status, content_type, data);
        match tokens::process_exchange(&callback, &response, NOW) {
            Ok(connection) => {
                assert_eq!(status, 200);
                let tokens = connection.tokens;
                assert!(!tokens.access_token.is_blank());
                assert!(tokens.refresh_token.is_none_or(|token| !token.is_blank()));
                assert!(tokens.expires_at.is_none_or(|at| at > NOW));
                assert!(tokens.scopes.len() <= 50);
                understood = true;
            }
            Err(error) => {
                told(&error);
                assert!(status != 503 || error.recovery().is_temporary());
            }
        }
    }
    understood
}

/// Checks what people read about a refusal: short, and free of control characters.
fn told(error: &dyn std::error::Error) -> bool {
    let sentence = error.to_string();
    assert!(sentence.chars().count() <= LONGEST_SENTENCE, "{sentence}");
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
    false
}

fn response(status: u16, content_type: &'static str, body: &[u8]) -> Response {
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(content_type));
    response
}

fn settings() -> Settings {
    Settings::new("Gatepass", "https://app.example/callback")
}

fn server() -> ServerUrl {
    ServerUrl::parse(MCP, UrlPolicy::HttpsOnly).unwrap()
}

fn issuer() -> Issuer {
    Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap()
}

fn authorization_server() -> AuthorizationServer {
    let document = json!({
        "issuer": AS,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "registration_endpoint": "https://as.example/register",
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    let document = document.as_object().unwrap();
    AuthorizationServer::validate(document, &issuer(), UrlPolicy::HttpsOnly, false).unwrap()
}

struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn pending() -> PendingAuthorization {
    let target = Target {
        server: server(),
        resource: ResourceId::verbatim(MCP),
        scopes: Scopes::parse("notes:read"),
        binding: Binding::Bearer,
    };
    let server = authorization_server();
    let answer = response(201, "application/json", br#"{"client_id":"client-1"}"#);
    let registration = registrations::process(&server, &answer, &settings(), NOW).unwrap();
    let begun = authorization::begin(target, &server, registration, &Sevens, NOW);
    begun.unwrap().1
}

fn validated() -> ValidatedCallback {
    let query = format!("code=c&state={STATE}&iss={AS}");
    let query = CallbackQuery::parse(&query).unwrap();
    pending().validate(query, NOW).unwrap()
}
