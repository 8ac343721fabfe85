//! An MCP server with its authorization server on loopback whose every answer a test can change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// Never answers at all.
    pub(crate) hangs: bool,
}

/// A JSON answer.
pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string(),
        hangs: false,
    }
}

/// A web page.
pub(crate) fn html_answer(status: u16) -> Answer {
    Answer {
        status,
        headers: vec![("content-type", "text/html".to_owned())],
        body: "<!doctype html><h1>Hello</h1>".to_owned(),
        hangs: false,
    }
}

/// No answer, ever.
pub(crate) fn hanging() -> Answer {
    Answer {
        hangs: true,
        ..json_answer(200, &Value::Null)
    }
}

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) what: String,
    pub(crate) body: String,
    pub(crate) authorization: String,
    pub(crate) headers: Vec<String>,
}

#[derive(Default)]
struct Pages {
    answers: HashMap<String, Answer>,
    seen: Vec<Seen>,
}

/// The running site; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) origin: String,
    pages: Arc<Mutex<Pages>>,
}

pub(crate) const MCP: &str = "POST /mcp";
pub(crate) const RESOURCE: &str = "GET /.well-known/oauth-protected-resource/mcp";
pub(crate) const SERVER: &str = "GET /.well-known/oauth-authorization-server";
pub(crate) const REGISTER: &str = "POST /register";
pub(crate) const TOKEN: &str = "POST /token";

impl Site {
    /// A site on which everything is right.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let site = Self {
            origin: origin.clone(),
            pages: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let challenge = Answer {
            headers: vec![("www-authenticate", "Bearer scope=\"notes\"".to_owned())],
            ..json_answer(401, &json!({}))
        };
        site.set(MCP, challenge);
        site.set(RESOURCE, json_answer(200, &site.resource()));
        site.set(SERVER, json_answer(200, &site.server()));
        site.set(
            REGISTER,
            json_answer(201, &json!({ "client_id": "registered" })),
        );
        site.set(
            TOKEN,
            json_answer(
                200,
                &json!({
                    "access_token": "at-1",
                    "refresh_token": "rt-1",
                    "token_type": "Bearer",
                    "expires_in": 3600,
                }),
            ),
        );
        site
    }

    /// The MCP server's URL.
    pub(crate) fn mcp(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    /// Right protected resource metadata.
    pub(crate) fn resource(&self) -> Value {
        json!({ "resource": self.mcp(), "authorization_servers": [self.origin] })
    }

    /// Right authorization server metadata.
    pub(crate) fn server(&self) -> Value {
        let at = |path| format!("{}{path}", self.origin);
        json!({
            "issuer": self.origin,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "registration_endpoint": at("/register"),
            "revocation_endpoint": at("/revoke"),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Authorization server metadata with one member changed; `null` removes it.
    pub(crate) fn server_with(&self, name: &str, value: &Value) -> Answer {
        let mut document = self.server();
        if value.is_null() {
            document.as_object_mut().unwrap().remove(name);
        } else {
            document[name] = value.clone();
        }
        json_answer(200, &document)
    }

    /// Changes an answer.
    pub(crate) fn set(&self, what: &str, answer: Answer) {
        let mut pages = self.pages.lock().unwrap();
        pages.answers.insert(what.to_owned(), answer);
    }

    /// The bodies of the requests of a kind, in order.
    pub(crate) fn seen(&self, what: &str) -> Vec<String> {
        let pages = self.pages.lock().unwrap();
        let of_kind = pages.seen.iter().filter(|seen| seen.what == what);
        of_kind.map(|seen| seen.body.clone()).collect()
    }
}

impl Site {
    /// The `Authorization` headers of the requests of a kind, in order.
    pub(crate) fn authorizations(&self, what: &str) -> Vec<String> {
        let pages = self.pages.lock().unwrap();
        let of_kind = pages.seen.iter().filter(|seen| seen.what == what);
        of_kind.map(|seen| seen.authorization.clone()).collect()
    }

    /// The kinds of the requests that came with a header, in order.
    pub(crate) fn told(&self, header: &str) -> Vec<String> {
        let pages = self.pages.lock().unwrap();
        let with = pages
            .seen
            .iter()
            .filter(|seen| seen.headers.iter().any(|name| name == header));
        with.map(|seen| seen.what.clone()).collect()
    }
}

async fn answer(State(site): State<Site>, request: Request) -> Response<Body> {
    let what = format!("{} {}", request.method(), request.uri().path());
    let authorization = request
        .headers()
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    let headers = request.headers().keys().map(ToString::to_string).collect();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let answer = {
        let mut pages = site.pages.lock().unwrap();
        pages.seen.push(Seen {
            what: what.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
            authorization: authorization.unwrap_or_default(),
            headers,
        });
        pages.answers.get(&what).cloned()
    };
    let Some(answer) = answer else {
        return Response::builder().status(404).body(Body::empty()).unwrap();
    };
    if answer.hangs {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}
