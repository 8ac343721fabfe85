//! Tokens without a browser.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mcp_oauth_client::{
    Binding, ClientAuthMethod, ClientId, Connection, Es256Key, Failed, GivenClient,
    IdentityProvider, Recovery, Registration, RegistrationKind, ResourceId, Scopes, Secret, Target,
    TokenError, UrlPolicy,
    grants::{Assertion, MachineGrant},
    registration as registrations,
    report::Actor,
};
use serde_json::{Value, json};

use crate::support::*;

const TOKEN: &str = "POST https://as.example/token";
const IDP: &str = "POST https://idp.example/token";

fn target(scopes: &str) -> Target {
    Target {
        server: server(),
        resource: ResourceId::verbatim(MCP),
        scopes: Scopes::parse(scopes),
        binding: Binding::Bearer,
    }
}

fn program(client_secret: Option<&str>, client_key: Option<Es256Key>) -> Registration {
    let client = GivenClient {
        client_id: ClientId::new("program-1").unwrap(),
        client_secret: client_secret.map(Secret::new),
        client_key,
        auth_method: None,
    };
    let server = authorization_server(json!({}));
    registrations::given(
        &client,
        &server,
        RegistrationKind::Preregistered,
        &settings(),
    )
}

async fn ask(
    world: &std::sync::Arc<World>,
    registration: Registration,
    grant: MachineGrant,
) -> Result<Connection, Failed<TokenError>> {
    let server = authorization_server(json!({}));
    let client = world.client();
    client
        .authorize_machine(target("notes:read"), &server, registration, grant)
        .await
}

#[tokio::test]
async fn a_program_with_a_secret_gets_tokens_for_itself() {
    let world = World::new();
    world.json(
        TOKEN,
        json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 60}),
    );
    let connection = ask(
        &world,
        program(Some("s3cret"), None),
        MachineGrant::ClientCredentials,
    )
    .await
    .unwrap();
    let request = world.last();
    assert_eq!(
        request.headers["authorization"],
        "Basic cHJvZ3JhbS0xOnMzY3JldA=="
    );
    insta::assert_snapshot!(request.body, @"grant_type=client_credentials&resource=https%3A%2F%2Fmcp.example%2Fmcp&scope=notes%3Aread");
    assert!(connection.tokens.refresh_token.is_none());
    assert_eq!(connection.resource.as_str(), MCP);
}

#[tokio::test]
async fn a_program_with_a_key_signs_who_it_is_for_this_issuer_alone() {
    let world = World::new();
    world.json(
        TOKEN,
        json!({"access_token": "at-1", "token_type": "Bearer"}),
    );
    let key = Es256Key::generate(&Counting::default());
    let registration = program(None, Some(key.clone()));
    assert_eq!(registration.auth_method, ClientAuthMethod::PrivateKeyJwt);
    let (client, server) = (world.client(), authorization_server(json!({})));
    for _ in 0..2 {
        let grant = MachineGrant::ClientCredentials;
        client
            .authorize_machine(target(""), &server, registration.clone(), grant)
            .await
            .unwrap();
    }
    let mut ids = Vec::new();
    for request in world.seen() {
        let form = request.form();
        assert!(!request.headers.contains_key("authorization"));
        assert!(!form.contains_key("client_id") && !form.contains_key("client_secret"));
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let assertion = &form["client_assertion"];
        let header = decode_header(assertion).unwrap();
        assert_eq!(header.kid.as_deref(), Some(key.thumbprint().as_str()));
        let jwk = key.public_jwk();
        let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[AS]);
        // The clock of the test stands at a moment of its own.
        rules.validate_exp = false;
        let public = DecodingKey::from_ec_components(&text("x"), &text("y")).unwrap();
        let claims = decode::<Value>(assertion, &public, &rules).unwrap().claims;
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("program-1"), &json!("program-1"))
        );
        assert_eq!(claims["aud"], AS, "the issuer, as one string");
        let issued = claims["iat"].as_i64().unwrap();
        assert_eq!(issued, NOW.as_millis() / 1000);
        assert!(claims["exp"].as_i64().unwrap() - issued <= 60);
        ids.push(claims["jti"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_workload_passes_its_own_token_on() {
    let world = World::new();
    world.json(
        TOKEN,
        json!({"access_token": "at-1", "token_type": "Bearer"}),
    );
    let assertion = Assertion::of_workload(Secret::new("the.workload.token"));
    ask(
        &world,
        program(None, None),
        MachineGrant::JwtBearer(assertion),
    )
    .await
    .unwrap();
    insta::assert_snapshot!(world.last().body, @"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&resource=https%3A%2F%2Fmcp.example%2Fmcp&scope=notes%3Aread&assertion=the.workload.token&client_id=program-1");
}

#[tokio::test]
async fn a_refused_assertion_is_not_tried_again_and_says_who_must_act() {
    let admin = Recovery::Reconfigure { who: Actor::Admin };
    let table = [
        ("invalid_grant", admin),
        (
            "invalid_scope",
            Recovery::Reconfigure { who: Actor::Vendor },
        ),
        ("unauthorized_client", admin),
    ];
    for (code, recovery) in table {
        let world = World::new();
        world.text(
            TOKEN,
            400,
            "application/json",
            &json!({"error": code}).to_string(),
        );
        let assertion = Assertion::of_workload(Secret::new("the.workload.token"));
        let failed = ask(
            &world,
            program(None, None),
            MachineGrant::JwtBearer(assertion),
        )
        .await
        .unwrap_err();
        assert_eq!(failed.error().recovery(), recovery, "{code}");
        assert_eq!(world.seen().len(), 1, "{code}");
    }
}

fn company() -> IdentityProvider {
    IdentityProvider {
        token_endpoint: UrlPolicy::HttpsOnly
            .endpoint("https://idp.example/token")
            .unwrap(),
        registration: registration(RegistrationKind::Preregistered),
    }
}

#[tokio::test]
async fn a_company_decides_by_its_identity_provider_and_nobody_sees_a_consent_page() {
    let world = World::new();
    world.json(
        IDP,
        json!({"access_token": "the.id.jag", "token_type": "N_A", "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag"}),
    );
    world.json(
        TOKEN,
        json!({"access_token": "at-1", "token_type": "Bearer"}),
    );
    let client = world.client();
    let server = authorization_server(json!({}));
    let id_token = Secret::new("the.id.token");
    let jag = client
        .exchange_id_token(&company(), &id_token, &target("notes:read"), &server.issuer)
        .await
        .unwrap();
    assert!(!format!("{jag:?}").contains("the.id.jag"));
    let grant = MachineGrant::JwtBearer(jag.into());
    ask(&world, program(Some("s3cret"), None), grant)
        .await
        .unwrap();
    let [exchange, bearer] = &world.seen()[..] else {
        unreachable!()
    };
    insta::assert_snapshot!(exchange.body.replace('&', "\n"), @r"
    grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange
    requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid-jag
    subject_token=the.id.token
    subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token
    audience=https%3A%2F%2Fas.example
    resource=https%3A%2F%2Fmcp.example%2Fmcp
    scope=notes%3Aread
    client_id=client-1
    ");
    assert_eq!(bearer.form()["assertion"], "the.id.jag");
    assert_eq!(
        bearer.headers["authorization"],
        "Basic cHJvZ3JhbS0xOnMzY3JldA=="
    );
}

#[tokio::test]
async fn what_is_no_id_jag_is_not_passed_on() {
    let jag = "urn:ietf:params:oauth:token-type:id-jag";
    let table = [
        json!({"access_token": "x", "token_type": "Bearer", "issued_token_type": jag}),
        json!({"access_token": "x", "token_type": "N_A", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}),
        json!({"access_token": "x", "token_type": "N_A"}),
        json!({"access_token": "", "token_type": "N_A", "issued_token_type": jag}),
        json!({"error": "access_denied"}),
    ];
    for document in table {
        let world = World::new();
        world.json(IDP, document.clone());
        let client = world.client();
        let issuer = authorization_server(json!({})).issuer;
        let id_token = Secret::new("the.id.token");
        let refused = client
            .exchange_id_token(&company(), &id_token, &target(""), &issuer)
            .await;
        assert!(refused.is_err(), "{document}");
    }
}

#[test]
fn a_key_is_used_only_by_a_client_that_was_given_to_sign() {
    let key = || Some(Es256Key::generate(&Counting::default()));
    assert_eq!(
        program(None, key()).auth_method,
        ClientAuthMethod::PrivateKeyJwt
    );
    let both = program(Some("s"), key());
    assert_eq!(both.auth_method, ClientAuthMethod::PrivateKeyJwt);
    assert!(both.client_secret.is_none(), "one method only");
    let secret = program(Some("s"), None);
    assert_eq!(secret.auth_method, ClientAuthMethod::ClientSecretBasic);
    assert!(secret.client_key.is_none());
}
