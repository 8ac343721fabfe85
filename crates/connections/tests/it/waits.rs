//! What an authorization server asks us to wait for is waited for.

use std::time::Duration;

use gatepass_connections::{CustodyError, Need, Owner, SealedConnection};
use mcp_oauth_client::{Recovery, TransportFailure};

use crate::support::*;

async fn kept(place: &Place) -> (Owner, SealedConnection) {
    let owner = place.owner();
    let kept = place.connections.keep(&owner, &place.fresh()).await;
    (owner, kept.unwrap())
}

async fn ask(place: &Place, owner: &Owner, kept: &SealedConnection, need: Need) -> Recovery {
    let outcome = place.connections.current(owner, kept, need).await;
    match outcome {
        Err(error @ CustodyError::Temporary { .. }) => error.recovery(),
        other => panic!("{other:?}"),
    }
}

fn wait(seconds: u64) -> Recovery {
    Recovery::Retry {
        after: Some(Duration::from_secs(seconds)),
    }
}

#[tokio::test]
async fn a_server_that_asks_us_to_wait_is_left_alone_until_then() {
    for status in [429, 503] {
        let place = place().await;
        let (owner, first) = kept(&place).await;
        let (other, second) = kept(&place).await;
        place.server.next(Next::Wait(status, 120));
        assert_eq!(ask(&place, &owner, &first, Need::Newer).await, wait(120));
        place.clock.pass(Duration::from_secs(20));
        // Nobody asks meanwhile, and everybody learns how long it still takes. The limit is the
        // client's, so it concerns the other connection of the same client too.
        for _ in 0..10 {
            assert_eq!(ask(&place, &owner, &first, Need::Newer).await, wait(100));
            assert_eq!(ask(&place, &other, &second, Need::Newer).await, wait(100));
        }
        assert_eq!(place.server.refreshes(), 1);
        // The old token is used while it lasts.
        place.clock.pass(Duration::from_secs(99));
        let current = place.connections.current(&owner, &first, Need::Valid).await;
        assert_eq!(current.unwrap().opened.generation, 1);
        place.clock.pass(Duration::from_secs(1));
        let current = place.connections.current(&owner, &first, Need::Newer).await;
        assert_eq!(current.unwrap().opened.generation, 2);
        assert_eq!(place.server.refreshes(), 2);
    }
}

#[tokio::test]
async fn a_token_that_ended_during_the_wait_is_not_used_and_nothing_is_lost() {
    let place = place().await;
    let (owner, kept) = kept(&place).await;
    place.clock.pass(LIFETIME - Duration::from_secs(10));
    place.server.next(Next::Wait(429, 60));
    let current = place.connections.current(&owner, &kept, Need::Valid).await;
    assert_eq!(current.unwrap().opened.generation, 1, "it is still good");
    place.clock.pass(Duration::from_secs(20));
    assert_eq!(ask(&place, &owner, &kept, Need::Valid).await, wait(40));
    assert_eq!(place.server.refreshes(), 1);
    place.clock.pass(Duration::from_secs(40));
    let current = place.connections.current(&owner, &kept, Need::Valid).await;
    assert_eq!(current.unwrap().opened.generation, 2);
}

#[tokio::test]
async fn what_another_replica_has_won_is_adopted_during_the_wait() {
    let place = place().await;
    let (owner, kept) = kept(&place).await;
    let other = place.replica().await;
    place.server.next(Next::Wait(503, 600));
    ask(&place, &owner, &kept, Need::Newer).await;
    let won = other.connections.current(&owner, &kept, Need::Newer).await;
    assert_eq!(won.unwrap().opened.generation, 2);
    let current = place.connections.current(&owner, &kept, Need::Newer).await;
    assert_eq!(current.unwrap().opened.generation, 2);
}

#[tokio::test]
async fn a_refresh_ahead_of_time_that_failed_is_not_tried_again_with_every_request() {
    for failure in [
        Next::Status(500),
        Next::Fails(TransportFailure::Dns),
        Next::Fails(TransportFailure::Connect),
    ] {
        let place = place().await;
        let (owner, kept) = kept(&place).await;
        place.clock.pass(LIFETIME - Duration::from_secs(30));
        for _ in 0..20 {
            place.server.next(failure.clone());
        }
        for _ in 0..10 {
            let current = place.connections.current(&owner, &kept, Need::Valid).await;
            assert_eq!(current.unwrap().opened.generation, 1);
        }
        assert_eq!(place.server.refreshes(), 1, "{failure:?}");
        place.clock.pass(Duration::from_secs(5));
        let current = place.connections.current(&owner, &kept, Need::Valid).await;
        assert_eq!(current.unwrap().opened.generation, 1);
        assert_eq!(place.server.refreshes(), 2, "{failure:?}");
    }
}

#[tokio::test]
async fn a_token_of_a_minute_is_refreshed_once_in_its_life_however_often_it_is_used() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    let now = connection.tokens.issued_at;
    connection.tokens.expires_at = Some(now.after(Duration::from_secs(60)));
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    for _ in 0..48 {
        let current = place.connections.current(&owner, &kept, Need::Valid).await;
        assert_eq!(current.unwrap().opened.generation, 1);
        place.clock.pass(Duration::from_secs(1));
    }
    assert_eq!(place.server.refreshes(), 0);
    for _ in 0..12 {
        let current = place.connections.current(&owner, &kept, Need::Valid).await;
        assert_eq!(current.unwrap().opened.generation, 2);
        place.clock.pass(Duration::from_secs(1));
    }
    assert_eq!(place.server.refreshes(), 1);
}
