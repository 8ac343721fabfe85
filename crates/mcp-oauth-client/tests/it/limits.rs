//! Documents and headers that are too large, too deep or too many: each kind is bounded, nothing
//! panics, and what can still be used is.

use bytes::Bytes;
use mcp_oauth_client::{
    Challenges, Discovery, Issuer, ProtectedServer, Recovery, RegistrationKind, ResourceMetadata,
    Scopes, UrlPolicy,
};
use serde_json::{Value, json};

use crate::support::*;

const PRM: &str = "GET https://mcp.example/.well-known/oauth-protected-resource/mcp";
const OAUTH: &str = "GET https://as.example/.well-known/oauth-authorization-server";
const REGISTER: &str = "POST https://as.example/register";
const TOKEN: &str = "POST https://as.example/token";
const REVOKE: &str = "POST https://as.example/revoke";

/// JSON that opens more objects than any parser should follow, inside an otherwise good document.
fn deep(document: &Value) -> String {
    let text = document.to_string();
    let nested = format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
    format!("{},\"deep\":{nested}}}", text.trim_end_matches('}'))
}

/// A good document with five megabytes of white space behind it.
fn huge(document: &Value) -> String {
    format!("{document}{}", " ".repeat(5 * 1024 * 1024))
}

async fn protected(world: &std::sync::Arc<World>) -> ProtectedServer {
    match world.client().discover(&server()).await.unwrap() {
        Discovery::Protected(found) => *found,
        Discovery::Open(open) => panic!("open: {open:?}"),
    }
}

#[tokio::test]
async fn deep_and_huge_metadata_is_refused_in_words() {
    let resource = json!({"resource": MCP, "authorization_servers": [AS]});
    let mut sentences = Vec::new();
    for (line, document) in [(PRM, resource), (OAUTH, server_metadata())] {
        for body in [deep(&document), huge(&document)] {
            let world = World::well_behaved();
            world.text(line, 200, "application/json", &body);
            let failed = world.client().discover(&server()).await.unwrap_err();
            assert!(failed.report().steps.len() < 10);
            sentences.push(failed.to_string());
        }
    }
    insta::assert_snapshot!(sentences.join("\n"), @r"
    mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (the answer is not JSON)
    mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (the answer is larger than the 256 KiB that are read)
    the authorization server as.example publishes no metadata where it should (the answer is not JSON)
    the authorization server as.example publishes no metadata where it should (the answer is larger than the 256 KiB that are read)
    ");
}

#[tokio::test]
async fn a_large_but_honest_metadata_document_is_read() {
    let world = World::well_behaved();
    let claims: Vec<_> = (0..500).map(|n| format!("claim-number-{n}")).collect();
    let document = server_metadata_with(json!({"claims_supported": claims}));
    assert!(document.to_string().len() > 8 * 1024);
    world.json(OAUTH, document);
    assert_eq!(
        protected(&world).await.authorization_server.issuer.as_str(),
        AS
    );
}

#[tokio::test]
async fn deep_and_huge_registration_and_token_answers_are_refused_in_words() {
    let mut sentences = Vec::new();
    let issued = json!({"client_id": "x"});
    for body in [deep(&issued), huge(&issued)] {
        let world = World::new();
        world.text(REGISTER, 201, "application/json", &body);
        let server = authorization_server(json!({}));
        let client = world.client();
        let failed = client.register(&server, &Scopes::none()).await.unwrap_err();
        sentences.push(failed.to_string());
    }
    let tokens = json!({"access_token": "x"});
    let form = format!("access_token=x&padding={}", "p".repeat(5 * 1024 * 1024));
    for body in [deep(&tokens), huge(&tokens), form] {
        let world = World::new();
        let answer = json!({"access_token": "at", "refresh_token": "rt"});
        let connection = connect(&world, registration(RegistrationKind::Dynamic), answer).await;
        world.text(TOKEN, 200, "application/json", &body);
        let failed = world.client().refresh(&connection).await.unwrap_err();
        sentences.push(failed.to_string());
        world.text(TOKEN, 400, "application/json", &body);
        let failed = world.client().refresh(&connection).await.unwrap_err();
        assert_ne!(failed.recovery(), Recovery::Reauthorize, "no verdict");
    }
    insta::assert_snapshot!(sentences.join("\n"), @r"
    the answer of as.example to the registration cannot be used: the answer is not JSON
    the answer of as.example to the registration cannot be used: the answer is larger than the 256 KiB that are read
    the token answer of as.example cannot be used: the answer is not JSON (status 200)
    the token answer of as.example cannot be used: the answer is larger than the 256 KiB that are read (status 200)
    the token answer of as.example cannot be used: the answer is larger than the 256 KiB that are read (status 200)
    ");
}

#[tokio::test]
async fn an_endless_revocation_answer_changes_nothing() {
    let world = World::new();
    let answer = json!({"access_token": "at", "refresh_token": "rt"});
    let connection = connect(&world, registration(RegistrationKind::Dynamic), answer).await;
    world.text(REVOKE, 200, "text/plain", &"x".repeat(5 * 1024 * 1024));
    assert!(world.client().revoke(&connection).await.is_ok());
    world.text(
        REVOKE,
        400,
        "application/json",
        &deep(&json!({"error": "x"})),
    );
    let failed = world.client().revoke(&connection).await.unwrap_err();
    insta::assert_snapshot!(failed, @"as.example refused to revoke (status 400)");
}

#[test]
fn of_ten_thousand_authorization_servers_the_first_few_are_kept() {
    let many: Vec<_> = (0..10_000)
        .map(|n| format!("https://as{n}.example"))
        .collect();
    let document = json!({"resource": MCP, "authorization_servers": many});
    let found = ResourceMetadata::validate(
        document.as_object().unwrap(),
        &server(),
        UrlPolicy::HttpsOnly,
    )
    .unwrap();
    let kept: Vec<_> = found
        .authorization_servers
        .iter()
        .map(Issuer::as_str)
        .collect();
    assert_eq!(kept.len(), 16);
    assert_eq!(kept[..2], ["https://as0.example", "https://as1.example"]);
}

#[tokio::test]
async fn many_dead_authorization_servers_end_in_a_bounded_search() {
    let many: Vec<_> = (0..150).map(|n| format!("https://as{n}.example")).collect();
    let world = World::well_behaved();
    world.json(PRM, json!({"resource": MCP, "authorization_servers": many}));
    let failed = world.client().discover(&server()).await.unwrap_err();
    assert!(world.seen().len() <= 2 + 16 * 2, "{}", world.seen().len());
    assert!(failed.report().steps.len() <= 64);
    insta::assert_snapshot!(failed, @"the authorization server as0.example publishes no metadata where it should");
}

#[tokio::test]
async fn of_a_hundred_thousand_scopes_a_consent_worth_is_kept() {
    let many: Vec<_> = (0..100_000).map(|n| format!("s{n}")).collect();
    assert_eq!(Scopes::parse(&many.join(" ")).len(), 50);
    let same = "same ".repeat(100_000);
    assert_eq!(Scopes::parse(&same).to_string(), "same");
    assert!(Scopes::parse(&"x".repeat(100_000)).is_empty());

    let world = World::well_behaved();
    world.challenge(&format!("Bearer scope=\"{}\"", many[..2_000].join(" ")));
    let found = protected(&world).await;
    assert!(found.wanted_scopes.len() <= 50);

    let answer = json!({"access_token": "x", "scope": many[..20_000].join(" ")});
    let connection = connect(
        &World::new(),
        registration(RegistrationKind::Dynamic),
        answer,
    )
    .await;
    assert_eq!(connection.tokens.scopes.len(), 50);
}

#[test]
fn a_challenge_beyond_the_bounds_costs_only_itself() {
    let mut headers = http::HeaderMap::new();
    let line = |text: String| http::HeaderValue::try_from(text).unwrap();
    headers.append("www-authenticate", line("Bearer scope=\"kept\"".into()));
    headers.append(
        "www-authenticate",
        line(format!("DPoP realm=\"{}\"", "x".repeat(1024 * 1024))),
    );
    let found = Challenges::from_headers(&headers);
    assert_eq!(found.bearer().unwrap().scopes().to_string(), "kept");
    assert!(found.get("dpop").is_none());

    let schemes = "Scheme, ".repeat(1_500);
    assert!(Challenges::parse(&schemes).iter().count() <= 40);
    let params: Vec<_> = (0..500).map(|n| format!("p{n}=1")).collect();
    let one = Challenges::parse(&format!("Bearer {}", params.join(", ")));
    assert_eq!(one.bearer().unwrap().param("p0"), Some("1"));
    assert_eq!(one.bearer().unwrap().param("p499"), None);
    assert!(Challenges::parse(&"Bearer ".repeat(100_000)).is_empty());
}

#[tokio::test]
async fn ten_thousand_header_lines_are_survived() {
    let world = World::well_behaved();
    world.on(&format!("POST {MCP}"), || {
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        for n in 0..10_000 {
            let value = http::HeaderValue::try_from(format!("Basic realm=\"{n}\"")).unwrap();
            response.headers_mut().append("www-authenticate", value);
        }
        Reply::Answer(response)
    });
    assert_eq!(protected(&world).await.resource.as_str(), MCP);
}

#[test]
fn a_url_beyond_two_thousand_bytes_is_no_endpoint() {
    let long = format!("https://as.example/{}", "x".repeat(100_000));
    let error = UrlPolicy::HttpsOnly.endpoint(&long).unwrap_err();
    insta::assert_snapshot!(error, @"the URL is too long");
    let scheme = format!("{}:x", "s".repeat(2_000));
    let error = UrlPolicy::HttpsOnly
        .endpoint(&scheme)
        .unwrap_err()
        .to_string();
    assert!(error.chars().count() < 250, "{error}");
    let issuer = format!("https://as.example/?{}", "q".repeat(1_900));
    let error = Issuer::parse(&issuer, UrlPolicy::HttpsOnly)
        .unwrap_err()
        .to_string();
    assert!(error.chars().count() < 250, "{error}");
}
