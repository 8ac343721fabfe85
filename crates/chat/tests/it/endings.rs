//! How turns end: answered, stopped, failed, exhausted. Whatever was shown stays.

use gatepass_chat::{Ended, Part, host::HostError};
use mcp_oauth_client::TransportFailure;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    host::{Hall, Server, fails},
    script::{Answer, Piece, Scripted, chunk, end, event, gate},
    stage::{Played, notes, perform, play, turn},
};

/// Plays a turn that is stopped as soon as `when` sees the part it waits for.
async fn stopped(
    answers: impl IntoIterator<Item = Answer>,
    servers: impl IntoIterator<Item = Server>,
    when: impl Fn(&Part) -> bool + Send + Sync,
) -> Played {
    let (model, hall) = (Scripted::new(answers), Hall::of(servers));
    let cancel = CancellationToken::new();
    let turn = turn(&model, &hall);
    let stop = |part: &Part| {
        if when(part) {
            cancel.cancel();
        }
    };
    perform(turn, model, hall, &cancel, stop).await
}

fn last(played: &Played) -> Value {
    played.json().pop().unwrap()
}

#[tokio::test]
async fn a_turn_that_keeps_calling_tools_ends_and_says_how_to_go_on() {
    let again = || Answer::calls(&[("Notes__search", "{}")]);
    let (model, hall) = (
        Scripted::new([again(), again(), again()]),
        Hall::of([notes()]),
    );
    let mut turn = turn(&model, &hall);
    turn.rounds = 3;
    let played = perform(turn, model, hall, &CancellationToken::new(), |_| {}).await;
    assert_eq!(played.ended, Ended::Exhausted);
    assert_eq!(played.model.asked().len(), 3);
    assert_eq!(played.hall.called().len(), 3);
    assert!(
        played.text().contains("Say “go on” to continue"),
        "{}",
        played.text()
    );
    assert_eq!(last(&played), json!({"type": "finish"}));
}

#[tokio::test]
async fn an_answer_cut_at_the_limit_of_length_says_so() {
    let cut = Answer::events(&[chunk(json!({"content": "Once upon"})), end("length")]);
    let played = play([cut], []).await;
    assert_eq!(played.ended, Ended::Answered);
    assert!(
        played
            .text()
            .starts_with("Once upon\n\n[The answer was cut off")
    );
}

#[tokio::test]
async fn a_call_cut_at_the_limit_of_length_is_asked_for_again() {
    let cut = Answer::events(&[
        crate::script::call(0, "a", "Notes__search", "{\"query\": \"a lo"),
        end("length"),
    ]);
    let again = Answer::calls(&[("Notes__search", "{\"query\":\"a\"}")]);
    let played = play([cut, again, Answer::says(&["Done."])], [notes()]).await;
    assert_eq!(played.ended, Ended::Answered);
    let called = played.hall.called();
    assert_eq!(called.len(), 1);
    assert_eq!(called[0].arguments, json!({"query": "a"}));
}

#[tokio::test]
async fn a_model_that_fails_after_work_was_shown_loses_none_of_it() {
    let calls = || Answer::calls(&[("Notes__search", "{}")]);
    for failing in [
        Answer::plain(500, "text/plain", "down"),
        Answer::Fails(TransportFailure::Connect),
        Answer::stream([
            event(&chunk(json!({"content": "I found"}))),
            Piece::Fails(TransportFailure::Broken),
        ]),
        Answer::stream([event(&json!({"error": {"message": "overloaded"}}))]),
    ] {
        let played = play([calls(), failing], [notes()]).await;
        assert_eq!(played.ended, Ended::Failed);
        let last = last(&played);
        assert_eq!(last["type"], "error");
        assert!(
            last["errorText"]
                .as_str()
                .unwrap()
                .starts_with("The model at model.example")
        );
        let stored = played.stored();
        assert_eq!(stored[1]["state"], "output-available");
        assert_eq!(stored.last().unwrap()["type"], "error");
        let open = stored.iter().find(|part| part["state"] == "streaming");
        assert_eq!(open, None);
    }
}

#[tokio::test]
async fn stopped_before_it_began_a_turn_asks_nobody() {
    let (model, hall) = (Scripted::new([]), Hall::of([notes()]));
    let cancel = CancellationToken::new();
    cancel.cancel();
    let turn = turn(&model, &hall);
    let played = perform(turn, model, hall, &cancel, |_| {}).await;
    assert_eq!(played.ended, Ended::Cancelled);
    assert_eq!(played.json(), [json!({"type": "abort"})]);
    assert_eq!(played.model.asked().len(), 0);
}

#[tokio::test]
async fn stopped_while_a_server_does_not_list_its_tools() {
    let (model, hall) = (Scripted::new([]), Hall::of([Server::stuck("Wiki")]));
    let cancel = CancellationToken::new();
    let turn = turn(&model, &hall);
    let perform = perform(turn, model, hall, &cancel, |_| {});
    let stop = async {
        tokio::task::yield_now().await;
        cancel.cancel();
    };
    let (played, ()) = tokio::join!(perform, stop);
    assert_eq!(played.ended, Ended::Cancelled);
    assert_eq!(last(&played), json!({"type": "abort"}));
}

#[tokio::test]
async fn stopped_while_the_model_thinks() {
    let (gate, wait) = gate();
    gate.never();
    let thinking = Answer::stream([wait]);
    let played = stopped([thinking], [], |part| matches!(part, Part::StartStep));
    let played = played.await;
    assert_eq!(played.ended, Ended::Cancelled);
    assert_eq!(last(&played), json!({"type": "abort"}));
}

#[tokio::test]
async fn stopped_in_the_middle_of_a_sentence_keeps_its_beginning() {
    let (gate, wait) = gate();
    gate.never();
    let speaking = Answer::stream([event(&chunk(json!({"content": "Once upon"}))), wait]);
    let played = stopped([speaking], [], |part| {
        matches!(part, Part::TextDelta { .. })
    })
    .await;
    assert_eq!(played.ended, Ended::Cancelled);
    assert_eq!(
        played.stored(),
        [
            json!({"type": "step-start"}),
            json!({"type": "text", "text": "Once upon", "state": "done"}),
            json!({"type": "data-aborted", "data": {}}),
        ]
    );
}

#[tokio::test]
async fn stopped_during_a_call_ends_the_call_and_does_not_ask_the_model_again() {
    let hanging = Server::new("Notes").tool("hang", async |_, cancel: CancellationToken| {
        cancel.cancelled().await;
        fails(HostError::Cancelled)
    });
    let calls = Answer::calls(&[("Notes__hang", "{}"), ("Notes__hang", "{}")]);
    let played = stopped([calls], [hanging], |part| {
        matches!(part, Part::ToolInputAvailable { .. })
    })
    .await;
    assert_eq!(played.ended, Ended::Cancelled);
    assert_eq!(played.model.asked().len(), 1);
    assert_eq!(last(&played), json!({"type": "abort"}));
    let errors = played.of_kind("tool-output-error");
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0]["errorText"], "The call was stopped.");
    let states: Vec<_> = played.stored()[1..3]
        .iter()
        .map(|part| part["state"].clone())
        .collect();
    assert_eq!(states, ["output-error", "output-error"]);
}

#[tokio::test]
async fn results_that_came_before_the_stop_are_kept() {
    let server = notes().tool("hang", async |_, cancel: CancellationToken| {
        cancel.cancelled().await;
        fails(HostError::Cancelled)
    });
    let calls = Answer::calls(&[("Notes__hang", "{}"), ("Notes__search", "{}")]);
    let played = stopped([calls], [server], |part| {
        matches!(part, Part::ToolOutputAvailable { .. })
    })
    .await;
    assert_eq!(played.ended, Ended::Cancelled);
    let stored = played.stored();
    assert_eq!(stored[1]["state"], "output-error");
    assert_eq!(stored[2]["output"]["content"][0]["text"], "search of Notes");
}
