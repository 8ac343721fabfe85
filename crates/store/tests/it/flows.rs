use gatepass_connections::store::{FlowState, FlowStore};

use crate::engines::*;

#[tokio::test]
async fn a_flow_is_consumed_once_by_its_owner_in_time() {
    each(async |db| {
        let (one, two, id) = (owner(1), owner(2), flow('a'));
        db.add_flow(&id, &one, at(100), 8).await.unwrap();
        assert!(!db.consume_flow(&two, &id, at(1), at(60)).await.unwrap());
        assert!(!db.consume_flow(&one, &id, at(100), at(60)).await.unwrap());
        let attempts = (0..6).map(|_| {
            let (db, id) = (db.clone(), id.clone());
            async move {
                db.consume_flow(&owner(1), &id, at(1), at(150))
                    .await
                    .unwrap()
            }
        });
        let won = futures::future::join_all(attempts).await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
        let found = db.flow(&one, &id, at(1)).await.unwrap().unwrap();
        assert_eq!(found.state, FlowState::Consumed);
        assert_eq!(found.expires_at, at(150), "there is time to finish it");
        assert_eq!(db.flow(&two, &id, at(1)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_flow_finishes_once_and_can_be_asked_for_afterwards() {
    each(async |db| {
        let (one, id) = (owner(1), flow('a'));
        db.add_flow(&id, &one, at(100), 8).await.unwrap();
        assert!(!db.finish_flow(&owner(2), &id, "{}", at(500)).await.unwrap());
        assert!(db.finish_flow(&one, &id, "first", at(500)).await.unwrap());
        assert!(!db.finish_flow(&one, &id, "second", at(900)).await.unwrap());
        assert!(!db.consume_flow(&one, &id, at(1), at(60)).await.unwrap());
        let found = db.flow(&one, &id, at(499)).await.unwrap().unwrap();
        assert_eq!(found.state, FlowState::Finished("first".into()));
        assert_eq!(db.flow(&one, &id, at(500)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_ninth_flow_ends_the_oldest_of_its_owner_only() {
    each(async |db| {
        db.add_flow(&flow('z'), &owner(2), at(1), 8).await.unwrap();
        for (n, name) in ('a'..='k').enumerate() {
            let end = at(100 + i64::try_from(n).unwrap());
            db.add_flow(&flow(name), &owner(1), end, 8).await.unwrap();
        }
        for (name, there) in [('a', false), ('c', false), ('d', true), ('k', true)] {
            let found = db.flow(&owner(1), &flow(name), at(0)).await.unwrap();
            assert_eq!(found.is_some(), there, "{name}");
        }
        assert!(
            db.flow(&owner(2), &flow('z'), at(0))
                .await
                .unwrap()
                .is_some()
        );
    })
    .await;
}
