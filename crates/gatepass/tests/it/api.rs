//! The API as a whole: its description, and what holds for every call in it.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Browser, TestApp, header, problem};

/// Every call of the description: method and path, with ids that name nothing.
fn calls(document: &Value) -> Vec<(Method, String)> {
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let filled: Vec<&str> = path
            .split('/')
            .map(|part| {
                if part.starts_with('{') {
                    "AAAAAAAAAAAAAAAAAAAAAA"
                } else {
                    part
                }
            })
            .collect();
        for method in item.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            calls.push((method, filled.join("/")));
        }
    }
    calls
}

async fn described(browser: &Browser) -> Value {
    browser.get("/api/openapi.json").await.json().await.unwrap()
}

/// Calls that change something.
fn changing(document: &Value) -> Vec<(Method, String)> {
    calls(document)
        .into_iter()
        .filter(|(method, _)| *method != Method::GET)
        .collect()
}

async fn read(request: RequestBuilder) -> String {
    problem(request.send().await.unwrap()).await
}

#[tokio::test]
async fn the_description_is_what_is_served() {
    let app = TestApp::start().await;
    let document = described(&app.browser()).await;
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!("openapi", document);
    });
    let mut names = BTreeMap::new();
    for (method, path) in calls(&document) {
        *names.entry(path).or_insert(0) += 1;
        assert_ne!(method, Method::PUT);
    }
    assert!(names.len() >= 14);
    let operations: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let distinct: BTreeSet<_> = operations.iter().collect();
    assert_eq!(distinct.len(), operations.len(), "{operations:?}");
}

#[tokio::test]
async fn no_call_is_taken_from_another_site() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let all = changing(&described(&browser).await);
    assert!(all.len() >= 12);
    for (method, path) in all {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ] {
            let request = browser
                .bare(method.clone(), &path)
                .header(name, value)
                .json(&json!({}));
            let read = read(request).await;
            assert!(
                read.starts_with("403 /problems/cross-site-request"),
                "{method} {path}: {read}"
            );
        }
    }
}

#[tokio::test]
async fn what_belongs_to_an_owner_is_not_given_to_anybody_else() {
    let app = TestApp::start().await;
    let stranger = app.browser();
    stranger.post("/api/conversations", &json!({})).await;
    let connection = json!({
        "id": "AAAAAAAAAAAAAAAAAAAAAA", "sealed": "s1.00000000.AAAA", "resource": "r",
        "issuer": "i", "scopes": [], "expiresAt": null, "refreshable": true,
        "generation": 1, "registration": "dynamic",
    });
    let body = json!({
        "connection": connection, "title": "x", "text": "x", "model": "m", "url": "https://a.example",
        "name": "t", "arguments": {}, "mode": "popup",
    });
    let mut seen = Vec::new();
    for (method, path) in calls(&described(&stranger).await) {
        if !path.contains("AAAA") && !path.ends_with("/refresh") {
            continue;
        }
        let fitting = fitting(&path, &body);
        let without = browserless(&app, method.clone(), &path, &fitting).await;
        assert!(
            without.starts_with("401 /problems/owner-required"),
            "{method} {path}: {without}"
        );
        let with = read(stranger.request(method.clone(), &path).json(&fitting)).await;
        let status = with.split(' ').next().unwrap().to_owned();
        assert!(
            ["401", "404"].contains(&status.as_str()),
            "{method} {path}: {with}"
        );
        seen.push(path);
    }
    assert!(seen.len() >= 7, "{seen:?}");
}

/// The members of `all` that a call takes.
fn fitting(path: &str, all: &Value) -> Value {
    let names: &[&str] = match path {
        path if path.ends_with("/messages") => &["text", "model"],
        path if path.ends_with("/refresh") => &["connection"],
        _ => &["title"],
    };
    names
        .iter()
        .map(|name| ((*name).to_owned(), all[*name].clone()))
        .collect()
}

async fn browserless(app: &TestApp, method: Method, path: &str, body: &Value) -> String {
    read(app.browser().bare(method, path).json(body)).await
}

#[tokio::test]
async fn malformed_and_oversized_bodies_are_problems_everywhere() {
    let app = TestApp::start().await;
    let browser = app.browser();
    browser.post("/api/conversations", &json!({})).await;
    for (method, path) in changing(&described(&browser).await) {
        if method == Method::DELETE || path.contains("/runs/") {
            continue;
        }
        for body in [
            "{".to_owned(),
            "[]".to_owned(),
            r#"{"url":7}"#.to_owned(),
            " ".repeat(3 << 20),
        ] {
            let request = browser
                .request(method.clone(), &path)
                .header("content-type", "application/json")
                .body(body);
            let read = read(request).await;
            let fine = [
                "400 /problems/invalid-request",
                "413 /problems/request-too-large",
            ];
            assert!(
                fine.iter().any(|fine| read.starts_with(fine)),
                "{method} {path}: {read}"
            );
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_it() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let mut all = calls(&described(&browser).await);
    let beside = [
        "/",
        "/servers",
        "/nothing",
        "/api/nothing",
        "/problems/internal",
    ];
    let ours = ["/healthz", "/readyz", "/metrics", "/api/openapi.json"];
    for path in beside.into_iter().chain(ours) {
        all.push((Method::GET, path.to_owned()));
        all.push((Method::POST, path.to_owned()));
    }
    for (method, path) in all {
        let answer = browser.request(method.clone(), &path).send().await.unwrap();
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{method} {path}");
        }
        let policy = header(&answer, "content-security-policy");
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{method} {path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{method} {path}: {policy}");
        assert!(header(&answer, "permissions-policy").contains("camera=()"));
        assert!(header(&answer, "cross-origin-opener-policy").len() > 5);
    }
}

#[tokio::test]
async fn no_call_is_taken_under_a_strangers_host() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let port = app.address().port();
    for (method, path) in calls(&described(&browser).await) {
        for host in [
            format!("evil.example:{port}"),
            "localhost.evil.example".to_owned(),
            format!("localhost@evil.example:{port}"),
            format!("127.0.0.1.evil.example:{port}"),
            "localhost:1".to_owned(),
        ] {
            let request = browser.request(method.clone(), &path).header("host", &host);
            let read = read(request.json(&json!({}))).await;
            let refused = read.starts_with("421 /problems/unknown-host");
            assert!(refused, "{method} {path} {host}: {read}");
        }
    }
}
