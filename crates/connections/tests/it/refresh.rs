use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use gatepass_connections::{
    Custody, CustodyError, Need, SealedConnection, Store,
    store::{ConnectionRow, ConnectionStore, Lease},
};
use mcp_oauth_client::{Recovery, Secret, TransportFailure};

use crate::support::*;

/// A kept connection whose access token is about to end.
async fn nearly_over() -> (Place, gatepass_connections::Owner, SealedConnection) {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    place.clock.pass(LIFETIME - Duration::from_secs(10));
    (place, owner, kept)
}

#[tokio::test]
async fn a_hundred_callers_make_one_refresh_and_all_get_it() {
    let (place, owner, kept) = nearly_over().await;
    *place.server.delay.lock().unwrap() = Duration::from_millis(50);
    let calls = (0..100).map(|_| place.connections.current(&owner, &kept, Need::Valid));
    for outcome in join_all(calls).await {
        let current = outcome.unwrap();
        assert_eq!(
            current.opened.connection.tokens.access_token.expose(),
            "at-1"
        );
        assert_eq!(current.newer.unwrap().generation, 2);
    }
    assert_eq!(place.server.refreshes(), 1);
    assert!(!place.server.replayed());
}

#[tokio::test]
async fn three_replicas_make_one_refresh() {
    let (one, owner, kept) = nearly_over().await;
    *one.server.delay.lock().unwrap() = Duration::from_millis(100);
    let (two, three) = (one.replica().await, one.replica().await);
    let calls = [&one, &two, &three]
        .into_iter()
        .flat_map(|place| (0..30).map(|_| place.connections.current(&owner, &kept, Need::Valid)));
    for outcome in join_all(calls).await {
        assert_eq!(outcome.unwrap().opened.generation, 2);
    }
    assert_eq!(one.server.refreshes(), 1);
    assert!(!one.server.replayed());
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_lose_the_rotated_token() {
    let (place, owner, kept) = nearly_over().await;
    *place.server.delay.lock().unwrap() = Duration::from_millis(50);
    let call = place.connections.current(&owner, &kept, Need::Valid);
    let gone = tokio::time::timeout(Duration::from_millis(10), call).await;
    assert!(gone.is_err());
    let current = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    assert_eq!(
        current.opened.connection.tokens.access_token.expose(),
        "at-1"
    );
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn an_older_copy_adopts_the_newer_generation_without_the_network() {
    let (place, owner, kept) = nearly_over().await;
    let newer = place
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap();
    assert_eq!(newer.opened.generation, 2);
    for need in [
        Need::Valid,
        Need::Newer,
        Need::Replacing(Secret::new("at-0")),
    ] {
        let current = place
            .connections
            .current(&owner, &kept, need)
            .await
            .unwrap();
        assert_eq!(current.opened.generation, 2);
        assert_eq!(current.newer.unwrap().generation, 2);
    }
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn a_rejected_token_is_replaced_and_a_newer_one_is_not() {
    let place = place().await;
    let owner = place.owner();
    let kept = place
        .connections
        .keep(&owner, &place.fresh())
        .await
        .unwrap();
    let rejected = Need::Replacing(Secret::new("at-0"));
    let calls = (0..5).map(|_| place.connections.current(&owner, &kept, rejected.clone()));
    for outcome in join_all(calls).await {
        assert_eq!(
            outcome
                .unwrap()
                .opened
                .connection
                .tokens
                .access_token
                .expose(),
            "at-1"
        );
    }
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn a_temporary_failure_costs_nothing_while_the_token_lasts() {
    for failure in [
        Next::Status(500),
        Next::Status(502),
        Next::Status(429),
        Next::Fails(TransportFailure::Dns),
        Next::Fails(TransportFailure::Connect),
    ] {
        let (place, owner, kept) = nearly_over().await;
        place.server.next(failure.clone());
        let current = place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .unwrap();
        assert_eq!(current.opened.generation, 1, "{failure:?}");
        place.clock.pass(Duration::from_secs(20));
        place.server.next(failure.clone());
        let error = place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .unwrap_err();
        assert!(error.is_temporary(), "{failure:?}");
        let current = place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .unwrap();
        assert_eq!(current.opened.generation, 2, "nothing was lost");
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_tried_once_more() {
    for failure in [TransportFailure::Timeout, TransportFailure::Broken] {
        let (place, owner, kept) = nearly_over().await;
        place.server.next(Next::Fails(failure));
        let current = place
            .connections
            .current(&owner, &kept, Need::Newer)
            .await
            .unwrap();
        assert_eq!(current.opened.generation, 2);
        assert_eq!(place.server.refreshes(), 2);

        place.server.next(Next::LosesAnswer);
        place.server.next(Next::LosesAnswer);
        let newest = current.newer.unwrap();
        let error = place
            .connections
            .current(&owner, &newest, Need::Newer)
            .await
            .unwrap_err();
        assert!(error.is_temporary());
        assert_eq!(place.server.refreshes(), 4);
    }
}

#[tokio::test]
async fn the_end_of_the_grant_asks_for_a_sign_in() {
    let (place, owner, kept) = nearly_over().await;
    place.clock.pass(Duration::from_secs(20));
    place.server.next(Next::Refuse("invalid_grant"));
    let error = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap_err();
    assert_eq!(error.recovery(), Recovery::Reauthorize);
    assert_eq!(
        error.to_string(),
        "The sign-in has ended: as.example ended the sign-in (invalid_grant). Sign in again."
    );
}

#[tokio::test]
async fn invalid_grant_does_not_count_if_somebody_else_was_faster() {
    let (place, owner, kept) = nearly_over().await;
    let other = place.replica().await;
    let held = place.server.hold.write().await;
    place.server.next(Next::Refuse("invalid_grant"));
    let slow = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Newer).await }
    });
    place.server.asked(1).await;
    // Somebody without a lease writes the next generation: a restored replica, an older release.
    let row = other
        .store
        .connection(owner.id(), &kept.id)
        .await
        .unwrap()
        .unwrap();
    let winner = crate::support::place()
        .await
        .replica_with(place.keys.clone())
        .await;
    let won = winner
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap();
    let sealed = Some(won.newer.unwrap().sealed);
    let next = ConnectionRow {
        generation: 2,
        sealed,
        ..row
    };
    assert!(other.store.advance_connection(1, &next).await.unwrap());
    drop(held);
    assert_eq!(slow.await.unwrap().unwrap().opened.generation, 2);
}

#[tokio::test]
async fn a_client_that_is_no_longer_known_is_told_apart_from_an_ended_grant() {
    let (place, owner, kept) = nearly_over().await;
    place.server.next(Next::Refuse("invalid_client"));
    let error = place
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::ClientRefused { .. }));
    assert_eq!(error.recovery(), Recovery::Reregister);
    let current = place
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 2, "the lease was given back");
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_is_used_to_its_end() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    connection.tokens.refresh_token = None;
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    assert!(!kept.refreshable);
    place.clock.pass(LIFETIME - Duration::from_secs(1));
    assert!(
        place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .is_ok()
    );
    assert_eq!(place.server.refreshes(), 0);
}

#[tokio::test]
async fn a_token_without_a_known_end_is_used_until_it_is_rejected() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    connection.tokens.expires_at = None;
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    place.clock.pass(Duration::from_secs(29 * 24 * 3600));
    assert!(
        place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .is_ok()
    );
    assert_eq!(place.server.refreshes(), 0);
    let rejected = Need::Replacing(Secret::new("at-0"));
    assert!(
        place
            .connections
            .current(&owner, &kept, rejected)
            .await
            .unwrap()
            .newer
            .is_some()
    );
}

#[tokio::test]
async fn a_replica_that_died_while_it_refreshed_is_waited_out() {
    let (place, owner, kept) = nearly_over().await;
    let lease = Duration::from_millis(300);
    place
        .store
        .lease_connection(owner.id(), &kept.id, "the dead", lease)
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Newer).await }
    });
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(place.server.refreshes(), 0);
    assert_eq!(waiting.await.unwrap().unwrap().opened.generation, 2);
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn a_lease_that_never_lapses_is_not_waited_for_without_end() {
    let (place, owner, kept) = nearly_over().await;
    let place = place.with(Custody {
        lease: Duration::from_millis(50),
        ..Custody::default()
    });
    let long = Duration::from_secs(3600);
    place
        .store
        .lease_connection(owner.id(), &kept.id, "somebody else", long)
        .await
        .unwrap();
    let outcome = place.connections.current(&owner, &kept, Need::Newer).await;
    assert!(matches!(outcome, Err(CustodyError::Busy)), "{outcome:?}");
    assert_eq!(place.server.refreshes(), 0);
}

#[tokio::test]
async fn many_connections_refresh_side_by_side() {
    let place = place().await;
    let owner = place.owner();
    let mut kept = Vec::new();
    for _ in 0..20 {
        kept.push(
            place
                .connections
                .keep(&owner, &place.fresh())
                .await
                .unwrap(),
        );
    }
    for _ in 0..20 {
        place.server.next(Next::Status(503));
    }
    let connections = Arc::new(place.connections.clone());
    let calls = kept
        .iter()
        .map(|kept| connections.current(&owner, kept, Need::Newer));
    let outcomes = join_all(calls).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.as_ref().is_err_and(CustodyError::is_temporary))
    );
    assert_eq!(place.server.refreshes(), 20);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_not_taken_for_a_server_in_trouble() {
    let (place, owner, kept) = nearly_over().await;
    place.server.next(Next::LosesAnswer);
    // The server has rotated and takes the second request for a replay: that is its verdict.
    let error = place
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap_err();
    assert!(matches!(error, CustodyError::Reauthorize { .. }), "{error}");
    assert_eq!(place.server.refreshes(), 2);
}

/// Callers who wait so many milliseconds for a refresh that they can do without.
fn patience(millis: u64) -> Custody {
    Custody {
        patience: Duration::from_millis(millis),
        ..Custody::default()
    }
}

#[tokio::test]
async fn a_server_that_hangs_holds_nobody_up_whose_token_is_still_good() {
    let (place, owner, kept) = nearly_over().await;
    let place = place.with(patience(20));
    let held = place.server.hold.write().await;
    for _ in 0..3 {
        let current = place
            .connections
            .current(&owner, &kept, Need::Valid)
            .await
            .unwrap();
        assert_eq!(current.opened.generation, 1);
    }
    // The refresh goes on meanwhile, and there is only one.
    place.server.asked(1).await;
    drop(held);
    let current = place
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 2);
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn a_token_that_ends_while_its_refresh_hangs_is_not_used() {
    let (place, owner, kept) = nearly_over().await;
    let place = place.with(patience(100));
    let held = place.server.hold.write().await;
    let waiting = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Valid).await }
    });
    place.server.asked(1).await;
    place.clock.pass(Duration::from_secs(11));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!waiting.is_finished());
    drop(held);
    assert_eq!(waiting.await.unwrap().unwrap().opened.generation, 2);
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn a_disconnected_connection_is_not_used_although_its_token_would_still_be_good() {
    let (place, owner, kept) = nearly_over().await;
    let held = place.server.hold.write().await;
    let refreshing = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Valid).await }
    });
    place.server.asked(1).await;
    place.connections.disconnect(&owner, &kept).await.unwrap();
    drop(held);
    let outcome = refreshing.await.unwrap();
    assert!(matches!(outcome, Err(CustodyError::Ended)), "{outcome:?}");
}

#[tokio::test]
async fn a_row_that_goes_while_it_is_refreshed_is_no_disconnect() {
    let (place, owner, kept) = nearly_over().await;
    let held = place.server.hold.write().await;
    let refreshing = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Newer).await }
    });
    place.server.asked(1).await;
    let far = mcp_oauth_client::Timestamp::from_millis(i64::MAX);
    assert_eq!(Store::sweep(&*place.store, far, 10).await.unwrap(), 1);
    drop(held);
    assert_eq!(refreshing.await.unwrap().unwrap().opened.generation, 2);
    assert_eq!(place.connections.work_outbox().await.unwrap(), 0);
    assert!(place.server.revoked().is_empty());
    // An old copy adopts what the row says again.
    let current = place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    assert_eq!(current.opened.generation, 2);
    assert_eq!(place.server.refreshes(), 1);
}

#[tokio::test]
async fn looking_at_a_connection_after_weeks_leaves_the_lease_with_its_holder() {
    let place = place().await;
    let owner = place.owner();
    let mut connection = place.fresh();
    connection.tokens.expires_at = None;
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    place.clock.pass(Duration::from_secs(20 * 24 * 3600));
    let now = mcp_oauth_client::Clock::now(&*place.clock);
    let long = Duration::from_secs(3600);
    let (owner_id, store) = (owner.id(), &place.store);
    store
        .lease_connection(owner_id, &kept.id, "the one who refreshes", long)
        .await
        .unwrap();
    place
        .connections
        .current(&owner, &kept, Need::Valid)
        .await
        .unwrap();
    let asked = store
        .lease_connection(owner_id, &kept.id, "another", long)
        .await
        .unwrap();
    assert_eq!(asked, Lease::Held);
    let row = store.connection(owner_id, &kept.id).await.unwrap().unwrap();
    assert_eq!(
        row.expires_at,
        now.after(Duration::from_secs(30 * 24 * 3600)),
        "it is kept from its last use"
    );
}

#[tokio::test]
async fn whoever_joins_a_refresh_of_an_older_generation_gets_a_newer_one_all_the_same() {
    let (place, owner, kept) = nearly_over().await;
    let held = place.server.hold.write().await;
    let first = tokio::spawn({
        let (connections, owner, kept) = (place.connections.clone(), owner.clone(), kept.clone());
        async move { connections.current(&owner, &kept, Need::Newer).await }
    });
    place.server.asked(1).await;
    // Meanwhile somebody without a lease has written the second generation, and the server has
    // already rejected its token.
    let elsewhere = crate::support::place()
        .await
        .replica_with(place.keys.clone())
        .await;
    let second = elsewhere
        .connections
        .current(&owner, &kept, Need::Newer)
        .await
        .unwrap()
        .newer
        .unwrap();
    let row = place
        .store
        .connection(owner.id(), &kept.id)
        .await
        .unwrap()
        .unwrap();
    let next = ConnectionRow {
        generation: 2,
        sealed: Some(second.sealed.clone()),
        ..row
    };
    assert!(place.store.advance_connection(1, &next).await.unwrap());
    let rejected = Need::Replacing(Secret::new("at-1"));
    let joining = place.connections.current(&owner, &second, rejected);
    let landing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(held);
    };
    let (current, ()) = tokio::join!(joining, landing);
    let current = current.unwrap();
    assert_eq!(current.opened.generation, 3);
    let token = current.opened.connection.tokens.access_token;
    assert_eq!(token.expose(), "at-2");
    assert_eq!(first.await.unwrap().unwrap().opened.generation, 2);
}
