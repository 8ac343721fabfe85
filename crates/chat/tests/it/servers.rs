//! Servers of a turn that have no tools to offer, or too many.

use gatepass_chat::{Ended, host::HostError};
use serde_json::json;

use crate::{
    host::{Server, connection, needs},
    script::Answer,
    stage::{notes, play},
};

#[tokio::test]
async fn a_server_that_fails_costs_its_own_tools_only_and_is_named() {
    let down = Server::failing(
        "Wiki",
        HostError::Failed("Wiki does not answer.".to_owned()),
    );
    let played = play([Answer::says(&["Hi."])], [down, notes()]).await;
    assert_eq!(played.ended, Ended::Answered);
    assert_eq!(
        played.of_kind("data-notice"),
        [json!({
            "type": "data-notice",
            "data": {"server": "Wiki", "level": "warning", "text": "Wiki does not answer."},
        })]
    );
    let asked = played.model.asked();
    assert_eq!(asked[0].tools(), ["Notes__search"]);
    let told = "The tools of “Wiki” are not available right now";
    assert!(asked[0].instructions().contains(told));
    assert_eq!(played.stored()[0]["type"], "data-notice");
}

#[tokio::test]
async fn a_connection_that_became_newer_while_listing_reaches_the_page_before_the_answer() {
    let closed = Server::failing("Wiki", needs("")).refreshed(connection(3));
    let played = play([Answer::says(&["Hi."])], [closed]).await;
    let first = &played.json()[0];
    assert_eq!(first["type"], "data-connection");
    assert_eq!(first["data"]["connection"]["generation"], 3);
}

#[tokio::test]
async fn without_servers_nothing_is_said_of_tools() {
    let played = play([Answer::says(&["Hi."])], []).await;
    let asked = played.model.asked();
    assert_eq!(asked[0].body.get("tools"), None);
    insta::assert_snapshot!(asked[0].instructions(), @r#"
    You are a helpful assistant in a chat. Today is 2026-11-23. Answer in the user's language.
    "#);
}

#[tokio::test]
async fn more_tools_than_a_model_takes_are_left_out_and_the_user_is_told() {
    let mut large = Server::new("Large");
    for n in 0..150 {
        large = large.speaking(&format!("tool{n}"));
    }
    let played = play([Answer::says(&["Hi."])], [notes(), large]).await;
    let asked = played.model.asked();
    assert_eq!(asked[0].tools().len(), 128);
    assert_eq!(asked[0].tools()[0], "Notes__search");
    let notice = &played.of_kind("data-notice")[0]["data"]["text"];
    assert!(
        notice.as_str().unwrap().contains("23 are left out"),
        "{notice}"
    );
}
