//! `POST /api/mcp/oauth/discover`: what people read when a server cannot be used.

use std::collections::BTreeSet;

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use crate::{
    site::{Answer, MCP, RESOURCE, SERVER, Site, hanging, html_answer, json_answer},
    support::{TestApp, problem},
};

const DISCOVER: &str = "/api/mcp/oauth/discover";

async fn look(app: &TestApp, url: &str) -> String {
    problem(app.browser().post(DISCOVER, &json!({ "url": url })).await).await
}

/// What a person reads about a site with one answer changed.
async fn changed(what: &str, answer: impl FnOnce(&Site) -> Answer) -> String {
    let app = TestApp::start_configured("[limits]\nanswer_seconds = 1\n").await;
    let site = Site::start().await;
    site.set(what, answer(&site));
    let port = site.origin.rsplit(':').next().unwrap().to_owned();
    look(&app, &site.mcp()).await.replace(&port, "PORT")
}

#[tokio::test]
async fn a_server_behind_oauth_is_described_without_registering() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let response = app
        .browser()
        .post(DISCOVER, &json!({ "url": site.mcp() }))
        .await;
    assert_eq!(response.status(), 200);
    let mut answer: Value = response.json().await.unwrap();
    answer["report"] = json!(answer["report"]["steps"].as_array().unwrap().len());
    let text = answer
        .to_string()
        .replace(&site.origin, "SITE")
        .replace(&app.url(""), "APP");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_json_snapshot!(answer, @r#"
    {
      "requiresAuth": true,
      "resource": "SITE/mcp",
      "issuer": "SITE",
      "authorizationServers": [
        "SITE"
      ],
      "foreign": [],
      "registration": "dynamic",
      "redirectUri": "APP/api/mcp/oauth/callback",
      "scopes": [
        "notes"
      ],
      "report": 5
    }
    "#);
    assert!(site.seen("POST /register").is_empty());
}

#[tokio::test]
async fn a_server_that_asks_for_no_sign_in_is_told_apart() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(
        MCP,
        json_answer(200, &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })),
    );
    let response = app
        .browser()
        .post(DISCOVER, &json!({ "url": site.mcp() }))
        .await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["requiresAuth"], false);
    assert_eq!(answer["probeStatus"], 200);
}

#[tokio::test]
async fn addresses_that_are_none_are_refused_before_anything_is_sent() {
    let app = TestApp::start().await;
    let mut read = Vec::new();
    for url in [
        "my server",
        "ftp://mcp.example.com/",
        "javascript:alert(1)",
        "http://mcp.example.com/mcp",
        "https://user:secret@mcp.example.com/mcp",
        "",
    ] {
        read.push(look(&app, url).await);
    }
    assert_snapshot!(read.join("\n"), @r"
    400 /problems/invalid-url none: “my server” is not a URL.
    400 /problems/invalid-url none: “ftp:” is not a web address; only https can be used.
    400 /problems/invalid-url none: “javascript:” is not a web address; only https can be used.
    400 /problems/invalid-url none: http://mcp.example.com/mcp does not use https.
    400 /problems/invalid-url none: The URL carries a user name or password.
    400 /problems/invalid-url none: The address is empty.
    ");
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let app = TestApp::start().await;
    let mut read = Vec::new();
    for url in [
        "https://10.0.0.1/mcp",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:192.168.0.1]/mcp",
        "https://3232235521/mcp",
    ] {
        read.push(look(&app, url).await);
    }
    assert_snapshot!(read.join("\n"), @r"
    403 /problems/address-refused ask-admin: 10.0.0.1 is a private address, which this installation does not contact; its operator can allow it.
    403 /problems/address-refused ask-admin: 169.254.169.254 is a link-local address, which this installation does not contact; its operator can allow it.
    403 /problems/address-refused ask-admin: [::ffff:c0a8:1] is a private address, which this installation does not contact; its operator can allow it.
    403 /problems/address-refused ask-admin: 192.168.0.1 is a private address, which this installation does not contact; its operator can allow it.
    ");
}

#[tokio::test]
async fn a_public_install_does_not_reach_its_own_machine() {
    let app = TestApp::start_with(|args| args.egress = Some("public".to_owned())).await;
    let read = [
        look(&app, "http://127.0.0.1:1/mcp").await,
        look(&app, "https://127.0.0.1:1/mcp").await,
        look(&app, "https://localhost/mcp").await,
    ];
    assert_snapshot!(read.join("\n"), @r"
    400 /problems/invalid-url none: http://127.0.0.1:1/mcp does not use https.
    403 /problems/address-refused ask-admin: 127.0.0.1:1 is a loopback address, which this installation does not contact; its operator can allow it.
    403 /problems/address-refused ask-admin: localhost is a loopback address, which this installation does not contact; its operator can allow it.
    ");
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_named() {
    let app = TestApp::start().await;
    assert_snapshot!(look(&app, "https://no-such-host.invalid/mcp").await, @"502 /problems/server-unreachable retry: The host name no-such-host.invalid cannot be found.");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_named() {
    let app = TestApp::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let read = look(&app, &format!("http://{free}/mcp")).await;
    assert_snapshot!(read.replace(&free.port().to_string(), "PORT"), @"502 /problems/server-unreachable retry: 127.0.0.1:PORT refuses connections: nothing is listening there.");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    assert_snapshot!(changed(MCP, |_| hanging()).await, @"502 /problems/server-unreachable retry: 127.0.0.1:PORT did not answer within 1 second.");
}

#[tokio::test]
async fn a_server_in_trouble_is_told_from_a_wrong_address() {
    assert_snapshot!(changed(MCP, |_| json_answer(500, &json!({}))).await, @"502 /problems/server-failing retry: 127.0.0.1:PORT answered with an error of its own (status 500).");
    assert_snapshot!(changed(MCP, |_| html_answer(200)).await, @"422 /problems/not-an-mcp-server none: 127.0.0.1:PORT answered with a web page: there is no MCP server at this address.");
}

#[tokio::test]
async fn a_server_that_publishes_nothing_is_told_so() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(RESOURCE, html_answer(200));
    site.set(SERVER, html_answer(404));
    let port = site.origin.rsplit(':').next().unwrap();
    let read = look(&app, &site.mcp()).await.replace(port, "PORT");
    assert_snapshot!(read, @"502 /problems/discovery-failed ask-admin: 127.0.0.1:PORT asks for a sign-in but does not say where: it publishes no OAuth metadata (an HTML page came instead of JSON).");
}

#[tokio::test]
async fn resource_metadata_for_another_resource_is_refused() {
    let read = changed(RESOURCE, |site| {
        let other = "https://other.example/mcp";
        let document = json!({ "resource": other, "authorization_servers": [site.origin] });
        json_answer(200, &document)
    });
    assert_snapshot!(read.await, @"502 /problems/discovery-failed ask-admin: The OAuth metadata of 127.0.0.1:PORT cannot be used: the document is for “https://other.example/mcp”, not for http://127.0.0.1:PORT/mcp.");
}

#[tokio::test]
async fn server_metadata_that_is_unusable_is_refused_with_its_fault() {
    let mut read = vec![
        changed(SERVER, |_| html_answer(200)).await,
        changed(SERVER, |_| Answer {
            body: "{".to_owned(),
            ..json_answer(200, &json!({}))
        })
        .await,
        changed(SERVER, |_| {
            json_answer(503, &json!({ "error": "invalid_client" }))
        })
        .await,
    ];
    for (name, value) in [
        ("token_endpoint", Value::Null),
        ("authorization_endpoint", Value::Null),
        ("code_challenge_methods_supported", Value::Null),
        ("code_challenge_methods_supported", json!(["plain"])),
        (
            "authorization_endpoint",
            json!("javascript:alert(document.domain)//"),
        ),
        ("token_endpoint", json!("http://as.example.com/token")),
        ("issuer", json!("https://evil.example")),
    ] {
        read.push(changed(SERVER, |site| site.server_with(name, &value)).await);
    }
    assert_snapshot!(read.join("\n"), @r"
    502 /problems/discovery-failed ask-admin: The authorization server 127.0.0.1:PORT publishes no metadata where it should (an HTML page came instead of JSON).
    502 /problems/discovery-failed ask-admin: The authorization server 127.0.0.1:PORT publishes no metadata where it should (the answer is not JSON).
    502 /problems/server-failing retry: 127.0.0.1 answered with an error of its own (status 503).
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: the document has no `token_endpoint`.
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: the document has no `authorization_endpoint`.
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: the authorization server does not say that it supports PKCE with S256.
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: the authorization server does not say that it supports PKCE with S256.
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: `authorization_endpoint` may not be used: “javascript:” is not a web address; only https can be used.
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: `token_endpoint` may not be used: http://as.example.com/token does not use https.
    502 /problems/discovery-failed ask-admin: The metadata of the authorization server 127.0.0.1:PORT cannot be used: the document names the issuer “https://evil.example”, but “http://127.0.0.1:PORT” was asked.
    ");
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let send = |kind: &'static str, body: String| {
        browser
            .request(reqwest::Method::POST, DISCOVER)
            .header("content-type", kind)
            .body(body)
            .send()
    };
    let read = [
        problem(send("application/json", "{".to_owned()).await.unwrap()).await,
        problem(send("application/json", "{}".to_owned()).await.unwrap()).await,
        problem(
            send("application/json", r#"{"url":"x","token":"y"}"#.to_owned())
                .await
                .unwrap(),
        )
        .await,
        problem(
            send("text/plain", r#"{"url":"x"}"#.to_owned())
                .await
                .unwrap(),
        )
        .await,
        problem(
            send("application/json", " ".repeat(300 * 1024))
                .await
                .unwrap(),
        )
        .await,
    ];
    assert_snapshot!(read.join("\n"), @r"
    400 /problems/invalid-request none: The body is not valid JSON: EOF while parsing an object at line 1 column 1.
    400 /problems/invalid-request none: The body does not fit this call: missing field `url` at line 1 column 2.
    400 /problems/invalid-request none: The body does not fit this call: token: unknown field `token`, expected `url` at line 1 column 18.
    415 /problems/unsupported-media-type none: The body must be sent as application/json.
    413 /problems/request-too-large none: The body is larger than this call accepts.
    ");
}

#[tokio::test]
async fn calls_from_other_sites_are_refused() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let mut read = BTreeSet::new();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let response = browser
            .bare(reqwest::Method::POST, DISCOVER)
            .header(name, value)
            .json(&json!({ "url": "https://mcp.example.com/mcp" }))
            .send()
            .await
            .unwrap();
        read.insert(problem(response).await);
    }
    assert_snapshot!(Vec::from_iter(read).join("\n"), @"403 /problems/cross-site-request none: This call was sent by a page of another site, and was not carried out.");
}

/// The events of a watched discovery as they came: their names, and the last one's data.
async fn watched(app: &TestApp, url: &str) -> (Vec<String>, Value) {
    let browser = app.browser();
    let request = browser
        .request(reqwest::Method::POST, DISCOVER)
        .header("accept", "text/event-stream")
        .json(&json!({ "url": url }));
    let response = browser.send(request).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let mut names = Vec::new();
    let mut last = Value::Null;
    for event in text.split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").unwrap();
        if data == "[DONE]" {
            names.push(data.to_owned());
            break;
        }
        last = serde_json::from_str(data).unwrap();
        let name = last["type"].as_str().unwrap();
        names.push(match last["step"]["request"].as_str() {
            Some(request) => format!("{name} {request}"),
            None => name.to_owned(),
        });
    }
    (names, last)
}

#[tokio::test]
async fn whoever_watches_is_told_each_step_and_then_the_same_answer() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let (told, answer) = watched(&app, &site.mcp()).await;
    assert_snapshot!(told.join("\n").replace(&site.origin, "SITE"), @r"
    began POST SITE/mcp
    step POST SITE/mcp
    began GET SITE/.well-known/oauth-protected-resource/mcp
    began GET SITE/.well-known/oauth-protected-resource
    step GET SITE/.well-known/oauth-protected-resource/mcp
    step GET SITE/.well-known/oauth-protected-resource
    began GET SITE/.well-known/oauth-authorization-server
    began GET SITE/.well-known/openid-configuration
    step GET SITE/.well-known/oauth-authorization-server
    step GET SITE/.well-known/openid-configuration
    answer
    [DONE]
    ");
    let answer = &answer["answer"];
    assert_eq!(answer["requiresAuth"], true);
    assert_eq!(answer["report"]["steps"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_step_is_told_before_it_has_ended() {
    use futures::StreamExt;
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(SERVER, hanging());
    let browser = app.browser();
    let request = browser
        .request(reqwest::Method::POST, DISCOVER)
        .header("accept", "text/event-stream")
        .json(&json!({ "url": site.mcp() }));
    let mut body = browser.send(request).await.bytes_stream();
    let mut heard = String::new();
    // It hangs at the authorization server's metadata: that it is asked must be heard by then.
    while !heard.contains("oauth-authorization-server") {
        heard.push_str(&String::from_utf8_lossy(
            &body.next().await.unwrap().unwrap(),
        ));
    }
    assert!(heard.contains(r#""type":"step""#), "{heard}");
    assert!(!heard.contains(r#""type":"answer""#), "{heard}");
}

#[tokio::test]
async fn a_watched_discovery_that_fails_ends_with_the_problem_and_its_report() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    site.set(MCP, html_answer(200));
    let (told, problem) = watched(&app, &site.mcp()).await;
    assert_eq!(told[told.len() - 2..], ["problem", "[DONE]"]);
    let problem = &problem["problem"];
    assert_eq!(problem["type"], "/problems/not-an-mcp-server");
    assert_eq!(problem["report"]["steps"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_sign_in_on_another_site_is_marked() {
    let app = TestApp::start().await;
    let (site, other) = (Site::start().await, Site::start().await);
    let document = json!({
        "resource": site.mcp(),
        "authorization_servers": [other.origin, "https://login.elsewhere.example"],
    });
    site.set(RESOURCE, json_answer(200, &document));
    let body = json!({ "url": site.mcp() });
    let response = app.browser().post(DISCOVER, &body).await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(
        answer["foreign"],
        json!(["https://login.elsewhere.example"])
    );
}
