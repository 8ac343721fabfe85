//! Long answers, read while they arrive.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use axum::{Router, response::Redirect, routing::any};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use gatepass_mcp::{StreamLimits, StreamingTransport};
use mcp_oauth_client::TransportFailure;
use tokio::io::AsyncWriteExt;

use crate::support::{endless, get, loopback, post, raw, serve};

fn limits() -> StreamLimits {
    StreamLimits {
        header: Duration::from_millis(400),
        idle: Duration::from_millis(400),
        total: None,
        max_body: 1024 * 1024,
    }
}

#[tokio::test]
async fn pieces_come_as_they_are_sent() {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = Arc::new(tokio::sync::Mutex::new(Some(wait)));
    let server = raw(move |mut stream| {
        let wait = wait.clone();
        async move {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nfirst";
            stream.write_all(head).await.unwrap();
            wait.lock().await.take().unwrap().await.unwrap();
            stream.write_all(b"second").await.unwrap();
        }
    })
    .await;
    let answer = loopback()
        .open(post(format!("http://{server}/")), limits())
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body();
    assert_eq!(body.next().await.unwrap().unwrap(), "first");
    go.send(()).unwrap();
    let rest: Vec<Bytes> = body.try_collect().await.unwrap();
    assert_eq!(rest.concat(), b"second");
}

#[tokio::test]
async fn silence_ends_a_stream_and_so_does_its_total_time() {
    let silent = raw(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nx").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let dripping = raw(|mut stream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let bounded = StreamLimits {
        total: Some(Duration::from_millis(300)),
        ..limits()
    };
    for (server, limits, what) in [
        (
            silent,
            limits(),
            "went silent in the middle of its answer for 400 milliseconds",
        ),
        (dripping, bounded, "did not answer within 300 milliseconds"),
    ] {
        let answer = loopback()
            .open(get(format!("http://{server}/")), limits)
            .await
            .unwrap();
        let error = answer
            .into_body()
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err();
        assert_eq!(error.failure, TransportFailure::Timeout);
        assert_eq!(error.detail, format!("{server} {what}"));
    }
}

#[tokio::test]
async fn an_endless_stream_ends_with_one_error() {
    let server = raw(|stream| {
        endless(
            stream,
            "HTTP/1.1 200 OK\r\n\r\n",
            Arc::new(AtomicUsize::new(0)),
        )
    })
    .await;
    let answer = loopback()
        .open(get(format!("http://{server}/")), limits())
        .await
        .unwrap();
    let pieces: Vec<_> = answer.into_body().collect().await;
    let (last, before) = pieces.split_last().unwrap();
    let read: usize = before
        .iter()
        .map(|piece| piece.as_ref().unwrap().len())
        .sum();
    assert!(read <= 1024 * 1024);
    let error = last.as_ref().unwrap_err();
    assert_eq!(error.failure, TransportFailure::TooLarge);
}

#[tokio::test]
async fn no_redirect_is_followed_and_headers_are_waited_for_so_long() {
    let moved =
        serve(Router::new().route("/", any(|| async { Redirect::temporary("/other") }))).await;
    let hanging = raw(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for (server, failure) in [
        (moved, TransportFailure::Redirect),
        (hanging, TransportFailure::Timeout),
    ] {
        for request in [
            get(format!("http://{server}/")),
            post(format!("http://{server}/")),
        ] {
            let error = loopback().open(request, limits()).await.err().unwrap();
            assert_eq!(error.failure, failure, "{error}");
        }
    }
}
