//! Tokens: exchange, refresh, rotation, replay, revocation.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use gatepass_demo::{
    Demo, HttpAnswer, RevocationReason,
    behaviour::{ExpiresIn, RefreshTokens},
};
use serde_json::json;

use crate::client::{
    CALLBACK, TestClock, VERIFIER, call, code, connect, connect_with, endpoint, exchange,
    post_form, post_form_with, post_json, refresh, register, registration, start, text, tool_text,
};

fn error(answer: &HttpAnswer) -> (u16, String) {
    (answer.status.as_u16(), text(&answer.json(), "error"))
}

fn denied(answer: &HttpAnswer) {
    assert_eq!(
        error(answer),
        (400, "invalid_grant".to_owned()),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn the_whole_life_of_a_connection() {
    let demo = start().await;
    let tokens = connect(&demo).await;
    let answer = call(
        &demo,
        Some(&tokens.access),
        "add_numbers",
        json!({"a": 2, "b": 3}),
    )
    .await;
    assert_eq!(tool_text(&answer), "2 + 3 = 5");

    let renewed = refresh(&demo, &tokens.client, &tokens.refresh).await;
    assert_eq!(renewed.status, 200);
    assert_eq!(renewed.header("cache-control"), Some("no-store"));
    let renewed = renewed.json();
    assert_eq!(renewed["expires_in"], 300);
    assert_eq!(renewed["scope"], "tools notes:read");
    let (access, next) = (
        text(&renewed, "access_token"),
        text(&renewed, "refresh_token"),
    );
    assert_ne!(next, tokens.refresh);

    let revoked = post_form(
        &endpoint(&demo, "revoke"),
        &[
            ("token", &next),
            ("token_type_hint", "refresh_token"),
            ("client_id", &tokens.client),
        ],
    )
    .await;
    assert_eq!(revoked.status, 200);
    assert_eq!(
        call(&demo, Some(&access), "add_numbers", json!({}))
            .await
            .status,
        401
    );
    denied(&refresh(&demo, &tokens.client, &next).await);

    let families = demo.record().families();
    assert_eq!(families.len(), 1);
    assert_eq!(families[0].reason, Some(RevocationReason::Client));
    assert_eq!(families[0].account, "ada");
    assert_eq!(demo.record().refreshes().len(), 2);
    assert_eq!(demo.record().revocations().len(), 1);
    let calls = demo.record().tool_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].account.as_deref(), Some("ada"));
}

#[tokio::test]
async fn an_old_refresh_token_used_again_ends_the_family() {
    let demo = start().await;
    let tokens = connect(&demo).await;
    let renewed = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
    denied(&refresh(&demo, &tokens.client, &tokens.refresh).await);
    denied(&refresh(&demo, &tokens.client, &text(&renewed, "refresh_token")).await);
    let access = text(&renewed, "access_token");
    assert_eq!(
        call(&demo, Some(&access), "calculate", json!({}))
            .await
            .status,
        401
    );
    assert_eq!(
        demo.record().families()[0].reason,
        Some(RevocationReason::RefreshTokenReplay)
    );
}

#[tokio::test]
async fn a_code_used_again_revokes_what_it_gave() {
    let demo = start().await;
    let client = register(&demo).await;
    let code = code(&demo, &client, &[]).await;
    let tokens = exchange(&demo, &client, &code).await.json();
    denied(&exchange(&demo, &client, &code).await);
    denied(&refresh(&demo, &client, &text(&tokens, "refresh_token")).await);
    assert_eq!(
        demo.record().families()[0].reason,
        Some(RevocationReason::CodeReplay)
    );
}

#[tokio::test]
async fn a_code_is_bound_to_verifier_redirect_uri_resource_and_client() {
    let demo = start().await;
    let client = register(&demo).await;
    let other = register(&demo).await;
    for (name, value, expected) in [
        (
            "code_verifier",
            "another-verifier-of-more-than-43-characters",
            "invalid_grant",
        ),
        ("code_verifier", "", "invalid_request"),
        ("redirect_uri", "http://127.0.0.1:9/other", "invalid_grant"),
        (
            "resource",
            "https://elsewhere.example/mcp",
            "invalid_target",
        ),
        ("resource", "", "invalid_target"),
        ("client_id", &other, "invalid_grant"),
        ("grant_type", "password", "unsupported_grant_type"),
    ] {
        let code = code(&demo, &client, &[]).await;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", CALLBACK),
            ("resource", demo.mcp_url()),
        ];
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
        let answer = post_form(&endpoint(&demo, "token"), &fields).await;
        assert_eq!(error(&answer), (400, expected.to_owned()), "{name}={value}");
    }
    assert!(demo.record().families().is_empty());
}

#[tokio::test]
async fn everything_expires_by_the_clock() {
    let clock = TestClock::new();
    let demo = Demo::builder().clock(clock.clone()).start().await.unwrap();
    let client = register(&demo).await;
    let late = code(&demo, &client, &[]).await;
    clock.advance(Duration::from_secs(60));
    denied(&exchange(&demo, &client, &late).await);

    let tokens = connect(&demo).await;
    let add = json!({"a": 1, "b": 1});
    clock.advance(Duration::from_secs(299));
    assert_eq!(
        call(&demo, Some(&tokens.access), "add_numbers", add.clone())
            .await
            .status,
        200
    );
    clock.advance(Duration::from_secs(1));
    let expired = call(&demo, Some(&tokens.access), "add_numbers", add).await;
    assert_eq!(expired.status, 401);
    assert!(
        expired
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    denied(&refresh(&demo, &tokens.client, &tokens.refresh).await);
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_not_for_more() {
    let demo = start().await;
    let tokens = connect_with(&demo, "ada", "tools notes:read").await;
    let ask = async |token: &str, scope: &str| {
        post_form(
            &endpoint(&demo, "token"),
            &[
                ("grant_type", "refresh_token"),
                ("client_id", &tokens.client),
                ("refresh_token", token),
                ("resource", demo.mcp_url()),
                ("scope", scope),
            ],
        )
        .await
    };
    let more = ask(&tokens.refresh, "tools notes:write").await;
    assert_eq!(error(&more), (400, "invalid_scope".to_owned()));
    let less = ask(&tokens.refresh, "tools").await;
    assert_eq!(less.json()["scope"], "tools");
}

#[tokio::test]
async fn confidential_clients_authenticate_the_way_they_registered() {
    let demo = start().await;
    for method in ["client_secret_basic", "client_secret_post"] {
        let mut body = registration();
        body["token_endpoint_auth_method"] = json!(method);
        let registered = post_json(&endpoint(&demo, "register"), &body).await.json();
        assert_eq!(registered["client_secret_expires_at"], 0);
        let (id, secret) = (
            text(&registered, "client_id"),
            text(&registered, "client_secret"),
        );
        let code = code(&demo, &id, &[]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
            ("redirect_uri", CALLBACK),
            ("resource", demo.mcp_url()),
        ];
        let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let url = endpoint(&demo, "token");
        let by_header = async |secret: &str| {
            post_form_with(&url, &fields, &[("authorization", &basic(secret))]).await
        };
        let by_body = async |secret: &str| {
            let mut fields = fields.to_vec();
            fields.extend([("client_id", id.as_str()), ("client_secret", secret)]);
            post_form(&url, &fields).await
        };
        if method == "client_secret_basic" {
            let wrong = by_header("wrong").await;
            assert_eq!(error(&wrong), (401, "invalid_client".to_owned()));
            assert!(
                wrong
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Basic")
            );
            assert_eq!(by_body(&secret).await.status, 401);
            assert_eq!(by_header(&secret).await.status, 200);
        } else {
            assert_eq!(by_body("wrong").await.status, 401);
            assert_eq!(by_header(&secret).await.status, 401);
            assert_eq!(by_body(&secret).await.status, 200);
        }
    }
}

#[tokio::test]
async fn every_kind_of_rotation() {
    let clock = TestClock::new();
    let demo = Demo::builder().clock(clock.clone()).start().await.unwrap();
    let with = |policy| demo.behaviour().set(|b| b.token.refresh_tokens = policy);

    with(RefreshTokens::Fixed);
    let tokens = connect(&demo).await;
    for _ in 0..3 {
        let answer = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
        assert_eq!(text(&answer, "refresh_token"), tokens.refresh);
    }

    with(RefreshTokens::ReplaySame(30));
    let tokens = connect(&demo).await;
    let first = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
    assert_eq!(
        refresh(&demo, &tokens.client, &tokens.refresh).await.json(),
        first
    );
    clock.advance(Duration::from_secs(30));
    denied(&refresh(&demo, &tokens.client, &tokens.refresh).await);

    with(RefreshTokens::Grace(30));
    let tokens = connect(&demo).await;
    let first = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
    let second = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    clock.advance(Duration::from_secs(30));
    denied(&refresh(&demo, &tokens.client, &tokens.refresh).await);

    with(RefreshTokens::UntilReplacementUsed);
    let tokens = connect(&demo).await;
    let lost = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
    let second = refresh(&demo, &tokens.client, &tokens.refresh).await.json();
    denied(&refresh(&demo, &tokens.client, &text(&lost, "refresh_token")).await);
    let third = refresh(&demo, &tokens.client, &text(&second, "refresh_token")).await;
    assert_eq!(third.status, 200);
    denied(&refresh(&demo, &tokens.client, &tokens.refresh).await);

    with(RefreshTokens::None);
    let client = register(&demo).await;
    let code = code(&demo, &client, &[]).await;
    assert_eq!(
        exchange(&demo, &client, &code)
            .await
            .json()
            .get("refresh_token"),
        None
    );
}

#[tokio::test]
async fn answers_come_in_the_shapes_servers_give_them() {
    let demo = start().await;
    let client = register(&demo).await;
    let answer = async || {
        let code = code(&demo, &client, &[]).await;
        exchange(&demo, &client, &code).await
    };
    for (shape, told) in [
        (ExpiresIn::String, Some(json!("300"))),
        (ExpiresIn::Null, Some(json!(null))),
        (ExpiresIn::Missing, None),
    ] {
        demo.behaviour().set(|b| b.token.expires_in = shape);
        assert_eq!(answer().await.json().get("expires_in").cloned(), told);
    }
    demo.behaviour().set(|b| {
        b.token.token_type = "bearer".to_owned();
        b.token.form_encoded = true;
    });
    let encoded = answer().await;
    assert_eq!(
        encoded.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert!(
        encoded.text().contains("&token_type=bearer&"),
        "{}",
        encoded.text()
    );

    demo.behaviour().reset();
    demo.behaviour().set(|b| b.token.errors_as_200 = true);
    assert_eq!(
        error(&exchange(&demo, &client, "no code").await),
        (200, "invalid_grant".to_owned())
    );
    demo.behaviour().reset();
    demo.behaviour().set(|b| b.token.invalid_grant_status = 401);
    assert_eq!(
        error(&exchange(&demo, &client, "no code").await),
        (401, "invalid_grant".to_owned())
    );
    demo.behaviour().set(|b| b.token.invalid_grant_empty = true);
    assert_eq!(exchange(&demo, &client, "no code").await.text(), "");
}

#[tokio::test]
async fn revocation_is_for_the_clients_own_tokens() {
    let demo = start().await;
    let tokens = connect(&demo).await;
    let stranger = register(&demo).await;
    let url = endpoint(&demo, "revoke");
    let theirs = post_form(
        &url,
        &[("token", &tokens.refresh), ("client_id", &stranger)],
    )
    .await;
    assert_eq!(theirs.status, 400);
    let unknown = post_form(&url, &[("token", "unknown"), ("client_id", &tokens.client)]).await;
    assert_eq!(unknown.status, 200);
    demo.behaviour()
        .set(|b| b.revocation.refuse_access_tokens = true);
    let access = post_form(
        &url,
        &[("token", &tokens.access), ("client_id", &tokens.client)],
    )
    .await;
    assert_eq!(error(&access), (400, "unsupported_token_type".to_owned()));
    assert!(!demo.record().families()[0].revoked);
    demo.behaviour().set(|b| b.revocation.offered = false);
    assert_eq!(post_form(&url, &[]).await.status, 404);
}

#[tokio::test]
async fn the_record_shows_no_secret() {
    let demo = start().await;
    let tokens = connect(&demo).await;
    refresh(&demo, &tokens.client, &tokens.refresh).await;
    let record = serde_json::to_string(&demo.record().requests()).unwrap();
    for secret in [&tokens.access, &tokens.refresh, VERIFIER] {
        assert!(!record.contains(secret));
    }
    let used = gatepass_demo::Record::fingerprint(&tokens.refresh);
    assert_eq!(
        demo.record().refreshes()[0].field("refresh_token"),
        Some(&*used)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_uses_at_once_of_one_refresh_token_only_one_is_served() {
    let demo = start().await;
    let tokens = demo.grant("ada", &["tools"]);
    let uses = (0..20).map(|_| refresh(&demo, &tokens.client_id, &tokens.refresh_token));
    let answers = futures::future::join_all(uses).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1);
    assert!(demo.record().families()[0].revoked);
}

#[tokio::test]
async fn granted_tokens_are_like_any_others() {
    let demo = start().await;
    let tokens = demo.grant("grace", &["tools"]);
    let sum = call(
        &demo,
        Some(&tokens.access_token),
        "calculate",
        json!({"expression": "1+1"}),
    )
    .await;
    assert_eq!(tool_text(&sum), "1+1 = 2");
    assert_eq!(
        refresh(&demo, &tokens.client_id, &tokens.refresh_token)
            .await
            .status,
        200
    );
    assert_eq!(demo.record().families()[0].account, "grace");
    assert!(!format!("{tokens:?}").contains(&tokens.access_token));
}
