use std::time::Duration;

use mcp_oauth_client::{
    Actor, AuthClient, ClientAuthMethod, Connection, Failed, Recovery, Registration,
    RegistrationKind, Timestamp, TokenError, TransportFailure,
};
use serde_json::{Value, json};

use crate::support::*;

const TOKEN: &str = "POST https://as.example/token";

fn good() -> Value {
    json!({"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt-1", "scope": "notes:read"})
}

async fn exchange(
    world: &std::sync::Arc<World>,
    registration: Registration,
) -> Result<Connection, Failed<TokenError>> {
    let client: AuthClient = world.client();
    let pending = begin(&client, registration);
    let query = answer_to(&pending);
    client.exchange(pending.validate(query, NOW).unwrap()).await
}

#[tokio::test]
async fn the_exchange_sends_code_verifier_redirect_and_resource_and_nothing_else() {
    let world = World::new();
    world.json(TOKEN, good());
    let connection = exchange(&world, registration(RegistrationKind::Dynamic))
        .await
        .unwrap();
    let form = world.last().form();
    let mut names: Vec<_> = form.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "client_id",
            "code",
            "code_verifier",
            "grant_type",
            "redirect_uri",
            "resource"
        ]
    );
    assert_eq!(form["resource"], MCP);
    assert_eq!(form["redirect_uri"], REDIRECT);
    assert_eq!(form["code"], "the-code");
    assert!(!world.last().headers.contains_key("authorization"));
    assert_eq!(connection.tokens.scopes.to_string(), "notes:read");
    assert_eq!(
        connection.tokens.expires_at,
        Some(NOW.after(Duration::from_secs(3600)))
    );
}

#[tokio::test]
async fn basic_credentials_are_form_encoded_first_and_sent_one_way_only() {
    let world = World::new();
    world.json(TOKEN, good());
    let client = confidential(
        ClientAuthMethod::ClientSecretBasic,
        "https://a/b:c",
        "p:%+ ü",
    );
    exchange(&world, client).await.unwrap();
    let header = world.last().headers["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD
        .decode(header.strip_prefix("Basic ").unwrap())
        .unwrap();
    assert_eq!(
        String::from_utf8(pair).unwrap(),
        "https%3A%2F%2Fa%2Fb%3Ac:p%3A%25%2B+%C3%BC"
    );
    assert!(!world.last().form().contains_key("client_id"));
    assert!(!world.last().form().contains_key("client_secret"));

    let client = confidential(ClientAuthMethod::ClientSecretPost, "x", "s");
    exchange(&world, client).await.unwrap();
    assert!(!world.last().headers.contains_key("authorization"));
    assert_eq!(world.last().form()["client_secret"], "s");
}

#[tokio::test]
async fn sloppy_answers_are_understood() {
    let at = |seconds| Some(NOW.after(Duration::from_secs(seconds)));
    let table: Vec<(Value, Option<Timestamp>)> = vec![
        (json!({"access_token": "x", "token_type": "bearer"}), None),
        (json!({"access_token": "x", "expires_in": "3600"}), at(3600)),
        (json!({"access_token": "x", "expires_in": 59.9}), at(59)),
        (
            json!({"access_token": "x", "expires_in": null, "refresh_token": null, "scope": null, "id_token": null}),
            None,
        ),
        (json!({"access_token": "x", "expires_in": 0}), None),
        (
            json!({"access_token": "x", "expires_in": -5, "error": null}),
            None,
        ),
        (
            json!({"access_token": "x", "expires_in": "soon", "error": ""}),
            None,
        ),
        (
            json!({"access_token": "a:b/c+d=", "refresh_token": "", "expires_at": 1}),
            None,
        ),
    ];
    for (answer, expires_at) in table {
        let world = World::new();
        world.json(TOKEN, answer.clone());
        let connection = exchange(&world, registration(RegistrationKind::Dynamic))
            .await
            .unwrap();
        assert_eq!(connection.tokens.expires_at, expires_at, "{answer}");
        assert_eq!(connection.tokens.refresh_token, None, "{answer}");
        assert_eq!(
            connection.tokens.scopes.to_string(),
            "notes:read",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn form_encoded_answers_are_understood() {
    let world = World::new();
    world.text(
        TOKEN,
        200,
        "application/x-www-form-urlencoded",
        "access_token=gho_x&scope=repo%2Cgist&token_type=bearer",
    );
    let connection = exchange(&world, registration(RegistrationKind::Manual))
        .await
        .unwrap();
    assert_eq!(connection.tokens.access_token.expose(), "gho_x");
    assert_eq!(connection.tokens.scopes.to_string(), "repo gist");

    world.text(
        TOKEN,
        200,
        "application/x-www-form-urlencoded",
        "error=bad_verification_code&error_description=The+code+is+incorrect",
    );
    let failed = exchange(&world, registration(RegistrationKind::Manual))
        .await
        .unwrap_err();
    insta::assert_snapshot!(failed.to_string(), @"as.example did not accept the sign-in it had just given: The code is incorrect (bad_verification_code)");
}

#[tokio::test]
async fn every_failing_answer_has_its_recovery() {
    let vendor = Recovery::Reconfigure { who: Actor::Vendor };
    let retry = Recovery::Retry { after: None };
    let table = [
        (400, r#"{"error":"invalid_grant"}"#, Recovery::Reauthorize),
        (401, r#"{"error":"invalid_grant"}"#, Recovery::Reauthorize),
        (403, r#"{"error":"invalid_grant"}"#, Recovery::Reauthorize),
        (403, r#"{"error":"invalid_code"}"#, Recovery::Reauthorize),
        (400, "", Recovery::Reauthorize),
        (
            200,
            r#"{"error":"invalid_grant","access_token":"x"}"#,
            Recovery::Reauthorize,
        ),
        (400, r#"{"error":["invalid_grant"]}"#, Recovery::Reauthorize),
        (
            400,
            r#"{"error":{"code":"invalid_grant","message":"gone"}}"#,
            Recovery::Reauthorize,
        ),
        (401, r#"{"error":"invalid_client"}"#, Recovery::Reregister),
        (401, "", Recovery::Reregister),
        (400, r#"{"error":"invalid_scope"}"#, vendor),
        (400, r#"{"error":"invalid_target"}"#, vendor),
        (500, r#"{"error":"invalid_grant"}"#, retry),
        (503, r#"{"error":"invalid_client"}"#, retry),
        (429, r#"{"error":"invalid_grant"}"#, retry),
        (502, "<html>bad gateway</html>", retry),
        (200, "<!DOCTYPE html><p>hello", retry),
        (200, "{}", vendor),
        (200, "[1]", vendor),
        (200, r#"{"access_token":"  "}"#, vendor),
        (404, r#"{"message":"nope"}"#, vendor),
        (307, "", Recovery::Refuse),
        (
            200,
            r#"{"access_token":"x","token_type":"mac"}"#,
            Recovery::Refuse,
        ),
    ];
    for (status, body, recovery) in table {
        let world = World::new();
        world.text(TOKEN, status, "application/json", body);
        let failed = exchange(&world, registration(RegistrationKind::Dynamic))
            .await
            .unwrap_err();
        assert_eq!(failed.recovery(), recovery, "{status} {body}: {failed}");
        assert_eq!(failed.report().steps.len(), 1);
        assert_eq!(failed.report().actor, Some(recovery.actor()));
    }
}

#[tokio::test]
async fn an_unknown_client_is_mended_by_whoever_gave_it() {
    let table = [
        (RegistrationKind::Dynamic, Recovery::Reregister),
        (
            RegistrationKind::Manual,
            Recovery::Reconfigure { who: Actor::You },
        ),
        (
            RegistrationKind::Preregistered,
            Recovery::Reconfigure { who: Actor::Admin },
        ),
    ];
    for (kind, recovery) in table {
        let world = World::new();
        world.text(
            TOKEN,
            401,
            "application/json",
            r#"{"error":"invalid_client"}"#,
        );
        let failed = exchange(&world, registration(kind)).await.unwrap_err();
        assert_eq!(failed.recovery(), recovery);
    }
}

#[tokio::test]
async fn a_refresh_keeps_what_the_answer_leaves_out() {
    let world = World::new();
    let old = connect(&world, registration(RegistrationKind::Dynamic), good()).await;
    world.json(TOKEN, json!({"access_token": "at-2", "expires_in": 60}));
    let new = world.client().refresh(&old).await.unwrap();
    assert_eq!(new.tokens.access_token.expose(), "at-2");
    assert_eq!(new.tokens.refresh_token, old.tokens.refresh_token);
    assert_eq!(new.tokens.scopes, old.tokens.scopes);
    let form = world.last().form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "rt-1");
    assert_eq!(form["resource"], MCP);
    assert_eq!(form.get("scope"), None);

    world.json(
        TOKEN,
        json!({"access_token": "at-3", "refresh_token": "rt-2", "scope": "less"}),
    );
    let newer = world.client().refresh(&new).await.unwrap();
    assert_eq!(newer.tokens.refresh_token.unwrap().expose(), "rt-2");
    assert_eq!(newer.tokens.scopes.to_string(), "less");
}

#[tokio::test]
async fn without_a_refresh_token_nothing_is_sent() {
    let world = World::new();
    let old = connect(
        &world,
        registration(RegistrationKind::Dynamic),
        json!({"access_token": "x"}),
    )
    .await;
    let before = world.seen().len();
    let failed = world.client().refresh(&old).await.unwrap_err();
    assert_eq!(failed.recovery(), Recovery::Reauthorize);
    assert_eq!(world.seen().len(), before);
}

#[tokio::test]
async fn only_a_request_that_may_have_arrived_has_an_unknown_outcome() {
    for (failure, unknown) in [
        (TransportFailure::Timeout, true),
        (TransportFailure::Broken, true),
        (TransportFailure::Dns, false),
        (TransportFailure::Connect, false),
        (TransportFailure::Refused, false),
    ] {
        let world = World::new();
        let old = connect(&world, registration(RegistrationKind::Dynamic), good()).await;
        world.fails(TOKEN, failure);
        let failed = world.client().refresh(&old).await.unwrap_err();
        assert_eq!(failed.error().outcome_unknown(), unknown, "{failure:?}");
    }
}

#[tokio::test]
async fn a_token_is_due_a_minute_ahead_or_a_fifth_of_its_life() {
    for (lifetime, ahead) in [(3600, 60), (300, 60), (100, 20), (10, 2)] {
        let world = World::new();
        let answer = json!({"access_token": "x", "expires_in": lifetime});
        let tokens = connect(&world, registration(RegistrationKind::Dynamic), answer)
            .await
            .tokens;
        let due = NOW.after(Duration::from_secs(lifetime - ahead));
        assert!(tokens.due(due), "{lifetime}");
        assert!(
            !tokens.due(due.before(Duration::from_millis(1))),
            "{lifetime}"
        );
        assert!(!tokens.expired(due));
    }
    let world = World::new();
    let answer = json!({"access_token": "x"});
    let tokens = connect(&world, registration(RegistrationKind::Dynamic), answer)
        .await
        .tokens;
    assert!(!tokens.due(NOW.after(Duration::from_secs(1 << 40))));
}

#[tokio::test]
async fn a_connection_survives_being_stored_and_prints_no_secret() {
    let world = World::new();
    let client = confidential(ClientAuthMethod::ClientSecretBasic, "x", "hush-hush");
    let connection = connect(&world, client, good()).await;
    let text = serde_json::to_string(&connection).unwrap();
    assert_eq!(
        serde_json::from_str::<Connection>(&text).unwrap(),
        connection
    );
    let printed = format!("{connection:?} {connection:#?}");
    for secret in ["at-1", "rt-1", "hush-hush"] {
        assert!(text.contains(secret));
        assert!(!printed.contains(secret));
    }
}
