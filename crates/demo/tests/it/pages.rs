//! The sign-in and consent pages as a browser sees them.

use gatepass_demo::{Decision, HttpAnswer, Person};
use serde_json::json;
use url::Url;

use crate::client::{
    CALLBACK, authorization_url, endpoint, get, parameter, post_form, post_json, register,
    registration, start,
};

async fn open(person: &mut Person, url: &str) -> HttpAnswer {
    person.visit(&Url::parse(url).unwrap(), None).await.unwrap()
}

async fn send(person: &mut Person, url: &str, fields: &[(&str, &str)]) -> HttpAnswer {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    person
        .visit(&Url::parse(url).unwrap(), Some(fields))
        .await
        .unwrap()
}

fn hidden(page: &str, name: &str) -> String {
    page.split_once(&format!("name=\"{name}\" value=\""))
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_else(|| panic!("no {name} in {page}"))
        .replace("&#38;", "&")
}

#[tokio::test]
async fn pages_forbid_scripts_and_frames_and_let_the_answer_through() {
    let demo = start().await;
    let client = register(&demo).await;
    let page = get(&authorization_url(&demo, &client, &[])).await;
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'none'; style-src 'self'; form-action 'self' http://127.0.0.1:9; \
             frame-ancestors 'none'; base-uri 'none'"
        )
    );
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("cross-origin-opener-policy"), None);
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("gatepass_demo_browser="), "{cookie}");
    assert!(cookie.ends_with("; Path=/as; Max-Age=28800; HttpOnly; SameSite=Lax"));
    demo.behaviour()
        .set(|b| b.authorize.cross_origin_opener_policy = true);
    let page = get(&authorization_url(&demo, &client, &[])).await;
    assert_eq!(
        page.header("cross-origin-opener-policy"),
        Some("same-origin")
    );
}

#[tokio::test]
async fn what_a_client_says_about_itself_is_escaped() {
    let demo = start().await;
    let mut body = registration();
    body["client_name"] = json!("<script>alert(1)</script>\"'&");
    let registered = post_json(&endpoint(&demo, "register"), &body).await.json();
    let client = registered["client_id"].as_str().unwrap();
    let mut person = Person::named("ada");
    let url = authorization_url(&demo, client, &[("state", "\"><script>")]);
    let sign_in = open(&mut person, &url).await.text();
    let form = [
        ("csrf", hidden(&sign_in, "csrf")),
        ("request", hidden(&sign_in, "request")),
        ("account", "ada".to_owned()),
    ];
    let fields: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    send(&mut person, &endpoint(&demo, "sign-in"), &fields).await;
    let consent = open(&mut person, &url).await.text();
    for page in [&sign_in, &consent] {
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
    let unknown = authorization_url(&demo, "<script>", &[]);
    assert!(!get(&unknown).await.text().contains("<script"));
    let scope = authorization_url(&demo, client, &[("redirect_uri", "http://x/<script>")]);
    assert!(!get(&scope).await.text().contains("<script"));
}

#[tokio::test]
async fn consent_shows_who_asks_for_what_and_where_it_goes() {
    let demo = start().await;
    let client = register(&demo).await;
    let mut person = Person::named("grace");
    let first = authorization_url(&demo, &client, &[("scope", "tools notes:write")]);
    person.decide(&first, Decision::Deny).await.unwrap();
    let page = open(&mut person, &first).await.text();
    for shown in [
        "Test client",
        "Grace Hopper",
        "Create notes in your name",
        "Use the calculator",
        "127.0.0.1:9",
        "this computer",
        "not a real service",
    ] {
        assert!(page.contains(shown), "{shown} is not on {page}");
    }
}

fn form<'a>(token: &'a str, query: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("csrf", token),
        ("request", query),
        ("account", "ada"),
        ("decision", "allow"),
    ]
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let demo = start().await;
    let client = register(&demo).await;
    let url = authorization_url(&demo, &client, &[]);
    let query = Url::parse(&url).unwrap().query().unwrap().to_owned();
    let mut person = Person::named("ada");
    person.decide(&url, Decision::Deny).await.unwrap();
    let token = hidden(&open(&mut person, &url).await.text(), "csrf");

    let forged = send(
        &mut person,
        &endpoint(&demo, "consent"),
        &form("forged", &query),
    )
    .await;
    assert_eq!(forged.status, 403);
    let no_cookies = post_form(&endpoint(&demo, "consent"), &form(&token, &query)).await;
    assert_eq!(no_cookies.status, 403);
    let right = send(
        &mut person,
        &endpoint(&demo, "consent"),
        &form(&token, &query),
    )
    .await;
    assert_eq!(right.status, 303);
    assert!(right.header("location").unwrap().starts_with(CALLBACK));
}

#[tokio::test]
async fn consent_is_given_by_the_account_that_saw_the_page() {
    let demo = start().await;
    let client = register(&demo).await;
    let url = authorization_url(&demo, &client, &[]);
    let query = Url::parse(&url).unwrap().query().unwrap().to_owned();
    let mut person = Person::named("ada");
    person.decide(&url, Decision::Deny).await.unwrap();
    let token = hidden(&open(&mut person, &url).await.text(), "csrf");
    let fields = [
        ("csrf", token.as_str()),
        ("request", &query),
        ("account", "grace"),
        ("decision", "allow"),
    ];
    let answer = send(&mut person, &endpoint(&demo, "consent"), &fields).await;
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("/as/authorize?")
    );
    assert!(demo.record().families().is_empty());
}

#[tokio::test]
async fn another_account_can_be_used() {
    let demo = start().await;
    let client = register(&demo).await;
    let url = authorization_url(&demo, &client, &[]);
    let query = Url::parse(&url).unwrap().query().unwrap().to_owned();
    let mut person = Person::named("ada");
    person.decide(&url, Decision::Deny).await.unwrap();
    let page = open(&mut person, &url).await.text();
    assert!(page.contains("Ada Lovelace") && !page.contains("Grace Hopper"));
    let token = hidden(&page, "csrf");
    send(
        &mut person,
        &endpoint(&demo, "sign-out"),
        &[("csrf", &token), ("request", &query)],
    )
    .await;
    let page = open(&mut person, &url).await.text();
    assert!(page.contains("Ada Lovelace") && page.contains("Grace Hopper"));
}

#[tokio::test]
async fn the_front_page_says_what_this_is() {
    let demo = start().await;
    let page = get(demo.origin()).await.text();
    assert!(page.contains(demo.mcp_url()));
    assert!(page.contains("not an LLM"));
    let style = get(&endpoint(&demo, "style.css")).await;
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(
        parameter(&authorization_url(&demo, "x", &[]), "client_id").as_deref(),
        Some("x")
    );
}
