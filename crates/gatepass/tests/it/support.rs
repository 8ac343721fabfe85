//! A real server for a test, and a browser-like client for it.

use std::path::Path;

use gatepass::{
    cli::ServeArgs,
    config::{Config, Settings},
    serve::{self, Server},
};
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::Value;

/// A running server with its data in a folder of its own.
pub(crate) struct TestApp {
    server: Server,
    _data: tempfile::TempDir,
}

/// Arguments of a server that keeps its data in `data` and listens on a free port.
pub(crate) fn args(data: &Path) -> ServeArgs {
    ServeArgs {
        listen: Some("127.0.0.1:0".to_owned()),
        data_dir: Some(data.display().to_string()),
        ..ServeArgs::default()
    }
}

pub(crate) fn config(args: &ServeArgs) -> Config {
    Settings::gather(args, None)
        .and_then(Config::resolve)
        .unwrap()
}

impl TestApp {
    /// A server as a person starts it.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with other arguments.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ServeArgs)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut args = args(data.path());
        change(&mut args);
        let server = serve::start(config(&args)).await.unwrap();
        Self {
            server,
            _data: data,
        }
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.server.stop().await.unwrap();
    }

    /// The URL of one of its paths.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address()).replace("127.0.0.1", "localhost")
    }

    /// A browser with an empty cookie jar, on a page of this server.
    pub(crate) fn browser(&self) -> Browser<'_> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a person's browser, not the server's client"
        )]
        let client = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Browser { app: self, client }
    }
}

/// A client that keeps cookies and says what a browser says about a call from its own page.
pub(crate) struct Browser<'a> {
    app: &'a TestApp,
    client: reqwest::Client,
}

impl Browser<'_> {
    /// A request from a page of the server.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, self.app.url(path))
            .header("sec-fetch-site", "same-origin")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }
}

/// A header as text, or nothing.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Status, `type`, `action` and what the person reads, of a problem.
pub(crate) async fn problem(response: Response) -> String {
    let status = response.status().as_u16();
    let kind = header(&response, header::CONTENT_TYPE.as_str()).to_owned();
    let text = response.text().await.unwrap();
    assert_eq!(kind, "application/problem+json", "{status}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], status);
    format!(
        "{status} {} {}: {}",
        body["type"].as_str().unwrap(),
        body["action"].as_str().unwrap(),
        body["detail"].as_str().unwrap()
    )
}
