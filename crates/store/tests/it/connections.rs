use std::time::Duration;

use gatepass_connections::store::{ConnectionStore, Lease, Store};

use crate::engines::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_row_is_its_owners_alone() {
    each(async |db| {
        assert!(db.add_connection(&row("a", 1, 1)).await.unwrap());
        assert!(!db.add_connection(&row("a", 1, 2)).await.unwrap());
        assert!(!db.add_connection(&row("a", 2, 9)).await.unwrap());
        let (one, two) = (owner(1), owner(2));
        let id = connection("a");
        assert_eq!(
            db.connection(&one, &id).await.unwrap(),
            Some(row("a", 1, 1))
        );
        assert_eq!(db.connection(&two, &id).await.unwrap(), None);
        assert!(!db.advance_connection(1, &row("a", 2, 2)).await.unwrap());
        let lease = db.lease_connection(&two, &id, "x", LONG).await.unwrap();
        assert_eq!(lease, Lease::Missing);
        assert!(!db.end_connection(&two, &id, 1, at(5)).await.unwrap());
        db.extend_connection(&two, &id, at(2_000_000))
            .await
            .unwrap();
        assert_eq!(
            db.connection(&one, &id).await.unwrap(),
            Some(row("a", 1, 1))
        );
    })
    .await;
}

#[tokio::test]
async fn a_generation_is_written_once() {
    each(async |db| {
        db.add_connection(&row("a", 1, 1)).await.unwrap();
        let attempts = (2..10).map(|_| {
            let db = db.clone();
            async move { db.advance_connection(1, &row("a", 1, 2)).await.unwrap() }
        });
        let won = futures::future::join_all(attempts).await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
        assert!(db.advance_connection(2, &row("a", 1, 7)).await.unwrap());
        let found = db.connection(&owner(1), &connection("a")).await.unwrap();
        assert_eq!(found.unwrap().generation, 7);
    })
    .await;
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_lapses_or_is_given_back() {
    each(async |db| {
        db.add_connection(&row("a", 1, 1)).await.unwrap();
        let (one, id) = (owner(1), connection("a"));
        let asks = (0..8).map(|n| {
            let (db, one, id) = (db.clone(), one, id.clone());
            async move {
                db.lease_connection(&one, &id, &format!("holder-{n}"), LONG)
                    .await
                    .unwrap()
            }
        });
        let answers = futures::future::join_all(asks).await;
        let acquired: Vec<_> = (0..8)
            .filter(|n| matches!(answers[*n], Lease::Acquired(_)))
            .collect();
        assert_eq!(acquired.len(), 1);
        let held = answers.iter().filter(|lease| **lease == Lease::Held);
        assert_eq!(held.count(), 7);

        db.release_connection(&one, &id, "somebody else")
            .await
            .unwrap();
        let ask = db.lease_connection(&one, &id, "b", LONG).await.unwrap();
        assert_eq!(ask, Lease::Held);
        let holder = format!("holder-{}", acquired[0]);
        db.release_connection(&one, &id, &holder).await.unwrap();
        let ask = db.lease_connection(&one, &id, "b", LONG).await.unwrap();
        assert!(matches!(ask, Lease::Acquired(found) if found == row("a", 1, 1)));
        db.release_connection(&one, &id, "b").await.unwrap();
        let moment = Duration::from_millis(50);
        let ask = db.lease_connection(&one, &id, "c", moment).await.unwrap();
        assert!(matches!(ask, Lease::Acquired(_)));
        tokio::time::sleep(moment).await;
        let ask = db.lease_connection(&one, &id, "d", LONG).await.unwrap();
        assert!(matches!(ask, Lease::Acquired(_)), "it has lapsed");
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_stays_ended_until_it_is_swept() {
    each(async |db| {
        db.add_connection(&row("a", 1, 1)).await.unwrap();
        let (one, id) = (owner(1), connection("a"));
        assert!(!db.end_connection(&one, &id, 2, at(50)).await.unwrap());
        let there = db.connection(&one, &id).await.unwrap();
        assert_eq!(
            there,
            Some(row("a", 1, 1)),
            "only its newest generation ends"
        );
        assert!(db.end_connection(&one, &id, 1, at(50)).await.unwrap());
        assert!(db.end_connection(&one, &id, 9, at(50)).await.unwrap());
        db.extend_connection(&one, &id, at(90)).await.unwrap();
        let ended = db.connection(&one, &id).await.unwrap().unwrap();
        assert_eq!(ended.sealed, None);
        assert!(!db.add_connection(&row("a", 1, 5)).await.unwrap());
        assert!(!db.advance_connection(1, &row("a", 1, 2)).await.unwrap());
        let lease = db.lease_connection(&one, &id, "x", LONG).await.unwrap();
        assert_eq!(lease, Lease::Missing);

        let unseen = connection("never seen");
        assert!(db.end_connection(&one, &unseen, 3, at(60)).await.unwrap());
        assert_eq!(db.sweep(at(49), 10).await.unwrap(), 0);
        assert_eq!(db.sweep(at(60), 1).await.unwrap(), 1);
        assert_eq!(db.sweep(at(60), 1).await.unwrap(), 1);
        assert_eq!(db.connection(&one, &id).await.unwrap(), None);
        db.ready().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_end_moves_later_only_and_leaves_the_lease_alone() {
    each(async |db| {
        db.add_connection(&row("a", 1, 1)).await.unwrap();
        let (one, id) = (owner(1), connection("a"));
        db.lease_connection(&one, &id, "x", LONG).await.unwrap();
        for (to, now_at) in [(2_000_000, 2_000_000), (5, 2_000_000)] {
            db.extend_connection(&one, &id, at(to)).await.unwrap();
            let found = db.connection(&one, &id).await.unwrap().unwrap();
            assert_eq!(found.expires_at, at(now_at));
            assert_eq!(found.generation, 1);
        }
        let asked = db.lease_connection(&one, &id, "y", LONG).await.unwrap();
        assert_eq!(asked, Lease::Held);
    })
    .await;
}
