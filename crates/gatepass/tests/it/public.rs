//! An installation that is reached over https, as behind a reverse proxy.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    site::{REGISTER, SERVER, Site},
    support::{TestApp, header, problem, query},
};

const PUBLIC: &str = "https://chat.example.com";

/// A server behind a proxy; loopback targets are allowed, for the test's own site.
async fn behind_a_proxy() -> TestApp {
    TestApp::start_with(|args| {
        args.public_url = Some(PUBLIC.to_owned());
        args.egress = Some("loopback".to_owned());
        args.behind_proxy = Some("true".to_owned());
    })
    .await
}

#[tokio::test]
async fn its_cookies_and_headers_are_those_of_https() {
    let app = behind_a_proxy().await;
    let site = Site::start().await;
    let start = json!({ "url": site.mcp(), "mode": "popup" });
    let response = app.browser().post("/api/mcp/oauth/start", &start).await;
    assert_eq!(
        header(&response, "strict-transport-security"),
        "max-age=63072000"
    );
    let cookies: Vec<_> = response
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap())
        .collect();
    assert_eq!(cookies.len(), 2);
    for cookie in cookies {
        assert!(cookie.starts_with("__Host-gatepass-"), "{cookie}");
        assert!(
            cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn its_client_metadata_document_names_its_own_url() {
    let app = behind_a_proxy().await;
    let response = app.browser().get("/oauth/client-metadata.json").await;
    assert_eq!(header(&response, "content-type"), "application/json");
    let document: Value = response.json().await.unwrap();
    insta::assert_json_snapshot!(document, @r#"
    {
      "client_id": "https://chat.example.com/oauth/client-metadata.json",
      "client_name": "Gatepass",
      "client_uri": "https://chat.example.com",
      "redirect_uris": [
        "https://chat.example.com/api/mcp/oauth/callback"
      ],
      "grant_types": [
        "authorization_code",
        "refresh_token"
      ],
      "response_types": [
        "code"
      ],
      "application_type": "web",
      "token_endpoint_auth_method": "none"
    }
    "#);
}

#[tokio::test]
async fn an_authorization_server_that_reads_documents_needs_no_registration() {
    let app = behind_a_proxy().await;
    let site = Site::start().await;
    site.set(
        SERVER,
        site.server_with("client_id_metadata_document_supported", &json!(true)),
    );
    let body = json!({ "url": site.mcp(), "mode": "popup" });
    let started = app.browser().post("/api/mcp/oauth/start", &body).await;
    let started: Value = started.json().await.unwrap();
    let query = query(started["authorizationUrl"].as_str().unwrap());
    assert_eq!(
        query["client_id"],
        format!("{PUBLIC}/oauth/client-metadata.json")
    );
    assert_eq!(
        query["redirect_uri"],
        format!("{PUBLIC}/api/mcp/oauth/callback")
    );
    assert!(site.seen(REGISTER).is_empty());
}

#[tokio::test]
async fn a_personal_install_has_no_document_to_publish() {
    let app = TestApp::start().await;
    let read = problem(app.browser().get("/oauth/client-metadata.json").await).await;
    assert!(read.starts_with("404 /problems/not-found"), "{read}");
}

#[tokio::test]
async fn addresses_are_counted_as_the_proxy_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepass.toml");
    std::fs::write(
        &file,
        "[limits]\nrequests_per_minute = 1\nowners_per_address = 1\n",
    )
    .unwrap();
    let app = TestApp::start_with(|args| {
        args.public_url = Some(PUBLIC.to_owned());
        args.behind_proxy = Some("true".to_owned());
        args.config = Some(file.display().to_string());
    })
    .await;
    let browser = app.browser();
    let ask = |address: &str| {
        let request = browser.request(Method::GET, "/api/conversations");
        request.header("x-forwarded-for", address).send()
    };
    for _ in 0..10 {
        // What the client itself wrote in front does not count.
        let response = ask("203.0.113.9, 198.51.100.1").await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let refused = ask("203.0.113.7, 198.51.100.1").await.unwrap();
    assert!(header(&refused, "retry-after").parse::<u64>().unwrap() >= 1);
    insta::assert_snapshot!(problem(refused).await, @"429 /problems/rate-limited retry: Too many requests came from here in the last minute.");
    assert_eq!(
        ask("203.0.113.9, 198.51.100.2").await.unwrap().status(),
        200
    );
}
