//! Seals that are not what they should be, at every call that takes one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    site::{MCP, REGISTER, RESOURCE, Site, TOKEN, json_answer},
    support::{Browser, TestApp, problem, query, sign_in, sign_in_with},
};

const START: &str = "/api/mcp/oauth/start";
const REFRESH: &str = "/api/mcp/oauth/refresh";
const REVOKE: &str = "/api/mcp/oauth/revoke";
const TOOLS: &str = "/api/mcp/tools";
const CALL: &str = "/api/mcp/tools/call";

/// A connection with another seal.
fn with(connection: &Value, sealed: impl Into<Value>) -> Value {
    let mut changed = connection.clone();
    changed["sealed"] = sealed.into();
    changed
}

/// The seal with one byte changed, counted from the end if negative.
fn flipped(sealed: &str, at: isize) -> String {
    let (head, text) = sealed.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    let length = isize::try_from(bytes.len()).unwrap();
    bytes[usize::try_from(at.rem_euclid(length)).unwrap()] ^= 1;
    format!("{head}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The cookie of a sign-in that has just begun, and its flow's id.
async fn flow_cookie(browser: &Browser, site: &Site) -> (String, String) {
    let start = json!({ "url": site.mcp(), "mode": "popup" });
    let started: Value = browser.post(START, &start).await.json().await.unwrap();
    let flow = started["flowId"].as_str().unwrap().to_owned();
    (browser.cookie(&format!("gatepass-flow-{flow}")), flow)
}

#[tokio::test]
async fn a_seal_that_is_not_right_in_every_way_leads_to_connecting_again_and_sends_nothing() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let own = sign_in(&browser, &site).await;
    let second = sign_in(&browser, &site).await;
    let thief = app.browser();
    let theirs = sign_in(&thief, &site).await;
    // Another installation, with another key, and the very same cookie.
    let elsewhere = TestApp::start().await;
    let copy = [(
        "gatepass-owner".to_owned(),
        browser.cookie("gatepass-owner"),
    )];
    let there = elsewhere.browser_with(copy.into());
    let foreign = sign_in(&there, &site).await;
    let (cookie, flow) = flow_cookie(&browser, &site).await;

    let sealed = own["sealed"].as_str().unwrap();
    let key = sealed.split('.').nth(1).unwrap();
    let mut renamed = second.clone();
    renamed["id"] = own["id"].clone();
    let mut stolen = theirs.clone();
    stolen["id"] = own["id"].clone();
    let mut other_purpose = with(&own, cookie);
    other_purpose["id"] = json!(flow);
    let middle = sealed.len() / 2;
    let table = [
        (
            "forged with the right key's name",
            with(&own, format!("s1.{key}.{}", "A".repeat(800))),
        ),
        (
            "forged with another key's name",
            with(&own, sealed.replacen(key, "00000000", 1)),
        ),
        (
            "of another version",
            with(&own, sealed.replacen("s1", "s2", 1)),
        ),
        ("empty", with(&own, "")),
        ("only its head", with(&own, format!("s1.{key}."))),
        (
            "without its head",
            with(&own, sealed.rsplit('.').next().unwrap()),
        ),
        ("cut in the middle", with(&own, &sealed[..middle])),
        ("cut by one letter", with(&own, &sealed[..sealed.len() - 1])),
        ("one letter longer", with(&own, format!("{sealed}A"))),
        ("with a line break", with(&own, format!("{sealed}\n"))),
        ("with padding", with(&own, format!("{sealed}=="))),
        (
            "with other letters",
            with(&own, format!("{}é{}", &sealed[..middle], &sealed[middle..])),
        ),
        ("changed in its nonce", with(&own, flipped(sealed, 0))),
        ("changed in its middle", with(&own, flipped(sealed, 200))),
        ("changed in its tag", with(&own, flipped(sealed, -1))),
        ("of one's other connection", renamed),
        ("of somebody else", theirs),
        ("of somebody else under one's own id", stolen),
        ("made for another purpose", other_purpose),
        ("made by another installation", foreign),
        (
            "too long to be one",
            with(&own, format!("{sealed}{}", "A".repeat(125 * 1024))),
        ),
    ];
    let asked = |what| site.seen(what).len();
    let (tokens, registered) = (asked(TOKEN), asked(REGISTER));
    let connect_again = "401 /problems/reauthorize authorize: This connection cannot be opened here: this was sealed for another browser, or by a key that this server no longer has. Connect again.";
    for (what, connection) in &table {
        let url = site.mcp();
        for (path, body) in [
            (REFRESH, json!({ "connection": connection })),
            (TOOLS, json!({ "url": url, "connection": connection })),
            (
                CALL,
                json!({ "url": url, "connection": connection, "name": "x", "arguments": {} }),
            ),
        ] {
            let read = problem(browser.post(path, &body).await).await;
            assert_eq!(read, connect_again, "{what} at {path}");
        }
        let ended = browser
            .post(REVOKE, &json!({ "connection": connection }))
            .await;
        let ended: Value = ended.json().await.unwrap();
        assert_eq!(ended["revoked"], false, "{what}");
        assert!(
            ended["reason"]
                .as_str()
                .unwrap()
                .contains("remove the access"),
            "{ended}"
        );
        // It is no obstacle to signing in, and nothing of it goes along.
        let start = json!({ "url": url, "mode": "popup", "connection": connection });
        let response = browser.post(START, &start).await;
        assert_eq!(response.status(), 200, "{what}");
    }
    assert_eq!(asked(TOKEN), tokens, "nothing was refreshed");
    assert_eq!(asked(REGISTER), registered);
    assert!(
        site.authorizations(MCP).iter().all(String::is_empty),
        "no token was sent"
    );
    assert!(site.seen("POST /revoke").is_empty(), "nothing was revoked");
    for connection in [&own, &second] {
        let answer = browser
            .post(REFRESH, &json!({ "connection": connection }))
            .await;
        assert_eq!(answer.status(), 200, "the right ones still work");
    }
}

#[tokio::test]
async fn what_has_not_even_the_form_of_a_connection_is_said_to_be_wrong() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let own = sign_in(&browser, &site).await;
    for (name, value) in [
        ("sealed", json!(7)),
        ("sealed", Value::Null),
        ("sealed", json!(["s1"])),
        ("id", json!({})),
        ("generation", json!(-1)),
        ("generation", json!("many")),
        ("registration", json!("magic")),
        ("scopes", json!("notes")),
    ] {
        let mut wrong = own.clone();
        wrong[name] = value;
        let read = problem(browser.post(REFRESH, &json!({ "connection": wrong })).await).await;
        assert!(
            read.starts_with("400 /problems/invalid-request none"),
            "{read}"
        );
        assert!(!read.contains(own["sealed"].as_str().unwrap()), "{read}");
    }
    let huge = with(&own, "A".repeat(300 * 1024));
    let read = problem(browser.post(REFRESH, &json!({ "connection": huge })).await).await;
    assert!(
        read.starts_with("413 /problems/request-too-large"),
        "{read}"
    );
}

#[tokio::test]
async fn a_replayed_older_generation_is_the_same_connection_at_its_newest() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let mut copies = vec![sign_in(&browser, &site).await];
    for n in 2..5 {
        let tokens = json!({
            "access_token": format!("at-{n}"), "refresh_token": format!("rt-{n}"),
            "token_type": "Bearer", "expires_in": 3600,
        });
        site.set(TOKEN, json_answer(200, &tokens));
        let body = json!({ "connection": copies.last().unwrap() });
        let answer: Value = browser.post(REFRESH, &body).await.json().await.unwrap();
        copies.push(answer["connection"].clone());
    }
    let asked = site.seen(TOKEN).len();
    site.set(MCP, json_answer(404, &json!({})));
    // Whatever generation the page claims for it.
    let mut boasting = copies[0].clone();
    boasting["generation"] = json!(99);
    copies.pop();
    copies.push(boasting);
    for copy in &copies {
        let answer = browser.post(REFRESH, &json!({ "connection": copy })).await;
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["connection"]["generation"], 4);
        browser
            .post(TOOLS, &json!({ "url": site.mcp(), "connection": copy }))
            .await;
        let sent = site.authorizations(MCP).pop().unwrap();
        assert_eq!(sent, "Bearer at-4");
    }
    assert_eq!(
        site.seen(TOKEN).len(),
        asked,
        "no spent token was sent again"
    );
}

#[tokio::test]
async fn a_sign_ins_cookie_works_for_its_own_flow_in_its_own_browser_only() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let (browser, other) = (app.browser(), app.browser());
    sign_in(&other, &site).await;
    let exchanged = site.seen(TOKEN).len();
    let start = json!({ "url": site.mcp(), "mode": "popup" });
    let started: Value = browser.post(START, &start).await.json().await.unwrap();
    let flow = started["flowId"].as_str().unwrap();
    let state = query(started["authorizationUrl"].as_str().unwrap())["state"].clone();
    let callback = format!(
        "/api/mcp/oauth/callback?code=c&state={state}&iss={}",
        site.origin
    );
    let cookie = browser.cookie(&format!("gatepass-flow-{flow}"));
    let (second, second_flow) = flow_cookie(&browser, &site).await;
    let with_cookies = async |owner: &Browser, name: &str, value: &str| {
        let cookies = format!(
            "gatepass-owner={}; gatepass-flow-{name}={value}",
            owner.cookie("gatepass-owner")
        );
        let request = owner
            .bare(reqwest::Method::GET, &callback)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .header("cookie", cookies);
        request.send().await.unwrap().text().await.unwrap()
    };
    for (what, owner, name, value) in [
        ("in another browser", &other, flow, cookie.as_str()),
        (
            "under another flow's name",
            &browser,
            second_flow.as_str(),
            &cookie,
        ),
        ("of another flow", &browser, flow, &second),
        ("forged", &browser, flow, "s1.00000000.AAAA"),
        ("cut", &browser, flow, &cookie[..cookie.len() - 1]),
        ("changed", &browser, flow, &flipped(&cookie, -1)),
        (
            "too long",
            &browser,
            flow,
            &format!("{cookie}{}", "A".repeat(4096)),
        ),
    ] {
        let page = with_cookies(owner, name, value).await;
        assert!(
            page.contains("This browser does not know the sign-in"),
            "{what}: {page}"
        );
    }
    assert_eq!(site.seen(TOKEN).len(), exchanged, "nothing was exchanged");
    let page = with_cookies(&browser, flow, &cookie).await;
    assert!(page.contains("Connected"), "{page}");
    let page = with_cookies(&browser, flow, &cookie).await;
    assert!(page.contains("already completed"), "replayed: {page}");
    assert_eq!(site.seen(TOKEN).len(), exchanged + 1);
}

#[tokio::test]
async fn one_registration_serves_all_servers_of_an_issuer() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let second = format!("{}/second", site.origin);
    let document = json!({ "resource": second, "authorization_servers": [site.origin] });
    site.set(
        &RESOURCE.replace("/mcp", "/second"),
        json_answer(200, &document),
    );
    let challenge = crate::site::Answer {
        headers: vec![("www-authenticate", "Bearer".to_owned())],
        ..json_answer(401, &json!({}))
    };
    site.set(&MCP.replace("/mcp", "/second"), challenge);
    let (one, two) = (app.browser(), app.browser());
    sign_in(&one, &site).await;
    let start = json!({ "url": second, "mode": "popup" });
    let connection = sign_in_with(&one, &site, &start).await;
    assert_eq!(connection["resource"], second.as_str());
    sign_in_with(&two, &site, &start).await;
    assert_eq!(site.seen(REGISTER).len(), 1);
}
