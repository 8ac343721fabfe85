//! `POST /api/mcp/oauth/start`: which client is used, and what is refused.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    site::{MCP, REGISTER, RESOURCE, SERVER, Site, json_answer},
    support::{Browser, TestApp, header, problem, query, sign_in_with},
};

const START: &str = "/api/mcp/oauth/start";

async fn start(browser: &Browser, body: &Value) -> Value {
    let response = browser.post(START, body).await;
    let status = response.status();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{answer}");
    answer
}

fn popup(site: &Site) -> Value {
    json!({ "url": site.mcp(), "mode": "popup" })
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[tokio::test]
async fn a_flow_right_after_a_look_asks_nothing_and_one_for_more_access_asks_anew() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let connected = sign_in_with(&browser, &site, &popup(&site)).await;
    let look = json!({ "url": site.mcp() });
    browser.post("/api/mcp/oauth/discover", &look).await;
    let asked = || [MCP, RESOURCE, SERVER, REGISTER].map(|what| site.seen(what).len());
    let before = asked();
    start(&browser, &popup(&site)).await;
    assert_eq!(
        asked(),
        before,
        "registered before, and looked at a moment ago"
    );
    let more = with(popup(&site), "connection", connected.clone());
    start(&browser, &more).await;
    let [probe, resource, server, register] = before;
    assert_eq!(asked(), [probe + 1, resource + 1, server + 1, register]);
}

#[tokio::test]
async fn the_authorization_url_carries_pkce_state_resource_and_scope() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let answer = start(&app.browser(), &popup(&site)).await;
    let url = answer["authorizationUrl"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/authorize?", site.origin)));
    let mut query = query(url);
    for random in ["state", "code_challenge"] {
        assert_eq!(
            query
                .insert(random.to_owned(), "(random)".to_owned())
                .unwrap()
                .len(),
            43
        );
    }
    let shown: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let shown = shown
        .join("\n")
        .replace(&site.origin, "SITE")
        .replace(&app.url(""), "APP");
    assert_snapshot!(shown, @r"
    client_id=registered
    code_challenge=(random)
    code_challenge_method=S256
    redirect_uri=APP/api/mcp/oauth/callback
    resource=SITE/mcp
    response_type=code
    scope=notes
    state=(random)
    ");
}

#[tokio::test]
async fn the_flow_cookie_is_sealed_and_for_this_browser_only() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let response = app.browser().post(START, &popup(&site)).await;
    let cookies: Vec<String> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    let answer: Value = response.json().await.unwrap();
    let flow = answer["flowId"].as_str().unwrap();
    let name = format!("gatepass-flow-{flow}=");
    let cookie = cookies
        .iter()
        .find(|cookie| cookie.starts_with(&name))
        .unwrap();
    assert!(
        cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    assert!(cookie.len() < 3072);
    let state = &query(answer["authorizationUrl"].as_str().unwrap())["state"];
    assert!(!cookie.contains(state.as_str()));
    let owner = cookies
        .iter()
        .find(|cookie| cookie.starts_with("gatepass-owner="))
        .unwrap();
    assert!(owner.ends_with("HttpOnly; SameSite=Lax"), "{owner}");
}

#[tokio::test]
async fn one_registration_serves_every_flow() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    start(&app.browser(), &popup(&site)).await;
    start(&app.browser(), &popup(&site)).await;
    let made = site.seen(REGISTER);
    assert_eq!(made.len(), 1);
    let made: Value = serde_json::from_str(&made[0]).unwrap();
    assert_eq!(
        made["redirect_uris"],
        json!([app.url("/api/mcp/oauth/callback")])
    );
}

#[tokio::test]
async fn a_blank_client_id_is_no_client_id() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(
        SERVER,
        site.server_with("registration_endpoint", &Value::Null),
    );
    let browser = app.browser();
    for client in [
        json!({ "clientId": "" }),
        json!({ "clientId": " \t" }),
        json!({}),
        Value::Null,
    ] {
        let response = browser
            .post(START, &with(popup(&site), "client", client))
            .await;
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["type"], "/problems/client-required");
        assert_eq!(body["action"], "enter-client");
        assert_eq!(body["issuer"], site.origin.as_str());
        assert_eq!(body["redirectUri"], app.url("/api/mcp/oauth/callback"));
    }
    let client = json!({ "clientId": " typed ", "clientSecret": "" });
    let answer = start(&browser, &with(popup(&site), "client", client)).await;
    assert_eq!(
        query(answer["authorizationUrl"].as_str().unwrap())["client_id"],
        "typed"
    );
}

#[tokio::test]
async fn a_typed_client_is_used_instead_of_registering() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let client = json!({ "clientId": "typed" });
    let answer = start(&app.browser(), &with(popup(&site), "client", client)).await;
    assert_eq!(
        query(answer["authorizationUrl"].as_str().unwrap())["client_id"],
        "typed"
    );
    assert!(site.seen(REGISTER).is_empty());
}

#[tokio::test]
async fn a_refused_registration_asks_for_a_client_with_the_real_reason() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let refusal =
        json!({ "error": "invalid_redirect_uri", "error_description": "Only example.com" });
    site.set(REGISTER, json_answer(400, &refusal));
    let read = problem(app.browser().post(START, &popup(&site)).await).await;
    let port = site.origin.rsplit(':').next().unwrap();
    assert_snapshot!(read.replace(port, "PORT"), @"422 /problems/client-required enter-client: 127.0.0.1:PORT refused to register this app: Only example.com (invalid_redirect_uri).");
}

#[tokio::test]
async fn an_authorization_server_that_the_server_does_not_name_is_refused() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let body = with(popup(&site), "issuer", json!("https://evil.example"));
    let read = problem(app.browser().post(START, &body).await).await;
    let port = site.origin.rsplit(':').next().unwrap();
    assert_snapshot!(read.replace(port, "PORT"), @"400 /problems/unknown-issuer none: 127.0.0.1:PORT does not name that authorization server.");
}

#[tokio::test]
async fn nobody_is_sent_to_a_sign_in_page_on_a_private_address() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let page = json!("https://192.168.1.1/reboot");
    site.set(SERVER, site.server_with("authorization_endpoint", &page));
    let read = problem(app.browser().post(START, &popup(&site)).await).await;
    assert_snapshot!(read, @"403 /problems/address-refused ask-admin: The sign-in page may not be opened. 192.168.1.1 is a private address, which this installation does not contact; its operator can allow it.");
    assert!(site.seen(REGISTER).is_empty());
}

#[tokio::test]
async fn a_full_page_flow_comes_back_to_pages_of_ours_only() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let mut read = BTreeSet::new();
    for target in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/api/x",
    ] {
        let body = json!({ "url": site.mcp(), "mode": "redirect", "returnTo": target });
        read.insert(problem(app.browser().post(START, &body).await).await);
    }
    assert_snapshot!(Vec::from_iter(read).join("\n"), @"400 /problems/invalid-return-to none: returnTo must be the path of a page of this installation, such as /c/123.");
}

#[tokio::test]
async fn the_operators_client_comes_first() {
    let site = Site::start().await;
    let file = format!(
        "[[clients]]\nissuer = \"{}\"\nclient_id = \"configured\"\nclient_secret = \"s\"\nscopes = [\"a\", \"b\"]\n",
        site.origin
    );
    let app = TestApp::start_configured(&file).await;
    let client = json!({ "clientId": "typed" });
    let answer = start(&app.browser(), &with(popup(&site), "client", client)).await;
    let query = query(answer["authorizationUrl"].as_str().unwrap());
    assert_eq!(query["client_id"], "configured");
    assert_eq!(query["scope"], "a b");
    assert!(site.seen(REGISTER).is_empty());
}

#[tokio::test]
async fn many_abandoned_sign_ins_do_not_stop_the_next() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    for _ in 0..20 {
        start(&browser, &popup(&site)).await;
    }
    let response = browser.post(START, &popup(&site)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "application/json");
    assert!(browser.cookie_count("gatepass-flow-") <= 8);
}

/// Registers and signs in, and gives the client id of what is started next.
async fn client_id(browser: &Browser, body: &Value) -> String {
    let answer = start(browser, body).await;
    query(answer["authorizationUrl"].as_str().unwrap())["client_id"].clone()
}

#[tokio::test]
async fn a_new_registration_is_everybodys_once_it_has_worked() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let anew = with(popup(&site), "registration", json!("new"));
    assert_eq!(client_id(&browser, &popup(&site)).await, "registered");

    let answer = json!({ "client_id": "second" });
    site.set(REGISTER, json_answer(201, &answer));
    assert_eq!(client_id(&browser, &anew).await, "second");
    let others = client_id(&app.browser(), &popup(&site)).await;
    assert_eq!(others, "registered", "nobody else is touched by a mere try");

    let answer = json!({ "client_id": "third" });
    site.set(REGISTER, json_answer(201, &answer));
    sign_in_with(&browser, &site, &anew).await;
    assert_eq!(client_id(&app.browser(), &popup(&site)).await, "third");
    assert_eq!(site.seen(REGISTER).len(), 3);
}

#[tokio::test]
async fn a_new_registration_that_is_refused_leaves_the_one_that_is_kept() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    client_id(&browser, &popup(&site)).await;
    site.set(REGISTER, json_answer(503, &json!({})));
    let anew = with(popup(&site), "registration", json!("new"));
    assert_eq!(browser.post(START, &anew).await.status(), 502);
    assert_eq!(client_id(&browser, &popup(&site)).await, "registered");
}

#[tokio::test]
async fn somebody_else_can_be_signed_in() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let prompt = async |body: &Value| {
        let answer = start(&app.browser(), body).await;
        let query = query(answer["authorizationUrl"].as_str().unwrap());
        query.get("prompt").cloned()
    };
    assert_eq!(prompt(&popup(&site)).await, None);
    let another = with(popup(&site), "account", json!("another"));
    assert_eq!(prompt(&another).await.as_deref(), Some("login"));
}
