//! The operator's proxy, and nobody else's.

use std::sync::Arc;

use axum::{Router, routing::get};
use gatepass_egress::{Egress, EgressPolicy, Mode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Mutex,
};

use crate::support::{Zone, alone, everywhere, loopback, metadata, serve};

/// A proxy that answers everything itself and remembers what it was asked for.
async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let own = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            own.lock()
                .await
                .push(head.lines().next().unwrap().to_owned());
            let answer =
                b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nproxied";
            let _ = stream.write_all(answer).await;
        }
    });
    (url, asked)
}

#[tokio::test]
async fn a_configured_proxy_carries_everything_but_this_machine() {
    let (url, asked) = proxy().await;
    let zone = Zone::of(&[]);
    let policy = EgressPolicy {
        mode: Mode::Loopback,
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        proxy: Some(url.parse().unwrap()),
        ..EgressPolicy::default()
    };
    let egress = Egress::with_lookup(policy, zone.clone()).unwrap();
    let answer = metadata(&egress, "http://10.1.2.3/x").await.unwrap();
    assert_eq!(answer.body(), "proxied");
    // The proxy's answer is no TLS; that it was asked is what counts.
    let _ = metadata(&egress, "https://mcp.example.com/x")
        .await
        .unwrap_err();
    let here = serve(Router::new().route("/", get(|| async { "here" }))).await;
    let answer = metadata(&egress, format!("http://{here}/")).await.unwrap();
    assert_eq!(answer.body(), "here");
    // What may not be contacted may not be contacted by the proxy either.
    assert!(metadata(&egress, "http://192.168.0.1/").await.is_err());
    assert_eq!(
        *asked.lock().await,
        [
            "GET http://10.1.2.3/x HTTP/1.1",
            "CONNECT mcp.example.com:443 HTTP/1.1"
        ]
    );
    // Names are the proxy's to resolve.
    assert_eq!(zone.asked(), 0);
}

#[tokio::test]
async fn a_configured_proxy_carries_every_leg() {
    let (url, asked) = proxy().await;
    let policy = EgressPolicy {
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        proxy: Some(url.parse().unwrap()),
        ..EgressPolicy::default()
    };
    let egress = Egress::with_lookup(policy, Zone::of(&[])).unwrap();
    let outcomes = everywhere(&egress, "http://10.1.2.3/x").await;
    let count = outcomes.len();
    for outcome in outcomes {
        assert_eq!(outcome.unwrap(), "proxied");
    }
    assert_eq!(
        *asked.lock().await,
        vec!["POST http://10.1.2.3/x HTTP/1.1"; count]
    );
}

/// Runs in a process of its own, whose environment names a proxy.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    let (url, asked) = proxy().await;
    let names = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ];
    let environment = names.map(|name| (name, url.as_str()));
    if alone(
        "proxy::proxies_of_the_environment_are_ignored",
        &environment,
    )
    .await
    {
        let here = serve(Router::new().route("/", get(|| async { "here" }))).await;
        let answer = metadata(&loopback(), format!("http://{here}/")).await;
        assert_eq!(answer.unwrap().body(), "here");
    }
    assert!(asked.lock().await.is_empty());
}

#[test]
fn a_proxy_that_is_none_is_refused_at_the_start() {
    for url in ["ftp://a.example", "socks5://127.0.0.1:1"] {
        let policy = EgressPolicy {
            proxy: Some(url.parse().unwrap()),
            ..EgressPolicy::default()
        };
        assert!(Egress::new(policy).is_err(), "{url}");
    }
}
