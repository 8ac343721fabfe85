//! Two people, and every call there is: nobody gets at what belongs to the other, with whatever
//! ids and seals of theirs.

use std::collections::BTreeSet;

use gatepass_demo::{Decision, Endpoint, Person};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{Browser, TestApp, parts};

const START: &str = "/api/mcp/oauth/start";
const REFRESH: &str = "/api/mcp/oauth/refresh";
const SECRET_WORD: &str = "swordfish";

/// Somebody with one of everything.
struct Visitor {
    browser: Browser,
    mcp: String,
    connection: Value,
    conversation: String,
    run: String,
    finished: String,
    pending: String,
    callback: String,
}

async fn flow(browser: &Browser, mcp: &str, account: &str) -> (String, String) {
    let start = json!({ "url": mcp, "mode": "popup" });
    let started: Value = browser.post(START, &start).await.json().await.unwrap();
    let page = started["authorizationUrl"].as_str().unwrap();
    let back = Person::named(account).decide(page, Decision::Allow).await;
    let callback = back.unwrap().split_once("/api/").unwrap().1.to_owned();
    (
        started["flowId"].as_str().unwrap().to_owned(),
        format!("/api/{callback}"),
    )
}

/// Signs in and gives the flow and its connection.
async fn connect(browser: &Browser, mcp: &str, account: &str) -> (String, Value) {
    let (id, callback) = flow(browser, mcp, account).await;
    browser.arrive(&callback).await;
    let answer = browser.get(&format!("/api/mcp/oauth/flows/{id}")).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["status"], "authorized", "{answer}");
    (id, answer["connection"].clone())
}

async fn chat(browser: &Browser, text: &str, servers: &Value) -> (String, Vec<Value>) {
    let conversation = browser.post("/api/conversations", &json!({})).await;
    let conversation: Value = conversation.json().await.unwrap();
    let id = conversation["id"].as_str().unwrap().to_owned();
    let body = json!({ "text": text, "model": "gatepass-demo", "servers": servers });
    let path = format!("/api/conversations/{id}/messages");
    let heard = parts(browser.post(&path, &body).await).await;
    (id, heard)
}

async fn visitor(app: &TestApp, word: &str) -> Visitor {
    let browser = app.browser();
    let mcp = app.demo().mcp_url().to_owned();
    let (finished, connection) = connect(&browser, &mcp, "ada").await;
    let (pending, callback) = flow(&browser, &mcp, "ada").await;
    let servers = json!([{ "name": "Notes", "url": mcp, "connection": connection }]);
    let (conversation, heard) = chat(&browser, word, &servers).await;
    let run = heard
        .iter()
        .find(|part| part["type"] == "data-run")
        .unwrap();
    let run = run["data"]["runId"].as_str();
    Visitor {
        run: run.unwrap_or_else(|| panic!("{heard:?}")).to_owned(),
        browser,
        mcp,
        connection,
        conversation,
        finished,
        pending,
        callback,
    }
}

/// A schema, whatever it refers to.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    loop {
        if let Some(path) = schema["$ref"].as_str() {
            schema = document.pointer(path.trim_start_matches('#')).unwrap();
            continue;
        }
        let variants = schema["oneOf"].as_array();
        match variants.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
            Some(variant) if schema["oneOf"].as_array().unwrap().len() == 2 => schema = variant,
            _ => return schema,
        }
    }
}

/// A body that a call takes, with what belongs to `victim` wherever it fits.
fn body(document: &Value, schema: &Value, victim: &Visitor) -> Value {
    let schema = resolved(document, schema);
    let required: BTreeSet<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut made = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let property = resolved(document, property);
        let value = match name.as_str() {
            "connection" => victim.connection.clone(),
            "url" => json!(victim.mcp),
            "mode" => json!("popup"),
            "model" => json!("gatepass-demo"),
            "name" => json!("calculate"),
            "arguments" => json!({ "expression": "1+1" }),
            "text" => json!("what is 1 + 1"),
            "title" => json!("Mine now"),
            "servers" => json!([body(document, &property["items"], victim)]),
            "headers" if required.contains("headers") => json!({ "X-Key": "x" }),
            name if required.contains(name) => match property["type"].as_str() {
                Some("object") => body(document, property, victim),
                Some("array") => json!([]),
                Some("integer" | "number") => json!(1),
                Some("boolean") => json!(true),
                _ => json!("x"),
            },
            _ => continue,
        };
        made.insert(name.clone(), value);
    }
    Value::Object(made)
}

/// Every call of the description, filled in with `ids`' ids and `victim`'s seals; and whether one
/// of either is in it.
fn calls(document: &Value, ids: &Visitor, victim: &Visitor) -> Vec<(Method, String, Value, bool)> {
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let body = match schema {
                Value::Null => json!({}),
                schema => body(document, schema, victim),
            };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            for flow in [&ids.finished, &ids.pending] {
                let mut filled = path.clone();
                for (name, id) in [
                    ("{id}", &ids.conversation),
                    ("{runId}", &ids.run),
                    ("{flowId}", flow),
                ] {
                    filled = filled.replace(name, id);
                }
                assert!(!filled.contains('{'), "what belongs into {filled}?");
                if filled.ends_with("/callback") {
                    filled.clone_from(&ids.callback);
                }
                let named = filled != *path || body.to_string().contains("sealed");
                let call = (method.clone(), filled, body.clone(), named);
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
        }
    }
    calls
}

/// What a call that names something of somebody else's may come to.
fn harmless(method: &Method, path: &str, status: u16, text: &str) -> bool {
    match status {
        401 | 404 => text.contains("/problems/"),
        // The end of the sign-in says that it is not this browser's.
        200 if path.starts_with("/api/mcp/oauth/callback") => text.contains("does not know"),
        // A sign-in of one's own, into which nothing of the seal goes.
        200 if path == START => !text.contains("sealed"),
        // Not revoked, and nothing of one's own to lose.
        200 if path.ends_with("/revoke") => text.contains("\"revoked\":false"),
        // A turn of one's own, heard again.
        200 if path.ends_with("/resume") => !text.contains("tool-output-available"),
        // A chat of one's own, in which the server asks to sign in.
        200 if path.ends_with("/messages") => {
            text.contains("data-authorization") && !text.contains("tool-output-available")
        }
        _ => *method == Method::GET && text.is_empty(),
    }
}

#[tokio::test]
async fn no_call_gives_or_changes_what_belongs_to_another() {
    let app = TestApp::start_with(|args| args.demo = Some("true".to_owned())).await;
    let document: Value = {
        let answer = app.browser().get("/api/openapi.json").await;
        answer.json().await.unwrap()
    };
    let (victim, thief) = (
        visitor(&app, SECRET_WORD).await,
        visitor(&app, "hello").await,
    );
    let read = async |visitor: &Visitor| {
        let path = format!("/api/conversations/{}", visitor.conversation);
        let answer = visitor.browser.get(&path).await;
        answer.json::<Value>().await.unwrap()
    };
    let before = read(&victim).await;
    assert!(before.to_string().contains(SECRET_WORD));
    app.demo().record().clear();
    let refreshed = app.demo().record().refreshes().len();

    let stranger = app.browser();
    let mut tried = BTreeSet::new();
    let with_ids = calls(&document, &victim, &victim);
    let with_seals = calls(&document, &thief, &victim);
    let seals_only = with_seals
        .into_iter()
        .filter(|(_, _, body, _)| body.to_string().contains("sealed"));
    for (method, path, body, named) in with_ids.into_iter().chain(seals_only) {
        for browser in [&thief.browser, &stranger] {
            let request = browser.request(method.clone(), &path);
            let request = match method == Method::GET {
                true => request,
                false => request.json(&body),
            };
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            assert_ne!(status, 400, "{method} {path} was not understood: {text}");
            // Whose picture is asked for is another site's business, and so is its failing.
            let elsewhere = text.contains("/problems/server-failing");
            assert!(status < 500 || elsewhere, "{method} {path}: {text}");
            assert!(!text.contains(SECRET_WORD), "{method} {path}: {text}");
            if named {
                let fine = harmless(&method, &path, status, &text);
                assert!(fine, "{method} {path}: {status} {text}");
            }
        }
        tried.insert((method.to_string(), path, named));
    }
    let named = tried.iter().filter(|(.., named)| *named).count();
    assert!(named >= 15, "{tried:?}");

    // Not one request went out with what is the other's, and everything is where it was.
    let requests = app.demo().record().requests_to(Endpoint::Mcp);
    assert!(requests.iter().all(|request| request.bearer.is_none()));
    assert_eq!(app.demo().record().refreshes().len(), refreshed);
    assert!(app.demo().record().revocations().is_empty());
    assert!(app.demo().record().tool_calls().is_empty());
    assert_eq!(read(&victim).await, before);
    let resume = format!(
        "/api/conversations/{}/runs/{}/resume",
        victim.conversation, victim.run
    );
    let heard = victim.browser.post(&resume, &json!({})).await;
    assert_eq!(heard.status(), 200);
    let body = json!({ "connection": victim.connection });
    let next = victim.browser.post(REFRESH, &body).await;
    let next: Value = next.json().await.unwrap();
    assert_eq!(next["connection"]["generation"], 2, "{next}");
    victim.browser.arrive(&victim.callback).await;
    let path = format!("/api/mcp/oauth/flows/{}", victim.pending);
    let flow: Value = victim.browser.get(&path).await.json().await.unwrap();
    assert_eq!(flow["status"], "authorized", "{flow}");
}

#[tokio::test]
async fn two_accounts_at_one_server_are_kept_apart() {
    let app = TestApp::start_with(|args| args.demo = Some("true".to_owned())).await;
    let browser = app.browser();
    let mcp = app.demo().mcp_url().to_owned();
    let (_, ada) = connect(&browser, &mcp, "ada").await;
    let (_, grace) = connect(&browser, &mcp, "grace").await;
    assert_ne!(ada["id"], grace["id"]);
    let call = |connection: &Value, expression: &str| {
        json!({
            "url": mcp, "connection": connection, "name": "calculate",
            "arguments": { "expression": expression },
        })
    };
    // In turn, and side by side: sessions are warm for both.
    for _ in 0..2 {
        let (one, two) = (call(&ada, "1+1"), call(&grace, "2+2"));
        let (one, two) = tokio::join!(
            browser.post("/api/mcp/tools/call", &one),
            browser.post("/api/mcp/tools/call", &two)
        );
        assert!(one.status().is_success() && two.status().is_success());
    }
    let calls = app.demo().record().tool_calls();
    let accounts = |calls: &[gatepass_demo::RecordedToolCall]| {
        let mut accounts: Vec<_> = calls
            .iter()
            .map(|call| call.account.clone().unwrap())
            .collect();
        accounts.sort();
        accounts
    };
    assert_eq!(accounts(&calls), ["ada", "ada", "grace", "grace"]);
    // In one chat as two servers: the model's call goes to one of them, with its own account.
    let servers = json!([
        { "name": "Ada’s notes", "url": mcp, "connection": ada },
        { "name": "Grace’s notes", "url": mcp, "connection": grace },
    ]);
    let (_, heard) = chat(&browser, "what is 12 * 7", &servers).await;
    let calls = app.demo().record().tool_calls();
    assert_eq!(calls.len(), 5, "{heard:?}");
    let asked = heard
        .iter()
        .find(|part| part["type"] == "tool-input-available")
        .unwrap();
    let whose = match asked["server"]
        .as_str()
        .or(asked["toolName"].as_str())
        .unwrap()
    {
        name if name.to_lowercase().contains("grace") => "grace",
        _ => "ada",
    };
    assert_eq!(
        calls.last().unwrap().account.as_deref(),
        Some(whose),
        "{asked}"
    );

    // One refreshes and ends without the other.
    let refreshed = browser.post(REFRESH, &json!({ "connection": ada })).await;
    let refreshed: Value = refreshed.json().await.unwrap();
    assert_eq!(refreshed["connection"]["id"], ada["id"]);
    let ended = browser
        .post("/api/mcp/oauth/revoke", &json!({ "connection": ada }))
        .await;
    let ended: Value = ended.json().await.unwrap();
    assert_eq!(ended["revoked"], true);
    let gone = browser
        .post("/api/mcp/tools/call", &call(&ada, "1+1"))
        .await;
    assert_eq!(gone.status(), 401);
    let kept = browser
        .post("/api/mcp/tools/call", &call(&grace, "3+3"))
        .await;
    assert_eq!(kept.status(), 200);
    let last = app.demo().record().tool_calls().pop().unwrap();
    assert_eq!(last.account.as_deref(), Some("grace"));
    let families = app.demo().record().families();
    assert_eq!(families.iter().filter(|family| family.revoked).count(), 1);
}
