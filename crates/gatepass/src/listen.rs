//! Our own door: takes connections, and takes none that only cost.
//!
//! A connection whose first request does not come in a few seconds, one that sends its request byte
//! by byte, and one that does not read its answer are closed. Only so many are served at once; who
//! comes beyond that is told to come back, so that those inside are still served.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::Sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::problem::Kind;

/// Most bytes of a request's head; browsers keep a few flow cookies of 3 KB each.
const HEAD: usize = 64 * 1024;
/// Most header lines of a request.
const HEADERS: usize = 100;
/// Most of those turned away that are told so at once; more are just closed.
const TURNED_AWAY: usize = 64;
/// How long somebody who is turned away may take to notice.
const NOTICE: Duration = Duration::from_secs(2);
/// Pause after the system gave no connection, for want of file descriptors say.
const PAUSE: Duration = Duration::from_millis(200);

/// Bounds of our own listener.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Most connections at once.
    pub connections: usize,
    /// How long the first request of a connection may take to come whole, its body apart.
    pub first: Duration,
    /// How long any further one may; also how long an unused connection is kept.
    pub next: Duration,
    /// How long the other side may read nothing of what is sent to it.
    pub stalled: Duration,
}

impl Bounds {
    /// The usual ones. Proxies keep unused connections for a minute, and must not find them closed.
    pub fn new(connections: usize) -> Self {
        Self {
            connections: connections.min(half_of_the_files()),
            first: Duration::from_secs(10),
            next: Duration::from_secs(75),
            stalled: Duration::from_secs(30),
        }
    }
}

/// Half of the files that this process may have open: a request may need another connection, to
/// another server or to the database. The process's own limit is raised as far as it may be.
fn half_of_the_files() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        /// As many as anybody needs here.
        const FILES: u64 = 65_536;
        let had = getrlimit(Resource::Nofile);
        let wanted = had.maximum.unwrap_or(FILES).min(FILES);
        if had.current.is_some_and(|current| current < wanted) {
            let raised = Rlimit {
                current: Some(wanted),
                maximum: had.maximum,
            };
            // Refused on some systems; what there is, is counted below.
            let _ = setrlimit(Resource::Nofile, raised);
        }
        let files = getrlimit(Resource::Nofile).current.unwrap_or(FILES);
        usize::try_from(files / 2).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    usize::MAX
}

/// When the end comes: the door is closed before the connections that came through it, for whoever
/// connected a moment before has not been heard yet.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// Cancelled when nobody is let in any more.
    pub door: CancellationToken,
    /// Cancelled when connections are closed as soon as their request is answered.
    pub connections: CancellationToken,
}

/// Serves connections until the door is closed, and then those that are there to their end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    closing: Closing,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            // Whoever stands there already is let in.
            biased;
            accepted = listener.accept() => accepted,
            () = closing.door.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_others(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "no connection can be taken at the moment");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            metrics::counter!("gatepass_connections_refused_total").increment(1);
            if let Ok(place) = Arc::clone(&turned_away).try_acquire_owned() {
                open.spawn(async move {
                    let _ = tokio::time::timeout(NOTICE, turn_away(stream)).await;
                    drop(place);
                });
            }
            continue;
        };
        let connection = connection(
            stream,
            peer,
            router.clone(),
            bounds,
            closing.connections.clone(),
        );
        open.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
    Ok(())
}

/// Whether only the connection that was about to be made is concerned.
fn is_the_others(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Says that there is no room, without reading what was asked.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let body = json!({
        "type": format!("/problems/{}", Kind::Overloaded.slug()),
        "title": Kind::Overloaded.title(),
        "status": Kind::Overloaded.status().as_u16(),
        "detail": "Too many connections are open. Try again in a few seconds.",
        "action": "retry",
    })
    .to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
         Retry-After: 5\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing before the request is read would take the answer back.
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    bounds: Bounds,
    ending: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let service = {
        let asked = Arc::clone(&asked);
        service_fn(move |mut request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = router.clone().oneshot(request);
            async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
        })
    };
    let stream = Impatient {
        stream,
        bound: bounds.stalled,
        stalled: None,
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.next)
        .max_headers(HEADERS)
        .max_header_size(HEAD)
        .max_buf_size(2 * HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut first = pin!(tokio::time::sleep(bounds.first));
    let (mut waiting, mut told) = (true, false);
    loop {
        tokio::select! {
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::trace!(%error, "a connection ended");
                }
                return;
            }
            () = first.as_mut(), if waiting => {
                waiting = false;
                if !asked.load(Ordering::Relaxed) {
                    return;
                }
            }
            () = ending.cancelled(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A connection that gives up on a reader who does not read.
struct Impatient {
    stream: TcpStream,
    bound: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let bound = self.bound;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(bound)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use futures::stream;

    use super::*;

    /// Bounds short enough to be waited for.
    const SHORT: Bounds = Bounds {
        connections: 2,
        first: Duration::from_millis(100),
        next: Duration::from_millis(300),
        stalled: Duration::from_millis(200),
    };

    /// Serves `/`, and at `/endless` an answer without end.
    async fn served(bounds: Bounds) -> SocketAddr {
        let endless = || async {
            let chunk = || Ok::<_, Infallible>(vec![b'x'; 64 * 1024]);
            Body::from_stream(stream::repeat_with(chunk))
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/endless", get(endless));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router, bounds, Closing::default()));
        address
    }

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    async fn open(address: SocketAddr, sent: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream
    }

    /// Everything that comes until the other side closes.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        String::from_utf8(all).unwrap()
    }

    async fn answer(stream: &mut TcpStream) -> String {
        let mut some = [0; 1024];
        let read = stream.read(&mut some).await.unwrap();
        String::from_utf8_lossy(&some[..read]).into_owned()
    }

    #[tokio::test]
    async fn who_says_nothing_or_little_is_not_waited_for() {
        let address = served(SHORT).await;
        let mut silent = open(address, b"").await;
        let mut slow = open(address, b"GET / HTTP/1.1\r\nHost: x\r\nX-a").await;
        assert_eq!(rest(&mut silent).await, "");
        assert_eq!(rest(&mut slow).await, "");
    }

    #[tokio::test]
    async fn a_head_in_single_bytes_ends_although_there_is_always_one_more() {
        let address = served(SHORT).await;
        let mut dripping = open(address, ASK).await;
        assert!(answer(&mut dripping).await.ends_with("here"));
        // The second request of a connection has a bound too.
        let mut sent = 0;
        while dripping.write_all(b"G").await.is_ok() {
            sent += 1;
            assert!(sent < 10_000, "it is still listened to");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn who_asks_and_asks_again_keeps_the_connection() {
        let address = served(SHORT).await;
        let mut stream = open(address, ASK).await;
        for _ in 0..4 {
            assert!(answer(&mut stream).await.ends_with("here"));
            tokio::time::sleep(SHORT.first).await;
            stream.write_all(ASK).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_does_not_read_makes_room() {
        let address = served(Bounds {
            connections: 1,
            ..SHORT
        })
        .await;
        let deaf = open(address, b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
        // As long as it holds the only place, others are turned away.
        loop {
            let mut other = open(address, ASK).await;
            if answer(&mut other).await.starts_with("HTTP/1.1 200") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(deaf);
    }

    #[tokio::test]
    async fn one_too_many_is_told_when_to_come_back() {
        let patient = Bounds {
            first: Duration::from_secs(60),
            next: Duration::from_secs(60),
            ..SHORT
        };
        let address = served(patient).await;
        let mut inside = [open(address, ASK).await, open(address, ASK).await];
        for stream in &mut inside {
            assert!(answer(stream).await.ends_with("here"));
        }
        let told = rest(&mut open(address, ASK).await).await;
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: 5"));
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["type"], "/problems/overloaded");
        // Those inside notice nothing, and who leaves makes room.
        inside[0].write_all(ASK).await.unwrap();
        assert!(answer(&mut inside[0]).await.ends_with("here"));
        drop(inside);
        while !answer(&mut open(address, ASK).await)
            .await
            .ends_with("here")
        {}
    }

    #[tokio::test]
    async fn heads_that_are_too_large_are_refused() {
        let address = served(SHORT).await;
        let many = "X-A: b\r\n".repeat(HEADERS + 1);
        let long = format!("X-A: {}\r\n", "b".repeat(HEAD));
        for lines in [many, long] {
            let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
            let mut stream = TcpStream::connect(address).await.unwrap();
            // The other side may have had enough before all is sent.
            let _ = stream.write_all(request.as_bytes()).await;
            let told = answer(&mut stream).await;
            assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
        }
    }
}
