//! `/api/picture`: what an answer names is fetched when a person wants to see it, and only pictures are.

use insta::assert_snapshot;
use serde_json::json;

use crate::{
    site::{Answer, Site, html_answer, json_answer},
    support::{TestApp, header, problem},
};

fn gif(bytes: usize) -> Answer {
    Answer {
        status: 200,
        headers: vec![("content-type", "text/html".to_owned())],
        body: format!("GIF89a{}", "x".repeat(bytes)),
        hangs: false,
    }
}

#[tokio::test]
async fn a_picture_is_passed_on_by_its_content_and_nothing_else_is() {
    let site = Site::start().await;
    site.set("GET /cat.gif", gif(10));
    site.set("GET /large.gif", gif(6 << 20));
    site.set("GET /page", html_answer(200));
    site.set("GET /gone", json_answer(410, &json!({})));
    site.set(
        "GET /moved",
        Answer {
            status: 302,
            headers: vec![("location", format!("{}/cat.gif", site.origin))],
            body: String::new(),
            hangs: false,
        },
    );
    let app = TestApp::start().await;
    let browser = app.browser();
    let ask = async |url: &str| browser.post("/api/picture", &json!({ "url": url })).await;
    let shown = ask(&format!("{}/cat.gif", site.origin)).await;
    assert_eq!(shown.status(), 200);
    assert_eq!(header(&shown, "content-type"), "image/gif");
    assert_eq!(header(&shown, "content-disposition"), "attachment");
    assert_eq!(header(&shown, "x-content-type-options"), "nosniff");
    assert!(shown.text().await.unwrap().starts_with("GIF89a"));

    let mut refused = Vec::new();
    for path in ["/large.gif", "/page", "/gone", "/moved", "/missing"] {
        refused.push(problem(ask(&format!("{}{path}", site.origin)).await).await);
    }
    for url in [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://a:b@example.com/x.png",
        "cat.gif",
    ] {
        refused.push(problem(ask(url).await).await);
    }
    let port = site.origin.rsplit(':').next().unwrap();
    assert_snapshot!(refused.join("\n").replace(port, "PORT"), @"
    413 /problems/request-too-large none: The picture has more than 5 MiB.
    400 /problems/invalid-request none: What 127.0.0.1 sends is no picture (PNG, JPEG, GIF, WebP).
    502 /problems/server-failing retry: 127.0.0.1 has no such picture (status 410).
    502 /problems/server-failing retry: 127.0.0.1:PORT wanted to redirect the request to another path on 127.0.0.1:PORT; it was not followed.
    502 /problems/server-failing retry: 127.0.0.1 has no such picture (status 404).
    400 /problems/invalid-request none: That is not the address of a picture.
    400 /problems/invalid-request none: That is not the address of a picture.
    400 /problems/invalid-request none: That is not the address of a picture.
    400 /problems/invalid-request none: That is not the address of a picture.
    ");
}

#[tokio::test]
async fn a_picture_on_the_installations_own_network_is_refused() {
    let site = Site::start().await;
    site.set("GET /cat.gif", gif(10));
    let app = TestApp::start_with(|args| args.egress = Some("public".to_owned())).await;
    let url = format!("{}/cat.gif", site.origin);
    let refused = app
        .browser()
        .post("/api/picture", &json!({ "url": url }))
        .await;
    let refused = problem(refused).await;
    assert!(
        refused.starts_with("403 /problems/address-refused"),
        "{refused}"
    );
    assert!(site.seen("GET /cat.gif").is_empty());
}
