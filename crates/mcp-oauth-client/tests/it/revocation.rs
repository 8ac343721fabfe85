use mcp_oauth_client::{Connection, Recovery, RegistrationKind, Revocation};
use serde_json::json;

use crate::support::*;

const REVOKE: &str = "POST https://as.example/revoke";

async fn connected(world: &std::sync::Arc<World>) -> Connection {
    let answer = json!({"access_token": "at-1", "refresh_token": "rt-1"});
    connect(world, registration(RegistrationKind::Dynamic), answer).await
}

#[tokio::test]
async fn the_refresh_token_is_revoked_first_then_the_access_token() {
    let world = World::new();
    let connection = connected(&world).await;
    world.text(REVOKE, 200, "text/plain", "");
    let outcome = world.client().revoke(&connection).await.unwrap();
    assert_eq!(outcome, Revocation::Revoked);
    let sent: Vec<_> = world
        .seen()
        .iter()
        .filter(|seen| seen.line() == REVOKE)
        .map(|seen| {
            (
                seen.form()["token"].clone(),
                seen.form()["token_type_hint"].clone(),
            )
        })
        .collect();
    assert_eq!(
        sent,
        [
            ("rt-1".into(), "refresh_token".into()),
            ("at-1".into(), "access_token".into())
        ]
    );
    assert_eq!(world.last().form()["client_id"], "client-1");
}

#[tokio::test]
async fn access_tokens_that_cannot_be_revoked_do_not_undo_the_revocation() {
    let world = World::new();
    let connection = connected(&world).await;
    world.text(REVOKE, 200, "text/plain", "");
    world.then(REVOKE, || {
        answer(
            400,
            "application/json",
            r#"{"error":"unsupported_token_type"}"#,
        )
    });
    let outcome = world.client().revoke(&connection).await.unwrap();
    assert_eq!(outcome, Revocation::Revoked);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_later_and_a_refusal_is_not() {
    let world = World::new();
    let connection = connected(&world).await;
    world.text(REVOKE, 503, "text/plain", "");
    let failed = world.client().revoke(&connection).await.unwrap_err();
    assert!(failed.recovery().is_temporary());
    insta::assert_snapshot!(failed.to_string(), @"as.example cannot revoke right now (status 503)");

    world.text(
        REVOKE,
        401,
        "application/json",
        r#"{"error":"invalid_client"}"#,
    );
    let failed = world.client().revoke(&connection).await.unwrap_err();
    assert!(matches!(failed.recovery(), Recovery::Reconfigure { .. }));
    insta::assert_snapshot!(failed.to_string(), @"as.example refused to revoke (status 401, invalid_client)");
}

#[tokio::test]
async fn a_server_without_revocation_is_not_asked() {
    let world = World::new();
    let mut connection = connected(&world).await;
    connection.revocation_endpoint = None;
    let before = world.seen().len();
    let outcome = world.client().revoke(&connection).await.unwrap();
    assert_eq!(outcome, Revocation::NotOffered);
    assert_eq!(world.seen().len(), before);
}

#[tokio::test]
async fn a_server_that_revokes_neither_kind_of_token_is_told_by_its_kind() {
    let world = World::new();
    let connection = connected(&world).await;
    world.text(
        REVOKE,
        400,
        "application/json",
        r#"{"error":"unsupported_token_type"}"#,
    );
    let failed = world.client().revoke(&connection).await.unwrap_err();
    assert!(failed.error().is_unsupported_token_type());
    insta::assert_snapshot!(failed, @"as.example cannot revoke tokens of this kind");
    let sent = world.lines().iter().filter(|line| *line == REVOKE).count();
    assert_eq!(sent, 2, "the access token is tried after the refresh token");
}

#[tokio::test]
async fn a_revocation_is_not_sent_on() {
    let world = World::new();
    let connection = connected(&world).await;
    world.text(REVOKE, 308, "text/plain", "");
    let failed = world.client().revoke(&connection).await.unwrap_err();
    assert_eq!(failed.recovery(), Recovery::Refuse);
    insta::assert_snapshot!(failed, @"as.example wanted to redirect a request that carries credentials; nothing was sent on");
}
