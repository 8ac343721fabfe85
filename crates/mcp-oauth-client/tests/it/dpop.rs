//! Tokens bound to a key (RFC 9449).

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, Uri};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use mcp_oauth_client::{
    AccessToken, AuthClient, Binding, CallbackQuery, Connection, Es256Key, PendingAuthorization,
    RegistrationKind, ResourceId, Scopes, Secret, Target, TokenError, TokenType,
    dpop::{self, Prover},
    issuing::Issuing,
};
use serde_json::{Value, json};

use crate::support::*;

const TOKEN: &str = "POST https://as.example/token";

fn target(binding: Binding) -> Target {
    Target {
        server: server(),
        resource: ResourceId::verbatim(MCP),
        scopes: Scopes::none(),
        binding,
    }
}

fn begin_bound(client: &AuthClient, binding: Binding) -> (String, PendingAuthorization) {
    let server =
        authorization_server(json!({"dpop_signing_alg_values_supported": ["RS256", "ES256"]}));
    let registration = registration(RegistrationKind::Dynamic);
    let (url, pending) = client
        .begin(target(binding), &server, registration)
        .unwrap();
    (url.to_string(), pending)
}

async fn finish(
    client: &AuthClient,
    pending: PendingAuthorization,
) -> Result<Connection, TokenError> {
    let callback = pending.clone().validate(answer_to(&pending), NOW).unwrap();
    client
        .exchange(callback)
        .await
        .map_err(|failed| failed.into_parts().0)
}

/// A connection with a bound token.
async fn bound(world: &Arc<World>) -> (AuthClient, Connection) {
    world.json(
        TOKEN,
        json!({"access_token": "at-1", "token_type": "dpop", "expires_in": 60, "refresh_token": "rt-1"}),
    );
    let client = world.client();
    let (_, pending) = begin_bound(&client, Binding::Offered);
    let connection = finish(&client, pending).await.unwrap();
    (client, connection)
}

/// The claims of a proof whose signature holds, checked by another implementation.
fn verified(proof: &str) -> Value {
    let header = decode_header(proof).unwrap();
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    let jwk = serde_json::to_value(header.jwk.unwrap()).unwrap();
    assert!(jwk.get("d").is_none(), "the private key stays here");
    let text = |name: &str| jwk[name].as_str().unwrap().to_owned();
    let key = DecodingKey::from_ec_components(&text("x"), &text("y")).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    decode::<Value>(proof, &key, &rules).unwrap().claims
}

fn proof_of(headers: &HeaderMap) -> Value {
    assert_eq!(headers.get_all("dpop").iter().count(), 1);
    verified(headers["dpop"].to_str().unwrap())
}

#[tokio::test]
async fn tokens_are_bound_where_the_resource_wants_it_and_the_server_can() {
    let world = World::new();
    let (_, connection) = bound(&world).await;
    let claims = proof_of(&world.last().headers);
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], "https://as.example/token");
    assert_eq!(claims["iat"], NOW.as_millis() / 1000);
    assert!(claims["jti"].as_str().unwrap().len() >= 16);
    assert!(claims.get("ath").is_none() && claims.get("nonce").is_none());
    assert_eq!(connection.tokens.token_type, TokenType::Dpop);
    assert!(connection.dpop_key.is_some());
}

#[tokio::test]
async fn the_code_itself_is_bound_to_the_key() {
    let (url, pending) = begin_bound(&World::new().client(), Binding::Offered);
    let thumbprint = pending.dpop_key.as_ref().unwrap().thumbprint();
    assert!(url.contains(&format!("dpop_jkt={thumbprint}")), "{url}");
}

#[tokio::test]
async fn nothing_is_proved_where_nobody_asks_for_it() {
    let client = World::new().client();
    let (url, pending) = begin_bound(&client, Binding::Bearer);
    assert!(pending.dpop_key.is_none() && !url.contains("dpop"));
    // The resource would take bound tokens, the authorization server says nothing of them.
    let server = authorization_server(json!({}));
    let registration = registration(RegistrationKind::Dynamic);
    let (_, pending) = client
        .begin(target(Binding::Offered), &server, registration.clone())
        .unwrap();
    assert!(pending.dpop_key.is_none());
    // What the resource demands is tried all the same.
    let (_, pending) = client
        .begin(target(Binding::Required), &server, registration)
        .unwrap();
    assert!(pending.dpop_key.is_some());
}

#[tokio::test]
async fn a_server_that_binds_nothing_is_used_as_a_bearer_server_unless_the_resource_forbids_it() {
    let answer = json!({"access_token": "at-1", "token_type": "Bearer"});
    let world = World::new();
    world.json(TOKEN, answer);
    let client = world.client();
    let (_, pending) = begin_bound(&client, Binding::Offered);
    let connection = finish(&client, pending).await.unwrap();
    let mut headers = HeaderMap::new();
    let token = client.access_token(&connection);
    token
        .present(&Method::POST, &Uri::from_static(MCP), &mut headers)
        .unwrap();
    assert_eq!(headers["authorization"], "Bearer at-1");
    assert!(!headers.contains_key("dpop"));

    let (_, pending) = begin_bound(&client, Binding::Required);
    let error = finish(&client, pending).await.unwrap_err();
    insta::assert_snapshot!(error, @"as.example issued a token without binding it to this app’s key, which the server demands");
}

#[tokio::test]
async fn a_bound_token_that_nobody_asked_for_is_refused() {
    let world = World::new();
    world.json(TOKEN, json!({"access_token": "at-1", "token_type": "DPoP"}));
    let client = world.client();
    let pending = begin(&client, registration(RegistrationKind::Dynamic));
    let error = finish(&client, pending).await.unwrap_err();
    assert!(matches!(error, TokenError::TokenType { .. }), "{error:?}");
}

#[tokio::test]
async fn each_request_presents_the_token_with_a_fresh_proof_of_it() {
    let (client, connection) = bound(&World::new()).await;
    let token = client.access_token(&connection);
    let url = Uri::from_static("https://mcp.example/mcp?part=1");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut headers = HeaderMap::new();
        token.present(&Method::POST, &url, &mut headers).unwrap();
        assert_eq!(headers["authorization"], "DPoP at-1");
        assert!(headers["authorization"].is_sensitive());
        let claims = proof_of(&headers);
        assert_eq!(claims["htu"], "https://mcp.example/mcp");
        // SHA-256 of "at-1", base64url.
        assert_eq!(claims["ath"], "R8PYaIQdcYEdkSc9TeGyiUqSAedmCQuOQImPRh1E3HI");
        ids.push(claims["jti"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn a_refresh_is_proved_with_the_same_key() {
    let world = World::new();
    let (client, connection) = bound(&world).await;
    let refreshed = client.refresh(&connection).await.unwrap();
    let request = world.last();
    assert_eq!(request.form()["grant_type"], "refresh_token");
    proof_of(&request.headers);
    assert_eq!(refreshed.dpop_key, connection.dpop_key);
    let header = decode_header(request.headers["dpop"].to_str().unwrap()).unwrap();
    assert_eq!(
        header
            .jwk
            .unwrap()
            .thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256),
        Ok(connection.dpop_key.unwrap().thumbprint())
    );
}

fn asks_for_nonce(nonce: &'static str) -> Reply {
    Reply::Answer(
        http::Response::builder()
            .status(400)
            .header("content-type", "application/json")
            .header("dpop-nonce", nonce)
            .body(r#"{"error":"use_dpop_nonce"}"#.into())
            .unwrap(),
    )
}

#[tokio::test]
async fn a_token_request_is_made_again_with_the_nonce_the_server_wants() {
    let world = World::new();
    world.on(TOKEN, || asks_for_nonce("n-1"));
    world.then(TOKEN, || {
        answer(
            200,
            "application/json",
            r#"{"access_token":"at-1","token_type":"DPoP"}"#,
        )
    });
    let client = world.client();
    let (_, pending) = begin_bound(&client, Binding::Offered);
    finish(&client, pending).await.unwrap();
    let proofs: Vec<_> = world
        .seen()
        .iter()
        .map(|seen| proof_of(&seen.headers))
        .collect();
    assert_eq!(proofs.len(), 2);
    assert_eq!(proofs[1]["nonce"], "n-1");
    assert_ne!(proofs[0]["jti"], proofs[1]["jti"]);
    // The next request knows it from the start.
    let (_, pending) = begin_bound(&client, Binding::Offered);
    finish(&client, pending).await.unwrap();
    assert_eq!(world.seen().len(), 3);
    assert_eq!(proof_of(&world.last().headers)["nonce"], "n-1");
}

#[tokio::test]
async fn a_server_that_is_never_content_with_its_nonce_is_asked_twice() {
    let world = World::new();
    world.on(TOKEN, || asks_for_nonce("n-1"));
    let client = world.client();
    let (_, pending) = begin_bound(&client, Binding::Offered);
    let error = finish(&client, pending).await.unwrap_err();
    assert!(matches!(error, TokenError::Refused { .. }), "{error:?}");
    assert_eq!(world.seen().len(), 2);
}

#[test]
fn a_resource_that_wants_its_nonce_is_told_from_one_that_rejects_the_token() {
    let url = Uri::from_static(MCP);
    let token = {
        let prover = Prover::new(Arc::new(Frozen), Arc::new(Counting::default()));
        let mut connection = serde_json::from_value::<Connection>(json!({
            "version": 1, "server": MCP, "resource": MCP, "issuer": AS,
            "token_endpoint": "https://as.example/token",
            "registration": {"issuer": AS, "kind": "dynamic", "client_id": "c", "auth_method": "none", "redirect_uri": REDIRECT},
            "tokens": {"access_token": "at-1", "token_type": "dpop", "issued_at": 0},
        }))
        .unwrap();
        connection.dpop_key = Some(Es256Key::generate(&Counting::default()));
        AccessToken::of(&connection, &prover)
    };
    let answer = |challenge: &str, nonce: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert("www-authenticate", challenge.parse().unwrap());
        if let Some(nonce) = nonce {
            headers.insert("dpop-nonce", nonce.parse().unwrap());
        }
        headers
    };
    let wants =
        |headers: &HeaderMap| token.wants_another_proof(&url, StatusCode::UNAUTHORIZED, headers);
    assert!(!wants(&answer(
        r#"DPoP error="invalid_token""#,
        Some("n-0")
    )));
    assert!(!wants(&answer(r#"DPoP error="use_dpop_nonce""#, None)));
    assert!(wants(&answer(
        r#"DPoP error="use_dpop_nonce""#,
        Some("n-1")
    )));
    // The same nonce again: it was sent, and did not help.
    assert!(!wants(&answer(
        r#"DPoP error="use_dpop_nonce""#,
        Some("n-1")
    )));
    let mut headers = HeaderMap::new();
    token.present(&Method::GET, &url, &mut headers).unwrap();
    assert_eq!(proof_of(&headers)["nonce"], "n-1");
    assert_eq!(proof_of(&headers)["htm"], "GET");
}

#[tokio::test]
async fn a_challenge_says_whether_bound_tokens_are_wanted() {
    let document = |extra: Value| {
        let mut document = json!({"resource": MCP, "authorization_servers": [AS]});
        document
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        document
    };
    let at = r#"resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp""#;
    let table = [
        (format!("Bearer {at}"), json!({}), Binding::Bearer),
        (format!("DPoP {at}"), json!({}), Binding::Required),
        (
            format!("Bearer {at}, DPoP algs=\"ES256\""),
            json!({}),
            Binding::Offered,
        ),
        (
            format!("DPoP algs=\"ES256\", Bearer {at}"),
            json!({}),
            Binding::Offered,
        ),
        (
            format!("Bearer {at}"),
            json!({"dpop_bound_access_tokens_required": true}),
            Binding::Required,
        ),
        (
            format!("Bearer {at}"),
            json!({"dpop_signing_alg_values_supported": ["ES256"]}),
            Binding::Offered,
        ),
        (
            format!("Bearer {at}"),
            json!({"dpop_signing_alg_values_supported": ["EdDSA"]}),
            Binding::Bearer,
        ),
        (
            "Bearer".to_owned(),
            json!({"dpop_bound_access_tokens_required": null}),
            Binding::Bearer,
        ),
    ];
    for (challenge, extra, binding) in table {
        let world = World::well_behaved();
        world.challenge(&challenge);
        world.json(
            "GET https://mcp.example/.well-known/oauth-protected-resource/mcp",
            document(extra),
        );
        let found = world.client().discover(&server()).await.unwrap();
        let mcp_oauth_client::Discovery::Protected(found) = found else {
            unreachable!("{challenge}")
        };
        assert_eq!(found.binding, binding, "{challenge}");
    }
}

#[test]
fn nonces_are_kept_by_url_and_bounded() {
    let nonces = dpop::Nonces::default();
    let with = |nonce: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("dpop-nonce", nonce.parse().unwrap());
        headers
    };
    for at in 0..100 {
        let url: Uri = format!("https://s{at}.example/token").parse().unwrap();
        assert!(nonces.learn(&url, &with("n")));
    }
    assert_eq!(
        nonces.of(&Uri::from_static("https://s0.example/token")),
        None
    );
    let last = Uri::from_static("https://s99.example/token?x=1");
    assert_eq!(nonces.of(&last).as_deref(), Some("n"));
    assert!(nonces.learn(&last, &with("newer")));
    assert_eq!(nonces.of(&last).as_deref(), Some("newer"));
    assert!(!nonces.learn(&last, &with(&"x".repeat(513))));
    assert!(!nonces.learn(&last, &HeaderMap::new()));
}

#[test]
fn keys_neither_print_nor_change_by_being_stored() {
    let key = Es256Key::generate(&Counting::default());
    assert_eq!(format!("{key:?}"), "Es256Key(…)");
    let text = serde_json::to_string(&key).unwrap();
    let back: Es256Key = serde_json::from_str(&text).unwrap();
    assert_eq!(back.thumbprint(), key.thumbprint());
    for bad in ["\"\"", "\"AAAA\"", "\"!\"", "7", "null"] {
        assert!(serde_json::from_str::<Es256Key>(bad).is_err(), "{bad}");
    }
    let pem = include_str!("fixtures/client.pem");
    let key = Es256Key::from_pkcs8_pem(pem).unwrap();
    assert_eq!(
        key.public_jwk()["x"],
        "EVs_o5-uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf84"
    );
    assert!(Es256Key::from_pkcs8_pem("-----BEGIN RSA PRIVATE KEY-----").is_err());
}

#[test]
fn an_unusable_callback_spends_no_proof() {
    let (_, pending) = begin_bound(&World::new().client(), Binding::Offered);
    assert!(pending.validate(CallbackQuery::default(), NOW).is_err());
}

#[test]
fn a_proof_names_the_url_without_its_query() {
    let random = Counting::default();
    let key = Es256Key::generate(&random);
    let issuing = Issuing::new(NOW, &random).with_nonce(Some("n"));
    let url = Uri::from_static("https://as.example/token?tenant=1");
    let token = Secret::new("t");
    let proof = dpop::proof(&key, &Method::POST, &url, Some(&token), &issuing);
    let claims = verified(proof.to_str().unwrap());
    assert_eq!(claims["htu"], "https://as.example/token");
    assert_eq!(claims["nonce"], "n");
}
