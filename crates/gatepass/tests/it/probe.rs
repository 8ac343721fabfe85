//! `gatepass probe`: what a terminal learns about a server.

use std::process::Output;

use insta::assert_snapshot;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::site::{MCP, REGISTER, RESOURCE, SERVER, Site, html_answer, json_answer};

async fn probe(arguments: &[&str]) -> Output {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepass"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GATEPASS_")) {
        command.env_remove(name);
    }
    command.arg("probe").args(arguments);
    command.env("GATEPASS_DATA_DIR", data.path());
    command.output().await.unwrap()
}

/// What it prints, times and addresses taken out, and the code it ends with.
async fn said(site: &Site, arguments: &[&str]) -> String {
    let url = site.mcp();
    let output = probe(&[&[url.as_str()], arguments].concat()).await;
    let complaint = String::from_utf8_lossy(&output.stderr).replace(&site.origin, "SITE");
    let text = String::from_utf8_lossy(&output.stdout)
        .replace(&site.origin, "SITE")
        .replace(site.origin.trim_start_matches("http://"), "SITE");
    let mut timeless = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(" ms)") {
        let start = rest[..at].rfind('(').unwrap();
        timeless.push_str(&rest[..start]);
        timeless.push_str("(T ms)");
        rest = &rest[at + 4..];
    }
    timeless.push_str(rest);
    format!("{timeless}{complaint}→ {}", output.status.code().unwrap())
}

#[tokio::test]
async fn a_server_with_a_sign_in_is_described_step_by_step() {
    let site = Site::start().await;
    assert_snapshot!(said(&site, &[]).await, @r"
    i probe: POST SITE/mcp → 401 (T ms)
        a request without a token; 401 asks for one (RFC 9728 §5)
    ✓ resource metadata: GET SITE/.well-known/oauth-protected-resource/mcp → 200 (T ms)
        the well-known places, path before root (RFC 9728 §3.1)
    · resource metadata: GET SITE/.well-known/oauth-protected-resource → 404 (T ms)
        the well-known places, path before root (RFC 9728 §3.1)
    ✓ authorization server metadata: GET SITE/.well-known/oauth-authorization-server → 200 (T ms)
        the issuer's well-known places, first valid wins (RFC 8414 §3, OpenID)
    · authorization server metadata: GET SITE/.well-known/openid-configuration → 404 (T ms)
        the issuer's well-known places, first valid wins (RFC 8414 §3, OpenID)

                resource  SITE/mcp
                  issuer  SITE
    authorizationServers  SITE
              signInPage  SITE
            registration  dynamic
                  scopes  notes
             redirectUri  http://localhost:4283/api/mcp/oauth/callback
              revocation  true

    A sign-in at SITE can begin.
    → 0
    ");
    assert!(
        site.seen(REGISTER).is_empty(),
        "nothing is registered unasked"
    );
    let text = said(&site, &["--register"]).await;
    assert!(text.contains("clientId"), "{text}");
    assert_eq!(site.seen(REGISTER).len(), 1);
}

#[tokio::test]
async fn every_outcome_has_its_sentence_and_its_code() {
    let site = Site::start().await;
    let last = |text: String| {
        text.lines()
            .rev()
            .take(3)
            .collect::<Vec<_>>()
            .join(" ⏎ ")
            .trim_end()
            .to_owned()
    };
    let mut table = Vec::new();
    site.set(
        SERVER,
        site.server_with("registration_endpoint", &Value::Null),
    );
    table.push(last(said(&site, &[]).await));
    site.set(
        SERVER,
        site.server_with("issuer", &json!("https://other.example")),
    );
    table.push(last(said(&site, &[]).await));
    site.set(RESOURCE, json_answer(503, &json!({})));
    table.push(last(said(&site, &[]).await));
    site.set(
        MCP,
        json_answer(200, &json!({"jsonrpc": "2.0", "id": 1, "result": {}})),
    );
    table.push(last(said(&site, &[]).await));
    site.set(MCP, html_answer(200));
    table.push(last(said(&site, &[]).await));
    assert_snapshot!(table.join("\n"), @r"
    → 3 ⏎ SITE lets no app register itself: register one there with the redirect URI http://localhost:4283/api/mcp/oauth/callback and enter its client id. ⏎
    → 5 ⏎ Whoever runs that server, or its sign-in, has to fix it. ⏎ the metadata of the authorization server SITE cannot be used: the document names the issuer “https://other.example”, but “SITE” was asked.
    → 4 ⏎ Nobody has to do anything; trying again later is enough. ⏎ 127.0.0.1 answered with an error of its own (status 503).
    → 0 ⏎ SITE asks for no sign-in. ⏎
    → 5 ⏎ You can fix this. ⏎ SITE answered with a web page: there is no MCP server at this address.
    ");
}

#[tokio::test]
async fn programs_get_json_and_bug_reports_markdown() {
    let site = Site::start().await;
    let output = probe(&[&site.mcp(), "--json"]).await;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["verdict"], "works");
    assert_eq!(document["issuer"], site.origin.as_str());
    assert_eq!(document["registration"], "dynamic");
    assert!(document["report"]["steps"].as_array().unwrap().len() >= 3);
    let markdown = said(&site, &["--markdown"]).await;
    assert!(
        markdown.starts_with("### `SITE/mcp`: works\n"),
        "{markdown}"
    );
    assert!(
        markdown.contains("| ✓ | resource metadata | `GET SITE/.well-known/"),
        "{markdown}"
    );
}

#[tokio::test]
async fn an_address_that_may_not_be_reached_is_refused() {
    let site = Site::start().await;
    assert_snapshot!(said(&site, &["--egress", "public"]).await, @r"
    gatepass: SITE/mcp does not use https
    → 1
    ");
    assert!(site.seen(MCP).is_empty(), "nothing was sent");
}
