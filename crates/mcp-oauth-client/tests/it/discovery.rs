use mcp_oauth_client::{
    Actor, Discovery, DiscoveryError, Issuer, Legacy, Observer, ProtectedServer, Recovery, Scopes,
    Step, TransportFailure, UrlPolicy,
};
use serde_json::json;

use crate::support::*;

const PRM_PATH: &str = "GET https://mcp.example/.well-known/oauth-protected-resource/mcp";
const PRM_ROOT: &str = "GET https://mcp.example/.well-known/oauth-protected-resource";
const OAUTH: &str = "GET https://as.example/.well-known/oauth-authorization-server";
const OPENID: &str = "GET https://as.example/.well-known/openid-configuration";
const PROBE: &str = "POST https://mcp.example/mcp";

async fn protected(world: &std::sync::Arc<World>) -> ProtectedServer {
    match world.client().discover(&server()).await.unwrap() {
        Discovery::Protected(protected) => *protected,
        Discovery::Open(open) => panic!("open: {open:?}"),
    }
}

async fn failure(world: &std::sync::Arc<World>) -> (String, Recovery, DiscoveryError) {
    let failed = world.client().discover(&server()).await.unwrap_err();
    let recovery = failed.recovery();
    let (error, report) = failed.into_parts();
    assert_eq!(report.summary.as_deref(), Some(error.to_string().as_str()));
    assert_eq!(
        report.actor,
        Some(mcp_oauth_client::Recoverable::actor(&error))
    );
    (error.to_string(), recovery, error)
}

#[tokio::test]
async fn a_well_behaved_server_takes_one_request_per_step() {
    let world = World::well_behaved();
    let found = protected(&world).await;
    assert_eq!(found.resource.as_str(), MCP);
    assert_eq!(found.authorization_server.issuer.as_str(), AS);
    assert_eq!(found.wanted_scopes.to_string(), "notes:read");
    assert_eq!(
        found.scopes_at(&found.authorization_server).to_string(),
        "notes:read offline_access"
    );
    assert_eq!(world.lines(), [PROBE, PRM_PATH, OAUTH, OPENID]);
    assert_eq!(found.report.steps.len(), 4);
    assert!(
        world
            .seen()
            .iter()
            .all(|seen| !seen.leg.carries_credentials())
    );
}

#[tokio::test]
async fn an_open_server_is_open_and_its_session_is_closed() {
    let world = World::new();
    world.on(PROBE, || {
        let response = http::Response::builder().header("mcp-session-id", "s1");
        Reply::Answer(response.body(bytes::Bytes::from_static(b"{}")).unwrap())
    });
    let found = world.client().discover(&server()).await.unwrap();
    assert!(matches!(found, Discovery::Open(open) if open.status == 200));
    assert_eq!(world.lines(), [PROBE, "DELETE https://mcp.example/mcp"]);
    assert_eq!(world.last().headers["mcp-session-id"], "s1");
}

#[tokio::test]
async fn a_403_without_an_oauth_challenge_is_not_presented_as_a_sign_in() {
    let world = World::new();
    world.text(PROBE, 403, "text/plain", "blocked");
    let found = world.client().discover(&server()).await.unwrap();
    assert!(matches!(found, Discovery::Open(open) if open.status == 403));
}

#[tokio::test]
async fn without_a_challenge_url_the_well_known_places_are_tried_path_first() {
    let world = World::well_behaved();
    world.challenge("Bearer");
    world.json(
        PRM_ROOT,
        json!({"resource": "https://mcp.example", "authorization_servers": ["https://other.example"]}),
    );
    let found = protected(&world).await;
    assert_eq!(found.resource.as_str(), MCP);
    assert_eq!(found.wanted_scopes.to_string(), "a b");
}

#[tokio::test]
async fn an_origin_as_resource_is_accepted_and_kept_byte_for_byte() {
    let world = World::well_behaved();
    world.challenge("Bearer");
    world.text(PRM_PATH, 401, "text/plain", "");
    world.json(
        PRM_ROOT,
        json!({"resource": "https://mcp.example", "authorization_servers": [AS], "scopes_supported": null}),
    );
    let found = protected(&world).await;
    assert_eq!(found.resource.as_str(), "https://mcp.example");
    assert!(found.wanted_scopes.is_empty());
}

#[tokio::test]
async fn a_challenge_url_that_is_missing_falls_back_to_the_well_known_place() {
    let world = World::well_behaved();
    world.challenge(r#"Bearer resource_metadata="https://mcp.example/nowhere""#);
    let found = protected(&world).await;
    assert_eq!(found.resource.as_str(), MCP);
    assert_eq!(world.lines()[1], "GET https://mcp.example/nowhere");
}

#[tokio::test]
async fn metadata_for_another_resource_is_refused_and_nothing_is_asked_further() {
    for resource in [
        "https://evil.example/mcp",
        "https://mcp.example/mcp2",
        "https://mcp.example/mc",
        "http://mcp.example/mcp",
        "https://mcp.example:8443/mcp",
        "https://user@mcp.example/mcp",
        "not a url",
    ] {
        let world = World::well_behaved();
        world.json(
            PRM_PATH,
            json!({"resource": resource, "authorization_servers": [AS]}),
        );
        let (sentence, recovery, _) = failure(&world).await;
        assert_eq!(recovery, Recovery::Refuse, "{resource}");
        assert!(sentence.contains(resource), "{sentence}");
        assert!(
            world
                .lines()
                .iter()
                .all(|line| !line.contains("as.example"))
        );
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_in_its_three_places() {
    for place in [
        "https://as.example/.well-known/oauth-authorization-server/t1",
        "https://as.example/.well-known/openid-configuration/t1",
        "https://as.example/t1/.well-known/openid-configuration",
    ] {
        let world = World::well_behaved();
        let issuer = "https://as.example/t1";
        world.json(
            PRM_PATH,
            json!({"resource": MCP, "authorization_servers": [issuer]}),
        );
        world.json(
            &format!("GET {place}"),
            server_metadata_with(json!({"issuer": issuer})),
        );
        let found = protected(&world).await;
        assert_eq!(found.authorization_server.issuer.as_str(), issuer);
        assert!(found.authorization_server.revocation_endpoint.is_some());
        assert!(found.authorization_server.iss_in_responses);
        assert!(!world.lines().contains(&OAUTH.to_owned()));
    }
}

#[tokio::test]
async fn the_issuer_must_be_the_same_byte_for_byte() {
    for issuer in [
        "https://as.example/",
        "https://AS.example",
        "https://as.example:443",
        "https://evil.example",
    ] {
        let world = World::well_behaved();
        world.json(OAUTH, server_metadata_with(json!({"issuer": issuer})));
        let (_, recovery, error) = failure(&world).await;
        assert_eq!(recovery, Recovery::Refuse, "{issuer}");
        assert!(matches!(error, DiscoveryError::ServerMetadata { .. }));
    }
}

#[tokio::test]
async fn an_issuer_with_a_slash_works_where_it_is_published_everywhere() {
    let world = World::well_behaved();
    world.json(
        PRM_PATH,
        json!({"resource": MCP, "authorization_servers": ["https://as.example/"]}),
    );
    world.json(
        OAUTH,
        server_metadata_with(json!({"issuer": "https://as.example/"})),
    );
    let found = protected(&world).await;
    assert_eq!(
        found.authorization_server.issuer.as_str(),
        "https://as.example/"
    );
}

#[tokio::test]
async fn pkce_must_be_announced_unless_the_operator_makes_an_exception() {
    let absent = server_metadata_with(json!({"code_challenge_methods_supported": null}));
    let plain = server_metadata_with(json!({"code_challenge_methods_supported": ["plain"]}));
    for document in [absent.clone(), plain.clone()] {
        let world = World::well_behaved();
        world.json(OAUTH, document);
        let (sentence, recovery, _) = failure(&world).await;
        assert_eq!(recovery, Recovery::Reconfigure { who: Actor::Admin });
        insta::allow_duplicates! {
            insta::assert_snapshot!(sentence, @"the metadata of the authorization server as.example cannot be used: the authorization server does not say that it supports PKCE with S256");
        }
    }
    let mut settings = settings();
    settings
        .s256_exceptions
        .insert(Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap());
    let world = World::well_behaved();
    world.json(OAUTH, absent);
    assert!(
        world
            .client_with(settings.clone())
            .discover(&server())
            .await
            .is_ok()
    );
    world.json(OAUTH, plain);
    assert!(
        world
            .client_with(settings)
            .discover(&server())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn every_endpoint_must_be_a_https_url() {
    for (name, value) in [
        (
            "authorization_endpoint",
            "javascript:alert(document.domain)//",
        ),
        ("authorization_endpoint", "data:text/html,x"),
        ("authorization_endpoint", "http://as.example/authorize"),
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "http://as.example/token"),
        ("token_endpoint", "https://user:pw@as.example/token"),
        ("registration_endpoint", "ftp://as.example/register"),
        ("revocation_endpoint", "https://as.example/revoke#x"),
    ] {
        let world = World::well_behaved();
        world.json(OAUTH, server_metadata_with(json!({name: value})));
        let (sentence, recovery, _) = failure(&world).await;
        assert_eq!(recovery, Recovery::Refuse, "{name} {value}");
        assert!(sentence.contains(name), "{sentence}");
    }
}

#[tokio::test]
async fn missing_endpoints_are_the_vendors_to_mend() {
    for name in ["issuer", "authorization_endpoint", "token_endpoint"] {
        let world = World::well_behaved();
        world.json(OAUTH, server_metadata_with(json!({name: null})));
        let (sentence, recovery, _) = failure(&world).await;
        assert_eq!(recovery, Recovery::Reconfigure { who: Actor::Vendor });
        assert!(
            sentence.ends_with(&format!("the document has no `{name}`")),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_named_as_such() {
    let world = World::new();
    world.challenge("Bearer");
    let (sentence, recovery, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata");
    assert_eq!(recovery, Recovery::Reconfigure { who: Actor::Vendor });
}

#[tokio::test]
async fn the_first_real_cause_survives_the_fallbacks() {
    let world = World::new();
    world.challenge(r#"Bearer resource_metadata="https://mcp.example/meta""#);
    world.text("GET https://mcp.example/meta", 503, "text/plain", "down");
    let (sentence, recovery, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"mcp.example answered with an error of its own (status 503)");
    assert!(recovery.is_temporary());
}

#[tokio::test]
async fn pages_for_people_are_not_metadata() {
    let world = World::well_behaved();
    world.text(OAUTH, 200, "text/html", "<!doctype html><p>Log in</p>");
    world.json(OPENID, server_metadata());
    assert!(world.client().discover(&server()).await.is_ok());

    let world = World::new();
    world.text(PROBE, 200, "text/html", "<!doctype html><p>Hello</p>");
    let (sentence, recovery, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"mcp.example answered with a web page: there is no MCP server at this address");
    assert_eq!(recovery, Recovery::Reconfigure { who: Actor::You });
}

#[tokio::test]
async fn a_server_in_trouble_is_temporary() {
    for status in [500, 502, 429] {
        let world = World::new();
        world.text(PROBE, status, "text/html", "<html>oops</html>");
        let (_, recovery, error) = failure(&world).await;
        assert!(recovery.is_temporary());
        assert!(matches!(error, DiscoveryError::Unavailable { .. }));
    }
    let world = World::new();
    world.fails(PROBE, TransportFailure::Dns);
    assert!(failure(&world).await.1.is_temporary());
    let world = World::new();
    world.fails(PROBE, TransportFailure::Refused);
    assert_eq!(
        failure(&world).await.1,
        Recovery::Reconfigure { who: Actor::Admin }
    );
}

#[tokio::test]
async fn the_first_authorization_server_that_works_is_taken_and_all_are_named() {
    let world = World::well_behaved();
    world.json(
        PRM_PATH,
        json!({"resource": MCP, "authorization_servers": ["https://dead.example", AS, AS, "http://plain.example"]}),
    );
    let found = protected(&world).await;
    assert_eq!(found.authorization_server.issuer.as_str(), AS);
    let named: Vec<_> = found
        .authorization_servers
        .iter()
        .map(Issuer::as_str)
        .collect();
    assert_eq!(named, ["https://dead.example", AS]);
}

#[tokio::test]
async fn a_2025_03_26_server_is_its_own_authorization_server() {
    let world = World::new();
    world.challenge("Bearer");
    let origin = "https://mcp.example";
    world.json(
        "GET https://mcp.example/.well-known/oauth-authorization-server",
        server_metadata_with(json!({"issuer": "https://mcp.example/"})),
    );
    let found = protected(&world).await;
    assert_eq!(
        found.authorization_server.issuer.as_str(),
        "https://mcp.example/"
    );
    assert_eq!(found.resource.as_str(), MCP);

    let mut off = settings();
    off.legacy = Legacy::Off;
    assert!(world.client_with(off).discover(&server()).await.is_err());

    let world = World::new();
    world.challenge("Bearer");
    assert!(world.client().discover(&server()).await.is_err());
    let mut assume = settings();
    assume.legacy = Legacy::AssumeEndpoints;
    let found = world.client_with(assume).discover(&server()).await.unwrap();
    let Discovery::Protected(found) = found else {
        panic!("open")
    };
    assert!(found.authorization_server.assumed);
    assert_eq!(
        found.authorization_server.token_endpoint.as_str(),
        format!("{origin}/token")
    );
}

#[tokio::test]
async fn offline_access_is_asked_for_only_where_it_is_listed() {
    let world = World::well_behaved();
    world.json(
        OAUTH,
        server_metadata_with(json!({"scopes_supported": null})),
    );
    let found = protected(&world).await;
    assert_eq!(
        found.scopes_at(&found.authorization_server),
        Scopes::parse("notes:read")
    );
}

#[derive(Default)]
struct Watched(std::sync::Mutex<Vec<String>>);

impl Observer for Watched {
    fn began(&self, step: &Step) {
        let line = format!("began {}", step.request.as_deref().unwrap());
        self.0.lock().unwrap().push(line);
    }

    fn ended(&self, step: &Step) {
        let line = format!("{:?} {}", step.verdict, step.request.as_deref().unwrap());
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn an_observer_is_told_of_each_request_when_it_begins_and_how_it_was_judged() {
    let world = World::well_behaved();
    let watched = std::sync::Arc::new(Watched::default());
    let client = world.client().observed_by(watched.clone());
    let Discovery::Protected(found) = client.discover(&server()).await.unwrap() else {
        panic!("it asks for a token");
    };
    let told = watched.0.lock().unwrap().clone();
    assert_eq!(
        told,
        [
            format!("began {PROBE}"),
            format!("Info {PROBE}"),
            format!("began {PRM_PATH}"),
            format!("Ok {PRM_PATH}"),
            format!("began {OAUTH}"),
            format!("began {OPENID}"),
            format!("Ok {OAUTH}"),
            format!("Miss {OPENID}"),
        ]
    );
    assert_eq!(found.report.steps.len(), 4, "and the report is the same");
}

#[tokio::test]
async fn what_hides_the_metadata_is_told_and_not_the_last_not_found() {
    let world = World::well_behaved();
    world.text(OAUTH, 403, "text/html", "<html>blocked</html>");
    let (sentence, _, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"the authorization server as.example publishes no metadata where it should (status 403)");

    let world = World::new();
    world.challenge("Bearer");
    world.text(PRM_PATH, 401, "text/plain", "");
    let (sentence, _, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (status 401)");

    let world = World::new();
    world.challenge("Bearer");
    world.text(PRM_PATH, 200, "text/html", "<!doctype html><p>App");
    let (sentence, _, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"mcp.example asks for a sign-in but does not say where: it publishes no OAuth metadata (an HTML page came instead of JSON)");
}

#[tokio::test]
async fn a_bot_filter_is_named_as_such() {
    let filter = || {
        Reply::Answer(
            http::Response::builder()
                .status(403)
                .header("cf-mitigated", "challenge")
                .header("content-type", "text/html")
                .body(bytes::Bytes::from_static(b"<!doctype html>Just a moment"))
                .unwrap(),
        )
    };
    let world = World::new();
    world.on(PROBE, filter);
    let (sentence, recovery, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"a bot filter in front of mcp.example does not let this installation through");
    assert_eq!(recovery, Recovery::Reconfigure { who: Actor::Vendor });

    let world = World::well_behaved();
    world.on(OAUTH, filter);
    let (sentence, _, _) = failure(&world).await;
    insta::assert_snapshot!(sentence, @"the authorization server as.example publishes no metadata where it should (a bot filter answered)");
}
