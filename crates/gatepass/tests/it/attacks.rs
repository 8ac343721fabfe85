//! Attacks on the OAuth client, one test each: the real server, a hostile site, and what must not
//! happen.

use gatepass_demo::{Decision, Demo, Person};
use serde_json::{Value, json};

use crate::{
    site::{Answer, MCP, REGISTER, RESOURCE, SERVER, Site, TOKEN, json_answer},
    support::{Browser, TestApp, header, problem, query, sign_in},
};

const START: &str = "/api/mcp/oauth/start";
const DISCOVER: &str = "/api/mcp/oauth/discover";
const REFRESH: &str = "/api/mcp/oauth/refresh";
const CALLBACK: &str = "/api/mcp/oauth/callback";
const TOOLS: &str = "/api/mcp/tools";

/// A sign-in that waits for its callback: its flow and its state.
async fn start(browser: &Browser, mcp: &str) -> (String, String) {
    let body = json!({ "url": mcp, "mode": "popup" });
    let answer: Value = browser.post(START, &body).await.json().await.unwrap();
    let url = answer["authorizationUrl"].as_str();
    let url = url.unwrap_or_else(|| panic!("{answer}"));
    let flow = answer["flowId"].as_str().unwrap().to_owned();
    (flow, query(url)["state"].clone())
}

/// Comes back with these fields; gives the page.
async fn come_back(browser: &Browser, fields: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let response = browser.arrive(&format!("{CALLBACK}?{query}")).await;
    response.text().await.unwrap()
}

async fn flow(browser: &Browser, id: &str) -> Value {
    let response = browser.get(&format!("/api/mcp/oauth/flows/{id}")).await;
    response.json().await.unwrap()
}

/// The slug of a failed flow's problem.
async fn failure(browser: &Browser, id: &str) -> String {
    let answer = flow(browser, id).await;
    assert_eq!(answer["status"], "failed", "{answer}");
    answer["problem"]["type"].as_str().unwrap().to_owned()
}

/// Where a request is sent on to.
fn redirect(status: u16, to: &str) -> Answer {
    Answer {
        headers: vec![("location", to.to_owned())],
        ..json_answer(status, &json!({}))
    }
}

#[tokio::test]
async fn mix_up_with_iss() {
    let app = TestApp::start().await;
    let (honest, evil) = (Site::start().await, Site::start().await);
    // The attacker's server sends people to the honest one and would like to have their code. It
    // says nothing of `iss`; the honest one names itself all the same.
    let silent = "authorization_response_iss_parameter_supported";
    evil.set(SERVER, evil.server_with(silent, &Value::Null));
    let browser = app.browser();
    let (id, state) = start(&browser, &evil.mcp()).await;
    let fields = [
        ("code", "c"),
        ("state", state.as_str()),
        ("iss", &honest.origin),
    ];
    come_back(&browser, &fields).await;
    assert_eq!(failure(&browser, &id).await, "/problems/issuer-mismatch");
    assert!(evil.seen(TOKEN).is_empty() && honest.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn mix_up_without_iss() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    // A server that promises to name itself, and an answer that names nobody.
    let (id, state) = start(&browser, &site.mcp()).await;
    come_back(&browser, &[("code", "c"), ("state", &state)]).await;
    assert_eq!(failure(&browser, &id).await, "/problems/issuer-mismatch");
    assert!(site.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn a_code_of_one_server_on_the_callback_of_another() {
    let app = TestApp::start().await;
    let (one, two) = (Site::start().await, Site::start().await);
    let browser = app.browser();
    let (first, _) = start(&browser, &one.mcp()).await;
    let (second, state) = start(&browser, &two.mcp()).await;
    // The first server's answer, under the second one's state.
    let fields = [
        ("code", "c"),
        ("state", state.as_str()),
        ("iss", &one.origin),
    ];
    come_back(&browser, &fields).await;
    assert_eq!(
        failure(&browser, &second).await,
        "/problems/issuer-mismatch"
    );
    assert_eq!(flow(&browser, &first).await["status"], "pending");
    assert!(one.seen(TOKEN).is_empty() && two.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn login_csrf() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let (attacker, victim) = (app.browser(), app.browser());
    sign_in(&victim, &site).await;
    let exchanged = site.seen(TOKEN).len();
    let (id, state) = start(&attacker, &site.mcp()).await;
    let fields = [
        ("code", "c"),
        ("state", state.as_str()),
        ("iss", &site.origin),
    ];
    let page = come_back(&victim, &fields).await;
    assert!(page.contains("This browser does not know the sign-in"));
    assert_eq!(site.seen(TOKEN).len(), exchanged, "nothing was exchanged");
    assert_eq!(flow(&attacker, &id).await["status"], "pending");
    assert_eq!(flow(&victim, &id).await["status"], 404);
}

#[tokio::test]
async fn code_injection() {
    let app = TestApp::start().await;
    let demo = Demo::builder().start().await.unwrap();
    let (attacker, victim) = (app.browser(), app.browser());
    let allowed = async |browser: &Browser, account| {
        let body = json!({ "url": demo.mcp_url(), "mode": "popup" });
        let started: Value = browser.post(START, &body).await.json().await.unwrap();
        let page = started["authorizationUrl"].as_str().unwrap();
        let back = Person::named(account).decide(page, Decision::Allow).await;
        let flow = started["flowId"].as_str().unwrap().to_owned();
        (flow, query(&back.unwrap()))
    };
    let (_, stolen) = allowed(&victim, "ada").await;
    let (id, own) = allowed(&attacker, "grace").await;
    // A right state, a right issuer, and somebody else's code: only PKCE can tell.
    let fields = [
        ("code", stolen["code"].as_str()),
        ("state", &own["state"]),
        ("iss", &own["iss"]),
    ];
    come_back(&attacker, &fields).await;
    let failed = failure(&attacker, &id).await;
    assert_eq!(failed, "/problems/token-exchange-failed");
}

#[tokio::test]
async fn replayed_callback() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let (id, state) = start(&browser, &site.mcp()).await;
    let kept = browser.cookie_header();
    let path = format!("{CALLBACK}?code=c&state={state}&iss={}", site.origin);
    for _ in 0..3 {
        // With the cookies of the first time, as somebody who has copied them.
        let request = browser.bare(reqwest::Method::GET, &path);
        request.header("cookie", &kept).send().await.unwrap();
    }
    assert_eq!(site.seen(TOKEN).len(), 1);
    assert_eq!(flow(&browser, &id).await["status"], "authorized");
}

#[tokio::test]
async fn pkce_downgrade() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    for methods in [Value::Null, json!([]), json!(["plain"])] {
        let name = "code_challenge_methods_supported";
        site.set(SERVER, site.server_with(name, &methods));
        let body = json!({ "url": site.mcp(), "mode": "popup" });
        let read = problem(browser.post(START, &body).await).await;
        assert!(read.contains("PKCE with S256"), "{methods}: {read}");
    }
    let app = TestApp::start().await;
    let name = "code_challenge_methods_supported";
    site.set(SERVER, site.server_with(name, &json!(["plain", "S256"])));
    let browser = app.browser();
    let body = json!({ "url": site.mcp(), "mode": "popup" });
    let answer: Value = browser.post(START, &body).await.json().await.unwrap();
    let asked = query(answer["authorizationUrl"].as_str().unwrap());
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["code_challenge"].len(), 43);
}

#[tokio::test]
async fn resource_spoofing() {
    let app = TestApp::start().await;
    let (site, bank) = (Site::start().await, Site::start().await);
    for resource in [
        bank.mcp(),
        format!("{}/mcp/other", site.origin),
        "https://bank.example/mcp".to_owned(),
        format!("{}@bank.example/mcp", site.origin),
    ] {
        let document = json!({ "resource": resource, "authorization_servers": [bank.origin] });
        site.set(RESOURCE, json_answer(200, &document));
        let read = problem(
            app.browser()
                .post(DISCOVER, &json!({ "url": site.mcp() }))
                .await,
        )
        .await;
        assert!(read.contains("the document is for"), "{resource}: {read}");
    }
    assert!(bank.seen(SERVER).is_empty(), "nothing of it was followed");
}

#[tokio::test]
async fn issuer_spoofing() {
    let app = TestApp::start().await;
    let (site, bank) = (Site::start().await, Site::start().await);
    for issuer in [
        bank.origin.clone(),
        format!("{}/", site.origin),
        site.origin.to_uppercase(),
    ] {
        site.set(SERVER, site.server_with("issuer", &json!(issuer)));
        let read = problem(
            app.browser()
                .post(DISCOVER, &json!({ "url": site.mcp() }))
                .await,
        )
        .await;
        assert!(read.contains("names the issuer"), "{issuer}: {read}");
    }
}

#[tokio::test]
async fn hostile_authorization_endpoint() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    for endpoint in [
        "javascript:alert(document.domain)//",
        "JaVaScRiPt:alert(1)",
        "\tjavascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "ms-msdt:/id",
        "blob:https://as.example/1",
        "http://as.example.com/authorize",
        "https://user:password@as.example.com/authorize",
        "https://192.168.1.1/reboot",
        "https://[::ffff:a9fe:a9fe]/latest",
        "//as.example.com/authorize",
        "/authorize",
        "",
    ] {
        let value = json!(endpoint);
        site.set(SERVER, site.server_with("authorization_endpoint", &value));
        let body = json!({ "url": site.mcp(), "mode": "popup" });
        let response = app.browser().post(START, &body).await;
        assert!(response.status().as_u16() >= 400, "{endpoint}");
        let read = problem(response).await;
        assert!(!read.starts_with("500"), "{endpoint}: {read}");
    }
    assert!(site.seen(REGISTER).is_empty(), "no client was made for it");
}

#[tokio::test]
async fn endpoints_on_another_site_are_marked_before_leaving() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let elsewhere = json!("https://sign-in.example.com/authorize");
    site.set(
        SERVER,
        site.server_with("authorization_endpoint", &elsewhere),
    );
    let look = json!({ "url": site.mcp() });
    let answer = app.browser().post(DISCOVER, &look).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["foreign"], json!([site.origin]), "{answer}");
    let names = site.server_with("token_endpoint", &json!("https://evil.example.com/token"));
    site.set(SERVER, names);
    let app = TestApp::start().await;
    let answer = app.browser().post(DISCOVER, &look).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["foreign"], json!([site.origin]), "{answer}");
}

#[tokio::test]
async fn token_endpoint_on_a_private_address() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    for endpoint in [
        "https://10.0.0.1/token",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/token",
        "https://0x0a000001/token",
    ] {
        let browser = app.browser();
        site.set(SERVER, site.server_with("token_endpoint", &json!(endpoint)));
        let body = json!({ "url": site.mcp(), "mode": "popup" });
        let response = browser.post(START, &body).await;
        if response.status() != 200 {
            let read = problem(response).await;
            assert!(read.contains("does not contact"), "{endpoint}: {read}");
            continue;
        }
        let started: Value = response.json().await.unwrap();
        let state = query(started["authorizationUrl"].as_str().unwrap())["state"].clone();
        let fields = [
            ("code", "c"),
            ("state", state.as_str()),
            ("iss", &site.origin),
        ];
        come_back(&browser, &fields).await;
        let answer = flow(&browser, started["flowId"].as_str().unwrap()).await;
        let detail = answer["problem"]["detail"].as_str().unwrap();
        assert!(detail.contains("does not contact"), "{endpoint}: {answer}");
    }
}

#[tokio::test]
async fn registration_that_redirects() {
    let app = TestApp::start().await;
    let (site, other) = (Site::start().await, Site::start().await);
    for status in [301, 302, 303, 307, 308] {
        site.set(
            REGISTER,
            redirect(status, &format!("{}/register", other.origin)),
        );
        let body = json!({ "url": site.mcp(), "mode": "popup" });
        let response = app.browser().post(START, &body).await;
        assert_eq!(response.status(), 422, "{status}");
    }
    assert!(other.seen(REGISTER).is_empty());
}

#[tokio::test]
async fn token_endpoint_that_redirects() {
    let app = TestApp::start().await;
    let (site, other) = (Site::start().await, Site::start().await);
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    for status in [301, 302, 303, 307, 308] {
        site.set(TOKEN, redirect(status, &format!("{}/token", other.origin)));
        let (id, state) = start(&browser, &site.mcp()).await;
        let fields = [
            ("code", "c"),
            ("state", state.as_str()),
            ("iss", &site.origin),
        ];
        come_back(&browser, &fields).await;
        assert_eq!(flow(&browser, &id).await["status"], "failed", "{status}");
        let body = json!({ "connection": connection });
        let refreshed = browser.post(REFRESH, &body).await;
        assert!(refreshed.status().as_u16() >= 400, "{status}");
    }
    for what in [TOKEN, "GET /token"] {
        assert!(other.seen(what).is_empty(), "a code or token went astray");
    }
}

#[tokio::test]
async fn bearer_kept_across_a_redirect() {
    let app = TestApp::start().await;
    let (site, other) = (Site::start().await, Site::start().await);
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    for status in [301, 302, 303, 307, 308] {
        site.set(MCP, redirect(status, &other.mcp()));
        let body = json!({
            "url": site.mcp(), "connection": connection, "headers": { "X-Key": "static" },
        });
        let response = browser.post(TOOLS, &body).await;
        assert!(response.status().as_u16() >= 400, "{status}");
        // Nor within its own origin, where another tenant may live.
        site.set(MCP, redirect(status, "/other"));
        browser.post(TOOLS, &body).await;
    }
    for (site, what) in [
        (&other, MCP),
        (&other, "GET /mcp"),
        (&site, "POST /other"),
        (&site, "GET /other"),
    ] {
        assert!(site.seen(what).is_empty(), "{what} was followed");
    }
}

#[tokio::test]
async fn metadata_swapped_between_discovery_and_refresh() {
    let app = TestApp::start().await;
    let (site, evil) = (Site::start().await, Site::start().await);
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let token = json!(format!("{}/token", evil.origin));
    site.set(SERVER, site.server_with("token_endpoint", &token));
    let named = json!({ "resource": site.mcp(), "authorization_servers": [evil.origin] });
    site.set(RESOURCE, json_answer(200, &named));
    let asked = site.seen(TOKEN).len();
    let body = json!({ "connection": connection });
    assert_eq!(browser.post(REFRESH, &body).await.status(), 200);
    assert_eq!(site.seen(TOKEN).len(), asked + 1, "where it was issued");
    assert!(evil.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn open_redirect() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    for target in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/%2f%2fevil.example/../..//evil.example",
        "/.//evil.example",
        "/c/../..//evil.example",
        "/api/mcp/oauth/callback",
        "https:evil.example",
    ] {
        let body = json!({ "url": site.mcp(), "mode": "redirect", "returnTo": target });
        let response = app.browser().post(START, &body).await;
        if response.status() == 200 {
            // Accepted only as what it is: a path of ours.
            let base: url::Url = app.url("/").parse().unwrap();
            assert_eq!(
                base.join(target).unwrap().origin(),
                base.origin(),
                "{target}"
            );
            continue;
        }
        let read = problem(response).await;
        assert!(
            read.starts_with("400 /problems/invalid-return-to"),
            "{read}"
        );
    }
}

#[tokio::test]
async fn clickjacking() {
    let app = TestApp::start().await;
    let browser = app.browser();
    for path in [
        "/",
        "/servers",
        CALLBACK,
        "/problems/client-required",
        "/api/config",
        "/nothing",
    ] {
        let response = browser.get(path).await;
        let policy = header(&response, "content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert_eq!(header(&response, "x-frame-options"), "DENY", "{path}");
    }
}

#[tokio::test]
async fn hostile_scopes_client_names_and_error_texts_in_every_page() {
    const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\
        \u{202e}gnp\u{0}\u{1b}[31m\r\nSet-Cookie: a=b";
    let app = TestApp::start().await;
    let site = Site::start().await;
    let mut document = site.server();
    document["scopes_supported"] = json!([HOSTILE]);
    site.set(SERVER, json_answer(200, &document));
    let mut resource = site.resource();
    resource["resource_name"] = json!(HOSTILE);
    resource["scopes_supported"] = json!([HOSTILE]);
    site.set(RESOURCE, json_answer(200, &resource));
    let refused = json!({ "error": "invalid_client_metadata", "error_description": HOSTILE });
    let browser = app.browser();
    let plain = |text: &str, what: &str| {
        assert!(!text.contains("<script>alert"), "{what}: {text}");
        assert!(!text.contains("<img src=x"), "{what}: {text}");
        for letter in ['\u{202e}', '\u{0}', '\u{1b}'] {
            assert!(!text.contains(letter), "{what}: {text}");
        }
    };
    // The answer of the authorization server, on the callback's page.
    let (_, state) = start(&browser, &site.mcp()).await;
    let fields = [
        ("error", "access_denied"),
        ("error_description", HOSTILE),
        ("error_uri", "javascript:alert(1)"),
        ("state", &state),
        ("iss", &site.origin),
    ];
    let page = come_back(&browser, &fields).await;
    plain(&page, "the callback's page");
    assert!(!page.contains("javascript:"));
    // The same in problems, which are JSON: no markup there, but no control characters either.
    site.set(REGISTER, json_answer(400, &refused));
    let fresh = app.browser();
    let fresh_site = json!({ "url": site.mcp(), "mode": "popup", "scopes": ["notes"] });
    let response = fresh.post(START, &fresh_site).await;
    assert!(header(&response, "content-type").contains("json"));
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert!(header(&response, "set-cookie").find("a=b").is_none());
    let body = response.text().await.unwrap();
    for letter in ['\u{202e}', '\u{0}', '\u{1b}'] {
        assert!(!body.contains(letter), "{body}");
    }
}

#[tokio::test]
async fn token_sent_to_a_resource_it_was_not_issued_for() {
    let app = TestApp::start().await;
    let (site, other) = (Site::start().await, Site::start().await);
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let mut renamed = connection.clone();
    renamed["resource"] = json!(other.mcp());
    for connection in [connection, renamed] {
        for url in [other.mcp(), format!("{}/other", site.origin)] {
            let body = json!({ "url": url, "connection": connection });
            let read = problem(browser.post(TOOLS, &body).await).await;
            assert!(read.starts_with("403 /problems/wrong-resource"), "{read}");
        }
    }
    assert!(other.seen(MCP).is_empty() && site.seen("POST /other").is_empty());
}

#[tokio::test]
async fn a_server_that_answers_401_for_ever() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let (mcp, token) = (site.seen(MCP).len(), site.seen(TOKEN).len());
    let body = json!({ "url": site.mcp(), "connection": connection });
    let read = problem(browser.post(TOOLS, &body).await).await;
    assert!(
        read.starts_with("401 /problems/reauthorize authorize"),
        "{read}"
    );
    assert!(site.seen(TOKEN).len() - token <= 1, "refreshed once");
    assert!(
        site.seen(MCP).len() - mcp <= 4,
        "{}",
        site.seen(MCP).len() - mcp
    );
}

#[tokio::test]
async fn a_fake_success_page() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let (id, state) = start(&browser, &site.mcp()).await;
    // Whatever somebody's page claims, opens or sends: without the right answer nothing is done.
    for fields in [
        vec![("flow", id.as_str())],
        vec![("code", "c")],
        vec![("code", "c"), ("state", "made-up")],
        vec![("code", "c"), ("state", &id)],
        vec![("code", "c"), ("state", &state), ("state", &state)],
    ] {
        come_back(&browser, &fields).await;
        assert_eq!(flow(&browser, &id).await["status"], "pending", "{fields:?}");
    }
    let stranger = app.browser();
    assert_eq!(flow(&stranger, &id).await["status"], 401);
    assert!(site.seen(TOKEN).is_empty());
}

#[tokio::test]
async fn static_headers_stay_with_the_server_they_are_for() {
    let app = TestApp::start().await;
    let site = Site::start().await;
    let browser = app.browser();
    let connection = sign_in(&browser, &site).await;
    let body = json!({
        "url": site.mcp(), "connection": connection, "headers": { "X-Key": "the-static-key" },
    });
    browser.post(TOOLS, &body).await;
    browser
        .post(REFRESH, &json!({ "connection": connection }))
        .await;
    let told = site.told("x-key");
    assert!(told.iter().any(|what| what == MCP));
    assert!(told.iter().all(|what| what == MCP), "{told:?}");
}
