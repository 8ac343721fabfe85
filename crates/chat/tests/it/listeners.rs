//! Runs go on without listeners, and listeners who come back hear everything.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use gatepass_chat::{Part, Run, Runs};
use gatepass_connections::OwnerId;

fn owner(n: u8) -> OwnerId {
    OwnerId::from_bytes([n; 32])
}

fn begin(runs: &Runs, id: &str) -> Arc<Run> {
    let run = runs.begin(id.to_owned(), owner(1), "talk".to_owned());
    run.expect("room for a run")
}

fn word(text: &str) -> Part {
    Part::TextDelta {
        id: "t".to_owned(),
        delta: text.to_owned(),
    }
}

async fn hear(run: &Arc<Run>) -> Vec<String> {
    let parts: Vec<_> = run.listen().collect().await;
    let delta = |part: &Arc<str>| {
        let part: serde_json::Value = serde_json::from_str(part).unwrap();
        part["delta"].as_str().unwrap().to_owned()
    };
    parts.iter().map(delta).collect()
}

#[tokio::test]
async fn who_comes_late_hears_it_from_the_start() {
    let runs = Runs::default();
    let run = begin(&runs, "r");
    run.emit(&word("one"));
    let early = tokio::spawn({
        let run = run.clone();
        async move { hear(&run).await }
    });
    tokio::task::yield_now().await;
    run.emit(&word("two"));
    let middle = tokio::spawn({
        let run = run.clone();
        async move { hear(&run).await }
    });
    run.emit(&word("three"));
    run.finish();
    let all = ["one", "two", "three"];
    assert_eq!(early.await.unwrap(), all);
    assert_eq!(middle.await.unwrap(), all);
    assert_eq!(hear(&run).await, all, "and after the end too");
}

#[tokio::test]
async fn a_listener_waits_for_what_has_not_come_yet() {
    let runs = Runs::default();
    let run = begin(&runs, "r");
    let mut parts = Box::pin(run.listen());
    assert!(parts.next().now_or_never().is_none());
    run.emit(&word("one"));
    assert!(parts.next().now_or_never().unwrap().is_some());
    assert!(parts.next().now_or_never().is_none());
    run.finish();
    assert!(parts.next().now_or_never().unwrap().is_none());
}

#[tokio::test]
async fn who_leaves_stops_nothing() {
    let runs = Runs::default();
    let run = begin(&runs, "r");
    let mut leaving = Box::pin(run.listen());
    run.emit(&word("one"));
    leaving.next().await;
    drop(leaving);
    assert!(!run.cancel().is_cancelled());
    run.emit(&word("two"));
    run.finish();
    assert_eq!(hear(&run).await, ["one", "two"]);
}

#[tokio::test]
async fn parts_from_many_places_reach_every_listener_in_one_order() {
    let runs = Runs::default();
    let run = begin(&runs, "r");
    let listeners: Vec<_> = (0..4)
        .map(|_| {
            let run = run.clone();
            tokio::spawn(async move { hear(&run).await })
        })
        .collect();
    let speakers = (0..4).map(|speaker| {
        let run = run.clone();
        tokio::task::spawn_blocking(move || {
            for n in 0..500 {
                run.emit(&word(&format!("{speaker}-{n}")));
            }
        })
    });
    futures::future::join_all(speakers).await;
    run.finish();
    let heard = futures::future::join_all(listeners).await;
    let heard: Vec<_> = heard.into_iter().map(Result::unwrap).collect();
    assert_eq!(heard[0].len(), 2000);
    assert!(heard.iter().all(|one| *one == heard[0]));
    let of_one: Vec<_> = heard[0]
        .iter()
        .filter(|text| text.starts_with("2-"))
        .collect();
    assert!(
        of_one
            .iter()
            .zip(0..)
            .all(|(text, n)| **text == format!("2-{n}"))
    );
}

#[test]
fn stopping_a_conversation_stops_its_owners_runs_only() {
    let runs = Runs::default();
    let own = begin(&runs, "own");
    let other_talk = runs.begin("b".into(), owner(1), "other".into()).unwrap();
    let other_owner = runs.begin("c".into(), owner(2), "talk".into()).unwrap();
    runs.cancel_all(&owner(1), "talk");
    assert!(own.cancel().is_cancelled());
    assert!(!other_talk.cancel().is_cancelled());
    assert!(!other_owner.cancel().is_cancelled());
    runs.end_everything();
    assert!(other_talk.cancel().is_cancelled() && other_owner.cancel().is_cancelled());
}

#[test]
fn the_oldest_run_that_is_over_gives_way_and_none_that_is_not() {
    let runs = Runs::default();
    let first = begin(&runs, "0");
    for n in 1..512 {
        begin(&runs, &n.to_string());
    }
    assert_eq!(runs.under_way(), 512);
    assert!(runs.begin("512".into(), owner(1), "talk".into()).is_none());
    let seventh = runs.find(&owner(1), "talk", "7").unwrap();
    seventh.finish();
    first.finish();
    begin(&runs, "512");
    assert!(runs.find(&owner(1), "talk", "0").is_none());
    assert!(runs.find(&owner(1), "talk", "7").is_some());
    begin(&runs, "513");
    assert!(runs.find(&owner(1), "talk", "7").is_none());
    assert_eq!(runs.under_way(), 512);
}

#[tokio::test]
async fn what_is_kept_of_a_run_is_bounded() {
    let runs = Runs::default();
    let run = begin(&runs, "r");
    let piece = "x".repeat(1024 * 1024);
    for _ in 0..20 {
        run.emit(&word(&piece));
    }
    run.finish();
    let kept: usize = hear(&run).await.iter().map(String::len).sum();
    assert!(
        (3 * 1024 * 1024..=4 * 1024 * 1024).contains(&kept),
        "{kept}"
    );
}
