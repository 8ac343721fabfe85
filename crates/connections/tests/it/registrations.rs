use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use gatepass_connections::{Registrations, RegistrationsError, Store};
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
