//! A plain reverse proxy, as anybody would put in front of several processes: strictly in turn, no
//! sticky sessions, bodies streamed, `/readyz` asked all the time. It writes down who served what.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode},
};

/// How often the processes are asked whether they are ready.
const PROBE: Duration = Duration::from_millis(50);

/// The running proxy; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Where people open it.
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    client: reqwest::Client,
    board: Mutex<Board>,
}

#[derive(Default)]
struct Board {
    upstreams: Vec<Upstream>,
    next: usize,
    served: Vec<Served>,
    under_way: Vec<UnderWay>,
}

struct Upstream {
    name: String,
    address: String,
    ready: bool,
}

/// An answer that is on its way for as long as somebody holds the other end.
struct UnderWay {
    by: String,
    path: String,
    here: Weak<()>,
}

/// A request, and who served it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) path: String,
    pub(crate) by: String,
    pub(crate) status: StatusCode,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        #[expect(
            clippy::disallowed_methods,
            reason = "another program's client, not the server's"
        )]
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let inner = Arc::new(Inner {
            client,
            board: Mutex::default(),
        });
        let router = Router::new()
            .fallback(forward)
            .with_state(Arc::clone(&inner));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        tokio::spawn(probe(Arc::clone(&inner)));
        Self {
            url: format!("http://localhost:{port}"),
            inner,
        }
    }

    /// Sends requests to one more process from now on.
    pub(crate) fn add(&self, name: &str, address: &str) {
        self.inner.board.lock().unwrap().upstreams.push(Upstream {
            name: name.to_owned(),
            address: address.to_owned(),
            ready: true,
        });
    }

    /// Forgets a process that has ended.
    pub(crate) fn remove(&self, name: &str) {
        let mut board = self.inner.board.lock().unwrap();
        board.upstreams.retain(|upstream| upstream.name != name);
    }

    /// Who is at work on an answer to a path that holds `part`.
    pub(crate) fn under_way(&self, part: &str) -> Vec<String> {
        let mut board = self.inner.board.lock().unwrap();
        board.under_way.retain(|one| one.here.strong_count() > 0);
        let found = board.under_way.iter();
        let found = found.filter(|one| one.path.contains(part));
        found.map(|one| one.by.clone()).collect()
    }

    /// Everything that was served so far.
    pub(crate) fn served(&self) -> Vec<Served> {
        self.inner.board.lock().unwrap().served.clone()
    }

    /// Who served the last request whose path ends so.
    pub(crate) fn who_served(&self, end: &str) -> String {
        let served = self.served();
        let last = served.iter().rfind(|served| served.path.ends_with(end));
        last.unwrap_or_else(|| panic!("nobody served {end}"))
            .by
            .clone()
    }
}

async fn probe(inner: Arc<Inner>) {
    loop {
        let all: Vec<_> = {
            let board = inner.board.lock().unwrap();
            let all = board.upstreams.iter();
            all.map(|own| (own.name.clone(), own.address.clone()))
                .collect()
        };
        for (name, address) in all {
            let answer = inner
                .client
                .get(format!("http://{address}/readyz"))
                .send()
                .await;
            let ready = answer.is_ok_and(|answer| answer.status().is_success());
            let mut board = inner.board.lock().unwrap();
            for upstream in &mut board.upstreams {
                if upstream.name == name {
                    upstream.ready = ready;
                }
            }
        }
        tokio::time::sleep(PROBE).await;
    }
}

/// The next process in turn, of those that are ready; it is at work until the last is let go.
fn next(inner: &Inner, path: &str) -> Option<(String, String, Arc<()>)> {
    let mut board = inner.board.lock().unwrap();
    let count = board.upstreams.len();
    for _ in 0..count {
        let at = board.next % count;
        board.next += 1;
        let upstream = &board.upstreams[at];
        if upstream.ready {
            let (name, address) = (upstream.name.clone(), upstream.address.clone());
            let here = Arc::new(());
            board.under_way.push(UnderWay {
                by: name.clone(),
                path: path.to_owned(),
                here: Arc::downgrade(&here),
            });
            return Some((name, address, here));
        }
    }
    None
}

async fn forward(State(inner): State<Arc<Inner>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
    let path = parts.uri.path().to_owned();
    let target = parts.uri.path_and_query().unwrap().as_str();
    for _ in 0..20 {
        let Some((name, address, here)) = next(&inner, &path) else {
            tokio::time::sleep(PROBE).await;
            continue;
        };
        let sent = inner
            .client
            .request(parts.method.clone(), format!("http://{address}{target}"))
            .headers(parts.headers.clone())
            .body(body.clone())
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => answer,
            // Nothing was sent, so the next one may have it.
            Err(error) if error.is_connect() => continue,
            Err(error) => panic!("{name} broke off at {path}: {error:?}"),
        };
        let status = answer.status();
        inner.board.lock().unwrap().served.push(Served {
            path,
            by: name,
            status,
        });
        let mut response = Response::builder().status(status);
        for (name, value) in answer.headers() {
            if !["connection", "transfer-encoding", "content-length"].contains(&name.as_str()) {
                response = response.header(name, value);
            }
        }
        let stream = futures::StreamExt::map(answer.bytes_stream(), move |piece| {
            let _at_work = &here;
            piece
        });
        return response.body(Body::from_stream(stream)).unwrap();
    }
    Response::builder()
        .status(StatusCode::BAD_GATEWAY)
        .body(Body::empty())
        .unwrap()
}
