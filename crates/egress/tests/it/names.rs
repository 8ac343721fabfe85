//! Names, judged by what they lead to.

use axum::{
    Router,
    routing::{get, post},
};
use gatepass_egress::{Egress, EgressPolicy, Mode};
use mcp_oauth_client::TransportFailure;

use crate::support::{Zone, everywhere, loopback, metadata, serve};

fn open() -> Router {
    Router::new().route("/", get(|| async { "here" }))
}

fn allowing(entries: &[&str]) -> EgressPolicy {
    EgressPolicy {
        allow: entries.iter().map(|entry| entry.parse().unwrap()).collect(),
        ..EgressPolicy::default()
    }
}

#[tokio::test]
async fn a_name_that_leads_somewhere_private_is_refused_and_says_so() {
    let zone = Zone::of(&[
        ("loop.example", &[&["127.0.0.1"]]),
        ("lan.example", &[&["10.1.2.3"]]),
        ("metadata.google.internal", &[&["169.254.169.254"]]),
        ("mapped.example", &[&["::ffff:192.168.0.1"]]),
        ("several.example", &[&["fd00::1", "10.0.0.1"]]),
    ]);
    let egress = Egress::with_lookup(EgressPolicy::default(), zone).unwrap();
    let mut said = String::new();
    for name in [
        "loop.example",
        "lan.example",
        "metadata.google.internal",
        "mapped.example",
        "several.example",
    ] {
        let error = metadata(&egress, format!("https://{name}/"))
            .await
            .unwrap_err();
        assert_eq!(error.failure, TransportFailure::Refused, "{name}");
        said.push_str(&format!("{error}\n"));
    }
    insta::assert_snapshot!(said, @r"
    loop.example leads to a loopback address, which this installation does not contact; its operator can allow it
    lan.example leads to a private address, which this installation does not contact; its operator can allow it
    metadata.google.internal leads to a link-local address, which this installation does not contact; its operator can allow it
    mapped.example leads to a private address, which this installation does not contact; its operator can allow it
    several.example leads to a private address, which this installation does not contact; its operator can allow it
    ");
}

#[tokio::test]
async fn of_a_mixed_answer_only_the_public_addresses_are_tried() {
    // 192.0.2.1 and 127.0.0.1 are dropped; what is left does not answer here, and that, not a
    // refusal, is the outcome.
    let server = serve(open()).await;
    let zone = Zone::of(&[(
        "mixed.example",
        &[&["127.0.0.1", "192.0.2.1", "2606:4700::1"]],
    )]);
    let policy = EgressPolicy {
        limits: crate::support::short(),
        ..EgressPolicy::default()
    };
    let egress = Egress::with_lookup(policy, zone).unwrap();
    let url = format!("https://mixed.example:{}/", server.port());
    let error = metadata(&egress, url).await.unwrap_err();
    assert!(
        matches!(
            error.failure,
            TransportFailure::Connect | TransportFailure::Timeout
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_whose_answer_changes_is_judged_by_the_answer_that_is_used() {
    let zone = Zone::of(&[("rebind.example", &[&["2606:4700::1"], &["127.0.0.1"]])]);
    let policy = EgressPolicy {
        limits: crate::support::short(),
        ..EgressPolicy::default()
    };
    let egress = Egress::with_lookup(policy, zone.clone()).unwrap();
    let first = metadata(&egress, "https://rebind.example/")
        .await
        .unwrap_err();
    assert_ne!(first.failure, TransportFailure::Refused);
    let second = metadata(&egress, "https://rebind.example/")
        .await
        .unwrap_err();
    assert_eq!(second.failure, TransportFailure::Refused);
    assert_eq!(zone.asked(), 2);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_found() {
    let egress = Egress::with_lookup(EgressPolicy::default(), Zone::of(&[])).unwrap();
    let error = metadata(&egress, "https://nowhere.example/")
        .await
        .unwrap_err();
    assert_eq!(error.failure, TransportFailure::Dns);
    insta::assert_snapshot!(error, @"The host name nowhere.example cannot be found");
}

#[tokio::test]
async fn a_personal_install_reaches_this_machine_by_its_own_names_only() {
    let server = serve(open()).await;
    let egress = loopback();
    for host in ["127.0.0.1", "localhost", "as.localhost", "LocalHost"] {
        let answer = metadata(&egress, format!("http://{host}:{}/", server.port())).await;
        assert_eq!(answer.unwrap().body(), "here", "{host}");
    }
    let zone = Zone::of(&[("loop.example", &[&["127.0.0.1"]])]);
    let policy = EgressPolicy {
        mode: Mode::Loopback,
        ..EgressPolicy::default()
    };
    let egress = Egress::with_lookup(policy, zone).unwrap();
    for url in [
        "http://loop.example/",
        "https://loop.example/",
        "http://10.0.0.1/",
    ] {
        let error = metadata(&egress, url).await.unwrap_err();
        assert_eq!(error.failure, TransportFailure::Refused, "{url}");
    }
}

#[tokio::test]
async fn what_the_operator_lists_is_reached_and_nothing_beside_it() {
    let server = serve(open()).await;
    let (port, other) = (server.port(), server.port() ^ 1);
    let zone = || {
        Zone::of(&[
            ("mcp.corp.example", &[&["127.0.0.1"]]),
            ("other.example", &[&["127.0.0.1"]]),
            ("public.example", &[&["2606:4700::1"]]),
        ])
    };
    let table = [
        ("127.0.0.0/8", format!("http://127.0.0.1:{port}/"), true),
        ("127.0.0.0/8", format!("http://localhost:{port}/"), true),
        ("127.0.0.0/8", format!("http://other.example:{port}/"), true),
        ("127.0.0.0/8", "http://public.example/".to_owned(), false),
        ("127.0.0.0/8", "http://10.0.0.1/".to_owned(), false),
        (
            "mcp.corp.example",
            format!("http://mcp.corp.example:{port}/"),
            true,
        ),
        (
            "*.corp.example",
            format!("http://mcp.corp.example:{port}/"),
            true,
        ),
        (
            "mcp.corp.example",
            format!("http://other.example:{port}/"),
            false,
        ),
        (
            "mcp.corp.example",
            format!("http://127.0.0.1:{port}/"),
            false,
        ),
        ("localhost", format!("http://localhost:{port}/"), true),
    ];
    for (entry, url, reached) in table {
        let egress = Egress::with_lookup(allowing(&[entry]), zone()).unwrap();
        let answer = metadata(&egress, &url).await;
        match (reached, answer) {
            (true, answer) => assert_eq!(answer.unwrap().body(), "here", "{entry} {url}"),
            (false, answer) => {
                let error = answer.expect_err(&url);
                assert_eq!(error.failure, TransportFailure::Refused, "{entry} {url}");
            }
        }
    }
    // An entry for one port says nothing about another.
    for (entry, reached) in [(port, true), (other, false)] {
        let policy = allowing(&[
            &format!("mcp.corp.example:{entry}"),
            &format!("127.0.0.1:{entry}"),
        ]);
        let egress = Egress::with_lookup(policy, zone()).unwrap();
        for host in ["mcp.corp.example", "127.0.0.1", "other.example"] {
            let answer = metadata(&egress, format!("http://{host}:{port}/")).await;
            assert_eq!(answer.is_ok(), reached, "{host} {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_is_off_limits_and_what_is_listed_is_so_on_every_leg() {
    let server = serve(Router::new().route("/", post(|| async { "here" }))).await;
    let zone = || Zone::of(&[("mcp.corp.example", &[&["127.0.0.1"]])]);
    let name = format!("//mcp.corp.example:{}/", server.port());
    let plain = Egress::with_lookup(EgressPolicy::default(), zone()).unwrap();
    for url in [
        format!("https:{name}"),
        format!("https://127.0.0.1:{}/", server.port()),
    ] {
        for outcome in everywhere(&plain, &url).await {
            assert_eq!(
                outcome.unwrap_err().failure,
                TransportFailure::Refused,
                "{url}"
            );
        }
    }
    let listed = Egress::with_lookup(allowing(&["mcp.corp.example"]), zone()).unwrap();
    for outcome in everywhere(&listed, &format!("http:{name}")).await {
        assert_eq!(outcome.unwrap(), "here");
    }
}
