//! A real server for a test, and a browser-like client for it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use gatepass::{
    cli::ServeArgs,
    config::{Config, Settings},
    serve::{self, Server},
};
use mcp_oauth_client::{Clock, Timestamp};
use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value, json};

use crate::site::Site;

/// A running server with its data in a folder of its own.
pub(crate) struct TestApp {
    server: Option<Server>,
    args: ServeArgs,
    data: Arc<tempfile::TempDir>,
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
        Self::start_over(tempfile::tempdir().unwrap(), change).await
    }

    /// A server with the data that another one left.
    pub(crate) async fn start_over(
        data: tempfile::TempDir,
        change: impl FnOnce(&mut ServeArgs),
    ) -> Self {
        let mut args = args(data.path());
        change(&mut args);
        let server = serve::start(config(&args)).await.unwrap();
        Self {
            server: Some(server),
            args,
            data: Arc::new(data),
        }
    }

    /// A server with a configuration file.
    pub(crate) async fn start_configured(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gatepass.toml");
        std::fs::write(&path, file).unwrap();
        let path = path.display().to_string();
        Self::start_with(|args| args.config = Some(path)).await
    }

    /// Everything in its data folder, in one piece.
    pub(crate) fn files(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for file in std::fs::read_dir(self.data.path()).unwrap() {
            all.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        all
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.as_ref().unwrap().address()
    }

    /// A server whose time the test decides.
    pub(crate) async fn start_at(clock: &Arc<TestClock>) -> Self {
        Self::start_at_with(clock, |_| {}).await
    }

    /// The same with other arguments.
    pub(crate) async fn start_at_with(
        clock: &Arc<TestClock>,
        change: impl FnOnce(&mut ServeArgs),
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut args = args(data.path());
        change(&mut args);
        let clock: Arc<dyn Clock> = clock.clone();
        let server = serve::start_in(config(&args), |world| world.clock = clock);
        Self {
            server: Some(server.await.unwrap()),
            args,
            data: Arc::new(data),
        }
    }

    /// Another server over the same data, as a second replica.
    pub(crate) async fn beside(&self, clock: Option<&Arc<TestClock>>) -> Self {
        let mut args = self.args.clone();
        args.listen = Some("127.0.0.1:0".to_owned());
        let server = serve::start_in(config(&args), |world| {
            if let Some(clock) = clock {
                world.clock = clock.clone();
            }
        });
        Self {
            server: Some(server.await.unwrap()),
            args,
            data: Arc::clone(&self.data),
        }
    }

    /// The folder of its data.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The demo that it runs.
    pub(crate) fn demo(&self) -> &gatepass_demo::Demo {
        self.server.as_ref().unwrap().demo().unwrap().demo()
    }

    /// Ends it and starts it again with the same data, at the same address.
    pub(crate) async fn restart(&mut self) {
        let address = self.address();
        self.server.take().unwrap().stop().await.unwrap();
        self.args.listen = Some(address.to_string());
        self.server = Some(serve::start(config(&self.args)).await.unwrap());
    }

    /// Ends it and starts it again with the same data, under another URL.
    pub(crate) async fn move_elsewhere(&mut self) {
        let before = self.address();
        self.server.take().unwrap().stop().await.unwrap();
        self.args.listen = Some("127.0.0.1:0".to_owned());
        let server = serve::start(config(&self.args)).await.unwrap();
        assert_ne!(server.address(), before);
        self.server = Some(server);
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.server.unwrap().stop().await.unwrap();
    }

    /// The URL of one of its paths.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address().port())
    }

    /// A browser with an empty cookie jar, on a page of this server.
    pub(crate) fn browser(&self) -> Browser {
        self.browser_with(Jar::default())
    }

    /// A browser with the cookies of another.
    pub(crate) fn browser_with(&self, jar: Jar) -> Browser {
        let browser = external(&self.url(""));
        *browser.jar.lock().unwrap() = jar;
        browser
    }
}

/// A browser with an empty cookie jar, on a page of a server at `base`.
pub(crate) fn external(base: &str) -> Browser {
    #[expect(
        clippy::disallowed_methods,
        reason = "a person's browser, not the server's client"
    )]
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    Browser {
        base: base.to_owned(),
        client,
        jar: Mutex::default(),
    }
}

/// A clock that only the test moves.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    /// A clock that stands at a time, in Unix milliseconds.
    pub(crate) fn at(millis: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(millis)))
    }

    pub(crate) fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A client that keeps cookies and says what a browser says about a call from its own page.
pub(crate) struct Browser {
    base: String,
    client: reqwest::Client,
    jar: Mutex<Jar>,
}

/// Cookies by name.
pub(crate) type Jar = BTreeMap<String, String>;

impl Browser {
    /// A request without cookies or fetch metadata.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// A request from a page of the server.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .bare(method, path)
            .header("sec-fetch-site", "same-origin");
        match self.cookie_header() {
            cookies if cookies.is_empty() => request,
            cookies => request.header("cookie", cookies),
        }
    }

    /// Sends a request and keeps the cookies of its answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Response {
        let response = request.send().await.unwrap();
        let mut jar = self.jar.lock().unwrap();
        for line in response.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if line.contains("Max-Age=0;") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        drop(jar);
        response
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Arrives from another site, as after a redirect of the authorization server.
    pub(crate) async fn arrive(&self, path: &str) -> Response {
        let request = self
            .bare(Method::GET, path)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .header("cookie", self.cookie_header());
        self.send(request).await
    }

    /// The cookies it would send.
    pub(crate) fn cookie_header(&self) -> String {
        let jar = self.jar.lock().unwrap();
        let pairs: Vec<_> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// Closes it and gives its cookies.
    pub(crate) fn leave(self) -> Jar {
        self.jar.into_inner().unwrap()
    }

    /// Its cookies.
    pub(crate) fn jar(&self) -> Jar {
        self.jar.lock().unwrap().clone()
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> String {
        self.jar.lock().unwrap()[name].clone()
    }

    /// How many cookies it has whose names begin so.
    pub(crate) fn cookie_count(&self, prefix: &str) -> usize {
        let jar = self.jar.lock().unwrap();
        jar.keys().filter(|name| name.starts_with(prefix)).count()
    }
}

/// Signs in to a site and gives the connection.
pub(crate) async fn sign_in(browser: &Browser, site: &Site) -> Value {
    let start = json!({ "url": site.mcp(), "mode": "popup" });
    sign_in_with(browser, site, &start).await
}

/// Signs in as asked and gives the connection.
pub(crate) async fn sign_in_with(browser: &Browser, site: &Site, start: &Value) -> Value {
    let response = browser.post("/api/mcp/oauth/start", start).await;
    let started: Value = response.json().await.unwrap();
    let state = query(started["authorizationUrl"].as_str().unwrap())["state"].clone();
    let (flow, iss) = (started["flowId"].as_str().unwrap(), &site.origin);
    let callback = format!("/api/mcp/oauth/callback?code=c&state={state}&iss={iss}");
    browser.arrive(&callback).await;
    let response = browser.get(&format!("/api/mcp/oauth/flows/{flow}")).await;
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["status"], "authorized", "{answer}");
    answer["connection"].clone()
}

/// The fields of a URL's query.
pub(crate) fn query(url: &str) -> BTreeMap<String, String> {
    let url = url::Url::parse(url).unwrap();
    url.query_pairs().into_owned().collect()
}

/// The words of a page's main part.
pub(crate) fn words(html: &str) -> String {
    let main = html
        .split_once("<main")
        .unwrap()
        .1
        .split_once("</main>")
        .unwrap()
        .0;
    let mut words = String::new();
    for (at, part) in main.split('<').enumerate() {
        let (tag, text) = part.split_once('>').unwrap();
        if at > 0 && (tag.starts_with("/h1") || tag.starts_with("/p")) {
            words.push('\n');
        }
        words.push_str(text);
    }
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
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

/// The parts of an event stream, after a look at its end.
pub(crate) async fn parts(response: Response) -> Vec<Value> {
    let text = response.text().await.unwrap();
    let mut data: Vec<&str> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{text}");
    data.iter()
        .map(|part| serde_json::from_str(part).unwrap())
        .collect()
}

/// What `look` finds, as soon as it finds it.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    loop {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
