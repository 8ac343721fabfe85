use gatepass_chat::{
    search::SearchWords,
    store::{Conversation, ConversationStore, Message, Role},
};
use serde_json::json;

use crate::engines::*;

pub fn conversation(id: &str, updated: i64) -> Conversation {
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

#[tokio::test]
async fn a_conversation_is_found_by_its_title_or_by_what_one_message_says() {
    each(async |db| {
        let (one, two) = (owner(1), owner(2));
        for (id, of, updated) in [("a", one, 10), ("b", one, 20), ("c", two, 30)] {
            db.add_conversation(&of, &conversation(id, updated), 9)
                .await
                .unwrap();
        }
        for (of, id, text) in [
            (one, "m1", "Wie groß ist die GRÖSSE von 100% Äpfeln?"),
            (one, "m2", "Etwas anderes über Birnen."),
        ] {
            let message = message(id, Role::User, text);
            assert!(db.save_message(&of, "a", &message, at(11)).await.unwrap());
        }
        let pears = message("m3", Role::Assistant, "Birnen und Äpfel");
        assert!(db.save_message(&two, "c", &pears, at(31)).await.unwrap());

        let search = async |of, query: &str| {
            let words = SearchWords::of(query).unwrap();
            let found = db.search_conversations(of, &words, 5).await.unwrap();
            found
                .into_iter()
                .map(|found| format!("{} {:?}", found.conversation.id, found.excerpt))
                .collect::<Vec<_>>()
        };
        let apples = "Wie groß ist die GRÖSSE von 100% Äpfeln?";
        assert_eq!(search(&one, "äpfel größe").await, Vec::<String>::new());
        assert_eq!(
            search(&one, "ÄPFEL 100%").await,
            [format!("a Some({apples:?})")]
        );
        // The words of one message, not of several together.
        assert_eq!(search(&one, "äpfel birnen").await, Vec::<String>::new());
        assert_eq!(search(&one, "about").await, ["b None", "a None"]);
        assert_eq!(search(&one, "%").await, [format!("a Some({apples:?})")]);
        assert_eq!(search(&one, "_").await, Vec::<String>::new());
        assert_eq!(
            search(&two, "äpfel").await,
            ["c Some(\"Birnen und Äpfel\")"]
        );

        // What was written over, renamed and deleted is not found any more.
        let other = message("m1", Role::User, "Kirschen");
        db.save_message(&one, "a", &other, at(12)).await.unwrap();
        assert_eq!(search(&one, "100%").await, Vec::<String>::new());
        assert_eq!(search(&one, "kirschen").await, ["a Some(\"Kirschen\")"]);
        db.rename_conversation(&one, "b", "Straße", at(40))
            .await
            .unwrap();
        assert_eq!(search(&one, "ABOUT").await, ["a None"]);
        assert_eq!(search(&one, "STRAßE").await, ["b None"]);
        db.delete_conversation(&one, "a").await.unwrap();
        assert_eq!(search(&one, "kirschen").await, Vec::<String>::new());

        for n in 0..8 {
            db.add_conversation(&one, &conversation(&format!("n{n}"), 50 + n), 90)
                .await
                .unwrap();
        }
        let few = search(&one, "about").await;
        assert_eq!(few.len(), 5);
        assert_eq!(few[0], "n7 None");
    })
    .await;
}

#[tokio::test]
async fn messages_take_the_place_of_others_all_at_once() {
    each(async |db| {
        let one = owner(1);
        for id in ["a", "b"] {
            db.add_conversation(&one, &conversation(id, 10), 9)
                .await
                .unwrap();
        }
        let ask = message("m1", Role::User, "One");
        let answer = message("m2", Role::Assistant, "1");
        let more = [
            message("m3", Role::User, "Two"),
            message("m4", Role::Assistant, "2"),
        ];
        for message in [&ask, &answer, &more[0], &more[1]] {
            db.save_message(&one, "a", message, at(11)).await.unwrap();
        }
        let elsewhere = message("x1", Role::User, "Elsewhere");
        db.save_message(&one, "b", &elsewhere, at(11))
            .await
            .unwrap();

        let new = [
            message("n1", Role::User, "Two, but better"),
            message("n2", Role::Assistant, ""),
        ];
        let replace = async |of: u8, id: &str, from: &str| {
            db.replace_messages(&owner(of), id, from, &new, at(20))
                .await
                .unwrap()
        };
        let all = [
            ask.clone(),
            answer.clone(),
            more[0].clone(),
            more[1].clone(),
        ];
        for (of, id, from) in [
            (2, "a", "m3"),
            (1, "b", "m3"),
            (1, "a", "none"),
            (1, "c", "m3"),
        ] {
            assert!(!replace(of, id, from).await);
        }
        assert_eq!(db.messages(&one, "a").await.unwrap(), all);
        assert_eq!(db.messages(&one, "b").await.unwrap(), [elsewhere]);

        assert!(replace(1, "a", "m3").await);
        let [first, second] = new.clone();
        assert_eq!(
            db.messages(&one, "a").await.unwrap(),
            [ask, answer, first, second]
        );
        assert!(!replace(1, "a", "m3").await, "it is gone already");
        let changed = db.conversation(&one, "a").await.unwrap().unwrap();
        assert_eq!(changed.updated_at, at(20));
    })
    .await;
}
