use gatepass_chat::store::{Conversation, ConversationStore, Message, Role};
use serde_json::json;

use crate::engines::*;

fn conversation(id: &str, updated: i64) -> Conversation {
    Conversation {
        id: id.into(),
        title: format!("About {id}"),
        created_at: at(1),
        updated_at: at(updated),
    }
}

fn message(id: &str, role: Role, text: &str) -> Message {
    Message {
        id: id.into(),
        role,
        parts: vec![json!({"type": "text", "text": text})],
        model: (role == Role::Assistant).then(|| "demo".into()),
        created_at: at(5),
    }
}

#[tokio::test]
async fn conversations_are_their_owners_alone_newest_first() {
    each(async |db| {
        let (one, two) = (owner(1), owner(2));
        db.add_conversation(&one, &conversation("a", 10), 9)
            .await
            .unwrap();
        db.add_conversation(&one, &conversation("b", 20), 9)
            .await
            .unwrap();
        db.add_conversation(&two, &conversation("c", 30), 9)
            .await
            .unwrap();
        let own = db.conversations(&one, 10).await.unwrap();
        assert_eq!(own, [conversation("b", 20), conversation("a", 10)]);
        assert_eq!(db.conversation(&two, "a").await.unwrap(), None);
        assert!(
            !db.rename_conversation(&two, "a", "stolen", at(40))
                .await
                .unwrap()
        );
        assert!(!db.delete_conversation(&two, "a").await.unwrap());
        let note = message("m", Role::User, "hi");
        assert!(!db.save_message(&two, "a", &note, at(40)).await.unwrap());
        assert_eq!(db.messages(&one, "a").await.unwrap(), []);

        assert!(
            db.rename_conversation(&one, "a", "Mine", at(50))
                .await
                .unwrap()
        );
        assert_eq!(db.conversations(&one, 1).await.unwrap()[0].title, "Mine");
        assert!(db.delete_conversation(&one, "a").await.unwrap());
        assert_eq!(db.conversation(&one, "a").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn messages_keep_their_order_and_are_written_over_by_id() {
    each(async |db| {
        let one = owner(1);
        db.add_conversation(&one, &conversation("a", 10), 9)
            .await
            .unwrap();
        db.add_conversation(&one, &conversation("b", 10), 9)
            .await
            .unwrap();
        let ask = message("m1", Role::User, "hi 👋 \"quoted\"");
        db.save_message(&one, "a", &ask, at(11)).await.unwrap();
        db.save_message(&one, "a", &message("m2", Role::Assistant, "hel"), at(12))
            .await
            .unwrap();
        let answer = message("m2", Role::Assistant, "hello");
        db.save_message(&one, "a", &answer, at(13)).await.unwrap();
        db.save_message(&one, "b", &message("m1", Role::User, "taken over"), at(14))
            .await
            .unwrap();
        assert_eq!(db.messages(&one, "a").await.unwrap(), [ask, answer]);
        assert_eq!(db.messages(&one, "b").await.unwrap(), []);
        assert_eq!(db.messages(&owner(2), "a").await.unwrap(), []);
        assert_eq!(
            db.conversation(&one, "a")
                .await
                .unwrap()
                .unwrap()
                .updated_at,
            at(13)
        );

        let more = (0..6).map(|n| {
            let db = db.clone();
            async move {
                let message = message(&format!("n{n}"), Role::User, "x");
                db.save_message(&owner(1), "a", &message, at(20))
                    .await
                    .unwrap()
            }
        });
        assert!(
            futures::future::join_all(more)
                .await
                .into_iter()
                .all(|saved| saved)
        );
        assert_eq!(db.messages(&one, "a").await.unwrap().len(), 8);
    })
    .await;
}

#[tokio::test]
async fn past_the_bound_the_one_unused_for_longest_goes() {
    each(async |db| {
        let one = owner(1);
        db.add_conversation(&owner(2), &conversation("other", 1), 2)
            .await
            .unwrap();
        for (id, updated) in [("a", 10), ("b", 5), ("c", 20)] {
            db.add_conversation(&one, &conversation(id, updated), 2)
                .await
                .unwrap();
        }
        let left: Vec<_> = db.conversations(&one, 10).await.unwrap();
        let left: Vec<_> = left.iter().map(|own| own.id.as_str()).collect();
        assert_eq!(left, ["c", "a"]);
        assert_eq!(db.conversations(&owner(2), 10).await.unwrap().len(), 1);
    })
    .await;
}
