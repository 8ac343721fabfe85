//! The HTTP server's loop. Our own, because a demo that can reset connections needs a handler
//! that may end one without an answer.

use std::{
    io,
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::behaviour::CloseConnection;

/// How long requests under way may take after a stop.
const GRACE: Duration = Duration::from_secs(2);
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Tries at finding one free port on both loopback addresses.
const ATTEMPTS: usize = 20;

/// Binds `address`, and for an IPv4 loopback address the IPv6 one with the same port: the name
/// `localhost` means both, and nobody else may answer on the other one.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        if !(address.is_ipv4() && address.ip().is_loopback()) {
            return Ok((bound, vec![listener]));
        }
        let twin = SocketAddr::from((Ipv6Addr::LOCALHOST, bound.port()));
        match TcpListener::bind(twin).await {
            Ok(second) => return Ok((bound, vec![listener, second])),
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && address.port() == 0
                    && attempt < ATTEMPTS => {}
            // No IPv6 on this machine, or a fixed port that is only half free.
            Err(_) => return Ok((bound, vec![listener])),
        }
    }
}

/// Serves until `stop`, then lets requests under way finish for a moment.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone(), stop.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: pause instead of spinning.
                    tracing::warn!(%error, "the demo cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small streamed pieces must not wait for each other.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => log(result),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(GRACE, connection).await;
        }
    }
}

fn log(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection to the demo ended early");
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, io::Error> {
    let response = match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<CloseConnection>().is_some() {
        return Err(io::Error::other("the behaviour asks for a reset"));
    }
    Ok(response)
}
