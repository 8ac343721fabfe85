//! Every step that can fail, in every way it can: the sentence a person reads, who must act, and
//! what software may do about it.

use mcp_oauth_client::{
    Actor, CallbackQuery, Connection, Failed, Recoverable, Recovery, RegistrationKind, Report,
    Scopes, TransportFailure, report::Verdict,
};
use serde_json::json;

use crate::support::*;

const PROBE: &str = "POST https://mcp.example/mcp";
const PRM: &str = "GET https://mcp.example/.well-known/oauth-protected-resource/mcp";
const PRM_ROOT: &str = "GET https://mcp.example/.well-known/oauth-protected-resource";
const OAUTH: &str = "GET https://as.example/.well-known/oauth-authorization-server";
const OPENID: &str = "GET https://as.example/.well-known/openid-configuration";
const REGISTER: &str = "POST https://as.example/register";
const TOKEN: &str = "POST https://as.example/token";
const REVOKE: &str = "POST https://as.example/revoke";

/// What can go wrong with any request.
#[derive(Clone, Copy)]
enum Fault {
    Transport(TransportFailure),
    Answer(u16, &'static str, &'static str),
    Busy(u16),
}

use Fault::{Answer, Busy, Transport};

const HTML: &str = "<!doctype html><title>Sign in</title>";

/// The faults that every step meets, by name.
const FAULTS: [(&str, Fault); 18] = [
    ("refused here", Transport(TransportFailure::Refused)),
    ("no such host", Transport(TransportFailure::Dns)),
    ("no connection", Transport(TransportFailure::Connect)),
    ("bad certificate", Transport(TransportFailure::Tls)),
    ("no answer", Transport(TransportFailure::Timeout)),
    ("cut off", Transport(TransportFailure::Broken)),
    ("too much", Transport(TransportFailure::TooLarge)),
    ("redirect", Transport(TransportFailure::Redirect)),
    ("302", Answer(302, "text/html", "")),
    (
        "500",
        Answer(500, "application/json", r#"{"error":"invalid_grant"}"#),
    ),
    ("503 with Retry-After", Busy(503)),
    ("429 with Retry-After", Busy(429)),
    (
        "403 without a reason",
        Answer(403, "text/plain", "Forbidden"),
    ),
    ("404", Answer(404, "text/plain", "not found")),
    ("a page", Answer(200, "text/html", HTML)),
    ("no JSON", Answer(200, "application/json", "{oops")),
    ("a list", Answer(200, "application/json", "[1]")),
    ("nothing", Answer(200, "application/json", " ")),
];

impl World {
    fn spoil(&self, line: &str, fault: Fault) {
        match fault {
            Transport(failure) => self.fails(line, failure),
            Answer(status, content_type, body) => self.text(line, status, content_type, body),
            Busy(status) => self.on(line, move || {
                Reply::Answer(
                    http::Response::builder()
                        .status(status)
                        .header("retry-after", "7")
                        .body(bytes::Bytes::new())
                        .unwrap(),
                )
            }),
        }
    }
}

fn recovery_in_words(recovery: Recovery) -> String {
    match recovery {
        Recovery::Retry { after: None } => "retry".to_owned(),
        Recovery::Retry { after: Some(after) } => format!("retry after {} s", after.as_secs()),
        Recovery::Reauthorize => "reauthorize".to_owned(),
        Recovery::Reregister => "reregister".to_owned(),
        Recovery::Reconfigure { .. } => "reconfigure".to_owned(),
        Recovery::Refuse => "refuse".to_owned(),
    }
}

/// One line of a table, after checking what holds of every failure: the report's summary and actor
/// are the error's, and a step that was sent is marked as the one that failed.
fn row<E: Recoverable>(name: &str, failed: &Failed<E>) -> String {
    let (recovery, report) = (failed.recovery(), failed.report());
    let sentence = failed.to_string();
    assert_eq!(report.summary.as_deref(), Some(sentence.as_str()), "{name}");
    assert_eq!(report.actor, Some(failed.error().actor()), "{name}");
    assert!(
        report.steps.is_empty() || report.steps.iter().any(|step| step.verdict != Verdict::Ok),
        "{name}: nothing failed by the report"
    );
    for secret in ["rt-1", "at-1", "the-code", "hush"] {
        assert!(
            !format!("{sentence}{report:?}").contains(secret),
            "{name}: {secret}"
        );
    }
    let actor = match failed.error().actor() {
        Actor::You => "you",
        Actor::Admin => "admin",
        Actor::Vendor => "vendor",
        Actor::Nobody => "nobody",
    };
    format!(
        "{name}: {sentence} → {actor}, {}\n",
        recovery_in_words(recovery)
    )
}

/// The table of a step of discovery.
async fn discovery(line: &str, more: &[(&'static str, Fault)]) -> String {
    let mut table = String::new();
    for (name, fault) in FAULTS.iter().chain(more) {
        let world = World::well_behaved();
        world.spoil(line, *fault);
        match world.client().discover(&server()).await {
            Err(failed) => table.push_str(&row(name, &failed)),
            Ok(_) => table.push_str(&format!("{name}: no failure\n")),
        }
    }
    table
}

#[tokio::test]
async fn the_probe() {
    let table = discovery(PROBE, &[]).await;
    insta::assert_snapshot!(table, @r"
    refused here: mcp.example could not be reached: mcp.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: mcp.example could not be reached: The host name mcp.example cannot be found → vendor, retry
    no connection: mcp.example could not be reached: mcp.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: mcp.example could not be reached: The certificate of mcp.example has expired → vendor, retry
    no answer: mcp.example could not be reached: mcp.example did not answer within 10 seconds → nobody, retry
    cut off: mcp.example could not be reached: mcp.example ended the connection in the middle of its answer → nobody, retry
    too much: mcp.example could not be reached: mcp.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: mcp.example could not be reached: mcp.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: mcp.example answered with a web page: there is no MCP server at this address → you, reconfigure
    500: mcp.example answered with an error of its own (status 500) → nobody, retry
    503 with Retry-After: mcp.example answered with an error of its own (status 503) → nobody, retry after 7 s
    429 with Retry-After: mcp.example answered with an error of its own (status 429) → nobody, retry after 7 s
    403 without a reason: no failure
    404: no failure
    a page: mcp.example answered with a web page: there is no MCP server at this address → you, reconfigure
    no JSON: no failure
    a list: no failure
    nothing: no failure
    ");
}

#[tokio::test]
async fn resource_metadata() {
    let table = discovery(
        PRM,
        &[
            ("no resource", Answer(200, "application/json", r#"{"authorization_servers":["https://as.example"]}"#)),
            ("other resource", Answer(200, "application/json", r#"{"resource":"https://evil.example/mcp","authorization_servers":["https://as.example"]}"#)),
            ("no authorization server", Answer(200, "application/json", r#"{"resource":"https://mcp.example/mcp"}"#)),
            ("http authorization server", Answer(200, "application/json", r#"{"resource":"https://mcp.example/mcp","authorization_servers":["http://as.example"]}"#)),
        ],
    )
    .await;
    insta::assert_snapshot!(table, @r"
    refused here: mcp.example could not be reached: mcp.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: mcp.example could not be reached: The host name mcp.example cannot be found → vendor, retry
    no connection: mcp.example could not be reached: mcp.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: mcp.example could not be reached: The certificate of mcp.example has expired → vendor, retry
    no answer: mcp.example could not be reached: mcp.example did not answer within 10 seconds → nobody, retry
    cut off: mcp.example could not be reached: mcp.example ended the connection in the middle of its answer → nobody, retry
    too much: mcp.example could not be reached: mcp.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: mcp.example could not be reached: mcp.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (status 302) → vendor, reconfigure
    500: mcp.example answered with an error of its own (status 500) → nobody, retry
    503 with Retry-After: mcp.example answered with an error of its own (status 503) → nobody, retry after 7 s
    429 with Retry-After: mcp.example answered with an error of its own (status 429) → nobody, retry after 7 s
    403 without a reason: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (status 403) → vendor, reconfigure
    404: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata → vendor, reconfigure
    a page: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (an HTML page came instead of JSON) → vendor, reconfigure
    no JSON: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (the answer is not JSON) → vendor, reconfigure
    a list: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (the answer is JSON, but not an object) → vendor, reconfigure
    nothing: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (the answer is empty) → vendor, reconfigure
    no resource: the OAuth metadata of mcp.example cannot be used: the document has no `resource` → vendor, reconfigure
    other resource: the OAuth metadata of mcp.example cannot be used: the document is for “https://evil.example/mcp”, not for https://mcp.example/mcp → vendor, refuse
    no authorization server: the OAuth metadata of mcp.example cannot be used: the document has no `authorization_servers` → vendor, reconfigure
    http authorization server: the OAuth metadata of mcp.example cannot be used: no authorization server named by the server can be used: http://as.example does not use https → vendor, refuse
    ");
}

#[tokio::test]
async fn server_metadata() {
    let mut table = discovery(OAUTH, &[]).await;
    for (name, changes) in [
        ("no issuer", json!({"issuer": null})),
        ("other issuer", json!({"issuer": "https://as.example/"})),
        ("no token endpoint", json!({"token_endpoint": null})),
        (
            "http token endpoint",
            json!({"token_endpoint": "http://as.example/token"}),
        ),
        (
            "script as page",
            json!({"authorization_endpoint": "javascript:alert(1)//"}),
        ),
        (
            "credentials in URL",
            json!({"token_endpoint": "https://u:hush@as.example/"}),
        ),
        ("no S256", json!({"code_challenge_methods_supported": null})),
    ] {
        let world = World::well_behaved();
        world.json(OAUTH, server_metadata_with(changes));
        let failed = world.client().discover(&server()).await.unwrap_err();
        table.push_str(&row(name, &failed));
    }
    insta::assert_snapshot!(table, @r"
    refused here: as.example could not be reached: as.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: as.example could not be reached: The host name as.example cannot be found → vendor, retry
    no connection: as.example could not be reached: as.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: as.example could not be reached: The certificate of as.example has expired → vendor, retry
    no answer: as.example could not be reached: as.example did not answer within 10 seconds → nobody, retry
    cut off: as.example could not be reached: as.example ended the connection in the middle of its answer → nobody, retry
    too much: as.example could not be reached: as.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: as.example could not be reached: as.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: the authorization server as.example publishes no metadata where it should (status 302) → vendor, reconfigure
    500: as.example answered with an error of its own (status 500) → nobody, retry
    503 with Retry-After: as.example answered with an error of its own (status 503) → nobody, retry after 7 s
    429 with Retry-After: as.example answered with an error of its own (status 429) → nobody, retry after 7 s
    403 without a reason: the authorization server as.example publishes no metadata where it should (status 403) → vendor, reconfigure
    404: the authorization server as.example publishes no metadata where it should → vendor, reconfigure
    a page: the authorization server as.example publishes no metadata where it should (an HTML page came instead of JSON) → vendor, reconfigure
    no JSON: the authorization server as.example publishes no metadata where it should (the answer is not JSON) → vendor, reconfigure
    a list: the authorization server as.example publishes no metadata where it should (the answer is JSON, but not an object) → vendor, reconfigure
    nothing: the authorization server as.example publishes no metadata where it should (the answer is empty) → vendor, reconfigure
    no issuer: the metadata of the authorization server as.example cannot be used: the document has no `issuer` → vendor, reconfigure
    other issuer: the metadata of the authorization server as.example cannot be used: the document names the issuer “https://as.example/”, but “https://as.example” was asked → vendor, refuse
    no token endpoint: the metadata of the authorization server as.example cannot be used: the document has no `token_endpoint` → vendor, reconfigure
    http token endpoint: the metadata of the authorization server as.example cannot be used: `token_endpoint` may not be used: http://as.example/token does not use https → vendor, refuse
    script as page: the metadata of the authorization server as.example cannot be used: `authorization_endpoint` may not be used: “javascript:” is not a web address; only https can be used → vendor, refuse
    credentials in URL: the metadata of the authorization server as.example cannot be used: `token_endpoint` may not be used: the URL carries a user name or password → vendor, refuse
    no S256: the metadata of the authorization server as.example cannot be used: the authorization server does not say that it supports PKCE with S256 → admin, reconfigure
    ");
}

#[tokio::test]
async fn registrations() {
    let mut table = String::new();
    let more = [
        (
            "no client id",
            Answer(201, "application/json", r#"{"client_id":" "}"#),
        ),
        (
            "unknown method",
            Answer(
                201,
                "application/json",
                r#"{"client_id":"x","client_secret":"hush","token_endpoint_auth_method":"tls_client_auth"}"#,
            ),
        ),
        (
            "no secret",
            Answer(
                201,
                "application/json",
                r#"{"client_id":"x","token_endpoint_auth_method":"client_secret_basic"}"#,
            ),
        ),
        (
            "redirect refused",
            Answer(
                400,
                "application/json",
                r#"{"error":"invalid_redirect_uri","error_description":"Host not trusted."}"#,
            ),
        ),
        (
            "error with 200",
            Answer(200, "application/json", r#"{"error":"access_denied"}"#),
        ),
    ];
    for (name, fault) in FAULTS.iter().chain(&more) {
        let world = World::new();
        world.spoil(REGISTER, *fault);
        let server = authorization_server(json!({}));
        let client = world.client();
        let failed = client.register(&server, &Scopes::none()).await.unwrap_err();
        table.push_str(&row(name, &failed));
    }
    let server = authorization_server(json!({"registration_endpoint": null}));
    let client = World::new().client();
    let failed = client.register(&server, &Scopes::none()).await.unwrap_err();
    table.push_str(&row("not offered", &failed));
    insta::assert_snapshot!(table, @r"
    refused here: this app could not be registered: as.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: this app could not be registered: The host name as.example cannot be found → vendor, retry
    no connection: this app could not be registered: as.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: this app could not be registered: The certificate of as.example has expired → vendor, retry
    no answer: this app could not be registered: as.example did not answer within 10 seconds → nobody, retry
    cut off: this app could not be registered: as.example ended the connection in the middle of its answer → nobody, retry
    too much: this app could not be registered: as.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: this app could not be registered: as.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: as.example wanted to redirect the registration; it was not followed → vendor, refuse
    500: as.example cannot register clients right now (status 500) → nobody, retry
    503 with Retry-After: as.example cannot register clients right now (status 503) → nobody, retry after 7 s
    429 with Retry-After: as.example cannot register clients right now (status 429) → nobody, retry after 7 s
    403 without a reason: as.example refused to register this app (status 403) → you, reconfigure
    404: as.example refused to register this app (status 404) → you, reconfigure
    a page: the answer of as.example to the registration cannot be used: an HTML page came instead of JSON → nobody, retry
    no JSON: the answer of as.example to the registration cannot be used: the answer is not JSON → vendor, reconfigure
    a list: the answer of as.example to the registration cannot be used: the answer is JSON, but not an object → vendor, reconfigure
    nothing: the answer of as.example to the registration cannot be used: the answer is empty → vendor, reconfigure
    no client id: the answer of as.example to the registration cannot be used: it has no client_id → vendor, reconfigure
    unknown method: the answer of as.example to the registration cannot be used: it wants the client to authenticate by “tls_client_auth”, which is not supported → vendor, reconfigure
    no secret: the answer of as.example to the registration cannot be used: it asks for client_secret_basic but gives no secret → vendor, reconfigure
    redirect refused: as.example refused to register this app: Host not trusted (invalid_redirect_uri) → you, reconfigure
    error with 200: as.example refused to register this app (access_denied) → you, reconfigure
    not offered: as.example does not register apps by itself: a client id must be entered → you, reconfigure
    ");
}

#[test]
fn the_callback() {
    let mut table = String::new();
    for (name, query) in [
        ("no state", "code=c&iss=https://as.example"),
        ("other state", "code=c&state=x&iss=https://as.example"),
        ("no iss", "code=c&state=STATE"),
        ("other iss", "code=c&state=STATE&iss=https://evil.example"),
        ("no code", "state=STATE&iss=https://as.example"),
        ("two codes", "code=a&code=b&state=STATE"),
        (
            "denied",
            "error=access_denied&state=STATE&iss=https://as.example",
        ),
        (
            "denied with words",
            "error=access_denied&error_description=Not+today.&state=STATE&iss=https://as.example",
        ),
        (
            "later",
            "error=temporarily_unavailable&state=STATE&iss=https://as.example",
        ),
        (
            "broken",
            "error=server_error&state=STATE&iss=https://as.example",
        ),
        (
            "unknown client",
            "error=unauthorized_client&state=STATE&iss=https://as.example",
        ),
        (
            "unknown scope",
            "error=invalid_scope&state=STATE&iss=https://as.example",
        ),
        (
            "unknown resource",
            "error=invalid_target&error_description=Unknown+resource&state=STATE&iss=https://as.example",
        ),
        (
            "bad request",
            "error=invalid_request&state=STATE&iss=https://as.example",
        ),
        (
            "sign in first",
            "error=login_required&state=STATE&iss=https://as.example",
        ),
    ] {
        let pending = begin(
            &World::new().client(),
            registration(RegistrationKind::Dynamic),
        );
        let query = query.replace("STATE", pending.state.expose());
        let outcome = CallbackQuery::parse(&query).and_then(|query| pending.validate(query, NOW));
        table.push_str(&row(
            name,
            &Failed::new(outcome.unwrap_err(), Report::new()),
        ));
    }
    let pending = begin(
        &World::new().client(),
        registration(RegistrationKind::Dynamic),
    );
    let late = pending.expires_at();
    let query = answer_to(&pending);
    let expired = pending.validate(query, late).unwrap_err();
    table.push_str(&row("too late", &Failed::new(expired, Report::new())));
    let long = CallbackQuery::parse(&"x".repeat(20_000)).unwrap_err();
    table.push_str(&row("too long", &Failed::new(long, Report::new())));
    insta::assert_snapshot!(table, @r"
    no state: the answer of the sign-in page has no state, so it cannot be told whose it is → you, reauthorize
    other state: the answer of the sign-in page does not belong to this sign-in → you, reauthorize
    no iss: as.example promises to name itself in its answers, but this answer does not: it may come from somebody else → vendor, refuse
    other iss: the answer names another authorization server than as.example, to which you were sent → vendor, refuse
    no code: as.example sent you back without a code → vendor, reconfigure
    two codes: the answer of the sign-in page carries “code” more than once → vendor, refuse
    denied: Access was not allowed at as.example → you, reauthorize
    denied with words: Access was not allowed at as.example: Not today. → you, reauthorize
    later: as.example cannot sign you in right now → nobody, retry
    broken: as.example cannot sign you in right now → nobody, retry
    unknown client: as.example does not know this app as a client → nobody, reregister
    unknown scope: as.example does not know the access that was asked for → vendor, reconfigure
    unknown resource: as.example refused the sign-in (invalid_target): Unknown resource → vendor, reconfigure
    bad request: as.example refused the sign-in (invalid_request) → vendor, reconfigure
    sign in first: as.example refused the sign-in (login_required) → you, reauthorize
    too late: the sign-in took longer than ten minutes and has expired; start it again → you, reauthorize
    too long: the answer of the sign-in page is too long to be one → vendor, refuse
    ");
}

/// What token endpoints refuse with.
const REFUSALS: [(&str, Fault); 12] = [
    (
        "grant ended",
        Answer(
            400,
            "application/json",
            r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
        ),
    ),
    (
        "grant ended by 401",
        Answer(401, "application/json", r#"{"error":"invalid_grant"}"#),
    ),
    ("empty 400", Answer(400, "application/json", "")),
    ("empty 401", Answer(401, "application/json", "")),
    (
        "unknown client",
        Answer(401, "application/json", r#"{"error":"invalid_client"}"#),
    ),
    (
        "unknown scope",
        Answer(400, "application/json", r#"{"error":"invalid_scope"}"#),
    ),
    (
        "unknown resource",
        Answer(
            400,
            "application/json",
            r#"{"error":"invalid_target","error_description":"Unknown resource"}"#,
        ),
    ),
    (
        "later",
        Answer(
            400,
            "application/json",
            r#"{"error":"temporarily_unavailable"}"#,
        ),
    ),
    (
        "error with 200",
        Answer(
            200,
            "application/json",
            r#"{"error":"bad_verification_code","error_description":"The code is incorrect."}"#,
        ),
    ),
    ("no token", Answer(200, "application/json", "{}")),
    (
        "mac token",
        Answer(
            200,
            "application/json",
            r#"{"access_token":"at-1","token_type":"mac"}"#,
        ),
    ),
    ("page with 401", Answer(401, "text/html", HTML)),
];

#[tokio::test]
async fn the_exchange() {
    let mut table = String::new();
    for (name, fault) in FAULTS.iter().chain(&REFUSALS) {
        let world = World::new();
        world.spoil(TOKEN, *fault);
        let client = world.client();
        let pending = begin(&client, registration(RegistrationKind::Dynamic));
        let query = answer_to(&pending);
        let callback = pending.validate(query, NOW).unwrap();
        let failed = client.exchange(callback).await.unwrap_err();
        table.push_str(&row(name, &failed));
    }
    insta::assert_snapshot!(table, @r"
    refused here: no token could be had: as.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: no token could be had: The host name as.example cannot be found → vendor, retry
    no connection: no token could be had: as.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: no token could be had: The certificate of as.example has expired → vendor, retry
    no answer: no token could be had: as.example did not answer within 10 seconds → nobody, retry
    cut off: no token could be had: as.example ended the connection in the middle of its answer → nobody, retry
    too much: no token could be had: as.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: no token could be had: as.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: as.example wanted to redirect a request that carries credentials; nothing was sent on → vendor, refuse
    500: as.example cannot issue tokens right now (status 500) → nobody, retry
    503 with Retry-After: as.example cannot issue tokens right now (status 503) → nobody, retry after 7 s
    429 with Retry-After: as.example cannot issue tokens right now (status 429) → nobody, retry after 7 s
    403 without a reason: the token answer of as.example cannot be used: the answer is not JSON (status 403) → vendor, reconfigure
    404: the token answer of as.example cannot be used: the answer is not JSON (status 404) → vendor, reconfigure
    a page: the token answer of as.example cannot be used: an HTML page came instead of JSON (status 200) → nobody, retry
    no JSON: the token answer of as.example cannot be used: the answer is not JSON (status 200) → vendor, reconfigure
    a list: the token answer of as.example cannot be used: the answer is JSON, but not an object (status 200) → vendor, reconfigure
    nothing: the token answer of as.example cannot be used: the answer is empty (status 200) → vendor, reconfigure
    grant ended: as.example did not accept the sign-in it had just given: Token has been expired or revoked (invalid_grant) → you, reauthorize
    grant ended by 401: as.example did not accept the sign-in it had just given (invalid_grant) → you, reauthorize
    empty 400: as.example did not accept the sign-in it had just given (invalid_grant) → you, reauthorize
    empty 401: as.example does not accept this app as a client (invalid_client) → nobody, reregister
    unknown client: as.example does not accept this app as a client (invalid_client) → nobody, reregister
    unknown scope: as.example refused to issue a token (invalid_scope) → vendor, reconfigure
    unknown resource: as.example refused to issue a token: Unknown resource (invalid_target) → vendor, reconfigure
    later: as.example refused to issue a token (temporarily_unavailable) → nobody, retry
    error with 200: as.example did not accept the sign-in it had just given: The code is incorrect (bad_verification_code) → you, reauthorize
    no token: the token answer of as.example cannot be used: it has no access_token → vendor, reconfigure
    mac token: as.example issued a token of the type “mac”, which is not supported → vendor, refuse
    page with 401: the token answer of as.example cannot be used: an HTML page came instead of JSON (status 401) → nobody, retry
    ");
}

async fn connected(world: &std::sync::Arc<World>) -> Connection {
    let answer = json!({"access_token": "at-1", "refresh_token": "rt-1"});
    connect(world, registration(RegistrationKind::Dynamic), answer).await
}

#[tokio::test]
async fn the_refresh() {
    let mut table = String::new();
    for (name, fault) in FAULTS.iter().chain(&REFUSALS) {
        let world = World::new();
        let connection = connected(&world).await;
        world.spoil(TOKEN, *fault);
        let failed = world.client().refresh(&connection).await.unwrap_err();
        table.push_str(&row(name, &failed));
    }
    let world = World::new();
    let mut connection = connected(&world).await;
    connection.tokens.refresh_token = None;
    let failed = world.client().refresh(&connection).await.unwrap_err();
    table.push_str(&row("no refresh token", &failed));
    insta::assert_snapshot!(table, @r"
    refused here: no token could be had: as.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: no token could be had: The host name as.example cannot be found → vendor, retry
    no connection: no token could be had: as.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: no token could be had: The certificate of as.example has expired → vendor, retry
    no answer: no token could be had: as.example did not answer within 10 seconds → nobody, retry
    cut off: no token could be had: as.example ended the connection in the middle of its answer → nobody, retry
    too much: no token could be had: as.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: no token could be had: as.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: as.example wanted to redirect a request that carries credentials; nothing was sent on → vendor, refuse
    500: as.example cannot issue tokens right now (status 500) → nobody, retry
    503 with Retry-After: as.example cannot issue tokens right now (status 503) → nobody, retry after 7 s
    429 with Retry-After: as.example cannot issue tokens right now (status 429) → nobody, retry after 7 s
    403 without a reason: the token answer of as.example cannot be used: the answer is not JSON (status 403) → vendor, reconfigure
    404: the token answer of as.example cannot be used: the answer is not JSON (status 404) → vendor, reconfigure
    a page: the token answer of as.example cannot be used: an HTML page came instead of JSON (status 200) → nobody, retry
    no JSON: the token answer of as.example cannot be used: the answer is not JSON (status 200) → vendor, reconfigure
    a list: the token answer of as.example cannot be used: the answer is JSON, but not an object (status 200) → vendor, reconfigure
    nothing: the token answer of as.example cannot be used: the answer is empty (status 200) → vendor, reconfigure
    grant ended: as.example ended the sign-in: Token has been expired or revoked (invalid_grant) → you, reauthorize
    grant ended by 401: as.example ended the sign-in (invalid_grant) → you, reauthorize
    empty 400: as.example ended the sign-in (invalid_grant) → you, reauthorize
    empty 401: as.example does not accept this app as a client (invalid_client) → nobody, reregister
    unknown client: as.example does not accept this app as a client (invalid_client) → nobody, reregister
    unknown scope: as.example refused to issue a token (invalid_scope) → vendor, reconfigure
    unknown resource: as.example refused to issue a token: Unknown resource (invalid_target) → vendor, reconfigure
    later: as.example refused to issue a token (temporarily_unavailable) → nobody, retry
    error with 200: as.example ended the sign-in: The code is incorrect (bad_verification_code) → you, reauthorize
    no token: the token answer of as.example cannot be used: it has no access_token → vendor, reconfigure
    mac token: as.example issued a token of the type “mac”, which is not supported → vendor, refuse
    page with 401: the token answer of as.example cannot be used: an HTML page came instead of JSON (status 401) → nobody, retry
    no refresh token: as.example gave no refresh token, so the sign-in cannot be extended → you, reauthorize
    ");
}

#[tokio::test]
async fn the_revocation() {
    let mut table = String::new();
    let more = [
        (
            "unknown client",
            Answer(401, "application/json", r#"{"error":"invalid_client"}"#),
        ),
        (
            "unsupported",
            Answer(
                400,
                "application/json",
                r#"{"error":"unsupported_token_type"}"#,
            ),
        ),
        (
            "with words",
            Answer(
                400,
                "application/json",
                r#"{"error":"invalid_request","error_description":"No."}"#,
            ),
        ),
    ];
    for (name, fault) in FAULTS.iter().chain(&more) {
        let world = World::new();
        let connection = connected(&world).await;
        world.spoil(REVOKE, *fault);
        match world.client().revoke(&connection).await {
            Err(failed) => table.push_str(&row(name, &failed)),
            Ok(_) => table.push_str(&format!("{name}: no failure\n")),
        }
    }
    insta::assert_snapshot!(table, @r"
    refused here: the access could not be revoked: as.example leads to a private address, which this installation does not contact; its operator can allow it → admin, reconfigure
    no such host: the access could not be revoked: The host name as.example cannot be found → vendor, retry
    no connection: the access could not be revoked: as.example refuses connections: nothing is listening there → nobody, retry
    bad certificate: the access could not be revoked: The certificate of as.example has expired → vendor, retry
    no answer: the access could not be revoked: as.example did not answer within 10 seconds → nobody, retry
    cut off: the access could not be revoked: as.example ended the connection in the middle of its answer → nobody, retry
    too much: the access could not be revoked: as.example answered with more than the 256 KiB that are read → vendor, reconfigure
    redirect: the access could not be revoked: as.example wanted to redirect the request to https://evil.example; it was not followed → vendor, refuse
    302: as.example wanted to redirect a request that carries credentials; nothing was sent on → vendor, refuse
    500: as.example cannot revoke right now (status 500) → nobody, retry
    503 with Retry-After: as.example cannot revoke right now (status 503) → nobody, retry after 7 s
    429 with Retry-After: as.example cannot revoke right now (status 429) → nobody, retry after 7 s
    403 without a reason: as.example refused to revoke (status 403) → vendor, reconfigure
    404: as.example refused to revoke (status 404) → vendor, reconfigure
    a page: no failure
    no JSON: no failure
    a list: no failure
    nothing: no failure
    unknown client: as.example refused to revoke (status 401, invalid_client) → vendor, reconfigure
    unsupported: as.example cannot revoke tokens of this kind → vendor, reconfigure
    with words: as.example refused to revoke (status 400, invalid_request (No.)) → vendor, reconfigure
    ");
}

#[tokio::test]
async fn the_first_real_cause_survives_every_fallback() {
    let down = Answer(503, "text/plain", "");
    let page = Answer(200, "text/html", HTML);
    let useless = Answer(
        200,
        "application/json",
        r#"{"resource":"https://mcp.example/mcp"}"#,
    );
    let hostile = Answer(
        200,
        "application/json",
        r#"{"resource":"https://evil.example","authorization_servers":["https://as.example"]}"#,
    );
    let no_s256 = Answer(
        200,
        "application/json",
        r#"{"issuer":"https://as.example","authorization_endpoint":"https://as.example/a","token_endpoint":"https://as.example/t"}"#,
    );
    let hung = Transport(TransportFailure::Timeout);
    let forbidden = Answer(403, "text/plain", "");
    let gone = Answer(404, "text/plain", "");
    let mut table = String::new();
    for (name, first, later) in [
        (
            "challenge URL down, the rest not found",
            (PRM, down),
            vec![(PRM_ROOT, gone)],
        ),
        (
            "challenge URL hung, the rest a page",
            (PRM, hung),
            vec![(PRM_ROOT, page)],
        ),
        (
            "challenge URL useless, the rest down",
            (PRM, useless),
            vec![(PRM_ROOT, down)],
        ),
        (
            "challenge URL hostile, the rest down",
            (PRM, hostile),
            vec![(PRM_ROOT, down)],
        ),
        (
            "challenge URL forbidden, the rest not found",
            (PRM, forbidden),
            vec![(PRM_ROOT, gone)],
        ),
        (
            "server metadata down, the other place not found",
            (OAUTH, down),
            vec![(OPENID, gone)],
        ),
        (
            "server metadata hung, the other place a page",
            (OAUTH, hung),
            vec![(OPENID, page)],
        ),
        (
            "server metadata without S256, the other place down",
            (OAUTH, no_s256),
            vec![(OPENID, down)],
        ),
        (
            "server metadata not found, the other place without S256",
            (OAUTH, gone),
            vec![(OPENID, no_s256)],
        ),
        (
            "server metadata a page, the other place down",
            (OAUTH, page),
            vec![(OPENID, down)],
        ),
    ] {
        let world = World::well_behaved();
        world.spoil(first.0, first.1);
        for (line, fault) in later {
            world.spoil(line, fault);
        }
        let failed = world.client().discover(&server()).await.unwrap_err();
        table.push_str(&row(name, &failed));
    }
    for (name, first, second) in [
        (
            "first authorization server down, second not found",
            down,
            gone,
        ),
        (
            "first authorization server without S256, second down",
            no_s256,
            down,
        ),
    ] {
        let world = World::well_behaved();
        let both = json!({"resource": MCP, "authorization_servers": [AS, "https://other.example"]});
        world.json(PRM, both);
        world.spoil(OAUTH, first);
        world.spoil(
            "GET https://other.example/.well-known/oauth-authorization-server",
            second,
        );
        let failed = world.client().discover(&server()).await.unwrap_err();
        table.push_str(&row(name, &failed));
    }
    let world = World::new();
    let connection = connected(&world).await;
    world.spoil(REVOKE, down);
    world.then(REVOKE, || answer(404, "text/plain", ""));
    let failed = world.client().revoke(&connection).await.unwrap_err();
    table.push_str(&row(
        "refresh token not revoked, access token not found",
        &failed,
    ));
    insta::assert_snapshot!(table, @r"
    challenge URL down, the rest not found: mcp.example answered with an error of its own (status 503) → nobody, retry
    challenge URL hung, the rest a page: mcp.example could not be reached: mcp.example did not answer within 10 seconds → nobody, retry
    challenge URL useless, the rest down: the OAuth metadata of mcp.example cannot be used: the document has no `authorization_servers` → vendor, reconfigure
    challenge URL hostile, the rest down: the OAuth metadata of mcp.example cannot be used: the document is for “https://evil.example”, not for https://mcp.example/mcp → vendor, refuse
    challenge URL forbidden, the rest not found: mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (status 403) → vendor, reconfigure
    server metadata down, the other place not found: as.example answered with an error of its own (status 503) → nobody, retry
    server metadata hung, the other place a page: as.example could not be reached: as.example did not answer within 10 seconds → nobody, retry
    server metadata without S256, the other place down: the metadata of the authorization server as.example cannot be used: the authorization server does not say that it supports PKCE with S256 → admin, reconfigure
    server metadata not found, the other place without S256: the metadata of the authorization server as.example cannot be used: the authorization server does not say that it supports PKCE with S256 → admin, reconfigure
    server metadata a page, the other place down: as.example answered with an error of its own (status 503) → nobody, retry
    first authorization server down, second not found: as.example answered with an error of its own (status 503) → nobody, retry
    first authorization server without S256, second down: the metadata of the authorization server as.example cannot be used: the authorization server does not say that it supports PKCE with S256 → admin, reconfigure
    refresh token not revoked, access token not found: as.example cannot revoke right now (status 503) → nobody, retry
    ");
}
