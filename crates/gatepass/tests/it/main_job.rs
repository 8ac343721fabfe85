//! The main job, end to end, over HTTP: add a server, sign in, see its tools, chat with them,
//! disconnect. Authorization server, MCP server and model are the demo's, and what happened is
//! asked of their own record.

use gatepass_demo::{Decision, Demo, Person};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Browser, TestApp, parts, problem};

const CALL: &str = "/api/mcp/tools/call";
const TOOLS: &str = "/api/mcp/tools";
const REVOKE: &str = "/api/mcp/oauth/revoke";

/// A server with the demo, as `gatepass serve --demo` starts it.
async fn demo() -> TestApp {
    TestApp::start_with(|args| args.demo = Some("true".to_owned())).await
}

/// The demo's MCP server, as the page learns of it.
async fn preset(browser: &Browser) -> String {
    let config: Value = browser.get("/api/config").await.json().await.unwrap();
    assert_eq!(config["features"]["demo"], true);
    assert_eq!(config["models"][0]["demo"], true);
    config["servers"][0]["url"].as_str().unwrap().to_owned()
}

/// Goes through the authorization server's own pages, in a popup, and asks for the result.
pub(crate) async fn consent(browser: &Browser, start: &Value, decision: Decision) -> Value {
    let response = browser.post("/api/mcp/oauth/start", start).await;
    let started: Value = response.json().await.unwrap();
    let page = started["authorizationUrl"]
        .as_str()
        .unwrap_or_else(|| panic!("{started}"));
    let back = Person::named("ada").decide(page, decision).await.unwrap();
    let callback = back.split_once("/api/").unwrap().1;
    browser.arrive(&format!("/api/{callback}")).await;
    let flow = started["flowId"].as_str().unwrap();
    let response = browser
        .get(&format!("/api/mcp/oauth/flows/{flow}?wait=5"))
        .await;
    response.json().await.unwrap()
}

async fn connect(browser: &Browser, url: &str) -> Value {
    let flow = consent(
        browser,
        &json!({ "url": url, "mode": "popup" }),
        Decision::Allow,
    )
    .await;
    assert_eq!(flow["status"], "authorized", "{flow}");
    flow["connection"].clone()
}

async fn answered(browser: &Browser, path: &str, body: &Value) -> Value {
    let response = browser.post(path, body).await;
    let status = response.status();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{answer}");
    answer
}

fn call(url: &str, connection: &Value, name: &str, arguments: &Value) -> Value {
    json!({ "url": url, "connection": connection, "name": name, "arguments": arguments })
}

/// Says something in a new conversation, and gives the parts of the answer.
async fn chat(browser: &Browser, text: &str, servers: &Value) -> (String, Vec<Value>) {
    let conversation: Value = browser
        .post("/api/conversations", &json!({}))
        .await
        .json()
        .await
        .unwrap();
    let id = conversation["id"].as_str().unwrap().to_owned();
    let body = json!({ "text": text, "model": "gatepass-demo", "servers": servers });
    let response = browser
        .post(&format!("/api/conversations/{id}/messages"), &body)
        .await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    (id, parts(response).await)
}

/// The parts of a type.
pub(crate) fn of<'a>(parts: &'a [Value], kind: &str) -> Vec<&'a Value> {
    parts.iter().filter(|part| part["type"] == kind).collect()
}

/// What the model said.
pub(crate) fn said(parts: &[Value]) -> String {
    let deltas = of(parts, "text-delta");
    deltas
        .iter()
        .map(|part| part["delta"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_server_is_added_used_in_a_chat_and_disconnected() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let found = answered(&browser, "/api/mcp/oauth/discover", &json!({ "url": url })).await;
    assert_eq!(found["requiresAuth"], true);
    assert_eq!(found["registration"], "dynamic");

    let connection = connect(&browser, &url).await;
    assert_eq!(connection["refreshable"], true);
    let listed = answered(
        &browser,
        TOOLS,
        &json!({ "url": url, "connection": connection }),
    )
    .await;
    assert_eq!(listed["protocolVersion"], "2026-07-28");
    let tools = listed["tools"].as_array().unwrap();
    assert!(
        tools
            .iter()
            .any(|tool| tool["name"] == "calculate" && tool["inputSchema"].is_object())
    );

    let servers = json!([{ "name": "Notes", "url": url, "connection": connection }]);
    let (id, heard) = chat(&browser, "what is 12 * 7", &servers).await;
    let input = of(&heard, "tool-input-available");
    assert_eq!(input[0]["input"], json!({ "expression": "12 * 7" }));
    let output = of(&heard, "tool-output-available")[0].to_string();
    assert!(output.contains("84"), "{output}");
    assert!(said(&heard).contains("84"), "{}", said(&heard));
    let calls = app.demo().record().tool_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].tool, "calculate");
    assert_eq!(calls[0].account.as_deref(), Some("ada"));
    let kept = browser.get(&format!("/api/conversations/{id}")).await;
    let kept: Value = kept.json().await.unwrap();
    let kept = kept["messages"][1]["parts"].as_array().unwrap();
    let tool = kept
        .iter()
        .find(|part| part["type"] == "dynamic-tool")
        .unwrap();
    assert_eq!(tool["state"], "output-available");
    assert_eq!(tool["server"], "Notes");

    let ended = answered(&browser, REVOKE, &json!({ "connection": connection })).await;
    assert_eq!(ended["revoked"], true);
    assert!(app.demo().record().families()[0].revoked);
    let sum = json!({ "expression": "1+1" });
    let after = browser
        .post(CALL, &call(&url, &connection, "calculate", &sum))
        .await;
    assert_snapshot!(problem(after).await, @"401 /problems/reauthorize authorize: This connection was disconnected. Connect again.");
}

#[tokio::test]
async fn denied_consent_leaves_nothing_behind() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let start = json!({ "url": url, "mode": "popup" });
    let flow = consent(&browser, &start, Decision::Deny).await;
    assert_eq!(flow["status"], "failed");
    assert_eq!(flow["problem"]["type"], "/problems/access-denied");
    assert_eq!(flow["problem"]["action"], "authorize");
    assert!(app.demo().record().families().is_empty());
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_refreshed_once_and_the_page_gets_the_newer_one() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let connection = connect(&browser, &url).await;
    app.demo().forget_access_tokens();
    let sum = json!({ "expression": "40+2" });
    let result = answered(&browser, CALL, &call(&url, &connection, "calculate", &sum)).await;
    assert_eq!(result["isError"], false);
    assert_eq!(result["connection"]["generation"], 2);
    app.demo().forget_access_tokens();
    let servers = json!([{ "name": "Notes", "url": url, "connection": result["connection"] }]);
    let (_, heard) = chat(&browser, "what is 1+1", &servers).await;
    let newer = of(&heard, "data-connection");
    assert_eq!(newer.len(), 1);
    assert_eq!(newer[0]["data"]["connection"]["generation"], 3);
    assert_eq!(app.demo().record().refreshes().len(), 2);
    assert!(said(&heard).contains('2'));
}

#[tokio::test]
async fn a_withdrawn_grant_asks_to_sign_in_again_wherever_it_is_noticed() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let connection = connect(&browser, &url).await;
    app.demo().withdraw_grants();
    let sum = json!({ "expression": "1+1" });
    let response = browser
        .post(CALL, &call(&url, &connection, "calculate", &sum))
        .await;
    let port = app.demo().address().port().to_string();
    assert_snapshot!(problem(response).await.replace(&port, "PORT"), @"401 /problems/reauthorize authorize: The sign-in has ended: localhost:PORT ended the sign-in: the grant is revoked (invalid_grant). Sign in again.");
    let servers = json!([{ "name": "Notes", "url": url, "connection": connection }]);
    let (_, heard) = chat(&browser, "what is 1+1", &servers).await;
    let asked = of(&heard, "data-authorization");
    assert_eq!(asked[0]["data"]["server"], "Notes");
    assert_eq!(asked[0]["data"]["url"], url.as_str());
}

#[tokio::test]
async fn a_server_without_a_connection_asks_to_sign_in() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let response = browser.post(TOOLS, &json!({ "url": url })).await;
    let port = app.demo().address().port().to_string();
    assert_snapshot!(problem(response).await.replace(&port, "PORT"), @"401 /problems/authorization-required authorize: localhost:PORT asks you to sign in.");
    let (_, heard) = chat(&browser, "hello", &json!([{ "name": "Notes", "url": url }])).await;
    assert_eq!(of(&heard, "data-authorization").len(), 1);
    assert_eq!(heard.last().unwrap()["type"], "data-waiting");
}

#[tokio::test]
async fn more_access_is_asked_for_with_what_there_is_already() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let connection = connect(&browser, &url).await;
    let note = json!({ "title": "Milk", "text": "Buy milk" });
    let wanted = call(&url, &connection, "create_note", &note);
    let response = browser.post(CALL, &wanted).await;
    assert_eq!(response.status(), 403);
    let refused: Value = response.json().await.unwrap();
    assert_eq!(refused["type"], "/problems/scope-required");
    let scopes = refused["scopes"].clone();
    assert!(
        scopes.as_array().unwrap().contains(&json!("notes:write")),
        "{refused}"
    );

    let start = json!({ "url": url, "mode": "popup", "scopes": scopes, "connection": connection });
    let flow = consent(&browser, &start, Decision::Allow).await;
    let more = &flow["connection"];
    let granted = more["scopes"].as_array().unwrap();
    for scope in connection["scopes"].as_array().unwrap() {
        assert!(granted.contains(scope), "{scope} is gone: {more}");
    }
    assert!(granted.contains(&json!("notes:write")));
    let result = answered(&browser, CALL, &call(&url, more, "create_note", &note)).await;
    assert_eq!(result["isError"], false, "{result}");
}

#[tokio::test]
async fn a_tool_call_that_needs_more_access_says_so_in_the_turn() {
    let app = demo().await;
    let browser = app.browser();
    let url = preset(&browser).await;
    let connection = connect(&browser, &url).await;
    let servers = json!([{ "name": "Notes", "url": url, "connection": connection }]);
    let (_, heard) = chat(&browser, "note: buy milk", &servers).await;
    let asked = &of(&heard, "data-authorization")[0]["data"];
    assert!(
        asked["scopes"]
            .as_array()
            .unwrap()
            .contains(&json!("notes:write"))
    );
    let call = of(&heard, "tool-input-available")[0]["toolCallId"].clone();
    assert_eq!(asked["toolCallId"], call);
}

#[tokio::test]
async fn a_connection_is_never_sent_to_another_server() {
    let app = demo().await;
    let other = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let url = preset(&browser).await;
    let connection = connect(&browser, &url).await;
    let body = json!({ "url": other.mcp_url(), "connection": connection });
    assert_snapshot!(problem(browser.post(TOOLS, &body).await).await, @"403 /problems/wrong-resource authorize: This connection belongs to another server and is never sent to this one.");
    assert!(
        other
            .record()
            .requests()
            .iter()
            .all(|request| request.bearer.is_none())
    );
}

#[tokio::test]
async fn two_servers_with_the_same_tools_serve_one_turn() {
    let app = demo().await;
    let other = Demo::builder().start().await.unwrap();
    let browser = app.browser();
    let url = preset(&browser).await;
    let mine = connect(&browser, &url).await;
    let theirs = connect(&browser, other.mcp_url()).await;
    let servers = json!([
        { "name": "Notes", "url": url, "connection": mine },
        { "name": "Others", "url": other.mcp_url(), "connection": theirs },
    ]);
    let (_, heard) = chat(&browser, "what is 2*3; what time is it in Tokyo", &servers).await;
    let inputs = of(&heard, "tool-input-available");
    assert_eq!(inputs.len(), 2);
    assert_eq!(of(&heard, "tool-output-available").len(), 2);
    // A conversation whose only server is the other one reaches that one.
    let (_, heard) = chat(&browser, "what is 9*9", &json!([servers[1]])).await;
    assert!(said(&heard).contains("81"));
    assert_eq!(other.record().tool_calls().len(), 1);
}

#[tokio::test]
async fn tools_that_fail_hang_or_answer_too_much_end_clearly() {
    let app = TestApp::start_configured("demo = true\n[limits]\ntool_seconds = 5\n").await;
    app.demo()
        .behaviour()
        .set(|behaviour| behaviour.mcp.test_tools = true);
    let browser = app.browser();
    let url = preset(&browser).await;
    let connection = connect(&browser, &url).await;
    let use_tool = |name: &str| {
        let body = call(&url, &connection, name, &json!({}));
        let browser = &browser;
        async move { browser.post(CALL, &body).await }
    };
    let failed: Value = use_tool("fail").await.json().await.unwrap();
    assert_eq!(failed["isError"], true);
    let port = app.demo().address().port().to_string();
    let read = [
        problem(use_tool("hang").await).await,
        problem(use_tool("big_result").await).await,
        problem(use_tool("no_such_tool").await).await,
    ];
    assert_snapshot!(read.join("\n").replace(&port, "PORT"), @r#"
    502 /problems/tool-failed retry: localhost:PORT gave no sign of progress for 5 seconds.
    502 /problems/tool-failed none: localhost:PORT answered with more than 4 MiB, which is more than can be used; nothing was cut off silently.
    502 /problems/tool-failed none: localhost:PORT reports an error: there is no tool "no_such_tool" (-32602).
    "#);
    let servers = json!([{ "name": "Notes", "url": url, "connection": connection }]);
    let (_, heard) = chat(&browser, "please hang", &servers).await;
    let error = of(&heard, "tool-output-error")[0]["errorText"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_snapshot!(error.replace(&port, "PORT"), @"localhost:PORT gave no sign of progress for 5 seconds.");
    assert_eq!(heard.last().unwrap()["type"], "finish");
}

#[tokio::test]
async fn a_key_in_the_headers_needs_no_sign_in() {
    let app = demo().await;
    app.demo().behaviour().set(|behaviour| {
        behaviour.mcp.access = gatepass_demo::behaviour::Access::ApiKey {
            header: "x-key".to_owned(),
            value: "right".to_owned(),
        };
    });
    let browser = app.browser();
    let url = preset(&browser).await;
    let with = |key: &str| json!({ "url": url, "headers": { "X-Key": key } });
    let listed = answered(&browser, TOOLS, &with("right")).await;
    assert!(!listed["tools"].as_array().unwrap().is_empty());
    let wrong = problem(browser.post(TOOLS, &with("wrong")).await).await;
    let port = app.demo().address().port().to_string();
    assert_snapshot!(wrong.replace(&port, "PORT"), @"401 /problems/authorization-required none: localhost:PORT does not accept the key in your headers.");
}

#[tokio::test]
async fn a_server_that_the_operator_offers_gets_the_operators_key() {
    let wiki = Demo::builder().start().await.unwrap();
    wiki.behaviour().set(|behaviour| {
        behaviour.mcp.access = gatepass_demo::behaviour::Access::ApiKey {
            header: "x-key".to_owned(),
            value: "right".to_owned(),
        };
    });
    let file = format!(
        "[[servers]]\nname = \"Wiki\"\nurl = \"{}\"\nheaders = {{ X-Key = \"right\" }}\n",
        wiki.mcp_url()
    );
    let app = TestApp::start_configured(&file).await;
    let listed = answered(&app.browser(), TOOLS, &json!({ "url": wiki.mcp_url() })).await;
    assert!(!listed["tools"].as_array().unwrap().is_empty());
    let other = Demo::builder().start().await.unwrap();
    let refused = app
        .browser()
        .post(TOOLS, &json!({ "url": other.mcp_url() }))
        .await;
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn the_demo_can_be_signed_in_to_again_after_a_restart() {
    let mut app = TestApp::start_with(|args| {
        args.demo = Some("true".to_owned());
        // The same place every time, as a person's own install has it.
        args.listen = Some(format!("127.0.0.1:{}", two_free_ports()));
    })
    .await;
    let browser = app.browser();
    let url = preset(&browser).await;
    connect(&browser, &url).await;
    let jar = browser.leave();
    app.restart().await;
    let browser = app.browser_with(jar);
    assert_eq!(preset(&browser).await, url);
    connect(&browser, &url).await;
}

/// A port that nobody listens on, with a free one behind it for the demo.
fn two_free_ports() -> u16 {
    let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).ok();
    std::iter::repeat_with(|| free(0).unwrap().local_addr().unwrap().port())
        .find(|port| port.checked_add(1).is_some_and(|next| free(next).is_some()))
        .unwrap()
}
