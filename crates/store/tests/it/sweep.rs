use gatepass_connections::{
    Sealed,
    store::{ConnectionRow, ConnectionStore, FlowStore, OutboxRow, OutboxStore, Store},
};

use crate::engines::*;

#[tokio::test]
async fn what_has_expired_goes_in_bounded_batches_and_nothing_else_goes() {
    each(async |db| {
        let letters = || 'a'..='g';
        for (n, name) in letters().enumerate() {
            let ends = at(if n < 5 { 10 } else { 100 });
            let name = name.to_string();
            let connection = ConnectionRow {
                expires_at: ends,
                ..row(&name, 1, 1)
            };
            db.add_connection(&connection).await.unwrap();
            let id = flow(name.chars().next().unwrap());
            db.add_flow(&id, &owner(1), ends, 99).await.unwrap();
            let promise = OutboxRow {
                id: name.clone(),
                sealed: Sealed::from_text(name),
                attempts: 0,
                due_at: at(1),
                expires_at: ends,
            };
            db.add_revocation(&promise).await.unwrap();
        }
        assert_eq!(db.sweep(at(9), 2).await.unwrap(), 0);
        // Two of each kind at most, side by side with another process that sweeps as well.
        let mut removed = Vec::new();
        loop {
            let (one, other) = tokio::join!(db.sweep(at(10), 2), db.sweep(at(10), 2));
            let batch = [one.unwrap(), other.unwrap()];
            assert!(batch.iter().all(|count| *count <= 6), "{batch:?}");
            removed.extend(batch);
            if batch == [0, 0] {
                break;
            }
        }
        assert_eq!(removed.iter().sum::<u64>(), 15);
        for (n, name) in letters().enumerate() {
            let (one, id) = (owner(1), connection(&name.to_string()));
            let left = db.connection(&one, &id).await.unwrap();
            assert_eq!(left.is_some(), n >= 5, "{name}");
            let left = db.flow(&one, &flow(name), at(0)).await.unwrap();
            assert_eq!(left.is_some(), n >= 5, "{name}");
        }
        let left = db.claim_revocations(at(50), at(60), 99).await.unwrap();
        assert_eq!(left.len(), 2);
    })
    .await;
}
