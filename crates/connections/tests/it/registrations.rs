use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use gatepass_connections::{CustodyError, KeyRing, Need, Registrations, RegistrationsError, Store};
use mcp_oauth_client::{ClientId, Clock, Registration};

use crate::support::*;

fn registrations(place: &Place) -> Registrations {
    Registrations::new(
        place.store.clone() as Arc<dyn Store>,
        place.keys.clone(),
        place.clock.clone(),
        place.random.clone(),
    )
}

async fn get(registrations: &Registrations, made: &AtomicUsize) -> Registration {
    let wanted = registration();
    registrations
        .get_or_register(&wanted.issuer, &wanted.redirect_uri, || async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let n = made.fetch_add(1, Ordering::Relaxed);
            let client_id = ClientId::new(&format!("client-{n}")).unwrap();
            Ok::<_, std::convert::Infallible>(Registration {
                client_id,
                ..registration()
            })
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn starts_at_the_same_time_register_once_and_the_secret_survives_a_restart() {
    let place = place().await;
    let registrations_here = registrations(&place);
    let made = AtomicUsize::new(0);
    let all = join_all((0..10).map(|_| get(&registrations_here, &made))).await;
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert!(all.iter().all(|one| one.client_id.as_str() == "client-0"));

    let restarted = registrations(&place.replica().await);
    let kept = restarted
        .kept(&registration().issuer, &registration().redirect_uri)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.client_secret, registration().client_secret);
    let other = restarted
        .kept(&registration().issuer, "https://moved.example/cb")
        .await
        .unwrap();
    assert!(other.is_none(), "another redirect URI registers anew");
}

#[tokio::test]
async fn replicas_that_register_at_the_same_time_agree_on_one() {
    let place = place().await;
    let (one, two) = (registrations(&place), registrations(&place.replica().await));
    let made = AtomicUsize::new(0);
    let (a, b) = tokio::join!(get(&one, &made), get(&two, &made));
    assert_eq!(a.client_id, b.client_id);
}

#[tokio::test]
async fn a_registration_the_server_forgot_is_forgotten_and_a_newer_one_is_not() {
    let place = place().await;
    let registrations = registrations(&place);
    let made = AtomicUsize::new(0);
    let first = get(&registrations, &made).await;
    assert!(registrations.forget(&first).await.unwrap());
    let second = get(&registrations, &made).await;
    assert_ne!(first.client_id, second.client_id);
    assert!(!registrations.forget(&first).await.unwrap());
    assert_eq!(get(&registrations, &made).await.client_id, second.client_id);
}

#[tokio::test]
async fn a_registration_that_proved_to_work_takes_the_place_of_the_one_kept() {
    let place = place().await;
    let registrations = registrations(&place);
    let made = AtomicUsize::new(0);
    let kept = async || get(&registrations, &made).await.client_id.to_string();
    assert_eq!(kept().await, "client-0");
    let proved = Registration {
        client_id: ClientId::new("proved").unwrap(),
        ..registration()
    };
    registrations.replace(&proved).await.unwrap();
    assert_eq!(kept().await, "proved");
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_expired_secret_registers_anew() {
    let place = place().await;
    let registrations = registrations(&place);
    let wanted = registration();
    let soon = place.clock.now().after(Duration::from_secs(60));
    let expiring = Registration {
        secret_expires_at: Some(soon),
        ..registration()
    };
    registrations
        .get_or_register(&wanted.issuer, &wanted.redirect_uri, || async {
            Ok::<_, std::convert::Infallible>(expiring)
        })
        .await
        .unwrap();
    let kept = || registrations.kept(&wanted.issuer, &wanted.redirect_uri);
    assert!(kept().await.unwrap().is_some());
    place.clock.pass(Duration::from_secs(60));
    assert!(kept().await.unwrap().is_none());
}

#[tokio::test]
async fn a_refused_registration_keeps_nothing() {
    let place = place().await;
    let registrations = registrations(&place);
    let wanted = registration();
    let outcome = registrations
        .get_or_register(&wanted.issuer, &wanted.redirect_uri, || async {
            Err("refused")
        })
        .await;
    assert!(matches!(
        outcome,
        Err(RegistrationsError::Register("refused"))
    ));
    let made = AtomicUsize::new(0);
    assert_eq!(
        get(&registrations, &made).await.client_id.as_str(),
        "client-0"
    );
}

#[tokio::test]
async fn a_start_that_is_given_up_does_not_block_the_next() {
    let place = place().await;
    let registrations = registrations(&place);
    let made = AtomicUsize::new(0);
    let given_up = tokio::time::timeout(Duration::from_millis(5), get(&registrations, &made)).await;
    assert!(given_up.is_err());
    get(&registrations, &made).await;
    assert_eq!(made.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_replica_with_another_key_leaves_the_shared_registration_alone() {
    let place = place().await;
    let made = AtomicUsize::new(0);
    let shared = get(&registrations(&place), &made).await;
    let other_keys = Arc::new(KeyRing::generate(&*place.random));
    let stranger = registrations(&place.replica_with(other_keys).await);
    // It registers for itself, once, and takes nothing from the others.
    let own = get(&stranger, &made).await;
    assert_ne!(own.client_id, shared.client_id);
    assert_eq!(get(&stranger, &made).await.client_id, own.client_id);
    assert!(!stranger.forget(&shared).await.unwrap());
    let kept = get(&registrations(&place), &made).await;
    assert_eq!(kept.client_id, shared.client_id);
    assert_eq!(made.load(Ordering::Relaxed), 2);
    // Its own it may forget.
    assert!(stranger.forget(&own).await.unwrap());
    let again = get(&stranger, &made).await;
    assert_ne!(again.client_id, own.client_id);
    let kept = get(&registrations(&place), &made).await;
    assert_eq!(kept.client_id, shared.client_id);
}

#[tokio::test]
async fn a_client_that_a_refresh_finds_dead_is_not_used_for_the_next_sign_in() {
    let place = place().await;
    let owner = place.owner();
    let registrations = place.connections.registrations().clone();
    let made = AtomicUsize::new(0);
    let mut connection = place.fresh();
    connection.registration = get(&registrations, &made).await;
    let kept = place.connections.keep(&owner, &connection).await.unwrap();
    place.server.next(Next::Refuse("invalid_client"));
    let outcome = place.connections.current(&owner, &kept, Need::Newer).await;
    assert!(matches!(outcome, Err(CustodyError::ClientRefused { .. })));
    let next = get(&registrations, &made).await;
    assert_eq!(next.client_id.as_str(), "client-1");
    // A connection of the dead client does not take the new registration down with it.
    place.server.next(Next::Refuse("invalid_client"));
    let outcome = place.connections.current(&owner, &kept, Need::Newer).await;
    assert!(outcome.is_err());
    assert_eq!(get(&registrations, &made).await.client_id, next.client_id);
}
