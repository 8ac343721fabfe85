//! Records that were written before: they open, or say that somebody must authorize again.

use mcp_oauth_client::{
    CallbackError, CallbackQuery, Connection, PendingAuthorization, Recovery, TokenType,
};
use serde_json::{Value, json};

use crate::support::*;

/// A connection as the first version wrote it, before tokens could be bound to keys.
fn old_connection() -> Value {
    json!({
        "version": 1,
        "server": "https://mcp.example/mcp",
        "resource": "https://mcp.example/mcp",
        "issuer": "https://as.example",
        "token_endpoint": "https://as.example/token",
        "revocation_endpoint": "https://as.example/revoke",
        "registration": {
            "issuer": "https://as.example", "kind": "dynamic", "client_id": "client-1",
            "auth_method": "none", "redirect_uri": "https://app.example/callback"
        },
        "tokens": {
            "access_token": "at-1", "refresh_token": "rt-1", "scopes": ["notes:read"],
            "expires_at": 1_800_000_060_000_i64, "issued_at": 1_800_000_000_000_i64
        }
    })
}

fn old_flow() -> Value {
    json!({
        "version": 1,
        "server": "https://mcp.example/mcp",
        "resource": "https://mcp.example/mcp",
        "registration": old_connection()["registration"],
        "token_endpoint": "https://as.example/token",
        "iss_required": true,
        "state": "the-state",
        "verifier": "the-verifier",
        "scopes": ["notes:read"],
        "started_at": NOW.as_millis()
    })
}

#[tokio::test]
async fn a_connection_of_the_first_version_opens_and_is_refreshed() {
    let world = World::new();
    world.json(
        "POST https://as.example/token",
        json!({"access_token": "at-2"}),
    );
    let old: Connection = serde_json::from_value(old_connection()).unwrap();
    assert_eq!(old.tokens.token_type, TokenType::Bearer);
    let refreshed = world.client().refresh(&old).await.unwrap();
    assert_eq!(refreshed.tokens.refresh_token, old.tokens.refresh_token);
    // What is written today is read back the same.
    let text = serde_json::to_string(&refreshed).unwrap();
    assert_eq!(
        serde_json::from_str::<Connection>(&text).unwrap(),
        refreshed
    );
}

#[tokio::test]
async fn a_flow_of_the_first_version_is_finished() {
    let world = World::new();
    world.json(
        "POST https://as.example/token",
        json!({"access_token": "at-1"}),
    );
    let old: PendingAuthorization = serde_json::from_value(old_flow()).unwrap();
    let query = CallbackQuery::parse("code=c&state=the-state&iss=https://as.example").unwrap();
    let callback = old.validate(query, NOW).unwrap();
    world.client().exchange(callback).await.unwrap();
}

#[test]
fn a_flow_of_a_version_nobody_knows_is_begun_again() {
    let mut record = old_flow();
    record["version"] = json!(200);
    let flow: PendingAuthorization = serde_json::from_value(record).unwrap();
    let query = CallbackQuery::parse("code=c&state=the-state&iss=https://as.example").unwrap();
    let error = flow.validate(query, NOW).unwrap_err();
    assert!(matches!(error, CallbackError::Expired), "{error:?}");
    assert_eq!(error.recovery(), Recovery::Reauthorize);
}

#[test]
fn records_with_more_in_them_still_open_and_damaged_ones_do_not() {
    let mut more = old_connection();
    more["something_new"] = json!({"a": 1});
    assert!(serde_json::from_value::<Connection>(more).is_ok());
    for (member, value) in [
        ("token_endpoint", json!("javascript:alert(1)")),
        ("server", json!(null)),
        ("registration", json!({})),
        ("dpop_key", json!("AAAA")),
    ] {
        let mut record = old_connection();
        record[member] = value;
        assert!(
            serde_json::from_value::<Connection>(record).is_err(),
            "{member}"
        );
    }
}
