//! Faults of the network kind, on any endpoint.

use std::time::Duration;

use gatepass_demo::{Behaviour, Demo, Endpoint, Fault, When, behaviour::MetadataLocation, http};
use http::{HeaderMap, Method};
use serde_json::json;

use crate::client::{connect, get, refresh, start};

fn metadata(demo: &Demo) -> String {
    format!("{}/.well-known/oauth-authorization-server", demo.origin())
}

#[tokio::test]
async fn an_endpoint_fails_the_way_it_is_told() {
    let demo = start().await;
    let url = metadata(&demo);
    let with = |fault: Fault| demo.behaviour().set(|b| b.metadata.fault = fault.into());

    with(Fault::Status(503));
    assert_eq!(get(&url).await.status, 503);
    with(Fault::Html(502));
    let page = get(&url).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type")),
        (502, Some("text/html; charset=utf-8"))
    );
    with(Fault::NotJson);
    assert!(serde_json::from_slice::<serde_json::Value>(&get(&url).await.body).is_err());
    with(Fault::Empty(400));
    assert!(get(&url).await.body.is_empty());
    with(Fault::RateLimited(7));
    assert_eq!(get(&url).await.header("retry-after"), Some("7"));
    with(Fault::Redirect {
        status: 307,
        location: "http://127.0.0.1:1/".to_owned(),
    });
    assert_eq!(
        get(&url).await.header("location"),
        Some("http://127.0.0.1:1/")
    );
    with(Fault::Json {
        status: 400,
        body: json!({"error": "invalid_scope"}),
    });
    assert_eq!(get(&url).await.json()["error"], "invalid_scope");
    with(Fault::Huge(5_000_000));
    assert!(get(&url).await.body.len() > 5_000_000);
    for fault in [Fault::Reset, Fault::ResetAfterAnswer, Fault::Truncated] {
        with(fault.clone());
        let broken = http(Method::GET, &url, HeaderMap::new(), "").await;
        assert!(broken.is_err(), "{fault:?}");
    }
    demo.behaviour().reset();
    assert_eq!(get(&url).await.status, 200);
}

#[tokio::test]
async fn a_fault_meets_the_requests_it_is_planned_for() {
    let demo = start().await;
    let url = metadata(&demo);
    for (when, expected) in [
        (When::Always, [500, 500, 500, 500]),
        (When::First(2), [500, 500, 200, 200]),
        (When::Every(2), [200, 500, 200, 500]),
        (When::After(3), [200, 200, 200, 500]),
        (When::Every(0), [200, 200, 200, 200]),
    ] {
        demo.behaviour()
            .set(|b| b.metadata.fault = Fault::Status(500).when(when));
        for status in expected {
            assert_eq!(get(&url).await.status.as_u16(), status, "{when:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_work_is_done() {
    let demo = start().await;
    let tokens = connect(&demo).await;
    demo.behaviour()
        .set(|b| b.token.fault = Fault::HangAfterAnswer.once());
    let lost = refresh(&demo, &tokens.client, &tokens.refresh);
    // The caller gives up once the server has done its part.
    tokio::select! {
        answer = lost => panic!("an answer came: {}", answer.status),
        () = served(&demo) => {}
    }
    // The token was spent all the same, so its second use is a replay.
    assert_eq!(
        refresh(&demo, &tokens.client, &tokens.refresh).await.status,
        400
    );
    assert!(demo.record().families()[0].revoked);
}

async fn served(demo: &Demo) {
    while demo.record().families()[0].refreshes == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn metadata_can_be_elsewhere_and_otherwise() {
    let demo = start().await;
    demo.behaviour().set(|b| {
        b.metadata.issuer_path = "/tenant1".to_owned();
        b.metadata.locations = vec![MetadataLocation::OidcAppended];
        b.metadata.omit = vec!["code_challenge_methods_supported".to_owned()];
        b.metadata.replace.insert(
            "authorization_endpoint".to_owned(),
            json!("javascript:alert(1)"),
        );
        b.metadata.padding = 8_000;
    });
    let document = get(&format!(
        "{}/tenant1/.well-known/openid-configuration",
        demo.origin()
    ))
    .await;
    assert!(document.body.len() > 8_000);
    let document = document.json();
    assert_eq!(document["issuer"], format!("{}/tenant1", demo.origin()));
    assert_eq!(document["authorization_endpoint"], "javascript:alert(1)");
    assert_eq!(document.get("code_challenge_methods_supported"), None);
    assert_eq!(get(&metadata(&demo)).await.status, 404);
}

#[tokio::test]
async fn a_client_that_finds_no_metadata_may_find_the_default_endpoints() {
    let demo = start().await;
    let url = format!("{}/authorize?a=b", demo.origin());
    assert_eq!(get(&url).await.status, 404);
    demo.behaviour()
        .set(|b| b.metadata.default_endpoints = true);
    assert_eq!(
        get(&url).await.header("location"),
        Some("/as/authorize?a=b")
    );
}

#[tokio::test]
async fn behaviours_are_read_from_json() {
    let behaviour = Behaviour::from_json(
        r#"{"token": {"fault": {"fault": {"rate_limited": 3}, "when": {"first": 1}},
            "refresh_tokens": {"grace": 10}, "access_lifetime_seconds": 5}}"#,
    )
    .unwrap();
    assert_eq!(behaviour.token.fault, Fault::RateLimited(3).once());
    assert_eq!(behaviour.token.access_lifetime_seconds, 5);
    let text = serde_json::to_string(&behaviour).unwrap();
    assert_eq!(Behaviour::from_json(&text).unwrap(), behaviour);
    let error = Behaviour::from_json(r#"{"tokens": {}}"#)
        .unwrap_err()
        .to_string();
    assert!(error.contains("unknown field `tokens`"), "{error}");
}

#[tokio::test]
async fn the_record_says_what_was_answered() {
    let demo = start().await;
    get(&metadata(&demo)).await;
    demo.behaviour()
        .set(|b| b.metadata.fault = Fault::Status(500).into());
    get(&metadata(&demo)).await;
    let statuses: Vec<_> = demo
        .record()
        .requests_to(Endpoint::ServerMetadata)
        .iter()
        .map(|request| request.status)
        .collect();
    assert_eq!(statuses, [Some(200), Some(500)]);
    demo.record().clear();
    assert!(demo.record().requests().is_empty());
}

#[tokio::test]
async fn a_stopped_instance_is_gone() {
    let demo = start().await;
    let url = metadata(&demo);
    demo.stop().await;
    assert!(http(Method::GET, &url, HeaderMap::new(), "").await.is_err());
}
