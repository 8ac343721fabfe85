//! `/api/conversations…`: conversations, turns, and what is read when the model fails.

use base64::{Engine, engine::general_purpose::STANDARD};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    site::{Answer, Site, hanging, html_answer, json_answer},
    support::{Browser, TestApp, header, parts, problem, until},
};

const MODELS: &str = "GET /v1/models";
const COMPLETIONS: &str = "POST /v1/chat/completions";

/// A streamed answer of a model.
fn streamed(words: &[&str]) -> Answer {
    let mut body = String::new();
    for word in words {
        let delta = json!({ "choices": [{ "index": 0, "delta": { "content": word } }] });
        body.push_str(&format!("data: {delta}\n\n"));
    }
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    body.push_str(&format!("data: {end}\n\ndata: [DONE]\n\n"));
    Answer {
        status: 200,
        headers: vec![("content-type", "text/event-stream".to_owned())],
        body,
        hangs: false,
    }
}

/// A server with a model on a site of its own.
async fn with_model() -> (TestApp, Site) {
    let site = Site::start().await;
    site.set(
        MODELS,
        json_answer(
            200,
            &json!({ "data": [{ "id": "small" }, { "id": "large" }] }),
        ),
    );
    site.set(COMPLETIONS, streamed(&["Hello", ", ", "Ada."]));
    let url = format!("{}/v1", site.origin);
    let app = TestApp::start_with(|args| args.model_url = Some(url)).await;
    (app, site)
}

async fn begin(browser: &Browser) -> String {
    let response = browser.post("/api/conversations", &json!({})).await;
    assert_eq!(response.status(), 201);
    let conversation: Value = response.json().await.unwrap();
    conversation["id"].as_str().unwrap().to_owned()
}

fn say(text: &str) -> Value {
    json!({ "text": text, "model": "small", "servers": [] })
}

async fn send(browser: &Browser, id: &str, body: &Value) -> Vec<Value> {
    let response = browser
        .post(&format!("/api/conversations/{id}/messages"), body)
        .await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    parts(response).await
}

async fn read(browser: &Browser, id: &str) -> Value {
    browser
        .get(&format!("/api/conversations/{id}"))
        .await
        .json()
        .await
        .unwrap()
}

/// Parts in lines, their random ids left out.
fn shown(parts: &[Value]) -> String {
    let lines = parts.iter().map(|part| {
        let mut part = part.clone();
        for random in ["id", "messageId", "data"] {
            part.as_object_mut().unwrap().shift_remove(random);
        }
        part.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_answer_is_streamed_and_kept_over_a_restart() {
    let (mut app, _site) = with_model().await;
    let (id, jar) = {
        let browser = app.browser();
        let id = begin(&browser).await;
        let response = browser
            .post(
                &format!("/api/conversations/{id}/messages"),
                &say("Who am I?"),
            )
            .await;
        assert_eq!(header(&response, "content-type"), "text/event-stream");
        assert_eq!(header(&response, "x-vercel-ai-ui-message-stream"), "v1");
        assert_snapshot!(shown(&parts(response).await), @r#"
        {"type":"data-run","transient":true}
        {"type":"start"}
        {"type":"start-step"}
        {"type":"text-start"}
        {"type":"text-delta","delta":"Hello"}
        {"type":"text-delta","delta":", "}
        {"type":"text-delta","delta":"Ada."}
        {"type":"text-end"}
        {"type":"finish-step"}
        {"type":"finish"}
        "#);
        (id, browser.leave())
    };
    app.restart().await;
    let browser = app.browser_with(jar);
    let list: Value = browser
        .get("/api/conversations")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(list["conversations"][0]["title"], "Who am I?");
    let conversation = read(&browser, &id).await;
    assert_eq!(conversation["messages"][0]["parts"][0]["text"], "Who am I?");
    let answer = &conversation["messages"][1];
    assert_eq!(answer["role"], "assistant");
    assert_eq!(answer["model"], "small");
    assert_eq!(
        answer["parts"][1],
        json!({ "type": "text", "text": "Hello, Ada.", "state": "done" })
    );
}

#[tokio::test]
async fn the_model_is_told_what_was_said_before() {
    let (app, site) = with_model().await;
    let browser = app.browser();
    let id = begin(&browser).await;
    send(&browser, &id, &say("One")).await;
    send(&browser, &id, &say("Two")).await;
    let asked: Value = serde_json::from_str(&site.seen(COMPLETIONS)[1]).unwrap();
    let told: Vec<_> = asked["messages"].as_array().unwrap()[1..]
        .iter()
        .map(|message| format!("{}: {}", message["role"], message["content"]))
        .collect();
    assert_eq!(
        told,
        [
            r#""user": "One""#,
            r#""assistant": "Hello, Ada.""#,
            r#""user": "Two""#
        ]
    );
}

#[tokio::test]
async fn a_message_said_anew_takes_the_place_of_everything_after_it() {
    let (app, site) = with_model().await;
    let browser = app.browser();
    let id = begin(&browser).await;
    for text in ["One", "Two", "Three"] {
        send(&browser, &id, &say(text)).await;
    }
    let before = read(&browser, &id).await;
    let two = before["messages"][2]["id"].as_str().unwrap();
    let mut again = say("Two, but better");
    again["replaces"] = json!(two);
    let heard = send(&browser, &id, &again).await;
    let after = read(&browser, &id).await;
    let texts: Vec<_> = after["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["parts"].as_array().unwrap().last().unwrap()["text"].clone())
        .collect();
    assert_eq!(
        texts,
        ["One", "Hello, Ada.", "Two, but better", "Hello, Ada."]
    );
    // The page learns the id of what it said, to replace that in turn.
    assert_eq!(heard[0]["data"]["messageId"], after["messages"][2]["id"]);
    let asked: Value = serde_json::from_str(&site.seen(COMPLETIONS)[3]).unwrap();
    let told = asked["messages"].as_array().unwrap();
    assert_eq!(
        told.len(),
        4,
        "the model is told nothing of what was replaced: {told:?}"
    );
    assert_eq!(told[3]["content"], "Two, but better");

    let path = format!("/api/conversations/{id}/messages");
    let mut refused = Vec::new();
    let answer = after["messages"][1]["id"].as_str().unwrap();
    for replaced in [two, answer, "nothing"] {
        let mut again = say("Two once more");
        again["replaces"] = json!(replaced);
        refused.push(problem(browser.post(&path, &again).await).await);
    }
    assert_snapshot!(refused.join("\n"), @r"
    404 /problems/not-found none: The message to replace is not in this conversation any more. Reload the page.
    404 /problems/not-found none: The message to replace is not in this conversation any more. Reload the page.
    404 /problems/not-found none: The message to replace is not in this conversation any more. Reload the page.
    ");
    assert_eq!(read(&browser, &id).await, after, "nothing is lost");
    send(&browser, &id, &say("Three again")).await;
}

#[tokio::test]
async fn conversations_are_searched_by_their_owner_only() {
    let (app, _site) = with_model().await;
    let browser = app.browser();
    let trip = begin(&browser).await;
    send(&browser, &trip, &say("Where is the ferry to Åland?")).await;
    let other = begin(&browser).await;
    send(&browser, &other, &say("Bread recipe")).await;
    let found = async |browser: &Browser, query: &str| -> Value {
        let path = format!("/api/conversations?q={query}");
        let found: Value = browser.get(&path).await.json().await.unwrap();
        let found = found["conversations"].as_array().unwrap().iter();
        found
            .map(|own| json!([own["title"], own["excerpt"]]))
            .collect()
    };
    assert_eq!(
        found(&browser, "%C3%A5land%20FERRY").await,
        json!([[
            "Where is the ferry to Åland?",
            "Where is the ferry to Åland?"
        ]])
    );
    // Answers are searched as well.
    assert_eq!(found(&browser, "ada").await.as_array().unwrap().len(), 2);
    assert_eq!(found(&browser, "nothing%00like%25that").await, json!([]));
    assert_eq!(found(&browser, "%20").await.as_array().unwrap().len(), 2);
    let stranger = app.browser();
    assert_eq!(found(&stranger, "ferry").await, json!([]));
    begin(&stranger).await;
    assert_eq!(found(&stranger, "ferry").await, json!([]));
}

#[tokio::test]
async fn files_reach_a_model_that_takes_them_and_are_kept() {
    let site = Site::start().await;
    site.set(COMPLETIONS, streamed(&["Nice."]));
    let file = format!(
        "model_url = \"{}/v1\"\n\
         [[models]]\nid = \"small\"\n\
         [[models]]\nid = \"seeing\"\nlabel = \"Seeing\"\nattachments = [\"text\", \"image\"]\n\
         [limits]\nmessage_bytes = 1024\nattachment_bytes = 2048\nconversation_attachment_bytes = 6000\n",
        site.origin
    );
    let app = TestApp::start_configured(&file).await;
    let browser = app.browser();
    let config: Value = browser.get("/api/config").await.json().await.unwrap();
    assert_eq!(config["models"][0]["attachments"], json!(["text"]));
    assert_eq!(config["models"][1]["attachments"], json!(["text", "image"]));
    assert_eq!(
        config["limits"],
        json!({ "messageBytes": 1024, "attachmentBytes": 2048, "attachments": 8 })
    );

    let id = begin(&browser).await;
    let picture = |bytes: usize| {
        let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
        content.resize(bytes, 0);
        json!({ "filename": "cat.png", "mediaType": "image/png", "data": STANDARD.encode(content) })
    };
    let note = |text: &str| json!({ "filename": "a.md", "mediaType": "text/markdown", "data": STANDARD.encode(text) });
    let with = |model: &str, text: &str, files: Value| json!({ "text": text, "model": model, "servers": [], "attachments": files });

    send(
        &browser,
        &id,
        &with("seeing", "Look", json!([picture(64), note("# Tea")])),
    )
    .await;
    let asked: Value = serde_json::from_str(&site.seen(COMPLETIONS)[0]).unwrap();
    let url = format!(
        "data:image/png;base64,{}",
        picture(64)["data"].as_str().unwrap()
    );
    assert_eq!(
        asked["messages"][1]["content"],
        json!([
            { "type": "text", "text": "<file name=\"a.md\">\n# Tea\n</file>\n\nLook" },
            { "type": "image_url", "image_url": { "url": url } },
        ])
    );
    let kept = read(&browser, &id).await;
    assert_eq!(
        kept["messages"][0]["parts"],
        json!([
            { "type": "file", "mediaType": "image/png", "filename": "cat.png", "url": url },
            { "type": "file", "mediaType": "text/markdown", "filename": "a.md", "url": "data:text/markdown;base64,IyBUZWE=" },
            { "type": "text", "text": "Look" },
        ])
    );
    // Another model that sees nothing is told that there was a picture.
    send(&browser, &id, &with("small", "And now?", json!([]))).await;
    let asked: Value = serde_json::from_str(&site.seen(COMPLETIONS)[1]).unwrap();
    assert_eq!(
        asked["messages"][1]["content"],
        "<file name=\"a.md\">\n# Tea\n</file>\n\nLook\n\n[1 attached picture(s) cannot be shown to you here]"
    );

    let path = format!("/api/conversations/{id}/messages");
    let mut refused = Vec::new();
    let broken = json!({ "filename": "a\u{202e}gnp.exe", "data": "%%%" });
    let program = json!({ "filename": "a.exe", "data": STANDARD.encode([0, 1, 2]) });
    let many: Vec<_> = (0..9).map(|_| note("x")).collect();
    for body in [
        with("small", "Look", json!([picture(64)])),
        with("seeing", "", json!([])),
        with("seeing", "", json!([broken])),
        with("seeing", "", json!([program])),
        with("seeing", "", json!(many)),
        with("seeing", "x", json!([note(&"x".repeat(1024))])),
        with("seeing", "x", json!([picture(1500), picture(1500)])),
    ] {
        refused.push(problem(browser.post(&path, &body).await).await);
    }
    send(&browser, &id, &with("seeing", "", json!([picture(2048)]))).await;
    let full = with(
        "seeing",
        "One more",
        json!([picture(2048), note(&"x".repeat(1000))]),
    );
    refused.push(problem(browser.post(&path, &full).await).await);
    assert_snapshot!(refused.join("\n"), @r"
    400 /problems/invalid-request none: “cat.png” cannot be attached: small takes no pictures. Choose another model, or remove it.
    400 /problems/invalid-request none: The message is empty.
    400 /problems/invalid-request none: The file “agnp.exe” did not arrive whole. Attach it again.
    400 /problems/invalid-request none: “a.exe” is neither a text file nor a picture (PNG, JPEG, GIF, WebP).
    400 /problems/invalid-request none: A message takes at most 8 files.
    413 /problems/request-too-large none: The message and its text files are together longer than 1 KiB.
    413 /problems/request-too-large none: The pictures of a message may have 2 KiB together.
    413 /problems/request-too-large none: The files of this conversation would have more than 5 KiB together. Begin a new one.
    ");
}

#[tokio::test]
async fn a_turn_can_be_heard_again_from_the_start() {
    let (app, _site) = with_model().await;
    let browser = app.browser();
    let id = begin(&browser).await;
    let first = send(&browser, &id, &say("Hi")).await;
    let run = first
        .iter()
        .find(|part| part["type"] == "data-run")
        .unwrap()["data"]["runId"]
        .clone();
    let path = format!(
        "/api/conversations/{id}/runs/{}/resume",
        run.as_str().unwrap()
    );
    let again = parts(browser.post(&path, &json!({})).await).await;
    assert_eq!(first, again);
    let other = app.browser();
    begin(&other).await;
    let read = problem(other.post(&path, &json!({})).await).await;
    assert_snapshot!(read, @"404 /problems/run-not-found none: This turn has ended long ago, or was not begun here. Read the conversation again.");
}

#[tokio::test]
async fn a_turn_can_be_stopped_and_only_one_runs_at_a_time() {
    let (app, site) = with_model().await;
    site.set(COMPLETIONS, hanging());
    let browser = app.browser();
    let id = begin(&browser).await;
    let path = format!("/api/conversations/{id}/messages");
    let response = browser.post(&path, &say("Hi")).await;
    let second = browser.post(&path, &say("Hi again")).await;
    assert_snapshot!(problem(second).await, @"409 /problems/turn-in-progress retry: The last message of this conversation is still being answered.");
    let run = until(|| async {
        read(&browser, &id).await["runId"]
            .as_str()
            .map(str::to_owned)
    })
    .await;
    let cancel = format!("/api/conversations/{id}/runs/{run}/cancel");
    assert_eq!(browser.post(&cancel, &json!({})).await.status(), 204);
    let last = parts(response).await.pop().unwrap();
    assert_eq!(last["type"], "abort");
    site.set(COMPLETIONS, streamed(&["Fine."]));
    send(&browser, &id, &say("Still there?")).await;
}

#[tokio::test]
async fn a_model_that_fails_says_so_in_the_turn_and_loses_nothing() {
    let (app, site) = with_model().await;
    let browser = app.browser();
    let mut read_by_people = Vec::new();
    for answer in [
        json_answer(401, &json!({ "error": { "message": "bad key sk-123" } })),
        json_answer(429, &json!({})),
        json_answer(500, &json!({})),
        json_answer(400, &json!({ "error": { "message": "context too long" } })),
        html_answer(200),
        json_answer(200, &json!({ "nonsense": true })),
        Answer {
            body: "data: {\n\n".to_owned(),
            ..streamed(&[])
        },
        Answer {
            body: String::new(),
            ..streamed(&[])
        },
    ] {
        site.set(COMPLETIONS, answer);
        let id = begin(&browser).await;
        let heard = send(&browser, &id, &say("Hi")).await;
        let error = heard.iter().find(|part| part["type"] == "error").unwrap();
        let text = error["errorText"].as_str().unwrap().to_owned();
        let kept = read(&browser, &id).await;
        assert_eq!(kept["messages"][0]["parts"][0]["text"], "Hi");
        let kept = kept["messages"][1]["parts"]
            .as_array()
            .unwrap()
            .last()
            .cloned();
        assert_eq!(kept.unwrap()["errorText"], text.as_str());
        read_by_people.push(text);
    }
    let port = site.origin.rsplit(':').next().unwrap();
    assert_snapshot!(read_by_people.join("\n").replace(port, "PORT"), @r"
    The model at 127.0.0.1:PORT does not accept the key that this installation uses. Its administrator must set another.
    The model at 127.0.0.1:PORT is busy. Try again in a moment.
    The model at 127.0.0.1:PORT has an error of its own (status 500). Try again.
    The model at 127.0.0.1:PORT refused the request (status 400): context too long
    The model at 127.0.0.1:PORT answered with something that is not a chat completion: it is a web page.
    The model at 127.0.0.1:PORT answered with something that is not a chat completion: it holds no answer.
    The model at 127.0.0.1:PORT answered with something that is not a chat completion: it is not JSON.
    The model at 127.0.0.1:PORT answered with something that is not a chat completion: it holds no answer.
    ");
}

#[tokio::test]
async fn a_model_endpoint_that_is_down_is_told_before_anything_is_said() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}/v1");
    let app = TestApp::start_with(|args| args.model_url = Some(url)).await;
    let browser = app.browser();
    let id = begin(&browser).await;
    let response = browser
        .post(&format!("/api/conversations/{id}/messages"), &say("Hi"))
        .await;
    let read = problem(response)
        .await
        .replace(&free.port().to_string(), "PORT");
    assert_snapshot!(read, @"502 /problems/model-unavailable retry: The model at 127.0.0.1:PORT could not be reached: 127.0.0.1:PORT refuses connections: nothing is listening there.");
    let config: Value = browser.get("/api/config").await.json().await.unwrap();
    assert_eq!(config["models"], json!([]));
    assert_eq!(config["features"]["chat"], false);
    assert!(
        config["modelProblem"]
            .as_str()
            .unwrap()
            .contains("could not be reached")
    );
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_with_the_reason() {
    let (app, _site) = with_model().await;
    let browser = app.browser();
    let id = begin(&browser).await;
    let path = format!("/api/conversations/{id}/messages");
    let with = |name: &str, value: Value| {
        let mut body = say("Hi");
        body[name] = value;
        body
    };
    let server = |url: &str| json!([{ "name": "x", "url": url }]);
    let mut read = Vec::new();
    for body in [
        with("text", json!(" \n")),
        with("text", json!("x".repeat(300 * 1024))),
        with("model", json!("gpt-99")),
        with("servers", server("not a url")),
        with(
            "servers",
            json!([{ "url": "https://a.example/mcp", "headers": { "Host": "b" } }]),
        ),
        json!({ "text": "Hi" }),
    ] {
        read.push(problem(browser.post(&path, &body).await).await);
    }
    let missing = "/api/conversations/AAAAAAAAAAAAAAAAAAAAAA/messages";
    read.push(problem(browser.post(missing, &say("Hi")).await).await);
    assert_snapshot!(read.join("\n"), @r"
    400 /problems/invalid-request none: The message is empty.
    413 /problems/request-too-large none: The message is longer than 256 KiB.
    422 /problems/model-required ask-admin: There is no model “gpt-99” here.
    400 /problems/invalid-url none: “not a url” is not a URL.
    400 /problems/invalid-request none: The header “Host” is set by the protocol and cannot be configured.
    400 /problems/invalid-request none: The body does not fit this call: missing field `model` at line 1 column 13.
    404 /problems/not-found none: There is no such conversation; it may have been deleted.
    ");
}

#[tokio::test]
async fn conversations_are_renamed_and_deleted_by_their_owner_only() {
    let (app, _site) = with_model().await;
    let browser = app.browser();
    let id = begin(&browser).await;
    let path = format!("/api/conversations/{id}");
    let rename = |browser: &Browser, title: &str| {
        browser
            .request(Method::PATCH, &path)
            .json(&json!({ "title": title }))
    };
    let renamed: Value = browser
        .send(rename(&browser, " Trip "))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(renamed["title"], "Trip");
    let other = app.browser();
    assert_eq!(other.get(&path).await.status(), 401);
    begin(&other).await;
    let mut read = vec![
        problem(other.get(&path).await).await,
        problem(other.send(rename(&other, "Mine")).await).await,
        problem(other.send(other.request(Method::DELETE, &path)).await).await,
        problem(browser.send(rename(&browser, "")).await).await,
    ];
    let deleted = browser.send(browser.request(Method::DELETE, &path)).await;
    assert_eq!(deleted.status(), 204);
    read.push(problem(browser.get(&path).await).await);
    assert_snapshot!(read.join("\n"), @r"
    404 /problems/not-found none: There is no such conversation; it may have been deleted.
    404 /problems/not-found none: There is no such conversation; it may have been deleted.
    404 /problems/not-found none: There is no such conversation; it may have been deleted.
    400 /problems/invalid-request none: A title is one line of 1 to 120 characters.
    404 /problems/not-found none: There is no such conversation; it may have been deleted.
    ");
}

#[tokio::test]
async fn the_page_learns_what_the_installation_offers() {
    let site = Site::start().await;
    let file = format!(
        "model_url = \"{0}/v1\"\n[[models]]\nid = \"small\"\nlabel = \"Small\"\n\
         [[servers]]\nname = \"Wiki\"\nurl = \"{0}/mcp\"\ndescription = \"Pages\"\n\
         headers = {{ X-Key = \"hunter2\" }}\n",
        site.origin
    );
    let app = TestApp::start_configured(&file).await;
    let response = app.browser().get("/api/config").await;
    let shown = response.text().await.unwrap();
    let shown = shown
        .replace(&site.origin, "SITE")
        .replace(&app.url(""), "APP");
    assert!(!shown.contains("hunter2"));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    insta::assert_json_snapshot!(shown, @r#"
    {
      "version": "0.1.0",
      "models": [
        {
          "id": "small",
          "label": "Small",
          "attachments": [
            "text"
          ]
        }
      ],
      "servers": [
        {
          "name": "Wiki",
          "url": "SITE/mcp",
          "description": "Pages"
        }
      ],
      "features": {
        "demo": false,
        "chat": true,
        "conversations": true,
        "loopbackServers": true
      },
      "redirectUri": "APP/api/mcp/oauth/callback",
      "publicUrl": "APP",
      "limits": {
        "messageBytes": 262144,
        "attachmentBytes": 5242880,
        "attachments": 8
      }
    }
    "#);
    assert!(site.seen(MODELS).is_empty());
}

#[tokio::test]
async fn the_way_to_the_model_is_open_to_nobody_else() {
    let site = Site::start().await;
    let small = json!({ "data": [{ "id": "small" }] });
    site.set(MODELS, json_answer(200, &small));
    site.set(COMPLETIONS, streamed(&["Hello."]));
    let url = format!("{}/v1", site.origin);
    let app = TestApp::start_with(|args| {
        args.model_url = Some(url.clone());
        args.egress = Some("public".to_owned());
        // With hosts of the operator's choice http is no longer refused by its name alone, and
        // what stands between a visitor and the model is the way out itself.
        args.egress_allow = vec!["wiki.corp.example".to_owned()];
    })
    .await;
    let browser = app.browser();
    let id = begin(&browser).await;
    let heard = send(&browser, &id, &say("hi")).await;
    assert!(heard.iter().any(|part| part["delta"] == "Hello."));
    for path in ["/api/mcp/oauth/discover", "/api/mcp/tools"] {
        let refused = browser.post(path, &json!({ "url": url })).await;
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["type"], "/problems/address-refused", "{refused}");
    }
    assert!(site.seen("POST /v1").is_empty());
}
