//! Listeners that behave and misbehave, and a source of addresses that the test decides.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use futures::TryStreamExt;
use gatepass_egress::{Egress, EgressPolicy, LegLimits, Limits, Lookup, Mode};
use gatepass_mcp::{StreamLimits, StreamingTransport};
use mcp_oauth_client::{BoxFuture, Leg, Request, Response, Transport, TransportError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Limits short enough to be waited for.
pub fn short() -> Limits {
    let leg = LegLimits {
        total: Duration::from_millis(500),
        body: 64 * 1024,
    };
    Limits {
        connect: Duration::from_millis(300),
        probe: leg,
        metadata: leg,
        registration: leg,
        token: leg,
        revocation: leg,
    }
}

pub fn loopback() -> Egress {
    Egress::new(EgressPolicy {
        mode: Mode::Loopback,
        ..EgressPolicy::default()
    })
    .unwrap()
}

pub fn impatient() -> Egress {
    Egress::new(EgressPolicy {
        mode: Mode::Loopback,
        limits: short(),
        ..EgressPolicy::default()
    })
    .unwrap()
}

/// Every leg of the protocol.
pub const LEGS: [Leg; 6] = [
    Leg::Probe,
    Leg::ResourceMetadata,
    Leg::ServerMetadata,
    Leg::Registration,
    Leg::Token,
    Leg::Revocation,
];

/// Sends a request on every leg, and as a stream: the outcome of each.
pub async fn everywhere(egress: &Egress, url: &str) -> Vec<Result<Bytes, TransportError>> {
    let mut outcomes = Vec::new();
    for leg in LEGS {
        let answer = egress.send(leg, post(url)).await;
        outcomes.push(answer.map(Response::into_body));
    }
    let limits = StreamLimits {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(10),
        total: None,
        max_body: 1024,
    };
    let stream = match egress.open(post(url), limits).await {
        Ok(answer) => answer.into_body().try_collect::<Vec<_>>().await,
        Err(error) => Err(error),
    };
    outcomes.push(stream.map(|pieces| pieces.concat().into()));
    outcomes
}

pub fn get(url: impl AsRef<str>) -> Request {
    http::Request::get(url.as_ref()).body(Bytes::new()).unwrap()
}

pub fn post(url: impl AsRef<str>) -> Request {
    http::Request::post(url.as_ref())
        .body(Bytes::from_static(b"{}"))
        .unwrap()
}

pub async fn metadata(egress: &Egress, url: impl AsRef<str>) -> Result<Response, TransportError> {
    egress.send(Leg::ServerMetadata, get(url)).await
}

/// Serves a router on a free port of this machine.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A server that reads the head of a request and then does as it likes with the connection.
pub async fn raw<F, W>(behave: F) -> SocketAddr
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 16 * 1024];
            let _ = stream.read(&mut head).await;
            tokio::spawn(behave(stream));
        }
    });
    address
}

/// Writes until the other side has enough, and counts the bytes it took.
pub async fn endless(mut stream: TcpStream, head: &'static str, written: Arc<AtomicUsize>) {
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b'x'; 16 * 1024];
    while stream.write_all(&chunk).await.is_ok() {
        written.fetch_add(chunk.len(), Ordering::Relaxed);
    }
}

/// Names as the test says they are; a list of answers is given one by one, the last for ever.
#[derive(Default)]
pub struct Zone {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Zone {
    pub fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let read = |text: &&str| text.parse().unwrap();
        let answers = names
            .iter()
            .map(|(name, answers)| {
                let answers = answers
                    .iter()
                    .map(|answer| answer.iter().map(read).collect())
                    .rev()
                    .collect();
                ((*name).to_owned(), answers)
            })
            .collect();
        Arc::new(Self {
            answers: Mutex::new(answers),
            asked: AtomicUsize::new(0),
        })
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Lookup for Zone {
    fn lookup(&self, name: String) -> BoxFuture<'_, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            match answers.get_mut(&name) {
                Some(left) if left.len() > 1 => left.pop(),
                Some(left) => left.last().cloned(),
                None => None,
            }
        };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

/// Whether this is the process of its own in which a test wants to run, with these variables in
/// its environment. If not, runs the test there and holds it to its success.
pub async fn alone(test: &str, environment: &[(&str, &str)]) -> bool {
    const INSIDE: &str = "GATEPASS_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut own = std::process::Command::new(std::env::current_exe().unwrap());
    own.args(["--exact", test]).env(INSIDE, "1");
    own.envs(environment.iter().copied());
    let run = tokio::task::spawn_blocking(move || own.output().unwrap());
    let output = run.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    false
}
