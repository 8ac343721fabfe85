//! Clocks that disagree: with the authorization server's, with one another's, with themselves.

use std::time::Duration;

use futures::future::join_all;
use gatepass_connections::{Need, Owner, SealedConnection};
use mcp_oauth_client::Secret;

use crate::support::*;

const TEN_MINUTES: i64 = 10 * 60 * 1000;

async fn kept(place: &Place) -> (Owner, SealedConnection) {
    let owner = place.owner();
    let kept = place.connections.keep(&owner, &place.fresh()).await;
    (owner, kept.unwrap())
}

#[tokio::test]
async fn replicas_whose_clocks_disagree_spend_a_refresh_token_once() {
    let place = place().await;
    let (owner, kept) = kept(&place).await;
    let ahead = place.replica_off_by(TEN_MINUTES).await;
    let behind = place.replica_off_by(-TEN_MINUTES).await;
    let held = place.server.hold.write().await;
    let calls: Vec<_> = [&behind, &place, &ahead]
        .into_iter()
        .flat_map(|place| (0..10).map(|_| place.connections.clone()))
        .map(|connections| {
            let (owner, kept) = (owner.clone(), kept.clone());
            tokio::spawn(async move { connections.current(&owner, &kept, Need::Newer).await })
        })
        .collect();
    place.server.asked(1).await;
    // Whoever is ten minutes ahead must not take the lease for lapsed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(held);
    for outcome in join_all(calls).await {
        assert_eq!(outcome.unwrap().unwrap().opened.generation, 2);
    }
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn replicas_whose_clocks_disagree_do_not_refresh_by_turns() {
    let place = place().await;
    let (owner, mut newest) = kept(&place).await;
    let ahead = place.replica_off_by(TEN_MINUTES).await;
    let behind = place.replica_off_by(-TEN_MINUTES).await;
    for round in 0..5 {
        for replica in [&behind, &ahead, &place] {
            let current = replica.connections.current(&owner, &newest, Need::Valid);
            let current = current.await.unwrap();
            newest = current.newer.unwrap_or(newest);
        }
        // The replica that is ahead takes the token for ended, once; what it gets suits all.
        assert_eq!(place.server.refreshes(), 1, "round {round}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_forward_or_back_costs_no_connection() {
    let place = place().await;
    let (owner, kept) = kept(&place).await;
    place.clock.set_off(TEN_MINUTES);
    let current = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 2);
    place.clock.set_off(-2 * TEN_MINUTES);
    // It takes the token for good longer than it is; the server's word counts more.
    let newest = current.newer.unwrap();
    let rejected = Need::Replacing(Secret::new("at-1"));
    let current = place
        .connections
        .current(&owner, &newest, rejected)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 3);
    assert_eq!(place.server.refreshes(), 2);
    assert!(!place.server.replayed());
}
