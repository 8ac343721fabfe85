use std::{sync::Arc, time::Duration};

use gatepass_connections::{FlowError, FlowId, FlowOutcome, FlowStatus, Flows, Store};
use mcp_oauth_client::FLOW_LIFETIME;
use serde_json::json;

use crate::support::*;

fn flows(place: &Place) -> Flows {
    Flows::new(
        place.store.clone() as Arc<dyn Store>,
        place.keys.clone(),
        place.clock.clone(),
        place.random.clone(),
    )
}

fn failed() -> FlowOutcome {
    FlowOutcome::Failed {
        problem: json!({"type": "/problems/declined"}),
    }
}

#[tokio::test]
async fn a_flow_goes_from_cookie_to_outcome_once() {
    let place = place().await;
    let (owner, flows) = (place.owner(), flows(&place));
    let begun = flows
        .begin(&owner, &json!({"verifier": "v"}))
        .await
        .unwrap();
    assert!(!begun.cookie.as_str().contains("verifier"));
    assert_eq!(
        flows.status(&owner, &begun.id).await.unwrap(),
        FlowStatus::Pending
    );
    let record: serde_json::Value = flows.open_cookie(&owner, &begun.id, &begun.cookie).unwrap();
    assert_eq!(record["verifier"], "v");
    flows.consume(&owner, &begun.id).await.unwrap();
    let twice = flows.consume(&owner, &begun.id).await.unwrap_err();
    assert!(matches!(twice, FlowError::Used));
    flows.finish(&owner, &begun.id, &failed()).await.unwrap();
    let status = flows.status(&owner, &begun.id).await.unwrap();
    assert_eq!(status, FlowStatus::Finished(failed()));
}

#[tokio::test]
async fn a_flow_is_its_owners_alone() {
    let place = place().await;
    let (owner, other, flows) = (place.owner(), place.owner(), flows(&place));
    let begun = flows.begin(&owner, &json!({})).await.unwrap();
    let cookie: Result<serde_json::Value, _> = flows.open_cookie(&other, &begun.id, &begun.cookie);
    assert!(cookie.is_err());
    assert!(matches!(
        flows.consume(&other, &begun.id).await,
        Err(FlowError::Unknown)
    ));
    assert!(matches!(
        flows.status(&other, &begun.id).await,
        Err(FlowError::Unknown)
    ));
    let second = flows.begin(&owner, &json!({})).await.unwrap();
    let swapped: Result<serde_json::Value, _> =
        flows.open_cookie(&owner, &second.id, &begun.cookie);
    assert!(swapped.is_err(), "a cookie belongs to its flow");
}

#[tokio::test]
async fn a_flow_ends_after_ten_minutes() {
    let place = place().await;
    let (owner, flows) = (place.owner(), flows(&place));
    let begun = flows.begin(&owner, &json!({})).await.unwrap();
    place.clock.pass(FLOW_LIFETIME);
    assert!(matches!(
        flows.consume(&owner, &begun.id).await,
        Err(FlowError::Unknown)
    ));
    assert!(matches!(
        flows.status(&owner, &begun.id).await,
        Err(FlowError::Unknown)
    ));
}

#[tokio::test]
async fn twenty_abandoned_attempts_do_not_stop_the_next() {
    let place = place().await;
    let (owner, flows) = (place.owner(), flows(&place));
    for _ in 0..20 {
        place.clock.pass(Duration::from_secs(1));
        flows.begin(&owner, &json!({})).await.unwrap();
    }
    let last = flows.begin(&owner, &json!({})).await.unwrap();
    flows.consume(&owner, &last.id).await.unwrap();
}

#[tokio::test]
async fn a_record_that_no_cookie_holds_is_refused_with_the_reason() {
    let place = place().await;
    let (owner, flows) = (place.owner(), flows(&place));
    let record = json!({"token_endpoint": "x".repeat(3000)});
    let error = flows.begin(&owner, &record).await.unwrap_err();
    assert!(matches!(error, FlowError::TooLarge(_)), "{error}");
}

#[tokio::test]
async fn a_waiter_is_woken_here_and_on_another_replica() {
    let place = place().await;
    let replica = place.replica().await;
    let owner = place.owner();
    let (here, there) = (flows(&place), flows(&replica));
    let begun = here.begin(&owner, &json!({})).await.unwrap();
    let patience = Duration::from_secs(20);
    let waits = [here.clone(), there.clone()].map(|flows| {
        let (owner, id) = (owner.clone(), begun.id.clone());
        tokio::spawn(async move { flows.wait(&owner, &id, patience).await.unwrap() })
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    here.finish(&owner, &begun.id, &failed()).await.unwrap();
    for wait in waits {
        assert_eq!(wait.await.unwrap(), FlowStatus::Finished(failed()));
    }
    let pending = here.begin(&owner, &json!({})).await.unwrap();
    let patience = Duration::from_millis(30);
    let status = here.wait(&owner, &pending.id, patience).await.unwrap();
    assert_eq!(status, FlowStatus::Pending);
}

#[test]
fn a_flow_id_is_22_plain_characters() {
    assert!(FlowId::parse("AAAAAAAAAAAAAAAAAAAAA_").is_some());
    for wrong in [
        "",
        "short",
        "AAAAAAAAAAAAAAAAAAAAA;",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "../../../../../../../x",
    ] {
        assert!(FlowId::parse(wrong).is_none(), "{wrong}");
    }
}

#[tokio::test]
async fn attempts_of_one_instant_do_not_push_out_the_newest() {
    let place = place().await;
    let (owner, flows) = (place.owner(), flows(&place));
    for _ in 0..20 {
        let begun = flows.begin(&owner, &json!({})).await.unwrap();
        let status = flows.status(&owner, &begun.id).await.unwrap();
        assert_eq!(status, FlowStatus::Pending);
    }
}

#[tokio::test]
async fn a_callback_in_the_last_second_has_time_to_finish() {
    let place = place().await;
    let (owner, flows) = (place.owner(), flows(&place));
    let begun = flows.begin(&owner, &json!({})).await.unwrap();
    place.clock.pass(FLOW_LIFETIME - Duration::from_secs(1));
    flows.consume(&owner, &begun.id).await.unwrap();
    place.clock.pass(Duration::from_secs(30));
    let now = mcp_oauth_client::Clock::now(&*place.clock);
    assert_eq!(Store::sweep(&*place.store, now, 10).await.unwrap(), 0);
    let status = flows.status(&owner, &begun.id).await.unwrap();
    assert_eq!(status, FlowStatus::Pending);
    flows.finish(&owner, &begun.id, &failed()).await.unwrap();
    let status = flows.status(&owner, &begun.id).await.unwrap();
    assert_eq!(status, FlowStatus::Finished(failed()));
}
