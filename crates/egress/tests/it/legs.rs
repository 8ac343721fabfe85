//! Redirects, time and size.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect},
    routing::{any, get},
};
use mcp_oauth_client::{Leg, Transport, TransportFailure};
use tokio::io::AsyncWriteExt;

use crate::support::{self, LEGS, endless, impatient, loopback, metadata, post, raw, serve};

#[tokio::test]
async fn a_post_is_never_redirected_on_any_leg() {
    let followed = Arc::new(AtomicUsize::new(0));
    let target = {
        let followed = followed.clone();
        any(move || async move {
            followed.fetch_add(1, Ordering::SeqCst);
        })
    };
    let mut app = Router::new().route("/target", target);
    for status in [301, 302, 303, 307, 308] {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = move || async move { (status, [(header::LOCATION, "/target")]) };
        app = app.route(&format!("/{}", status.as_u16()), any(answer));
    }
    let server = serve(app).await;
    let egress = loopback();
    for leg in LEGS {
        for status in [301, 302, 303, 307, 308] {
            let request = post(format!("http://{server}/{status}"));
            let error = egress.send(leg, request).await.unwrap_err();
            assert_eq!(
                error.failure,
                TransportFailure::Redirect,
                "{leg:?} {status}"
            );
        }
    }
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_get_follows_its_own_origin_three_times_and_no_other() {
    let other = serve(Router::new().route("/", get(|| async { "elsewhere" }))).await;
    let elsewhere = format!("http://{other}/?token=secret");
    let app = Router::new()
        .route("/here", get(|| async { "here" }))
        .route("/1", get(|| async { Redirect::temporary("/here") }))
        .route("/2", get(|| async { Redirect::temporary("1") }))
        .route("/3", get(|| async { Redirect::permanent("/2") }))
        .route("/4", get(|| async { Redirect::to("/3") }))
        .route("/round", get(|| async { Redirect::to("/round") }))
        .route("/mcp", get(|| async { Redirect::temporary("/mcp/") }))
        .route("/mcp/", get(|| async { "with a slash" }))
        .route(
            "/away",
            get(move || async move { Redirect::temporary(&elsewhere) }),
        )
        .route(
            "/down",
            get(|| async { Redirect::temporary("file:///etc/passwd") }),
        )
        .route(
            "/private",
            get(|| async { Redirect::temporary("http://10.0.0.1/") }),
        )
        .route(
            "/nothing",
            get(|| async { StatusCode::FOUND.into_response() }),
        );
    let server = serve(app).await;
    let egress = loopback();
    for path in ["here", "1", "2", "3"] {
        let answer = metadata(&egress, format!("http://{server}/{path}"))
            .await
            .unwrap();
        assert_eq!(answer.body(), "here", "{path}");
    }
    for path in ["4", "round", "away", "down", "private"] {
        let error = metadata(&egress, format!("http://{server}/{path}"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, TransportFailure::Redirect, "{path}");
        assert!(!error.detail.contains("secret"), "{error}");
    }
    // A redirect that names no place is an answer like any other.
    let answer = metadata(&egress, format!("http://{server}/nothing"))
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);

    let slash = egress
        .send(
            Leg::Probe,
            post(format!("http://localhost:{}/mcp", server.port())),
        )
        .await
        .map(|answer| answer.status());
    // The fixture answers a POST there with 405, not with a redirect.
    assert_eq!(slash.unwrap(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_missing_slash_is_named() {
    let app = Router::new().route("/mcp", any(|| async { Redirect::temporary("/mcp/") }));
    let server = serve(app).await;
    let error = loopback()
        .send(Leg::Probe, post(format!("http://{server}/mcp")))
        .await
        .unwrap_err();
    let sentence = error.detail.replace(&server.to_string(), "the server");
    insta::assert_snapshot!(sentence, @"the server wanted to redirect the request to the same address with a slash at its end; it was not followed");
}

#[tokio::test]
async fn eight_kilobytes_of_metadata_are_read_and_five_megabytes_are_not() {
    let app = Router::new()
        .route("/8k", get(|| async { "m".repeat(8 * 1024) }))
        .route("/5m", get(|| async { "m".repeat(5 * 1024 * 1024) }));
    let server = serve(app).await;
    let egress = loopback();
    let answer = metadata(&egress, format!("http://{server}/8k"))
        .await
        .unwrap();
    assert_eq!(answer.body().len(), 8 * 1024);
    let error = metadata(&egress, format!("http://{server}/5m"))
        .await
        .unwrap_err();
    assert_eq!(error.failure, TransportFailure::TooLarge);
    let sentence = error.detail.replace(&server.to_string(), "the server");
    insta::assert_snapshot!(sentence, @"the server answered with more than the 256 KiB that are read");
}

#[tokio::test]
async fn an_endless_body_is_left_early() {
    let written = Arc::new(AtomicUsize::new(0));
    let server = {
        let written = written.clone();
        raw(move |stream| {
            endless(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n",
                written.clone(),
            )
        })
        .await
    };
    for leg in [Leg::ServerMetadata, Leg::Token, Leg::Registration] {
        let error = impatient()
            .send(leg, support::get(format!("http://{server}/")))
            .await
            .unwrap_err();
        assert_eq!(error.failure, TransportFailure::TooLarge, "{leg:?}");
    }
    // What the sockets buffer, and no more.
    assert!(written.load(Ordering::Relaxed) < 40 * 1024 * 1024);
}

#[tokio::test]
async fn silence_before_and_inside_an_answer_ends_in_time() {
    let hanging = raw(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let dripping = raw(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        stream.write_all(head).await.unwrap();
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    })
    .await;
    for server in [hanging, dripping] {
        let error = metadata(&impatient(), format!("http://{server}/"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, TransportFailure::Timeout);
        let sentence = error.detail.replace(&server.to_string(), "the server");
        assert_eq!(
            sentence,
            "the server did not answer within 500 milliseconds"
        );
    }
}

#[tokio::test]
async fn a_broken_answer_and_a_closed_port_are_told_apart() {
    let closing = raw(|stream| async move { drop(stream) }).await;
    let cut = raw(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
        stream.write_all(head).await.unwrap();
    })
    .await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let table = [
        (closing, TransportFailure::Broken),
        (cut, TransportFailure::Broken),
        (nobody, TransportFailure::Connect),
    ];
    let mut said = String::new();
    for (server, failure) in table {
        let error = metadata(&loopback(), format!("http://{server}/"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, failure, "{error}");
        said.push_str(&error.detail.replace(&server.to_string(), "the server"));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r"
    the server ended the connection before it had answered
    the server ended the connection in the middle of its answer
    the server refuses connections: nothing is listening there
    ");
}

#[tokio::test]
async fn too_many_and_too_large_header_lines_are_refused() {
    for line in [
        "a: b\r\n".repeat(300),
        format!("a: {}\r\n", "b".repeat(100_000)),
    ] {
        let server = raw(move |mut stream| {
            let answer = format!("HTTP/1.1 200 OK\r\n{line}Content-Length: 2\r\n\r\n{{}}");
            async move {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        })
        .await;
        let error = metadata(&loopback(), format!("http://{server}/"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, TransportFailure::TooLarge, "{error}");
    }
}

#[tokio::test]
async fn a_probe_needs_the_head_of_an_answer_only() {
    let stream = raw(|mut stream| async move {
        let head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/event-stream\r\nWWW-Authenticate: Bearer\r\n\r\n: open\n\n";
        stream.write_all(head).await.unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let written = Arc::new(AtomicUsize::new(0));
    let page = raw(move |stream| {
        endless(
            stream,
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: Bearer\r\n\r\n",
            written.clone(),
        )
    })
    .await;
    for (server, read) in [(stream, 0), (page, 64 * 1024)] {
        let answer = impatient()
            .send(Leg::Probe, post(format!("http://{server}/")))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(answer.body().len(), read);
    }
}

#[tokio::test]
async fn nothing_is_added_to_a_request_but_the_user_agent() {
    let app = Router::new().route(
        "/",
        any(|headers: HeaderMap| async move {
            let mut names: Vec<&str> = headers.keys().map(header::HeaderName::as_str).collect();
            names.sort_unstable();
            ([(header::SET_COOKIE, "a=b")], names.join(" "))
        }),
    );
    let server = serve(app).await;
    let egress = loopback();
    for _ in 0..2 {
        let answer = metadata(&egress, format!("http://{server}/"))
            .await
            .unwrap();
        assert_eq!(answer.body(), "accept host user-agent");
    }
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = {
        let accepted = accepted.clone();
        raw(move |mut stream| {
            accepted.fetch_add(1, Ordering::SeqCst);
            async move {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                let mut head = [0; 4096];
                loop {
                    stream.write_all(answer).await.unwrap();
                    if tokio::io::AsyncReadExt::read(&mut stream, &mut head)
                        .await
                        .unwrap_or(0)
                        == 0
                    {
                        return;
                    }
                }
            }
        })
        .await
    };
    let egress = loopback();
    for _ in 0..5 {
        metadata(&egress.clone(), format!("http://{server}/"))
            .await
            .unwrap();
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_question_on_a_connection_that_just_closed_is_asked_again_and_an_order_is_not() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = {
        let accepted = accepted.clone();
        raw(move |mut stream| {
            let first = accepted.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
            async move {
                if !first {
                    let answer =
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
                    let _ = stream.write_all(answer).await;
                }
            }
        })
        .await
    };
    let url = format!("http://{server}/");
    metadata(&loopback(), &url).await.unwrap();
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
    let error = loopback().send(Leg::Token, post(&url)).await.unwrap_err();
    assert_eq!(error.failure, TransportFailure::Broken);
    assert_eq!(accepted.load(Ordering::SeqCst), 3);
}
