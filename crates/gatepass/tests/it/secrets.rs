//! Nothing secret is written anywhere it could be read: the real program runs at its most
//! talkative, and everything it leaves behind is searched.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    program::Program,
    site::{Answer, Site, TOKEN, json_answer},
    support::{Browser, external, parts, query},
};

const COMPLETIONS: &str = "POST /v1/chat/completions";

/// Every byte of every file below a folder but the key file, which is there to hold a secret.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("keys") {
            bytes.extend(fs::read(path).unwrap());
        }
    }
    bytes
}

/// A turn with the connection and a key in its servers.
async fn chat(browser: &Browser, site: &Site, connection: &Value) {
    let made = browser.post("/api/conversations", &json!({})).await;
    let made: Value = made.json().await.unwrap();
    let path = format!(
        "/api/conversations/{}/messages",
        made["id"].as_str().unwrap()
    );
    let servers = json!([{
        "name": "Notes", "url": site.mcp(), "connection": connection,
        "headers": { "X-Key": "the-static-key" },
    }]);
    let say = json!({ "text": "hello", "model": "small", "servers": servers });
    // The server wants another sign-in in the middle of the turn; nobody gives one.
    let heard = parts(browser.post(&path, &say).await).await;
    let ask = heard
        .iter()
        .find(|part| part["type"] == "data-authorization")
        .unwrap()["data"]
        .clone();
    let path = path.replace(
        "messages",
        &format!("runs/{}/resume", ask["runId"].as_str().unwrap()),
    );
    let skip = json!({ ask["askId"].as_str().unwrap(): { "action": "skip" } });
    let answers = json!({ "servers": servers, "answers": skip });
    let heard = browser.post(&path, &answers).await.text().await.unwrap();
    assert!(heard.contains("Hello"), "{heard}");
    assert!(site.authorizations(COMPLETIONS)[0].contains("the-model-key"));
}

async fn work(browser: &Browser, site: &Site) -> Vec<(&'static str, String)> {
    let start = json!({
        "url": site.mcp(), "mode": "popup",
        "client": { "clientId": "typed", "clientSecret": "the-client-secret" },
    });
    let started: Value = browser
        .post("/api/mcp/oauth/start", &start)
        .await
        .json()
        .await
        .unwrap();
    let state = query(started["authorizationUrl"].as_str().unwrap())["state"].clone();
    let iss = &site.origin;
    let callback = format!("/api/mcp/oauth/callback?code=the-code&state={state}&iss={iss}");
    browser.arrive(&callback).await;
    let flow = started["flowId"].as_str().unwrap();
    let flow: Value = browser
        .get(&format!("/api/mcp/oauth/flows/{flow}"))
        .await
        .json()
        .await
        .unwrap();
    let connection = &flow["connection"];
    assert!(connection.is_object(), "{flow}");
    let body = json!({ "connection": connection });
    assert_eq!(
        browser.post("/api/mcp/oauth/refresh", &body).await.status(),
        200
    );
    let tools = json!({
        "url": site.mcp(), "headers": { "X-Key": "the-static-key" }, "connection": connection,
    });
    browser.post("/api/mcp/tools", &tools).await;
    chat(browser, site, connection).await;
    let seal = json!({ "url": site.mcp(), "headers": { "X-Key": "the-static-key" } });
    let sealed = browser.post("/api/mcp/headers/seal", &seal).await;
    let sealed: Value = sealed.json().await.unwrap();
    let tools = json!({ "url": site.mcp(), "sealedHeaders": sealed["sealedHeaders"] });
    assert_eq!(browser.post("/api/mcp/tools", &tools).await.status(), 401);
    site.set("POST /revoke", json_answer(503, &json!({})));
    browser.post("/api/mcp/oauth/revoke", &body).await;
    let verifier = site.seen(TOKEN)[0].clone();
    let verifier = verifier
        .split('&')
        .find_map(|field| field.strip_prefix("code_verifier="));
    let owner = browser.cookie("gatepass-owner");
    vec![
        ("access token", "the-access-token".to_owned()),
        ("refresh token", "the-refresh-token".to_owned()),
        ("code", "the-code".to_owned()),
        ("client secret", "the-client-secret".to_owned()),
        ("static header", "the-static-key".to_owned()),
        ("model key", "the-model-key".to_owned()),
        ("state", state),
        ("verifier", verifier.unwrap().to_owned()),
        ("owner cookie", owner),
    ]
}

#[tokio::test]
async fn a_talkative_program_writes_no_secret_to_log_database_or_metrics() {
    let data = tempfile::tempdir().unwrap();
    let site = Site::start().await;
    let tokens = json!({
        "access_token": "the-access-token", "refresh_token": "the-refresh-token",
        "token_type": "Bearer", "expires_in": 3600,
    });
    site.set(TOKEN, json_answer(200, &tokens));
    let delta = json!({ "choices": [{ "index": 0, "delta": { "content": "Hello" } }] });
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let said = Answer {
        status: 200,
        headers: vec![("content-type", "text/event-stream".to_owned())],
        body: format!("data: {delta}\n\ndata: {end}\n\ndata: [DONE]\n\n"),
        hangs: false,
    };
    site.set(COMPLETIONS, said);
    let models = json!({ "data": [{ "id": "small" }] });
    site.set("GET /v1/models", json_answer(200, &models));
    let model = format!("{}/v1", site.origin);
    let arguments = [
        "--log",
        "trace",
        "--model-url",
        &model,
        "--model-key",
        "the-model-key",
    ];
    let program = Program::start(data.path(), &arguments).await;
    let browser = external(&program.url);
    let secrets = work(&browser, &site).await;
    let metrics = browser.get("/metrics").await.text().await.unwrap();
    let seen = program.kill().await;
    assert!(
        seen.contains("trace") || seen.contains("TRACE"),
        "nothing was logged at trace level"
    );
    let kept = bytes_below(data.path());
    assert!(kept.len() > 10_000);
    for (what, secret) in secrets {
        assert!(!seen.contains(&secret), "the log holds the {what}");
        assert!(!metrics.contains(&secret), "the metrics hold the {what}");
        let found = kept
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "the data folder holds the {what}");
    }
}
