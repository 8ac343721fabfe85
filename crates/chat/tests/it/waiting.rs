//! A turn that waits for a person: what is asked, what is kept, and how the same calls go on.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use gatepass_chat::{
    Answer, Delivery, Ended, Open, Turn,
    ask::{Action, Question},
    host::{HostCall, HostError, HostTool, Inquiry, Permission},
    inbox::NotTaken,
    keeper::Keeper,
};
use mcp_oauth_client::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    front_end,
    host::{Hall, Server, described, fails, gives, needs},
    script::{Answer as Says, Scripted},
    shelf::Shelf,
    stage::{Counting, Noon, Played, notes, perform_at, turn},
};

const WRITE: (&str, &str) = ("Notes__write", r#"{"text":"milk"}"#);

/// Whether the person has connected to a server.
#[derive(Clone, Default)]
struct Door(Arc<AtomicBool>);

impl Door {
    fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// A server whose tool asks for consent until the door is open.
    fn of(&self, name: &str, tool: &str) -> Server {
        let door = self.clone();
        Server::new(name).tool(tool, move |_, _| {
            let open = door.0.load(Ordering::SeqCst);
            std::future::ready(match open {
                true => gives("done"),
                false => fails(needs("notes:write")),
            })
        })
    }
}

/// A turn that may be played more than once.
struct Stage {
    model: Scripted,
    hall: Arc<Hall>,
    clock: Arc<dyn Clock>,
    random: Arc<Counting>,
}

impl Stage {
    fn new(answers: impl IntoIterator<Item = Says>, hall: &Arc<Hall>) -> Self {
        Self {
            model: Scripted::new(answers),
            hall: Arc::clone(hall),
            clock: Arc::new(Noon),
            random: Arc::default(),
        }
    }

    fn turn(&self) -> Turn {
        let mut turn = turn(&self.model, &self.hall);
        turn.clock = Arc::clone(&self.clock);
        turn.random = self.random.clone();
        turn
    }

    async fn play(&self) -> Played {
        self.perform(&Arc::default(), self.turn()).await
    }

    async fn perform(&self, shelf: &Arc<Shelf>, turn: Turn) -> Played {
        let (model, hall) = (self.model.clone(), Arc::clone(&self.hall));
        let never = CancellationToken::new();
        perform_at(shelf, turn, model, hall, &never, |_| {}).await
    }

    /// Goes on with what was parked, as another process would: from what was kept alone.
    async fn go_on(&self, before: &Played, answers: &[(String, Answer)]) -> Played {
        let shelf = Arc::new(Shelf::of(before.shelf.said()));
        let mut turn = self.turn();
        turn.open = before.shelf.open().unwrap();
        shelf.inbox().show(&turn.open);
        let delivery = Delivery {
            answers: answers.to_vec(),
            host: self.hall.clone(),
        };
        shelf.inbox().deliver(delivery).unwrap();
        self.perform(&shelf, turn).await
    }
}

/// The asks that were shown, as they were shown last.
fn asks(played: &Played) -> Vec<Value> {
    let mut asks = played.shelf.said();
    asks.retain(|part| part["data"]["askId"].is_string());
    asks
}

fn id(ask: &Value) -> String {
    ask["data"]["askId"].as_str().unwrap().to_owned()
}

fn answer(ask: &Value, action: Action) -> (String, Answer) {
    (id(ask), Answer::of(action))
}

/// The results of calls in the message so far.
fn results(played: &Played) -> Vec<String> {
    let said = played.shelf.said();
    let calls = said.iter().filter(|part| part["type"] == "dynamic-tool");
    calls
        .map(|call| match (&call["output"], &call["errorText"]) {
            (Value::Null, Value::Null) => "open".to_owned(),
            (Value::Null, error) => error.as_str().unwrap().to_owned(),
            (output, _) => output["content"][0]["text"].as_str().unwrap().to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn a_call_that_needs_consent_waits_for_it_and_the_same_call_goes_on() {
    let door = Door::default();
    let hall = Hall::of([door.of("Notes", "write")]);
    let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["Noted."])], &hall);
    let parked = stage.play().await;
    front_end::hold_to_protocol(&parked.json());
    assert_eq!(parked.ended, Ended::Waiting);
    let call = parked.of_kind("tool-input-start")[0]["toolCallId"].clone();
    let shown = parked.of_kind("data-authorization");
    let ask = &shown[0];
    assert_eq!(
        *ask,
        json!({
            "type": "data-authorization",
            "id": ask["id"],
            "data": {
                "askId": ask["id"],
                "runId": "run",
                "server": "Notes",
                "url": "https://notes.example/mcp",
                "reason": "The server asks for a sign-in.",
                "scopes": ["notes:write"],
                "state": "waiting",
                "deadline": 1_795_435_200_000_i64 + 600_000,
                "toolCallIds": [call],
                "toolCallId": call,
            },
        })
    );
    let last = parked.json().pop().unwrap();
    assert_eq!(last["type"], "data-waiting");
    assert_eq!(results(&parked), ["open"]);

    door.open();
    let done = stage.go_on(&parked, &[answer(ask, Action::Connect)]).await;
    assert_eq!(done.ended, Ended::Answered);
    assert_eq!(done.of_kind("tool-output-available")[0]["toolCallId"], call);
    assert_eq!(results(&done), ["done"]);
    assert_eq!(asks(&done)[0]["data"]["state"], "answered");
    assert_eq!(done.shelf.open(), None);
    let told = done.model.asked().last().unwrap().told();
    assert_eq!(told[1]["tool_calls"][0]["function"]["arguments"], WRITE.1);
    assert_eq!(told[2]["content"], "done");
    assert_eq!(hall.called().len(), 2, "refused once, carried out once");
}

#[tokio::test]
async fn parallel_calls_to_one_server_ask_once_and_all_go_on_while_others_are_not_held_up() {
    let door = Door::default();
    let hall = Hall::of([
        door.of("Notes", "write"),
        Server::new("Wiki").speaking("read"),
    ]);
    let calls = Says::calls(&[WRITE, ("Wiki__read", "{}"), WRITE, WRITE]);
    let stage = Stage::new([calls, Says::says(&["ok"])], &hall);
    let parked = stage.play().await;
    assert_eq!(results(&parked), ["open", "read of Wiki", "open", "open"]);
    let asked = asks(&parked);
    assert_eq!(asked.len(), 1);
    let waiting = asked[0]["data"]["toolCallIds"].as_array().unwrap();
    assert_eq!(waiting.len(), 3);
    door.open();
    let done = stage
        .go_on(&parked, &[answer(&asked[0], Action::Connect)])
        .await;
    assert_eq!(results(&done), ["done", "read of Wiki", "done", "done"]);
    let wiki = hall
        .called()
        .iter()
        .filter(|call| call.server == "Wiki")
        .count();
    assert_eq!(wiki, 1, "what is done is not done again");
    assert_eq!(done.results(), ["done", "read of Wiki", "done", "done"]);
}

#[tokio::test]
async fn whoever_connects_while_another_call_runs_need_not_wait_for_it() {
    let door = Door::default();
    let slow_may_end = Arc::new(Notify::new());
    let (wait, end) = (slow_may_end.clone(), slow_may_end);
    let slow = Server::new("Wiki").tool("read", move |_, _| {
        let wait = wait.clone();
        async move {
            wait.notified().await;
            gives("slow")
        }
    });
    let hall = Hall::of([door.of("Notes", "write"), slow]);
    let calls = Says::calls(&[WRITE, ("Wiki__read", "{}")]);
    let stage = Stage::new([calls, Says::says(&["ok"])], &hall);
    let shelf = Arc::new(Shelf::default());
    let (inbox, host) = (Arc::clone(&shelf), hall.clone());
    let watch = move |part: &gatepass_chat::Part| {
        let part = serde_json::to_value(part).unwrap();
        if part["data"]["state"] == "waiting" {
            door.open();
            let delivery = Delivery {
                answers: vec![answer(&part, Action::Connect)],
                host: host.clone(),
            };
            inbox.inbox().deliver(delivery).unwrap();
        }
        if part["type"] == "tool-output-available" && part["output"]["content"][0]["text"] == "done"
        {
            end.notify_one();
        }
    };
    let never = CancellationToken::new();
    let played = perform_at(
        &shelf,
        stage.turn(),
        stage.model.clone(),
        hall,
        &never,
        watch,
    )
    .await;
    assert_eq!(played.ended, Ended::Answered);
    assert_eq!(results(&played), ["done", "slow"]);
}

#[tokio::test]
async fn skipping_tells_the_model_and_is_not_asked_again() {
    let hall = Hall::of([Door::default().of("Notes", "write")]);
    let again = Says::calls(&[WRITE]);
    let stage = Stage::new([again.clone(), again, Says::says(&["Sorry."])], &hall);
    let parked = stage.play().await;
    let ask = &asks(&parked)[0];
    let done = stage.go_on(&parked, &[answer(ask, Action::Skip)]).await;
    assert_eq!(done.ended, Ended::Answered);
    assert_eq!(asks(&done).len(), 1);
    assert_eq!(asks(&done)[0]["data"]["state"], "skipped");
    let why = "The user chose not to connect to “Notes”. Go on without it.";
    assert_eq!(results(&done), [why, why]);
    assert_eq!(done.results()[0], format!("The call failed: {why}"));
}

/// A clock that the test moves.
#[derive(Default)]
struct Moving(AtomicI64);

impl Clock for Moving {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn ten_minutes_of_silence_end_the_waiting_with_a_word_to_the_model() {
    let hall = Hall::of([Door::default().of("Notes", "write")]);
    let mut stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["Sorry."])], &hall);
    let clock = Arc::new(Moving::default());
    stage.clock = clock.clone();
    let parked = stage.play().await;
    let kept = |shelf: &Shelf| shelf.open().unwrap().deadline(Timestamp::from_millis(0));
    assert_eq!(kept(&parked.shelf), Timestamp::from_millis(600_000));
    clock.0.store(599_999, Ordering::SeqCst);
    let still = stage.go_on(&parked, &[]).await;
    assert_eq!(still.ended, Ended::Waiting);
    clock.0.store(600_000, Ordering::SeqCst);
    let done = stage.go_on(&still, &[]).await;
    assert_eq!(done.ended, Ended::Answered);
    assert_eq!(asks(&done)[0]["data"]["state"], "expired");
    assert_eq!(
        done.results(),
        ["The call failed: The user did not connect to “Notes” in time. Go on without it."]
    );
}

#[tokio::test]
async fn an_answer_that_comes_late_but_before_anybody_gave_up_still_counts() {
    let door = Door::default();
    let hall = Hall::of([door.of("Notes", "write")]);
    let mut stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["Noted."])], &hall);
    let clock = Arc::new(Moving::default());
    stage.clock = clock.clone();
    let parked = stage.play().await;
    clock.0.store(600_001, Ordering::SeqCst);
    door.open();
    let answers = [answer(&asks(&parked)[0], Action::Connect)];
    let done = stage.go_on(&parked, &answers).await;
    assert_eq!(results(&done), ["done"]);
}

#[tokio::test]
async fn a_server_that_is_never_content_is_asked_for_three_times() {
    let hall = Hall::of([Door::default().of("Notes", "write")]);
    let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["Sorry."])], &hall);
    let mut played = stage.play().await;
    for _ in 0..3 {
        assert_eq!(played.ended, Ended::Waiting);
        let ask = asks(&played).pop().unwrap();
        played = stage.go_on(&played, &[answer(&ask, Action::Connect)]).await;
    }
    assert_eq!(played.ended, Ended::Answered);
    assert_eq!(asks(&played).len(), 3);
    assert!(results(&played)[0].contains("It was asked for 3 times already"));
}

#[tokio::test]
async fn a_server_whose_tools_cannot_be_listed_is_asked_for_before_the_model() {
    let closed = Hall::of([Server::failing("Wiki", needs("wiki")), notes()]);
    let mut stage = Stage::new([Says::says(&["Hi."])], &closed);
    let parked = stage.play().await;
    assert_eq!(parked.ended, Ended::Waiting);
    assert!(parked.model.asked().is_empty());
    let ask = &asks(&parked)[0]["data"];
    assert_eq!(ask["toolCallIds"], json!([]));
    assert_eq!(ask["scopes"], json!(["wiki"]));

    let skipped = stage
        .go_on(&parked, &[answer(&asks(&parked)[0], Action::Skip)])
        .await;
    assert_eq!(skipped.ended, Ended::Answered);
    let asked = skipped.model.asked();
    assert_eq!(asked[0].tools(), ["Notes__search"]);
    assert!(
        asked[0]
            .instructions()
            .contains("The tools of “Wiki” are not available right now")
    );

    stage = Stage::new([Says::says(&["Hi."])], &closed);
    let parked = stage.play().await;
    stage.hall = Hall::of([Server::new("Wiki").speaking("read"), notes()]);
    let connected = stage
        .go_on(&parked, &[answer(&asks(&parked)[0], Action::Connect)])
        .await;
    let asked = connected.model.asked();
    assert_eq!(asked[0].tools(), ["Wiki__read", "Notes__search"]);
    assert!(!asked[0].instructions().contains("not available"));
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_waited_for() {
    let hall = Hall::of([Door::default().of("Notes", "write")]);
    let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["Sorry."])], &hall);
    let shelf = Arc::new(Shelf::default());
    shelf.full.store(true, Ordering::SeqCst);
    let played = stage.perform(&shelf, stage.turn()).await;
    assert_eq!(played.ended, Ended::Answered);
    assert_eq!(asks(&played)[0]["data"]["state"], "skipped");
    assert_eq!(
        results(&played),
        [
            "The server asks for a sign-in. The user could not be asked: too many turns wait already."
        ]
    );
}

#[tokio::test]
async fn a_call_that_was_under_way_when_the_process_died_is_not_sent_again() {
    let door = Door::default();
    let hall = Hall::of([door.of("Notes", "write")]);
    let stage = Stage::new([Says::calls(&[WRITE, WRITE]), Says::says(&["ok"])], &hall);
    let parked = stage.play().await;
    // As it was written when one of the calls had just been sent.
    let mut record = serde_json::to_value(parked.shelf.open().unwrap()).unwrap();
    record["calls"][0]["stage"] = json!("sent");
    let mut open: Open = serde_json::from_value(record).unwrap();
    let shelf = Arc::new(Shelf::of(parked.shelf.said()));
    for part in open.orphaned() {
        shelf.push(&part);
    }
    shelf.inbox().show(&open);
    let ask = &asks(&parked)[0];
    let delivery = Delivery {
        answers: vec![answer(ask, Action::Connect)],
        host: hall.clone(),
    };
    shelf.inbox().deliver(delivery).unwrap();
    door.open();
    let mut turn = stage.turn();
    turn.open = open;
    let done = stage.perform(&shelf, turn).await;
    assert_eq!(hall.called().len(), 3, "two refused, one carried out");
    assert_eq!(
        results(&done),
        [
            "The call was under way when Gatepass was restarted, and its result is lost. It may \
             have been carried out; it was not sent again.",
            "done"
        ]
    );
}

#[tokio::test]
async fn a_turn_that_another_replica_took_ends_without_a_word() {
    let hall = Hall::of([Door::default().of("Notes", "write")]);
    let stage = Stage::new([Says::calls(&[WRITE])], &hall);
    let shelf = Arc::new(Shelf::default());
    shelf.taken.store(true, Ordering::SeqCst);
    let played = stage.perform(&shelf, stage.turn()).await;
    assert_eq!(played.ended, Ended::Lost);
    assert_eq!(played.of_kind("data-authorization"), [] as [Value; 0]);
}

#[tokio::test]
async fn stopped_while_it_waits_and_another_call_runs() {
    let slow = Server::new("Wiki").tool("read", |_, cancel: CancellationToken| async move {
        cancel.cancelled().await;
        fails(HostError::Cancelled)
    });
    let hall = Hall::of([Door::default().of("Notes", "write"), slow]);
    let stage = Stage::new([Says::calls(&[WRITE, ("Wiki__read", "{}")])], &hall);
    let (shelf, cancel) = (Arc::new(Shelf::default()), CancellationToken::new());
    let stop = cancel.clone();
    let watch = move |part: &gatepass_chat::Part| {
        if matches!(part, gatepass_chat::Part::DataAuthorization { .. }) {
            stop.cancel();
        }
    };
    let played = perform_at(
        &shelf,
        stage.turn(),
        stage.model.clone(),
        hall,
        &cancel,
        watch,
    )
    .await;
    front_end::hold_to_protocol(&played.json());
    assert_eq!(played.ended, Ended::Cancelled);
    assert_eq!(asks(&played)[0]["data"]["state"], "stopped");
    assert_eq!(results(&played), ["The call was stopped."; 2]);
    assert_eq!(played.shelf.open(), None);
}

fn guarded(permission: Permission) -> Server {
    let tool = HostTool {
        permission,
        definition: "of-today".to_owned(),
        ..described("write")
    };
    Server::new("Notes").described(tool, |_, _| std::future::ready(gives("done")))
}

#[tokio::test]
async fn a_call_that_needs_approval_is_not_sent_before_it_is_given() {
    for (action, result) in [
        (Action::Approve, "done"),
        (Action::Deny, "The user did not allow this call."),
    ] {
        let asked = Permission::Asked {
            reason: "You want to be asked.".to_owned(),
        };
        let hall = Hall::of([guarded(asked)]);
        let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["ok"])], &hall);
        let parked = stage.play().await;
        front_end::hold_to_protocol(&parked.json());
        assert_eq!(hall.called(), []);
        let shown = parked.of_kind("data-approval");
        let ask = &shown[0]["data"];
        assert_eq!(ask["tool"], "write");
        assert_eq!(ask["arguments"], json!({"text": "milk"}));
        assert_eq!(ask["reason"], "You want to be asked.");
        assert_eq!(ask["definition"], "of-today");
        let done = stage.go_on(&parked, &[answer(&shown[0], action)]).await;
        assert_eq!(results(&done), [result]);
        assert_eq!(hall.called().len(), usize::from(action == Action::Approve));
    }
}

#[tokio::test]
async fn a_call_of_a_tool_that_is_never_to_be_called_is_refused_at_once() {
    let hall = Hall::of([guarded(Permission::Refused)]);
    let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["ok"])], &hall);
    let played = stage.play().await;
    assert_eq!(played.ended, Ended::Answered);
    assert_eq!(
        results(&played),
        ["The user does not allow calls of this tool."]
    );
    assert_eq!(hall.called(), []);
}

#[tokio::test]
async fn one_answer_of_two_lets_its_call_go_on_and_the_other_waits() {
    let asked = Permission::Asked {
        reason: "You want to be asked.".to_owned(),
    };
    let hall = Hall::of([guarded(asked)]);
    let stage = Stage::new([Says::calls(&[WRITE, WRITE]), Says::says(&["ok"])], &hall);
    let parked = stage.play().await;
    let both = asks(&parked);
    let half = stage
        .go_on(&parked, &[answer(&both[1], Action::Approve)])
        .await;
    assert_eq!(half.ended, Ended::Waiting);
    assert_eq!(results(&half), ["open", "done"]);
    let done = stage.go_on(&half, &[answer(&both[0], Action::Deny)]).await;
    assert_eq!(
        results(&done),
        ["The user did not allow this call.", "done"]
    );
    assert_eq!(done.results().len(), 2);
}

fn form() -> Question {
    Question::Form {
        message: "What is your name?".to_owned(),
        requested_schema: json!({
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        }),
    }
}

/// A tool that ends its call with a question, and greets whoever answers.
fn asking(calls: Arc<AtomicUsize>) -> Server {
    let answering = move |call: HostCall, _: CancellationToken| {
        calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(match call.resuming {
            None => fails(HostError::Asks(Inquiry {
                questions: [("name".to_owned(), form())].into(),
                state: Some("where I was".to_owned()),
            })),
            Some(resuming) => gives(&format!(
                "{} {}",
                resuming.state.unwrap(),
                resuming.responses["name"]
            )),
        })
    };
    Server::new("Notes").answering(described("write"), answering)
}

#[tokio::test]
async fn a_question_that_ends_a_call_is_kept_and_the_call_goes_on_with_its_answer() {
    for (action, content, response) in [
        (
            Action::Accept,
            Some(json!({"name": "Ada"})),
            r#"{"action":"accept","content":{"name":"Ada"}}"#,
        ),
        (Action::Decline, None, r#"{"action":"decline"}"#),
    ] {
        let calls = Arc::new(AtomicUsize::new(0));
        let hall = Hall::of([asking(calls.clone())]);
        let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["ok"])], &hall);
        let parked = stage.play().await;
        front_end::hold_to_protocol(&parked.json());
        assert_eq!(parked.ended, Ended::Waiting);
        let shown = parked.of_kind("data-elicitation");
        let ask = &shown[0]["data"];
        assert_eq!(ask["mode"], "form");
        assert_eq!(ask["message"], "What is your name?");
        assert_eq!(ask["requestedSchema"]["required"], json!(["name"]));
        assert_eq!(ask["live"], false);
        let content = content.map(|content| content.as_object().unwrap().clone());
        let given = (id(&shown[0]), Answer { action, content });
        let done = stage.go_on(&parked, &[given]).await;
        assert_eq!(results(&done), [format!("where I was {response}")]);
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused_and_the_ask_goes_on_waiting() {
    let hall = Hall::of([asking(Arc::default())]);
    let stage = Stage::new([Says::calls(&[WRITE])], &hall);
    let parked = stage.play().await;
    let open = parked.shelf.open().unwrap();
    let ask = id(&asks(&parked)[0]);
    let table = [
        (
            "nobody",
            Answer::of(Action::Accept),
            "This turn asks nothing of that name now.",
        ),
        (
            ask.as_str(),
            Answer::of(Action::Connect),
            "That is no answer to what was asked.",
        ),
        (
            ask.as_str(),
            Answer::of(Action::Accept),
            "“name” must be filled in.",
        ),
    ];
    for (ask, answer, said) in table {
        let shelf = Shelf::default();
        shelf.inbox().show(&open);
        let delivery = Delivery {
            answers: vec![(ask.to_owned(), answer)],
            host: hall.clone(),
        };
        let refused = shelf.inbox().deliver(delivery).err();
        assert_eq!(refused, Some(NotTaken::Unfit(said.to_owned())));
    }
}

#[tokio::test]
async fn a_question_of_a_call_that_is_held_open_is_answered_while_it_waits() {
    let heard = Arc::new(Mutex::new(None));
    let note = heard.clone();
    let answering = move |call: HostCall, _: CancellationToken| {
        let note = note.clone();
        async move {
            let answer = call.asker.unwrap().ask(form()).await;
            *note.lock().unwrap() = Some(answer.action);
            gives("thanks")
        }
    };
    let server = Server::new("Notes").answering(described("write"), answering);
    let hall = Hall::of([server]);
    let stage = Stage::new([Says::calls(&[WRITE]), Says::says(&["ok"])], &hall);
    let shelf = Arc::new(Shelf::default());
    let (inbox, host) = (Arc::clone(&shelf), hall.clone());
    let watch = move |part: &gatepass_chat::Part| {
        let part = serde_json::to_value(part).unwrap();
        if part["data"]["state"] == "waiting" {
            assert_eq!(part["data"]["live"], true);
            let delivery = Delivery {
                answers: vec![answer(&part, Action::Decline)],
                host: host.clone(),
            };
            inbox.inbox().deliver(delivery).unwrap();
        }
    };
    let never = CancellationToken::new();
    let played = perform_at(
        &shelf,
        stage.turn(),
        stage.model.clone(),
        hall,
        &never,
        watch,
    )
    .await;
    front_end::hold_to_protocol(&played.json());
    assert_eq!(played.ended, Ended::Answered);
    assert_eq!(*heard.lock().unwrap(), Some(Action::Decline));
    assert_eq!(results(&played), ["thanks"]);
    assert_eq!(asks(&played)[0]["data"]["state"], "answered");
}

#[tokio::test]
async fn a_process_that_ends_lets_go_of_what_waits_and_says_what_it_had_sent() {
    let slow = Server::new("Wiki").tool("read", async |_, cancel: CancellationToken| {
        cancel.cancelled().await;
        fails(HostError::Cancelled)
    });
    let door = Door::default();
    let hall = Hall::of([door.of("Notes", "write"), slow]);
    let calls = Says::calls(&[WRITE, ("Wiki__read", "{}")]);
    let stage = Stage::new([calls, Says::says(&["ok"])], &hall);
    let shelf = Arc::new(Shelf::default());
    let inbox = Arc::clone(&shelf);
    let watch = move |part: &gatepass_chat::Part| {
        if matches!(part, gatepass_chat::Part::DataAuthorization { .. }) {
            assert!(inbox.inbox().leave());
        }
    };
    let never = CancellationToken::new();
    let left = perform_at(
        &shelf,
        stage.turn(),
        stage.model.clone(),
        hall.clone(),
        &never,
        watch,
    )
    .await;
    assert_eq!(left.ended, Ended::Waiting);
    let mut open = left.shelf.open().unwrap();
    let broken = open.orphaned();
    assert_eq!(broken.len(), 1);
    assert_eq!(open.calls.len(), 1);
    assert_eq!(open.calls[0].tool, "write");
    door.open();
    let shelf = Arc::new(Shelf::of(left.shelf.said()));
    for part in &broken {
        shelf.push(part);
    }
    shelf.inbox().show(&open);
    let delivery = Delivery {
        answers: vec![answer(&asks(&left)[0], Action::Connect)],
        host: hall,
    };
    shelf.inbox().deliver(delivery).unwrap();
    let mut turn = stage.turn();
    turn.open = open;
    let done = stage.perform(&shelf, turn).await;
    let results = results(&done);
    assert_eq!(results[0], "done");
    assert!(results[1].contains("it was not sent again"), "{results:?}");
}
