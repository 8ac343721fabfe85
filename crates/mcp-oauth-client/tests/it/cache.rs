//! Metadata is kept by the rules of HTTP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use mcp_oauth_client::{
    AuthClient, Challenges, Clock, Issuer, MetadataCache, Timestamp, UrlPolicy,
    cache::{LONGEST_LIFETIME, SILENT_LIFETIME},
};
use serde_json::{Value, json};

use crate::support::*;

const RESOURCE: &str = "GET https://mcp.example/.well-known/oauth-protected-resource/mcp";
const SERVER: &str = "GET https://as.example/.well-known/oauth-authorization-server";
const OPENID: &str = "GET https://as.example/.well-known/openid-configuration";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// A clock that the test moves.
struct Moving(AtomicI64);

impl Clock for Moving {
    fn now(&self) -> Timestamp {
        NOW.after(Duration::from_secs(self.0.load(SeqCst).unsigned_abs()))
    }
}

struct Stage {
    world: Arc<World>,
    clock: Arc<Moving>,
    client: AuthClient,
}

impl Stage {
    fn new() -> Self {
        let world = World::well_behaved();
        let clock = Arc::new(Moving(AtomicI64::new(0)));
        let random = Arc::new(Counting::default());
        let client = AuthClient::new(world.clone(), clock.clone(), random, settings());
        Self {
            world,
            clock,
            client,
        }
    }

    fn after(&self, seconds: u64) {
        self.clock
            .0
            .fetch_add(i64::try_from(seconds).unwrap(), SeqCst);
    }

    /// The authorization server answers with these headers from now on.
    fn server_says(&self, headers: Headers<'_>) {
        self.world
            .on(SERVER, with_headers(headers, server_metadata()));
    }

    async fn ask_for_the_server(&self) {
        let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
        self.client.authorization_server(&issuer).await.unwrap();
    }

    fn asked(&self, line: &str) -> usize {
        self.world.lines().iter().filter(|own| *own == line).count()
    }
}

fn with_headers(headers: Headers<'_>, document: Value) -> impl Fn() -> Reply + use<> {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    move || {
        let mut response = http::Response::builder().header("content-type", "application/json");
        for (name, value) in &headers {
            response = response.header(name, value);
        }
        Reply::Answer(response.body(Bytes::from(document.to_string())).unwrap())
    }
}

#[tokio::test]
async fn a_document_is_fresh_for_as_long_as_its_server_says() {
    let day = LONGEST_LIFETIME.as_secs();
    let silent = SILENT_LIFETIME.as_secs();
    // Header, and how many seconds later it is still good; `None` for not at all.
    let table: [(Headers<'_>, Option<u64>); 12] = [
        (&[], Some(silent)),
        (&[("cache-control", "max-age=60")], Some(60)),
        (&[("cache-control", "max-age=60"), ("age", "50")], Some(10)),
        (
            &[("cache-control", "public, s-maxage=30, max-age=3600")],
            Some(30),
        ),
        (
            &[("cache-control", "max-age=31536000, immutable")],
            Some(day),
        ),
        (&[("cache-control", "no-store")], None),
        (&[("cache-control", "no-cache")], None),
        (&[("cache-control", "private, max-age=600")], None),
        (&[("cache-control", "max-age=0")], None),
        (&[("expires", "0")], None),
        (&[("pragma", "no-cache")], None),
        (&[("cache-control", "nonsense=,,;"), ("vary", "*")], None),
    ];
    for (headers, fresh) in table {
        let stage = Stage::new();
        stage.server_says(headers);
        stage.ask_for_the_server().await;
        if let Some(seconds) = fresh {
            stage.after(seconds - 1);
            stage.ask_for_the_server().await;
            assert_eq!(stage.asked(SERVER), 1, "{headers:?} is fresh to the end");
            stage.after(1);
        }
        stage.ask_for_the_server().await;
        assert_eq!(
            stage.asked(SERVER),
            2,
            "{headers:?} is not fresh for longer"
        );
    }
}

#[tokio::test]
async fn a_document_that_ended_is_asked_about_and_not_fetched_again() {
    let stage = Stage::new();
    stage.server_says(&[("cache-control", "max-age=60"), ("etag", r#""v1""#)]);
    stage.ask_for_the_server().await;
    stage.world.on(SERVER, || {
        Reply::Answer(
            http::Response::builder()
                .status(304)
                .header("cache-control", "max-age=60")
                .header("etag", r#""v1""#)
                .body(Bytes::new())
                .unwrap(),
        )
    });
    stage.after(61);
    stage.ask_for_the_server().await;
    let asked = stage
        .world
        .seen()
        .into_iter()
        .rfind(|seen| seen.line() == SERVER);
    assert_eq!(asked.unwrap().headers["if-none-match"], r#""v1""#);
    // And is fresh again.
    stage.after(59);
    stage.ask_for_the_server().await;
    assert_eq!(stage.asked(SERVER), 2);
}

#[tokio::test]
async fn an_empty_place_is_known_together_with_what_was_found_behind_it() {
    let stage = Stage::new();
    stage.world.text(SERVER, 404, "text/plain", "no");
    stage.world.json(OPENID, server_metadata());
    stage.ask_for_the_server().await;
    stage.ask_for_the_server().await;
    assert_eq!((stage.asked(SERVER), stage.asked(OPENID)), (1, 1));
}

#[tokio::test]
async fn nothing_that_failed_is_remembered() {
    let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
    let stage = Stage::new();
    for broken in [
        json!({"issuer": "https://other.example"}),
        json!({}),
        json!([1]),
    ] {
        stage.world.json(SERVER, broken);
        assert!(stage.client.authorization_server(&issuer).await.is_err());
    }
    stage.world.text(SERVER, 503, "text/plain", "later");
    assert!(stage.client.authorization_server(&issuer).await.is_err());
    stage.world.text(SERVER, 404, "text/plain", "no");
    assert!(stage.client.authorization_server(&issuer).await.is_err());
    stage.world.json(SERVER, server_metadata());
    stage.ask_for_the_server().await;
}

#[tokio::test]
async fn somebody_who_looks_at_a_server_sees_what_is_true_now() {
    let stage = Stage::new();
    stage.client.discover(&server()).await.unwrap();
    stage.client.discover(&server()).await.unwrap();
    assert_eq!((stage.asked(RESOURCE), stage.asked(SERVER)), (2, 2));
}

#[tokio::test]
async fn a_challenge_that_a_request_met_asks_for_the_resource_anew() {
    let stage = Stage::new();
    stage.client.discover(&server()).await.unwrap();
    let challenges = Challenges::parse(
        r#"Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp""#,
    );
    // The resource has moved to another authorization server.
    stage.world.json(
        RESOURCE,
        json!({"resource": MCP, "authorization_servers": ["https://new.example"]}),
    );
    stage.world.json(
        "GET https://new.example/.well-known/oauth-authorization-server",
        server_metadata_with(json!({"issuer": "https://new.example"})),
    );
    let found = stage
        .client
        .discover_challenged(&server(), &challenges)
        .await
        .unwrap();
    assert_eq!(
        found.authorization_server.issuer.as_str(),
        "https://new.example"
    );
    let known = stage.client.recall(&server()).unwrap();
    assert_eq!(
        known.authorization_server.issuer.as_str(),
        "https://new.example"
    );
}

#[tokio::test]
async fn a_server_that_changed_its_mind_is_not_recalled() {
    let stage = Stage::new();
    stage.client.discover(&server()).await.unwrap();
    assert!(stage.client.recall(&server()).is_some());
    stage.after(SILENT_LIFETIME.as_secs());
    assert!(stage.client.recall(&server()).is_none(), "too long ago");
    stage.client.discover(&server()).await.unwrap();
    stage
        .world
        .text(&format!("POST {MCP}"), 200, "application/json", "{}");
    stage.client.discover(&server()).await.unwrap();
    assert!(stage.client.recall(&server()).is_none(), "it is open now");
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let stage = Stage::new();
    let cache = Arc::new(MetadataCache::new(10, 64 * 1024));
    let client = stage.client.caching_in(cache.clone());
    for at in 0..50 {
        let issuer = format!("https://as{at}.example");
        stage.world.json(
            &format!("GET {issuer}/.well-known/oauth-authorization-server"),
            server_metadata_with(json!({"issuer": issuer, "padding": "x".repeat(2000)})),
        );
        let issuer = Issuer::parse(&issuer, UrlPolicy::HttpsOnly).unwrap();
        client.authorization_server(&issuer).await.unwrap();
        stage.after(1);
    }
    let shown = format!("{cache:?}");
    assert!(shown.contains("documents: 10"), "{shown}");
    // The newest are there, the oldest are gone.
    let issuer =
        |at| Issuer::parse(&format!("https://as{at}.example"), UrlPolicy::HttpsOnly).unwrap();
    let before = stage.world.seen().len();
    client.authorization_server(&issuer(49)).await.unwrap();
    assert_eq!(stage.world.seen().len(), before);
    client.authorization_server(&issuer(0)).await.unwrap();
    assert!(stage.world.seen().len() > before);
    // What is out of proportion is used and not kept.
    let huge = json!({"issuer": AS, "padding": "x".repeat(9000)});
    stage.world.json(SERVER, server_metadata_with(huge));
    let issuer = Issuer::parse(AS, UrlPolicy::HttpsOnly).unwrap();
    for _ in 0..2 {
        client.authorization_server(&issuer).await.unwrap();
    }
    assert_eq!(stage.asked(SERVER), 2);
}
