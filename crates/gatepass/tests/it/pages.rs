//! The pages that the server writes itself.

use base64::Engine;
use gatepass::{
    pages::{
        callback::{Ending, page, redirect},
        return_to::ReturnTo,
    },
    problem::{Kind, Problem},
};
use http_body_util::BodyExt;
use insta::assert_snapshot;
use sha2::{Digest, Sha256};

async fn text(response: axum::response::Response) -> (String, String) {
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (String::from_utf8(body.to_vec()).unwrap(), policy)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

#[tokio::test]
async fn the_policy_allows_exactly_the_script_and_the_style_of_the_page() {
    let (html, policy) = text(page(
        Some("f1"),
        &Ending::Authorized {
            host: "mcp.example",
        },
    ))
    .await;
    for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let hash = Sha256::digest(between(&html, start, end));
        let hash = base64::engine::general_purpose::STANDARD.encode(hash);
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none'; "));
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn text_from_outside_cannot_become_markup() {
    let problem = Problem::new(
        Kind::AuthorizationFailed,
        "as.example refused: </script><img src=x onerror=alert(1)> \" onload=\"x",
    );
    let (html, _) = text(page(Some("f\"><script>"), &Ending::Failed(&problem))).await;
    let main = between(&html, "<body", "</main>");
    assert!(!main.contains("<img") && !main.contains("<script"));
    assert_snapshot!(between(&html, "<p>", "</p>"), @"as.example refused: &#60;/script&#62;&#60;img src=x onerror=alert(1)&#62; &#34; onload=&#34;x");
    assert_snapshot!(between(&html, "data-flow=\"", "\" data-close"), @"f&#34;&#62;&#60;script&#62;");
}

#[tokio::test]
async fn the_page_says_how_it_went_and_who_must_act_without_a_script() {
    let mut shown = Vec::new();
    let (html, _) = text(page(
        Some("f1"),
        &Ending::Authorized {
            host: "mcp.example",
        },
    ))
    .await;
    shown.push(main_text(&html));
    for (flow, problem) in [
        (
            Some("f1"),
            Problem::new(Kind::AccessDenied, "Access was not allowed at as.example."),
        ),
        (
            Some("f1"),
            Problem::new(Kind::IssuerMismatch, "The answer names another server."),
        ),
        (
            None,
            Problem::new(Kind::FlowNotFound, "This sign-in is not known here."),
        ),
    ] {
        let (html, _) = text(page(flow, &Ending::Failed(&problem))).await;
        shown.push(main_text(&html));
    }
    assert_snapshot!(shown.join("\n"), @r#"
    closes: yes | role="status" Connected Gatepass is connected to mcp.example. You can close this window and go back to Gatepass. Open Gatepass here
    closes: yes | Access was not granted Access was not allowed at as.example. Close this window and start again from Gatepass. Open Gatepass here What does this mean?
    closes: no | The answer comes from the wrong authorization server The answer names another server. Close this window. This has to be put right by whoever runs the server or this installation; Gatepass shows a report to send to them. Open Gatepass here What does this mean?
    closes: no | This sign-in is not known This sign-in is not known here. Close this window and start again from Gatepass. Open Gatepass here What does this mean?
    "#);
}

/// Whether the page closes itself, and its words.
fn main_text(html: &str) -> String {
    let mut words = String::new();
    let mut inside = false;
    for letter in between(html, "<main", "</main>").chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            letter if !inside => words.push(letter),
            _ => {}
        }
    }
    let words = words
        .split_once("alert\"")
        .map_or(words.as_str(), |(_, rest)| rest);
    let words: Vec<_> = words.split_whitespace().collect();
    format!(
        "closes: {} | {}",
        between(html, "data-close=\"", "\""),
        words.join(" ")
    )
}

#[test]
fn a_full_page_flow_returns_to_its_page_with_nothing_but_the_flows_id() {
    let back = redirect(&ReturnTo::parse("/c/1?draft=2#x").unwrap(), "f1");
    assert_eq!(back.status(), 303);
    assert_eq!(back.headers()["location"], "/c/1?draft=2#flow=f1");
}
