use gatepass_connections::{
    Sealed,
    store::{OutboxRow, OutboxStore, Store},
};

use crate::engines::*;

fn promise(id: &str, due: i64) -> OutboxRow {
    OutboxRow {
        id: id.into(),
        sealed: Sealed::from_text(id),
        attempts: 0,
        due_at: at(due),
        expires_at: at(1000),
    }
}

#[tokio::test]
async fn what_is_due_is_claimed_by_one_replica() {
    each(async |db| {
        for (id, due) in [("a", 10), ("b", 20), ("c", 99)] {
            db.add_revocation(&promise(id, due)).await.unwrap();
        }
        let claims = (0..5).map(|_| {
            let db = db.clone();
            async move { db.claim_revocations(at(50), at(80), 10).await.unwrap() }
        });
        let claimed: Vec<_> = futures::future::join_all(claims).await.concat();
        let mut ids: Vec<_> = claimed.iter().map(|row| row.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["a", "b"]);
        assert!(claimed.iter().all(|row| row.attempts == 1));

        db.remove_revocation("a").await.unwrap();
        db.delay_revocation("b", at(60)).await.unwrap();
        let again = db.claim_revocations(at(70), at(90), 10).await.unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].attempts, 2);
        assert_eq!(db.sweep(at(1000), 10).await.unwrap(), 2);
    })
    .await;
}
