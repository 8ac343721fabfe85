use gatepass_chat::store::{
    Conversation, ConversationStore, MOST_CONVERSATIONS, Message, Role, RunRow, RunStore,
};
use gatepass_connections::store::Store;
use gatepass_store::Database;
use mcp_oauth_client::Timestamp;

use crate::engines::*;

/// A conversation with an answer, for a turn to wait in.
async fn conversation(db: &Database, of: u8, id: &str) {
    let talk = Conversation {
        id: id.into(),
        title: "Talk".into(),
        created_at: at(1),
        updated_at: at(1),
    };
    let owner = owner(of);
    db.add_conversation(&owner, &talk, MOST_CONVERSATIONS)
        .await
        .unwrap();
    let answer = Message {
        id: format!("{id}-answer"),
        role: Role::Assistant,
        parts: Vec::new(),
        model: None,
        created_at: at(1),
    };
    assert!(db.save_message(&owner, id, &answer, at(1)).await.unwrap());
}

fn waiting(of: u8, conversation: &str, deadline: i64) -> RunRow {
    RunRow {
        id: format!("{conversation}-run"),
        owner: owner(of),
        conversation: conversation.into(),
        message: format!("{conversation}-answer"),
        version: 1,
        held_until: None,
        record: "{}".into(),
        deadline: at(deadline),
    }
}

fn held(row: &RunRow, until: i64) -> RunRow {
    RunRow {
        version: row.version + 1,
        held_until: Some(at(until)),
        ..row.clone()
    }
}

#[tokio::test]
async fn a_turn_that_waits_is_its_owners_alone() {
    each(async |db| {
        conversation(&db, 1, "a").await;
        let row = waiting(1, "a", 100);
        // Nobody parks a turn in a conversation of somebody else.
        let stolen = RunRow {
            owner: owner(2),
            ..row.clone()
        };
        assert!(!db.add_run(&stolen, 9).await.unwrap());
        assert!(db.add_run(&row, 9).await.unwrap());
        assert_eq!(db.run(&owner(1), "a-run").await.unwrap(), Some(row.clone()));
        assert_eq!(db.run_of(&owner(1), "a").await.unwrap(), Some(row.clone()));
        let other = owner(2);
        assert_eq!(db.run(&other, "a-run").await.unwrap(), None);
        assert_eq!(db.run_of(&other, "a").await.unwrap(), None);
        let next = held(&stolen, 50);
        assert!(!db.write_run(1, &next).await.unwrap());
        let (now, until) = (at(10), at(40));
        assert!(!db.claim_run(&other, "a-run", 1, now, until).await.unwrap());
        assert!(!db.hold_run(&other, "a-run", 1, until).await.unwrap());
        assert!(!db.remove_run(&other, "a-run", 1).await.unwrap());
        assert!(
            db.claim_run(&owner(1), "a-run", 1, now, until)
                .await
                .unwrap()
        );
        assert!(!db.leave_answers(&other, "a-run", "x", now).await.unwrap());
        assert!(
            db.leave_answers(&owner(1), "a-run", "x", now)
                .await
                .unwrap()
        );
        assert_eq!(db.take_answers(&other, "a-run", 2).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn one_turn_waits_in_a_conversation_and_so_many_of_an_owner() {
    each(async |db| {
        for id in ["a", "b", "c"] {
            conversation(&db, 1, id).await;
        }
        assert!(db.add_run(&waiting(1, "a", 1), 2).await.unwrap());
        let second = RunRow {
            id: "another".into(),
            ..waiting(1, "a", 1)
        };
        assert!(!db.add_run(&second, 2).await.unwrap());
        assert!(db.add_run(&waiting(1, "b", 1), 2).await.unwrap());
        assert!(!db.add_run(&waiting(1, "c", 1), 2).await.unwrap());
        assert!(db.remove_run(&owner(1), "a-run", 1).await.unwrap());
        assert!(db.add_run(&waiting(1, "c", 1), 2).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn every_change_is_a_compare_and_swap() {
    each(async |db| {
        conversation(&db, 1, "a").await;
        let own = owner(1);
        let row = waiting(1, "a", 100);
        assert!(db.add_run(&row, 9).await.unwrap());
        let next = RunRow {
            record: r#"{"more":true}"#.into(),
            ..held(&row, 50)
        };
        assert!(!db.write_run(7, &next).await.unwrap());
        assert!(db.write_run(1, &next).await.unwrap());
        assert!(!db.write_run(1, &next).await.unwrap());
        assert_eq!(db.run(&own, "a-run").await.unwrap(), Some(next.clone()));
        // Held until 50: nobody else takes it before that.
        assert!(
            !db.claim_run(&own, "a-run", 2, at(49), at(90))
                .await
                .unwrap()
        );
        assert!(db.hold_run(&own, "a-run", 2, at(60)).await.unwrap());
        assert!(
            !db.claim_run(&own, "a-run", 2, at(50), at(90))
                .await
                .unwrap()
        );
        assert!(
            db.claim_run(&own, "a-run", 2, at(60), at(90))
                .await
                .unwrap()
        );
        // Whoever held it before has lost it.
        assert!(!db.hold_run(&own, "a-run", 2, at(99)).await.unwrap());
        assert!(!db.write_run(2, &next).await.unwrap());
        assert!(!db.remove_run(&own, "a-run", 2).await.unwrap());
        assert!(db.remove_run(&own, "a-run", 3).await.unwrap());
        assert_eq!(db.run(&own, "a-run").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn of_many_replicas_that_go_on_with_a_turn_one_does() {
    each_shared(async |replicas| {
        conversation(&replicas[0], 1, "a").await;
        let own = owner(1);
        assert!(replicas[0].add_run(&waiting(1, "a", 100), 9).await.unwrap());
        let claims = (0..30).map(|n| {
            let db = &replicas[n % 3];
            async move {
                let claimed = db.claim_run(&own, "a-run", 1, at(10), at(40)).await;
                claimed.unwrap()
            }
        });
        let won = futures::future::join_all(claims).await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_due_is_claimed_once_in_bounded_batches_and_not_while_it_is_held() {
    each(async |db| {
        for id in ["a", "b", "c", "d"] {
            conversation(&db, 1, id).await;
        }
        for (id, deadline) in [("a", 10), ("b", 20), ("c", 99), ("d", 5)] {
            assert!(db.add_run(&waiting(1, id, deadline), 9).await.unwrap());
        }
        let busy = held(&waiting(1, "d", 5), 60);
        assert!(db.write_run(1, &busy).await.unwrap());
        let ids = |rows: Vec<RunRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        let first = db.claim_due_runs(at(30), at(70), 1).await.unwrap();
        assert_eq!(first[0].version, 2);
        assert_eq!(first[0].held_until, Some(at(70)));
        assert_eq!(ids(first), ["a-run"]);
        assert_eq!(
            ids(db.claim_due_runs(at(30), at(70), 9).await.unwrap()),
            ["b-run"]
        );
        assert_eq!(
            ids(db.claim_due_runs(at(30), at(70), 9).await.unwrap()),
            [""; 0]
        );
        // Whoever held it is gone.
        assert_eq!(
            ids(db.claim_due_runs(at(60), at(70), 9).await.unwrap()),
            ["d-run"]
        );
    })
    .await;
}

#[tokio::test]
async fn answers_reach_the_replica_that_holds_the_turn_once() {
    each(async |db| {
        conversation(&db, 1, "a").await;
        let own = owner(1);
        assert!(db.add_run(&waiting(1, "a", 100), 9).await.unwrap());
        // Nobody is there to take them.
        assert!(!db.leave_answers(&own, "a-run", "x", at(10)).await.unwrap());
        assert!(
            db.claim_run(&own, "a-run", 1, at(10), at(40))
                .await
                .unwrap()
        );
        assert!(!db.leave_answers(&own, "a-run", "x", at(40)).await.unwrap());
        assert!(db.leave_answers(&own, "a-run", "x", at(20)).await.unwrap());
        assert!(!db.leave_answers(&own, "a-run", "y", at(20)).await.unwrap());
        assert_eq!(db.take_answers(&own, "a-run", 1).await.unwrap(), None);
        let taken = db.take_answers(&own, "a-run", 2).await.unwrap();
        assert_eq!(taken.as_deref(), Some("x"));
        assert_eq!(db.take_answers(&own, "a-run", 2).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_turn_goes_with_its_conversation_and_after_a_day_by_itself() {
    each(async |db| {
        for id in ["a", "b"] {
            conversation(&db, 1, id).await;
        }
        let own = owner(1);
        assert!(db.add_run(&waiting(1, "a", 100), 9).await.unwrap());
        assert!(db.delete_conversation(&own, "a").await.unwrap());
        assert_eq!(db.run(&own, "a-run").await.unwrap(), None);
        assert!(db.add_run(&waiting(1, "b", 100), 9).await.unwrap());
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(
            db.sweep(Timestamp::from_millis(99 + day), 9).await.unwrap(),
            0
        );
        assert_eq!(
            db.sweep(Timestamp::from_millis(100 + day), 9)
                .await
                .unwrap(),
            1
        );
        assert_eq!(db.run(&own, "b-run").await.unwrap(), None);
    })
    .await;
}
