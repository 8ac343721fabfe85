//! `…/runs/{runId}/resume` and `…/cancel`: a turn that waits for a person goes on with the same
//! calls, wherever and whenever the answer comes.

use gatepass_demo::{Decision, Demo};
use insta::assert_snapshot;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    main_job::{consent, of, said},
    program::Program,
    support::{Browser, Jar, TestApp, TestClock, external, parts, problem, until},
};

const MODEL: &str = "gatepass-demo";

/// A server, and a demo that stays when the server goes.
struct Stage {
    app: TestApp,
    demo: Demo,
}

impl Stage {
    async fn new() -> Self {
        let demo = Demo::builder().start().await.unwrap();
        let url = demo.model_url().to_owned();
        let app = TestApp::start_with(|args| args.model_url = Some(url)).await;
        Self { app, demo }
    }

    /// A visitor who may read notes and not write them, in a new conversation.
    async fn visitor(&self) -> Visitor {
        Visitor::new(self.app.browser(), self.demo.mcp_url()).await
    }

    /// The calls that the demo's server was asked to carry out.
    fn calls(&self, tool: &str) -> usize {
        let calls = self.demo.record().tool_calls();
        calls.iter().filter(|call| call.tool == tool).count()
    }
}

struct Visitor {
    browser: Browser,
    conversation: String,
    url: String,
    connection: Value,
}

impl Visitor {
    /// A visitor who may read notes and not write them, in a new conversation.
    async fn new(browser: Browser, url: &str) -> Self {
        let conversation: Value = browser
            .post("/api/conversations", &json!({}))
            .await
            .json()
            .await
            .unwrap();
        let mut visitor = Self {
            browser,
            conversation: conversation["id"].as_str().unwrap().to_owned(),
            url: url.to_owned(),
            connection: Value::Null,
        };
        visitor.connect(&[]).await;
        visitor
    }

    /// Goes through the sign-in, for these scopes besides what is there already.
    async fn connect(&mut self, scopes: &[&str]) {
        let mut start = json!({ "url": self.url, "mode": "popup" });
        if !scopes.is_empty() {
            start["scopes"] = json!(scopes);
        }
        if !self.connection.is_null() {
            start["connection"] = self.connection.clone();
        }
        let flow = consent(&self.browser, &start, Decision::Allow).await;
        assert_eq!(flow["status"], "authorized", "{flow}");
        self.connection = flow["connection"].clone();
    }

    fn servers(&self) -> Value {
        json!([{ "name": "Notes", "url": self.url, "connection": self.connection }])
    }

    async fn post(&self, text: &str, servers: &Value) -> Response {
        let path = format!("/api/conversations/{}/messages", self.conversation);
        let body = json!({ "text": text, "model": MODEL, "servers": servers });
        self.browser.post(&path, &body).await
    }

    async fn say(&self, text: &str) -> Vec<Value> {
        let response = self.post(text, &self.servers()).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        parts(response).await
    }

    async fn resume(&self, run: &str, body: &Value) -> Response {
        let path = format!("/api/conversations/{}/runs/{run}/resume", self.conversation);
        self.browser.post(&path, body).await
    }

    async fn hear(&self, run: &str) -> Vec<Value> {
        parts(self.resume(run, &json!({})).await).await
    }

    /// Answers an ask, with the servers as they are now.
    async fn answer(&self, ask: &Value, action: &str) -> Response {
        let body = json!({
            "answers": { id(ask): { "action": action } },
            "servers": self.servers(),
        });
        self.resume(run(ask), &body).await
    }

    async fn answered(&self, ask: &Value, action: &str) -> Vec<Value> {
        let response = self.answer(ask, action).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        parts(response).await
    }

    async fn cancel(&self, run: &str) -> Response {
        let path = format!("/api/conversations/{}/runs/{run}/cancel", self.conversation);
        self.browser.post(&path, &json!({})).await
    }

    async fn read(&self) -> Value {
        let path = format!("/api/conversations/{}", self.conversation);
        self.browser.get(&path).await.json().await.unwrap()
    }

    /// The newest answer's parts as they are stored.
    async fn stored(&self) -> Vec<Value> {
        let conversation = self.read().await;
        let messages = conversation["messages"].as_array().unwrap();
        messages.last().unwrap()["parts"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// The same person at another server, with the cookies they have.
    fn at(self, app: &TestApp) -> Self {
        let Self {
            browser,
            conversation,
            url,
            connection,
        } = self;
        let jar: Jar = browser.leave();
        Self {
            browser: app.browser_with(jar),
            conversation,
            url,
            connection,
        }
    }
}

/// The asks of a stream, as they were shown last.
fn asks(heard: &[Value]) -> Vec<Value> {
    let mut asks: Vec<Value> = Vec::new();
    for part in heard
        .iter()
        .filter(|part| part["data"]["askId"].is_string())
    {
        match asks.iter_mut().find(|ask| ask["id"] == part["id"]) {
            Some(ask) => *ask = part.clone(),
            None => asks.push(part.clone()),
        }
    }
    asks
}

fn id(ask: &Value) -> &str {
    ask["data"]["askId"].as_str().unwrap()
}

fn run(ask: &Value) -> &str {
    ask["data"]["runId"].as_str().unwrap()
}

/// A turn that waits for more access, and its one ask.
async fn parked(visitor: &Visitor) -> (Vec<Value>, Value) {
    let heard = visitor.say("note: buy milk").await;
    assert_eq!(heard.last().unwrap()["type"], "data-waiting");
    assert_eq!(of(&heard, "tool-output-error"), [] as [&Value; 0]);
    let mut asked = asks(&heard);
    assert_eq!(asked.len(), 1, "{asked:?}");
    (heard, asked.pop().unwrap())
}

fn holds_the_note(heard: &[Value]) {
    let output = of(heard, "tool-output-available");
    assert_eq!(output.len(), 1, "{heard:?}");
    assert!(output[0].to_string().contains("buy milk"), "{}", output[0]);
    assert_eq!(heard.last().unwrap()["type"], "finish");
    assert!(said(heard).contains("buy milk"), "{}", said(heard));
}

#[tokio::test]
async fn consent_in_the_middle_of_a_turn_lets_the_same_call_go_on_in_it() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    let (heard, ask) = parked(&visitor).await;
    let call = of(&heard, "tool-input-available")[0]["toolCallId"].clone();
    assert_eq!(ask["data"]["toolCallId"], call);
    assert_eq!(ask["data"]["state"], "waiting");
    let scopes = ask["data"]["scopes"].as_array().unwrap();
    assert!(scopes.contains(&json!("notes:write")), "{scopes:?}");
    let state = &visitor.read().await["run"];
    assert_eq!(*state, json!({ "id": run(&ask), "state": "waiting" }));

    visitor.connect(&["tools", "notes:write"]).await;
    let granted = visitor.connection["scopes"].as_array().unwrap();
    assert!(
        granted.contains(&json!("notes:read")),
        "what was allowed is kept"
    );
    let heard = visitor.answered(&ask, "connect").await;
    holds_the_note(&heard);
    assert_eq!(of(&heard, "start").len(), 1);
    assert_eq!(of(&heard, "tool-output-available")[0]["toolCallId"], call);
    assert_eq!(asks(&heard)[0]["data"]["state"], "answered");
    assert_eq!(stage.calls("create_note"), 1);
    let read = visitor.read().await;
    assert_eq!(read.get("run"), None);
    assert_eq!(read["messages"].as_array().unwrap().len(), 2);
    let stored = visitor.stored().await;
    let tool = stored
        .iter()
        .find(|part| part["type"] == "dynamic-tool")
        .unwrap();
    assert_eq!(tool["toolCallId"], call);
    assert_eq!(tool["state"], "output-available");
}

#[tokio::test]
async fn a_page_that_was_reloaded_hears_the_whole_turn_and_goes_on_with_it() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    let (first, ask) = parked(&visitor).await;
    let read = visitor.read().await;
    let again = visitor.hear(read["runId"].as_str().unwrap()).await;
    assert_eq!(again[0], first[0]);
    assert_eq!(again[1], first[1]);
    assert_eq!(asks(&again), std::slice::from_ref(&ask));
    assert_eq!(
        of(&again, "tool-input-available"),
        of(&first, "tool-input-available")
    );
    assert_eq!(again.last(), first.last());
    assert_eq!(stage.calls("create_note"), 0);
    visitor.connect(&["notes:write"]).await;
    holds_the_note(&visitor.answered(&ask, "connect").await);
}

#[tokio::test]
async fn a_turn_that_waits_survives_a_restart_of_the_server() {
    let mut stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    stage.app.restart().await;
    let mut visitor = visitor.at(&stage.app);
    assert_eq!(visitor.read().await["run"]["state"], "waiting");
    assert_eq!(
        asks(&visitor.hear(run(&ask)).await),
        std::slice::from_ref(&ask)
    );
    visitor.connect(&["notes:write"]).await;
    holds_the_note(&visitor.answered(&ask, "connect").await);
    assert_eq!(stage.calls("create_note"), 1);
}

#[tokio::test]
async fn the_answer_may_land_on_another_replica() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    visitor.connect(&["notes:write"]).await;
    let other = stage.app.beside(None).await;
    let visitor = visitor.at(&other);
    assert_eq!(visitor.read().await["run"]["state"], "waiting");
    holds_the_note(&visitor.answered(&ask, "connect").await);
    assert_eq!(stage.calls("create_note"), 1);
    // The first replica knows no better than the store: it is over.
    let visitor = visitor.at(&stage.app);
    assert_eq!(visitor.read().await.get("run"), None);
    assert_eq!(visitor.answer(&ask, "connect").await.status(), 200);
    assert_eq!(stage.calls("create_note"), 1);
}

#[tokio::test]
async fn answering_twice_at_once_on_two_replicas_runs_the_tool_once() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    visitor.connect(&["notes:write"]).await;
    let other = stage.app.beside(None).await;
    let second = Visitor {
        browser: other.browser_with(visitor.browser.jar()),
        conversation: visitor.conversation.clone(),
        url: visitor.url.clone(),
        connection: visitor.connection.clone(),
    };
    let answers = tokio::join!(
        visitor.answer(&ask, "connect"),
        visitor.answer(&ask, "connect"),
        second.answer(&ask, "connect"),
        second.answer(&ask, "connect"),
    );
    for answer in <[Response; 4]>::from(answers) {
        // Attached to the one that goes on; told to come back; or too late.
        assert!(matches!(answer.status().as_u16(), 200 | 404 | 409));
    }
    until(|| async { visitor.read().await.get("run").is_none().then_some(()) }).await;
    assert_eq!(stage.calls("create_note"), 1);
}

#[tokio::test]
async fn parallel_calls_ask_once_and_all_go_on() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    let heard = visitor.say("note: one; what is 6 * 7; note: two").await;
    let asked = asks(&heard);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["data"]["toolCallIds"].as_array().unwrap().len(), 2);
    let done = of(&heard, "tool-output-available");
    assert_eq!(done.len(), 1, "what needs no more access is done meanwhile");
    visitor.connect(&["notes:write"]).await;
    let heard = visitor.answered(&asked[0], "connect").await;
    assert_eq!(of(&heard, "tool-output-available").len(), 3);
    assert_eq!(stage.calls("create_note"), 2);
    assert_eq!(stage.calls("calculate"), 1);
}

#[tokio::test]
async fn whoever_skips_gets_an_answer_without_it_and_the_rest_stays_usable() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    let heard = visitor.answered(&ask, "skip").await;
    assert_eq!(heard.last().unwrap()["type"], "finish");
    assert_snapshot!(of(&heard, "tool-output-error")[0]["errorText"].as_str().unwrap(), @"The user chose not to connect to “Notes”. Go on without it.");
    assert_eq!(stage.calls("create_note"), 0);
    let heard = visitor.say("what is 6 * 7").await;
    assert!(said(&heard).contains("42"), "{}", said(&heard));
}

#[tokio::test]
async fn a_connection_that_has_ended_is_asked_for_again_before_the_model_is() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    stage.demo.withdraw_grants();
    let heard = visitor.say("what is 6 * 7").await;
    assert_eq!(heard.last().unwrap()["type"], "data-waiting");
    let ask = &asks(&heard)[0];
    assert_eq!(ask["data"]["toolCallIds"], json!([]));
    visitor.connection = Value::Null;
    visitor.connect(&[]).await;
    let heard = visitor.answered(ask, "connect").await;
    assert!(said(&heard).contains("42"), "{}", said(&heard));
}

#[tokio::test]
async fn who_went_on_without_a_server_is_not_asked_for_it_with_every_message() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    visitor.connection = Value::Null;
    let heard = visitor.say("hello").await;
    let heard = visitor.answered(&asks(&heard)[0], "skip").await;
    assert_eq!(heard.last().unwrap()["type"], "finish");
    let heard = visitor.say("hello again").await;
    assert_eq!(heard.last().unwrap()["type"], "finish");
    assert_eq!(asks(&heard), [] as [Value; 0]);
}

#[tokio::test]
async fn silence_ends_the_waiting_also_when_the_server_was_away() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    let deadline = ask["data"]["deadline"].as_i64().unwrap();
    // A replica whose clock stands ten minutes later looks at once for what is overdue.
    let clock = TestClock::at(deadline);
    let later = stage.app.beside(Some(&clock)).await;
    let visitor = visitor.at(&later);
    until(|| async { visitor.read().await.get("run").is_none().then_some(()) }).await;
    let stored = visitor.stored().await;
    let error = stored.iter().find_map(|part| part["errorText"].as_str());
    assert_snapshot!(error.unwrap(), @"The user did not connect to “Notes” in time. Go on without it.");
    let ask = stored
        .iter()
        .find(|part| part["type"] == "data-authorization");
    assert_eq!(ask.unwrap()["data"]["state"], "expired");
    assert_eq!(
        stored.last().unwrap()["type"],
        "text",
        "the model had the last word"
    );
    assert_eq!(stage.calls("create_note"), 0);
    let heard = visitor.say("what is 6 * 7").await;
    assert!(said(&heard).contains("42"), "{}", said(&heard));
}

#[tokio::test]
async fn a_new_message_goes_on_without_what_was_asked() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    parked(&visitor).await;
    let heard = visitor.say("what is 6 * 7").await;
    assert!(said(&heard).contains("42"), "{}", said(&heard));
    let read = visitor.read().await;
    let first = read["messages"][1]["parts"].as_array().unwrap();
    let tool = first.iter().find(|part| part["type"] == "dynamic-tool");
    assert_eq!(tool.unwrap()["state"], "output-error");
    let ask = first
        .iter()
        .find(|part| part["type"] == "data-authorization");
    assert_eq!(ask.unwrap()["data"]["state"], "skipped");
}

#[tokio::test]
async fn a_turn_that_waits_can_be_stopped_also_after_a_restart() {
    let mut stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    stage.app.restart().await;
    let visitor = visitor.at(&stage.app);
    assert_eq!(visitor.cancel(run(&ask)).await.status(), 204);
    let stored = visitor.stored().await;
    let tool = stored.iter().find(|part| part["type"] == "dynamic-tool");
    assert_eq!(tool.unwrap()["errorText"], "The call was stopped.");
    assert_eq!(stored.last().unwrap()["type"], "data-aborted");
    assert_eq!(visitor.read().await.get("run"), None);
    assert_snapshot!(problem(visitor.answer(&ask, "connect").await).await, @"404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.");
}

#[tokio::test]
async fn a_turn_that_waits_is_its_owners_alone() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    let mut thief = stage.visitor().await;
    thief.conversation = visitor.conversation.clone();
    let read = [
        problem(thief.answer(&ask, "connect").await).await,
        problem(thief.answer(&ask, "skip").await).await,
        problem(thief.resume(run(&ask), &json!({})).await).await,
        problem(thief.cancel(run(&ask)).await).await,
    ];
    assert_snapshot!(read.join("\n"), @r"
    404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.
    404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.
    404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.
    404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.
    ");
    assert_eq!(visitor.read().await["run"]["state"], "waiting");
}

#[tokio::test]
async fn answers_that_do_not_fit_are_refused_and_lose_nothing() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    let (_, ask) = parked(&visitor).await;
    let body = |answers: Value| json!({ "answers": answers, "servers": [] });
    let own = id(&ask);
    let read = [
        problem(visitor.answer(&ask, "approve").await).await,
        problem(
            visitor
                .resume(run(&ask), &body(json!({ "ask_x": { "action": "skip" } })))
                .await,
        )
        .await,
        problem(
            visitor
                .resume(
                    run(&ask),
                    &body(json!({ own: { "action": "skip", "content": {} } })),
                )
                .await,
        )
        .await,
        problem(
            visitor
                .resume("nothing", &body(json!({ own: { "action": "skip" } })))
                .await,
        )
        .await,
    ];
    assert_snapshot!(read.join("\n"), @r"
    400 /problems/invalid-answer none: That is no answer to what was asked.
    400 /problems/invalid-answer none: This turn asks nothing of that name now.
    400 /problems/invalid-answer none: This answer takes no content.
    404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.
    ");
    visitor.connect(&["notes:write"]).await;
    holds_the_note(&visitor.answered(&ask, "connect").await);
}

#[tokio::test]
async fn a_turn_is_not_kept_waiting_for_more_than_an_owner_may() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    for _ in 0..20 {
        let conversation: Value = visitor
            .browser
            .post("/api/conversations", &json!({}))
            .await
            .json()
            .await
            .unwrap();
        visitor.conversation = conversation["id"].as_str().unwrap().to_owned();
        parked(&visitor).await;
    }
    let conversation = visitor.browser.post("/api/conversations", &json!({})).await;
    let conversation: Value = conversation.json().await.unwrap();
    visitor.conversation = conversation["id"].as_str().unwrap().to_owned();
    let heard = visitor.say("note: buy milk").await;
    assert_eq!(heard.last().unwrap()["type"], "finish");
    let error = of(&heard, "tool-output-error")[0]["errorText"]
        .as_str()
        .unwrap();
    assert!(error.contains("too many turns wait already"), "{error}");
    assert_eq!(asks(&heard)[0]["data"]["state"], "skipped");
}

#[tokio::test]
async fn what_is_stored_of_a_turn_that_waits_opens_nothing() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    parked(&visitor).await;
    let stored = stage.app.files();
    let sealed = visitor.connection["sealed"].as_str().unwrap();
    let record = |needle: &str| {
        stored
            .windows(needle.len())
            .any(|own| own == needle.as_bytes())
    };
    assert!(record("notes:write"), "the record is there");
    // The newest seal is in the table of connections, and there alone.
    let times = stored
        .windows(sealed.len())
        .filter(|own| *own == sealed.as_bytes());
    assert!(times.count() <= 2, "in the file and its log at most");
    assert!(!record(&visitor.browser.cookie("gatepass-owner")));
}

#[tokio::test]
async fn a_policy_asks_before_a_call_refuses_it_or_hides_the_tool() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let ruled = |rule: Value| {
        let mut servers = visitor.servers();
        servers[0]["tools"] = json!({ "calculate": rule });
        servers
    };
    let heard = parts(visitor.post("what is 6 * 7", &ruled(json!("ask"))).await).await;
    let ask = &of(&heard, "data-approval")[0];
    assert_eq!(ask["data"]["tool"], "calculate");
    assert_eq!(ask["data"]["arguments"], json!({ "expression": "6 * 7" }));
    assert_eq!(stage.calls("calculate"), 0);
    let heard = visitor.answered(ask, "approve").await;
    assert!(said(&heard).contains("42"), "{}", said(&heard));
    let remembered = json!({ "policy": "always", "definition": ask["data"]["definition"] });
    let heard = parts(visitor.post("what is 6 * 7", &ruled(remembered)).await).await;
    assert!(said(&heard).contains("42"), "{}", said(&heard));
    assert_eq!(stage.calls("calculate"), 2);

    let changed = json!({ "policy": "always", "definition": "of another day" });
    let heard = parts(visitor.post("what is 6 * 7", &ruled(changed)).await).await;
    let ask = &of(&heard, "data-approval")[0];
    assert_snapshot!(ask["data"]["reason"].as_str().unwrap(), @"Its server describes it differently than when you allowed it.");
    let heard = visitor.answered(ask, "deny").await;
    assert_snapshot!(of(&heard, "tool-output-error")[0]["errorText"].as_str().unwrap(), @"The user did not allow this call.");
    let heard = parts(visitor.post("what is 6 * 7", &ruled(json!("never"))).await).await;
    assert_snapshot!(of(&heard, "tool-output-error")[0]["errorText"].as_str().unwrap(), @"The user does not allow calls of this tool.");
    let heard = parts(visitor.post("what is 6 * 7", &ruled(json!("off"))).await).await;
    assert!(
        of(&heard, "tool-input-start")
            .iter()
            .all(|part| !part["toolName"].as_str().unwrap().ends_with("calculate"))
    );
    assert_eq!(stage.calls("calculate"), 2);
    let bad = problem(visitor.post("hi", &ruled(json!("sometimes"))).await).await;
    assert!(bad.starts_with("400 /problems/invalid-request"), "{bad}");
}

#[tokio::test]
async fn the_list_of_tools_names_their_definitions() {
    let stage = Stage::new().await;
    let visitor = stage.visitor().await;
    let body = json!({ "url": visitor.url, "connection": visitor.connection });
    let list = async || -> Value {
        let listed = visitor.browser.post("/api/mcp/tools", &body).await;
        listed.json().await.unwrap()
    };
    let (first, again) = (list().await, list().await);
    assert_eq!(first["tools"], again["tools"]);
    let definition = first["tools"][0]["definition"].as_str().unwrap();
    assert_eq!(definition.len(), 22);
}

/// A visitor who was asked a question by a server of one revision of MCP.
async fn asked(stage: &Stage, revisions: gatepass_demo::behaviour::Revisions) -> Visitor {
    stage
        .demo
        .behaviour()
        .set(|behaviour| behaviour.mcp.revisions = revisions);
    stage.visitor().await
}

#[tokio::test]
async fn a_servers_question_is_kept_and_its_call_goes_on_after_a_restart() {
    let mut stage = Stage::new().await;
    let visitor = asked(&stage, gatepass_demo::behaviour::Revisions::Stateless).await;
    let heard = visitor.say("book a table").await;
    assert_eq!(heard.last().unwrap()["type"], "data-waiting");
    let ask = asks(&heard).pop().unwrap();
    assert_eq!(ask["type"], "data-elicitation");
    assert_eq!(ask["data"]["mode"], "form");
    assert_eq!(ask["data"]["live"], false);
    stage.app.restart().await;
    let visitor = visitor.at(&stage.app);
    let answer = |content: Value| {
        let answer = json!({ "action": "accept", "content": content });
        json!({ "answers": { id(&ask): answer }, "servers": visitor.servers() })
    };
    let few = visitor
        .resume(run(&ask), &answer(json!({ "guests": 2 })))
        .await;
    assert_snapshot!(problem(few).await, @"400 /problems/invalid-answer none: “Name” must be filled in.");
    let content = json!({ "name": "Ada", "guests": 2 });
    let heard = parts(visitor.resume(run(&ask), &answer(content)).await).await;
    let output = of(&heard, "tool-output-available")[0].to_string();
    assert!(
        output.contains("A table for 2 is booked in the name of Ada."),
        "{output}"
    );
    assert_eq!(heard.last().unwrap()["type"], "finish");
}

#[tokio::test]
async fn a_question_of_a_call_that_is_held_open_is_answered_from_any_replica() {
    let stage = Stage::new().await;
    let visitor = asked(&stage, gatepass_demo::behaviour::Revisions::Handshake).await;
    let other = stage.app.beside(None).await;
    let elsewhere = Visitor {
        browser: other.browser_with(visitor.browser.jar()),
        conversation: visitor.conversation.clone(),
        url: visitor.url.clone(),
        connection: visitor.connection.clone(),
    };
    for answering in [&visitor, &elsewhere] {
        let response = visitor.post("book a table", &visitor.servers()).await;
        let ask = until(|| async {
            let stored = visitor.stored().await;
            let waiting = |part: &&Value| part["data"]["state"] == "waiting";
            stored.iter().find(waiting).cloned()
        })
        .await;
        assert_eq!(ask["data"]["live"], true);
        let body = json!({
            "answers": { id(&ask): { "action": "accept", "content": { "name": "Ada", "guests": 3 } } },
            "servers": visitor.servers(),
        });
        let answered = answering.resume(run(&ask), &body).await;
        // Its own replica streams the rest; another hands the answer over.
        assert!(matches!(answered.status().as_u16(), 200 | 202));
        let heard = parts(response).await;
        let output = of(&heard, "tool-output-available")[0].to_string();
        assert!(
            output.contains("A table for 3 is booked in the name of Ada."),
            "{output}"
        );
        assert_eq!(asks(&heard)[0]["data"]["state"], "answered");
    }
}

#[tokio::test]
async fn a_question_that_is_declined_goes_back_to_the_server() {
    let stage = Stage::new().await;
    let visitor = asked(&stage, gatepass_demo::behaviour::Revisions::Stateless).await;
    let heard = visitor.say("book a table").await;
    let heard = visitor.answered(&asks(&heard)[0], "decline").await;
    let output = of(&heard, "tool-output-available")[0].to_string();
    assert!(
        output.contains("you did not want to say for how many"),
        "{output}"
    );
}

#[tokio::test]
async fn a_tool_that_says_it_destroys_is_asked_for_first() {
    let stage = Stage::new().await;
    let mut visitor = stage.visitor().await;
    visitor.connect(&["notes:write"]).await;
    visitor.say("note: buy milk").await;
    let heard = visitor.say("delete note 1").await;
    let ask = asks(&heard).pop().unwrap();
    assert_eq!(ask["type"], "data-approval");
    assert_snapshot!(ask["data"]["reason"].as_str().unwrap(), @"Its server says that it may change or delete something.");
    assert_eq!(stage.calls("delete_note"), 0);
    let heard = visitor.answered(&ask, "approve").await;
    assert!(
        of(&heard, "tool-output-available")[0]
            .to_string()
            .contains("Note #1 is deleted.")
    );
    assert_eq!(stage.calls("delete_note"), 1);
}

#[tokio::test]
async fn a_turn_that_waits_survives_the_kill_of_its_process() {
    let demo = Demo::builder().start().await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let program = Program::start(data.path(), &["--model-url", demo.model_url()]).await;
    let visitor = Visitor::new(external(&program.url), demo.mcp_url()).await;
    let (_, ask) = parked(&visitor).await;
    program.kill().await;
    let url = demo.model_url().to_owned();
    let app = TestApp::start_over(data, |args| args.model_url = Some(url)).await;
    let stage = Stage { app, demo };
    let mut visitor = visitor.at(&stage.app);
    assert_eq!(
        asks(&visitor.hear(run(&ask)).await),
        std::slice::from_ref(&ask)
    );
    visitor.connect(&["notes:write"]).await;
    holds_the_note(&visitor.answered(&ask, "connect").await);
    assert_eq!(stage.calls("create_note"), 1);
}
