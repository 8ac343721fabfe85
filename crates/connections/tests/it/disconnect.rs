use std::{sync::Arc, time::Duration};

use gatepass_connections::{CustodyError, KeyRing, Need};

use crate::support::*;

#[tokio::test]
async fn disconnecting_ends_it_here_and_revokes_it_there() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let outcome = place.connections.disconnect(&owner, &kept).await.unwrap();
    assert!(outcome.revoked);
    assert_eq!(outcome.reason, "Deleted here; revoked at as.example.");
    assert_eq!(place.server.revoked(), ["rt-0"]);
    let error = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Ended));
    assert_eq!(
        place.connections.work_outbox().await.unwrap(),
        0,
        "nothing is left to do"
    );

    let again = place.connections.disconnect(&owner, &kept).await.unwrap();
    assert!(!again.revoked);
    assert_eq!(place.server.revoked().len(), 1);
}

#[tokio::test]
async fn the_newest_tokens_are_revoked_whichever_copy_is_presented() {
    let place = place().await;
    let owner = place.owner();
    let old = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    place
        .connections
        .current(&owner, &old, Need::Newer)
        .await
        .unwrap();
    place.connections.disconnect(&owner, &old).await.unwrap();
    assert_eq!(place.server.revoked(), ["rt-1"]);
}

#[tokio::test]
async fn a_server_without_revocation_is_said_plainly() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    connection.revocation_endpoint = None;
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    let outcome = place.connections.disconnect(&owner, &kept).await.unwrap();
    assert!(!outcome.revoked);
    assert_eq!(
        outcome.reason,
        "Deleted here. as.example offers no revocation: remove it there."
    );
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_until_it_is_done() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    place.server.next_revocation(Next::Status(503));
    let outcome = place.connections.disconnect(&owner, &kept).await.unwrap();
    assert!(!outcome.revoked);
    assert_eq!(
        outcome.reason,
        "Deleted here. as.example cannot revoke right now (status 503); revoking will be retried."
    );
    assert_eq!(
        place.connections.work_outbox().await.unwrap(),
        0,
        "not due yet"
    );
    place.clock.pass(Duration::from_secs(15));
    place.server.next_revocation(Next::Status(503));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 0);
    place.clock.pass(Duration::from_secs(31));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 1);
    assert_eq!(place.server.revoked(), ["rt-0"]);
    place.clock.pass(Duration::from_secs(3600));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 0);
}

#[tokio::test]
async fn a_revocation_that_never_works_ends_after_a_day() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    for _ in 0..100 {
        place.server.next_revocation(Next::Status(500));
    }
    place.connections.disconnect(&owner, &kept).await.unwrap();
    let mut finished = 0;
    for _ in 0..26 {
        place.clock.pass(Duration::from_secs(3601));
        finished += place.connections.work_outbox().await.unwrap();
    }
    assert_eq!(finished, 1);
    assert!(place.server.revoked().is_empty());
}

#[tokio::test]
async fn a_refusal_is_final_and_said() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    place.server.next_revocation(Next::Refuse("invalid_client"));
    let outcome = place.connections.disconnect(&owner, &kept).await.unwrap();
    assert_eq!(
        outcome.reason,
        "Deleted here. as.example refused to revoke (status 400, invalid_client): remove it there."
    );
    place.clock.pass(Duration::from_secs(3600));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 0);
}

#[tokio::test]
async fn a_refresh_under_way_does_not_bring_a_disconnected_connection_back() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let held = place.server.hold.write().await;
    let refreshing = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Newer).await }
    });
    place.server.asked(1).await;
    place.connections.disconnect(&owner, &kept).await.unwrap();
    drop(held);
    let outcome = refreshing.await.unwrap();
    assert!(matches!(outcome, Err(CustodyError::Ended)), "{outcome:?}");
    // The tokens won meanwhile must not stay alive either.
    place.clock.pass(Duration::from_secs(1));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 1);
    assert_eq!(place.server.revoked(), ["rt-0", "rt-1"]);
}

#[tokio::test]
async fn a_replica_with_another_key_leaves_revocations_to_those_who_can_do_them() {
    let place = place().await;
    let owner = place.owner();
    let kept = place.connections.keep(&owner, &place.fresh()).await;
    place.server.next_revocation(Next::Status(503));
    let kept = kept.unwrap();
    place.connections.disconnect(&owner, &kept).await.unwrap();
    let other_keys = Arc::new(KeyRing::generate(&*place.random));
    let stranger = place.replica_with(other_keys).await;
    place.clock.pass(Duration::from_secs(60));
    assert_eq!(stranger.connections.work_outbox().await.unwrap(), 0);
    place.clock.pass(Duration::from_secs(600));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 1);
    assert_eq!(place.server.revoked(), ["rt-0"]);
}

#[tokio::test]
async fn an_authorization_server_that_asks_to_wait_is_given_the_time() {
    let place = place().await;
    let owner = place.owner();
    let kept = place.connections.keep(&owner, &place.fresh()).await;
    let kept = kept.unwrap();
    place.server.next_revocation(Next::Status(503));
    place.connections.disconnect(&owner, &kept).await.unwrap();
    place.clock.pass(Duration::from_secs(15));
    place.server.next_revocation(Next::Wait(429, 900));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 0);
    place.clock.pass(Duration::from_secs(899));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 0);
    assert!(place.server.revoked().is_empty(), "not asked before");
    place.clock.pass(Duration::from_secs(1));
    assert_eq!(place.connections.work_outbox().await.unwrap(), 1);
}
