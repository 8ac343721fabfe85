//! Registrations heal themselves, and never at the cost of what a person or the operator gave.

use gatepass_demo::{
    Demo,
    behaviour::{AuthMethod, PreregisteredClient, Secrets},
};
use serde_json::{Value, json};

use super::{REFRESH, body, sign_in, sign_in_with};
use crate::{
    site::{REGISTER, RESOURCE, SERVER, Site, TOKEN, json_answer},
    support::{Browser, TestApp, TestClock, query},
};

/// The client id of the sign-in that would begin now.
async fn client(browser: &Browser, start: &Value) -> String {
    let response = browser.post("/api/mcp/oauth/start", start).await;
    let started: Value = response.json().await.unwrap();
    let page = started["authorizationUrl"].as_str();
    let page = page.unwrap_or_else(|| panic!("{started}"));
    query(page)["client_id"].clone()
}

async fn refused(browser: &Browser, connection: &Value) -> Value {
    let response = browser.post(REFRESH, &body(connection)).await;
    assert!(!response.status().is_success());
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_client_that_the_authorization_server_has_forgotten_is_registered_once_more() {
    let demo = Demo::builder().start().await.unwrap();
    let app = TestApp::start().await;
    let (one, two) = (app.browser(), app.browser());
    let (first, second) = (sign_in(&one, &demo).await, sign_in(&two, &demo).await);
    let before = demo.record().registrations()[0].client_id.clone();
    demo.forget_clients();
    let problem = refused(&one, &first).await;
    assert_eq!(problem["type"], "/problems/reauthorize");
    assert_eq!(problem["action"], "authorize");
    let renewed = sign_in(&one, &demo).await;
    let clients = demo.record().registrations();
    assert_eq!(clients.len(), 1);
    assert_ne!(clients[0].client_id, before);
    assert_eq!(one.post(REFRESH, &body(&renewed)).await.status(), 200);
    // The other connection of the dead client finds the new registration and leaves it alone.
    refused(&two, &second).await;
    sign_in(&two, &demo).await;
    assert_eq!(demo.record().registrations(), clients);
}

#[tokio::test]
async fn a_typed_client_is_never_thrown_away() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(
        SERVER,
        site.server_with("registration_endpoint", &Value::Null),
    );
    let browser = app.browser();
    let typed = json!({ "clientId": "typed" });
    let start = json!({ "url": site.mcp(), "mode": "popup", "client": typed });
    let connection = crate::support::sign_in_with(&browser, &site, &start).await;
    let dead = json_answer(401, &json!({ "error": "invalid_client" }));
    site.set(TOKEN, dead);
    for _ in 0..2 {
        let problem = refused(&browser, &connection).await;
        assert_eq!(problem["action"], "enter-client");
    }
    let again = json!({ "url": site.mcp(), "mode": "popup", "connection": connection });
    assert_eq!(client(&browser, &again).await, "typed");
    assert!(site.seen(REGISTER).is_empty());
}

#[tokio::test]
async fn an_operators_client_is_never_thrown_away() {
    let demo = Demo::builder().start().await.unwrap();
    let known = |auth_method| PreregisteredClient {
        client_id: "operators".to_owned(),
        client_secret: Some("right".to_owned()),
        auth_method,
        redirect_uris: Vec::new(),
        client_name: None,
    };
    let behaviour = demo.behaviour();
    behaviour.set(|behaviour| {
        behaviour.registration.preregistered = vec![known(AuthMethod::ClientSecretBasic)];
    });
    let app = TestApp::start_configured(&format!(
        "[[clients]]\nissuer = \"{}\"\nclient_id = \"operators\"\nclient_secret = \"right\"\n",
        demo.issuer()
    ))
    .await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    assert_eq!(connection["registration"], "preregistered");
    behaviour.set(|behaviour| behaviour.registration.preregistered.clear());
    for _ in 0..2 {
        let problem = refused(&browser, &connection).await;
        assert_eq!(problem["action"], "ask-admin");
    }
    let start = json!({ "url": demo.mcp_url(), "mode": "popup" });
    assert_eq!(client(&browser, &start).await, "operators");
    assert!(demo.record().registrations().is_empty());
    // Once the operator's client is known there again, the connection goes on.
    behaviour.set(|behaviour| {
        behaviour.registration.preregistered = vec![known(AuthMethod::ClientSecretBasic)];
    });
    let response = browser.post(REFRESH, &body(&connection)).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_client_secret_that_has_expired_is_noticed_before_anybody_is_sent_away() {
    let clock = TestClock::new();
    let demo = Demo::builder().clock(clock.clone()).start().await.unwrap();
    demo.behaviour().set(|behaviour| {
        behaviour.registration.secrets = Secrets::Always;
        behaviour.registration.secret_lifetime_seconds = Some(3600);
    });
    let app = TestApp::start_at(&clock).await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    clock.forward(3599);
    sign_in(&browser, &demo).await;
    assert_eq!(demo.record().registrations().len(), 1);
    clock.forward(2);
    let problem = refused(&browser, &connection).await;
    assert_eq!(problem["type"], "/problems/reauthorize");
    sign_in(&browser, &demo).await;
    assert_eq!(demo.record().registrations().len(), 2);
}

#[tokio::test]
async fn another_public_url_registers_anew_and_connections_go_on() {
    let demo = Demo::builder().start().await.unwrap();
    let mut app = TestApp::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &demo).await;
    let jar = browser.leave();
    app.move_elsewhere().await;
    let browser = app.browser_with(jar);
    sign_in(&browser, &demo).await;
    let clients = demo.record().registrations();
    let uris: Vec<_> = clients.iter().map(|client| &client.redirect_uris).collect();
    assert_eq!(uris.len(), 2);
    assert_ne!(uris[0], uris[1]);
    let response = browser.post(REFRESH, &body(&connection)).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_new_authorization_server_never_sees_the_old_ones_credentials() {
    let clock = TestClock::new();
    let app = TestApp::start_at(&clock).await;
    let (site, other) = (Site::start().await, Site::start().await);
    let secret = json!({
        "client_id": "at-the-first", "client_secret": "s3cret-of-the-first",
        "token_endpoint_auth_method": "client_secret_basic",
    });
    site.set(REGISTER, json_answer(201, &secret));
    let browser = app.browser();
    let start = json!({ "url": site.mcp(), "mode": "popup" });
    let connection = crate::support::sign_in(&browser, &site).await;
    // The server moves to another authorization server.
    let moved = json!({ "resource": site.mcp(), "authorization_servers": [other.origin] });
    site.set(RESOURCE, json_answer(200, &moved));
    clock.forward(24 * 3600);
    let with = json!({ "url": site.mcp(), "mode": "popup", "connection": connection });
    assert_eq!(client(&browser, &with).await, "registered");
    assert_eq!(client(&browser, &start).await, "registered");
    // The old connection is still the old one's.
    let response = browser.post(REFRESH, &body(&connection)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(site.seen(TOKEN).len(), 2);
    assert_eq!(other.seen(REGISTER).len(), 1);
    assert!(other.seen(TOKEN).is_empty());
    for seen in [other.seen(REGISTER), other.authorizations(REGISTER)].concat() {
        assert!(!seen.contains("s3cret-of-the-first") && !seen.contains("at-the-first"));
    }
}

#[tokio::test]
async fn twenty_sign_ins_that_nobody_finished_do_not_stand_in_the_way_of_the_next() {
    let demo = Demo::builder().start().await.unwrap();
    let app = TestApp::start().await;
    let browser = app.browser();
    let start = json!({ "url": demo.mcp_url(), "mode": "popup" });
    for _ in 0..20 {
        client(&browser, &start).await;
    }
    let connection = sign_in_with(&browser, &start).await;
    assert_eq!(connection["generation"], 1);
    assert_eq!(demo.record().registrations().len(), 1);
}

#[tokio::test]
async fn two_tabs_that_sign_in_to_one_server_at_once_both_finish() {
    let demo = Demo::builder().start().await.unwrap();
    let app = TestApp::start().await;
    let browser = app.browser();
    // A browser that has been here before: its tabs have one cookie.
    browser.post("/api/conversations", &json!({})).await;
    let (one, two) = tokio::join!(sign_in(&browser, &demo), sign_in(&browser, &demo));
    assert_ne!(one["id"], two["id"]);
    for connection in [&one, &two] {
        let response = browser.post(REFRESH, &body(connection)).await;
        assert_eq!(response.status(), 200);
    }
    assert!(
        demo.record()
            .families()
            .iter()
            .all(|family| !family.revoked)
    );
    assert_eq!(demo.record().registrations().len(), 1);
}
