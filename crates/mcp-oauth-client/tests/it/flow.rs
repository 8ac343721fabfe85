//! Whole flows, and what servers in the field do in the middle of them.

use std::time::Duration;

use mcp_oauth_client::{
    AuthorizationServer, CallbackQuery, Challenges, ClientAuthMethod, Connection, Discovery,
    Issuer, PendingAuthorization, ProtectedServer, Recovery, Registration, RegistrationKind,
    Report, Scopes, ServerUrl, Step, Timestamp, UrlPolicy,
};
use serde_json::json;

use crate::support::*;

const PRM: &str = "GET https://mcp.example/.well-known/oauth-protected-resource/mcp";
const PRM_ROOT: &str = "GET https://mcp.example/.well-known/oauth-protected-resource";
const OAUTH: &str = "GET https://as.example/.well-known/oauth-authorization-server";
const OPENID: &str = "GET https://as.example/.well-known/openid-configuration";
const PROBE: &str = "POST https://mcp.example/mcp";
const REGISTER: &str = "POST https://as.example/register";
const TOKEN: &str = "POST https://as.example/token";
const REVOKE: &str = "POST https://as.example/revoke";

type Shared = std::sync::Arc<World>;

async fn protected(world: &Shared) -> ProtectedServer {
    match world.client().discover(&server()).await.unwrap() {
        Discovery::Protected(found) => *found,
        Discovery::Open(open) => panic!("open: {open:?}"),
    }
}

/// Discovery, registration, consent and exchange; gives the authorization URL too.
async fn whole_flow(world: &Shared) -> (String, Connection) {
    world.json(REGISTER, json!({"client_id": "issued-1"}));
    world.json(
        TOKEN,
        json!({"access_token": "at-1", "refresh_token": "rt-1", "token_type": "bearer"}),
    );
    let client = world.client();
    let found = protected(world).await;
    let server = &found.authorization_server;
    let scopes = found.scopes_at(server);
    let registration = client.register(server, &scopes).await.unwrap();
    let target = target_of(&found, scopes);
    let (url, pending) = client.begin(target, server, registration).unwrap();
    let query = format!(
        "code=the-code&state={}&iss={}",
        pending.state.expose(),
        server.issuer
    );
    let query = CallbackQuery::parse(&query).unwrap();
    let callback = pending.validate(query, NOW).unwrap();
    let connection = client.exchange(callback).await.unwrap();
    (url.to_string(), connection)
}

#[tokio::test]
async fn the_published_resource_goes_verbatim_to_the_page_the_exchange_and_the_refresh() {
    let world = World::well_behaved();
    world.challenge("Bearer");
    world.on(PRM, || answer(404, "text/plain", ""));
    world.json(
        PRM_ROOT,
        json!({"resource": "https://mcp.example", "authorization_servers": [AS]}),
    );
    let (page, connection) = whole_flow(&world).await;
    assert!(
        page.contains("&resource=https%3A%2F%2Fmcp.example&")
            || page.ends_with("&resource=https%3A%2F%2Fmcp.example"),
        "{page}"
    );
    assert_eq!(world.last().form()["resource"], "https://mcp.example");
    world.client().refresh(&connection).await.unwrap();
    assert_eq!(world.last().form()["resource"], "https://mcp.example");
}

#[tokio::test]
async fn a_flow_kept_elsewhere_is_finished_without_asking_anybody_again() {
    let world = World::well_behaved();
    let found = protected(&world).await;
    let pending = begin(&world.client(), registration(RegistrationKind::Dynamic));
    let kept = serde_json::to_string(&pending).unwrap();
    drop((pending, found));

    let elsewhere = World::new();
    elsewhere.json(TOKEN, json!({"access_token": "at-1"}));
    let pending: PendingAuthorization = serde_json::from_str(&kept).unwrap();
    let query = answer_to(&pending);
    let callback = pending.validate(query, NOW).unwrap();
    elsewhere.client().exchange(callback).await.unwrap();
    assert_eq!(elsewhere.lines(), [TOKEN]);
}

#[tokio::test]
async fn the_secret_of_a_registration_survives_a_restart_and_still_refreshes() {
    let world = World::new();
    world.json(
        REGISTER,
        json!({
            "client_id": "x", "client_secret": "s", "client_secret_expires_at": 1_900_000_000,
            "token_endpoint_auth_method": "client_secret_basic",
        }),
    );
    let server = authorization_server(json!({}));
    let client = world.client();
    let made = client.register(&server, &Scopes::none()).await.unwrap();
    let kept = serde_json::to_string(&made).unwrap();
    let back: Registration = serde_json::from_str(&kept).unwrap();
    assert_eq!(back, made);
    assert_eq!(
        back.secret_expires_at,
        Some(Timestamp::from_millis(1_900_000_000_000))
    );

    let answer = json!({"access_token": "at-1", "refresh_token": "rt-1"});
    let connection = connect(&world, back, answer).await;
    let kept = serde_json::to_string(&connection).unwrap();
    let back: Connection = serde_json::from_str(&kept).unwrap();
    world.client().refresh(&back).await.unwrap();
    assert_eq!(world.last().headers["authorization"], "Basic eDpz");
}

#[tokio::test]
async fn refresh_and_revocation_authenticate_as_the_exchange_did() {
    for (method, header, in_body) in [
        (
            ClientAuthMethod::ClientSecretBasic,
            Some("Basic eDpz"),
            false,
        ),
        (ClientAuthMethod::ClientSecretPost, None, true),
    ] {
        let world = World::new();
        let answer = json!({"access_token": "at-1", "refresh_token": "rt-1"});
        let connection = connect(&world, confidential(method, "x", "s"), answer).await;
        let client = world.client();
        client.refresh(&connection).await.unwrap();
        world.text(REVOKE, 200, "text/plain", "");
        client.revoke(&connection).await.unwrap();
        for seen in world.seen() {
            let sent = seen
                .headers
                .get("authorization")
                .map(|value| value.to_str().unwrap());
            assert_eq!(sent, header, "{}", seen.line());
            assert_eq!(
                seen.form().contains_key("client_secret"),
                in_body,
                "{}",
                seen.line()
            );
        }
    }
}

#[tokio::test]
async fn no_secret_is_ever_part_of_a_url_or_of_a_report() {
    let world = World::well_behaved();
    let (page, connection) = whole_flow(&world).await;
    let client = world.client();
    client.refresh(&connection).await.unwrap();
    world.text(REVOKE, 503, "text/plain", "");
    let failed = client.revoke(&connection).await.unwrap_err();
    let verifier = world
        .seen()
        .iter()
        .find_map(|seen| seen.form().get("code_verifier").cloned())
        .unwrap();
    let told = format!(
        "{page} {} {:?} {failed:?}",
        world.lines().join(" "),
        failed.report()
    );
    for secret in ["at-1", "rt-1", "the-code", &verifier] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test]
async fn the_back_channel_carries_no_cookie_no_origin_and_nothing_it_does_not_need() {
    let world = World::well_behaved();
    let (_, connection) = whole_flow(&world).await;
    let client = world.client();
    client.refresh(&connection).await.unwrap();
    client.revoke(&connection).await.unwrap_err();
    for seen in world.seen() {
        for name in seen.headers.keys() {
            let name = name.as_str();
            let known = ["accept", "content-type", "mcp-protocol-version"];
            assert!(known.contains(&name), "{name} on {}", seen.line());
        }
        let credentials = seen.leg.carries_credentials();
        let is_post = seen.method == "POST" && seen.line() != PROBE;
        assert_eq!(
            credentials,
            is_post,
            "{}: a redirect is never followed there",
            seen.line()
        );
    }
}

#[test]
fn consent_is_never_forced_and_beginning_sends_nothing() {
    let world = World::new();
    let server = authorization_server(json!({"scopes_supported": ["offline_access"]}));
    let scopes = Scopes::parse("notes:read offline_access");
    let registration = registration(RegistrationKind::Dynamic);
    let (url, _) = world
        .client()
        .begin(target(scopes), &server, registration)
        .unwrap();
    assert!(url.as_str().contains("offline_access"));
    assert!(!url.as_str().contains("prompt"), "{url}");
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn a_connection_without_a_refresh_token_works_until_its_end() {
    let world = World::new();
    let answer = json!({"access_token": "at-1", "expires_in": 60});
    let connection = connect(&world, registration(RegistrationKind::Dynamic), answer).await;
    assert_eq!(connection.tokens.refresh_token, None);
    assert!(
        !connection
            .tokens
            .expired(NOW.after(Duration::from_secs(59)))
    );
    assert!(
        connection
            .tokens
            .expired(NOW.after(Duration::from_secs(60)))
    );
    let failed = world.client().refresh(&connection).await.unwrap_err();
    assert_eq!(failed.recovery(), Recovery::Reauthorize);
}

#[tokio::test]
async fn a_bare_401_starts_a_discovery() {
    let world = World::well_behaved();
    world.on(PROBE, || answer(401, "text/plain", ""));
    assert_eq!(protected(&world).await.resource.as_str(), MCP);
}

#[tokio::test]
async fn the_oauth_challenge_is_found_behind_other_schemes_on_any_line() {
    let challenge = "Bearer resource_metadata=https://mcp.example/custom, scope=\"a b\"";
    for lines in [
        vec!["Negotiate", challenge],
        vec!["Basic realm=\"x\"", "Digest qop=\"auth\"", challenge],
        vec![
            "Basic realm=\"Bearer scope=evil\", Bearer resource_metadata=https://mcp.example/custom, scope=\"a b\"",
        ],
    ] {
        let world = World::well_behaved();
        let owned: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        world.on(PROBE, move || {
            let mut response = http::Response::builder().status(401);
            for line in &owned {
                response = response.header("www-authenticate", line);
            }
            Reply::Answer(response.body(bytes::Bytes::new()).unwrap())
        });
        world.json(
            "GET https://mcp.example/custom",
            json!({"resource": MCP, "authorization_servers": [AS]}),
        );
        let found = protected(&world).await;
        assert_eq!(found.wanted_scopes.to_string(), "a b", "{lines:?}");
        assert!(
            !world.lines().contains(&PRM.to_owned()),
            "the URL of the challenge counts"
        );
    }
}

#[tokio::test]
async fn a_403_that_wants_more_scope_is_read_from_its_challenge() {
    let mut headers = http::HeaderMap::new();
    let line = "Bearer error=\"insufficient_scope\", scope=\"files:write\", resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\"";
    headers.insert("www-authenticate", line.parse().unwrap());
    let challenges = Challenges::from_headers(&headers);
    assert_eq!(
        challenges.oauth().unwrap().error(),
        Some("insufficient_scope")
    );
    let world = World::well_behaved();
    let client = world.client();
    let found = client
        .discover_challenged(&server(), &challenges)
        .await
        .unwrap();
    let granted = Scopes::parse("notes:read files:read");
    let asked = granted.union(&found.wanted_scopes);
    assert_eq!(asked.to_string(), "notes:read files:read files:write");
    assert!(!world.lines().contains(&PROBE.to_owned()));
}

#[tokio::test]
async fn a_challenge_makes_the_metadata_be_fetched_anew() {
    let world = World::well_behaved();
    let client = world.client();
    let mut headers = http::HeaderMap::new();
    headers.insert("www-authenticate", "Bearer".parse().unwrap());
    let challenges = Challenges::from_headers(&headers);
    client
        .discover_challenged(&server(), &challenges)
        .await
        .unwrap();
    let moved = "https://new.example";
    world.json(
        PRM,
        json!({"resource": MCP, "authorization_servers": [moved]}),
    );
    world.json(
        "GET https://new.example/.well-known/oauth-authorization-server",
        server_metadata_with(json!({"issuer": moved})),
    );
    let found = client
        .discover_challenged(&server(), &challenges)
        .await
        .unwrap();
    assert_eq!(found.authorization_server.issuer.as_str(), moved);
}

#[tokio::test]
async fn another_authorization_server_may_be_chosen_and_gets_a_registration_of_its_own() {
    let world = World::well_behaved();
    let second = "https://second.example/tenant";
    world.json(
        PRM,
        json!({"resource": MCP, "authorization_servers": [AS, second]}),
    );
    world.json(
        "GET https://second.example/.well-known/oauth-authorization-server/tenant",
        server_metadata_with(json!({
            "issuer": second,
            "token_endpoint": "https://second.example/token",
            "registration_endpoint": "https://second.example/register",
        })),
    );
    world.json(
        "POST https://second.example/register",
        json!({"client_id": "second"}),
    );
    let found = protected(&world).await;
    assert_eq!(found.authorization_server.issuer.as_str(), AS);
    let client = world.client();
    let chosen = &found.authorization_servers[1];
    let server: AuthorizationServer = client.authorization_server(chosen).await.unwrap();
    assert_eq!(server.issuer.as_str(), second);
    let registration = client.register(&server, &Scopes::none()).await.unwrap();
    assert_eq!(registration.issuer.as_str(), second);
    let at_first = &found.authorization_server;
    let target = || target_of(&found, Scopes::none());
    assert!(
        client
            .begin(target(), at_first, registration.clone())
            .is_err()
    );
    let (_, pending) = client.begin(target(), &server, registration).unwrap();
    let query = format!("code=c&state={}&iss={AS}", pending.state.expose());
    let answered_by_first = pending.validate(CallbackQuery::parse(&query).unwrap(), NOW);
    assert!(
        answered_by_first.is_err(),
        "an answer of the other one is refused"
    );
}

#[tokio::test]
async fn a_server_with_only_openid_configuration_is_used_whole() {
    let world = World::well_behaved();
    world.on(OAUTH, || answer(404, "text/plain", ""));
    world.json(OPENID, server_metadata());
    let (_, connection) = whole_flow(&world).await;
    world.text(REVOKE, 200, "text/plain", "");
    world.client().revoke(&connection).await.unwrap();
    assert_eq!(world.last().line(), REVOKE);
    let found = protected(&world).await;
    assert!(found.authorization_server.iss_in_responses);
}

#[tokio::test]
async fn a_server_that_refuses_our_revision_is_still_known_to_be_open() {
    let world = World::new();
    world.text(
        PROBE,
        400,
        "application/json",
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"]}}}"#,
    );
    let found = world.client().discover(&server()).await.unwrap();
    assert!(matches!(found, Discovery::Open(open) if open.status == 400));
}

#[tokio::test]
async fn listed_methods_do_not_decide_what_the_registration_answer_decides() {
    let only_secrets = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    let only_none = json!({"token_endpoint_auth_methods_supported": ["none"]});
    for (metadata, asked, issued, used) in [
        (
            only_secrets,
            "client_secret_post",
            json!({"client_id": "x", "token_endpoint_auth_method": "none"}),
            ClientAuthMethod::None,
        ),
        (
            only_none,
            "none",
            json!({"client_id": "x", "client_secret": "s", "token_endpoint_auth_method": "client_secret_basic"}),
            ClientAuthMethod::ClientSecretBasic,
        ),
    ] {
        let world = World::new();
        world.json(REGISTER, issued);
        let server = authorization_server(metadata);
        let client = world.client();
        let made = client.register(&server, &Scopes::none()).await.unwrap();
        assert_eq!(world.last().json()["token_endpoint_auth_method"], asked);
        assert_eq!(made.auth_method, used);
    }
}

#[tokio::test]
async fn a_registration_with_200_is_as_good_as_one_with_201() {
    for status in [200, 201] {
        let world = World::new();
        world.text(REGISTER, status, "application/json", r#"{"client_id":"x"}"#);
        let server = authorization_server(json!({}));
        let client = world.client();
        let made = client.register(&server, &Scopes::none()).await.unwrap();
        assert_eq!(made.client_id.as_str(), "x");
    }
}

#[tokio::test]
async fn how_long_a_server_asks_to_wait_is_passed_on_within_an_hour() {
    for (header, wait) in [
        ("7", Some(7)),
        (" 30 ", Some(30)),
        ("999999999", Some(3600)),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("soon", None),
        ("-1", None),
    ] {
        let world = World::new();
        let answer = json!({"access_token": "at-1", "refresh_token": "rt-1"});
        let connection = connect(&world, registration(RegistrationKind::Dynamic), answer).await;
        world.on(TOKEN, move || {
            let response = http::Response::builder()
                .status(503)
                .header("retry-after", header);
            Reply::Answer(response.body(bytes::Bytes::new()).unwrap())
        });
        let failed = world.client().refresh(&connection).await.unwrap_err();
        let after = wait.map(Duration::from_secs);
        assert_eq!(failed.recovery(), Recovery::Retry { after }, "{header}");
    }
}

#[tokio::test]
async fn clocks_that_disagree_cost_at_most_one_refresh() {
    let hour = Duration::from_secs(3600);
    let world = World::new();
    // What a server says about the moment is by its own clock; only the lifetime counts.
    let answer = json!({
        "access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600,
        "expires_at": 1, "iat": 1, "issued_at": "yesterday",
    });
    let connection = connect(&world, registration(RegistrationKind::Dynamic), answer).await;
    let tokens = &connection.tokens;
    assert_eq!(tokens.expires_at, Some(NOW.after(hour)));
    // Our clock is set back: the token is neither due nor ended, a 401 would say otherwise.
    let earlier = NOW.before(hour);
    assert!(!tokens.due(earlier) && !tokens.expired(earlier));
    // It is set forward: due at once, and the refresh brings times by the new clock.
    let later = NOW.after(hour * 3);
    assert!(tokens.due(later) && tokens.expired(later));
    // A flow begun before the clock was set back is still good.
    let pending = begin(&world.client(), registration(RegistrationKind::Dynamic));
    let query = answer_to(&pending);
    assert!(pending.validate(query, earlier).is_ok());
    // A secret that has ended by the server's clock before it was issued by ours does not end.
    world.json(
        REGISTER,
        json!({"client_id": "x", "client_secret": "s", "client_secret_expires_at": 1_000}),
    );
    let server = authorization_server(json!({}));
    let client = world.client();
    let made = client.register(&server, &Scopes::none()).await.unwrap();
    assert!(!made.secret_expired(NOW));
    // And a report of a step that ends before it began says zero, not nonsense.
    assert_eq!(NOW.until(earlier), Duration::ZERO);
}

#[tokio::test]
async fn an_unknown_client_at_the_refresh_is_registered_again_only_if_it_was_ours() {
    for (kind, ours) in [
        (RegistrationKind::Dynamic, true),
        (RegistrationKind::Manual, false),
        (RegistrationKind::Preregistered, false),
        (RegistrationKind::MetadataDocument, false),
    ] {
        for (status, code) in [(401, "invalid_client"), (400, "unauthorized_client")] {
            let world = World::new();
            let answer = json!({"access_token": "at-1", "refresh_token": "rt-1"});
            let connection = connect(&world, registration(kind), answer).await;
            world.text(
                TOKEN,
                status,
                "application/json",
                &json!({"error": code}).to_string(),
            );
            let failed = world.client().refresh(&connection).await.unwrap_err();
            assert_eq!(
                failed.recovery() == Recovery::Reregister,
                ours,
                "{kind:?} {code}"
            );
        }
    }
}

#[test]
fn a_server_url_is_taken_with_a_scheme_and_host_in_capitals_and_its_path_as_it_is() {
    let url = ServerUrl::parse(" HTTPS://MCP.Example/Mcp#top ", UrlPolicy::HttpsOnly).unwrap();
    assert_eq!(url.as_str(), "https://mcp.example/Mcp");
    assert_eq!(url.canonical_resource().as_str(), "https://mcp.example/Mcp");
    let bare = ServerUrl::parse("https://mcp.example", UrlPolicy::HttpsOnly).unwrap();
    assert_eq!(bare.canonical_resource().as_str(), "https://mcp.example");
}

#[test]
fn http_is_for_loopback_hosts_and_only_where_the_policy_says_so() {
    for (url, https_only, loopback) in [
        ("https://as.example/token", true, true),
        ("http://localhost:4283/token", false, true),
        ("http://app.localhost/token", false, true),
        ("http://127.0.0.1:1/token", false, true),
        ("http://127.1/token", false, true),
        ("http://[::1]:1/token", false, true),
        ("http://localhost.evil.example/token", false, false),
        ("http://127.0.0.1.evil.example/token", false, false),
        ("http://evil.example/localhost", false, false),
        ("http://[::ffff:7f00:1]/token", false, false),
        ("http://0.0.0.0/token", false, false),
        ("http://localhost@evil.example/", false, false),
        ("file:///etc/passwd", false, false),
        ("vbscript:x", false, false),
        ("//as.example/token", false, false),
    ] {
        assert_eq!(
            UrlPolicy::HttpsOnly.endpoint(url).is_ok(),
            https_only,
            "{url}"
        );
        assert_eq!(
            UrlPolicy::AllowLoopbackHttp.endpoint(url).is_ok(),
            loopback,
            "{url}"
        );
    }
}

#[test]
fn an_issuer_is_another_with_another_spelling() {
    let issuer = |text| Issuer::parse(text, UrlPolicy::HttpsOnly).unwrap();
    let one = issuer("https://as.example");
    for other in [
        "https://as.example/",
        "https://AS.example",
        "https://as.example:443",
        "https://as.example/%61",
    ] {
        assert_ne!(issuer(other), one);
        assert_eq!(issuer(other).as_str(), other, "kept byte for byte");
    }
    assert!(Issuer::parse("https://as.example?x=1", UrlPolicy::HttpsOnly).is_err());
}

#[test]
fn a_callback_prints_neither_code_nor_state() {
    let pending = begin(
        &World::new().client(),
        registration(RegistrationKind::Dynamic),
    );
    let state = pending.state.expose().to_owned();
    let query = answer_to(&pending);
    let printed = format!("{query:?}");
    let callback = pending.validate(query, NOW).unwrap();
    let printed = format!("{printed} {callback:?} {callback:#?}");
    assert!(
        !printed.contains("the-code") && !printed.contains(&state),
        "{printed}"
    );
}

#[test]
fn a_report_keeps_the_first_cause_and_a_bounded_number_of_steps() {
    let mut report = Report::new();
    report.conclude("the first", mcp_oauth_client::Actor::Vendor);
    report.conclude("a later one", mcp_oauth_client::Actor::You);
    let url = "https://as.example/token?code=hush".parse().unwrap();
    for _ in 0..1_000 {
        report.push(Step::request(
            "token",
            &http::Method::GET,
            &url,
            Duration::ZERO,
            "a rule",
        ));
    }
    assert_eq!(report.summary.as_deref(), Some("the first"));
    assert_eq!(report.actor, Some(mcp_oauth_client::Actor::Vendor));
    assert!(report.steps.len() <= 64);
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("hush"), "query values are left out");
}
