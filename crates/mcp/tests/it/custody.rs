//! A real connection: signed in at the demo's authorization server, kept in custody, refreshed
//! when its server no longer knows the token.

use std::sync::Arc;

use gatepass_connections::{Connections, Custody, KeyRing, SealedConnection};
use gatepass_demo::{Decision, Demo, approve};
use gatepass_mcp::{Access, ConnectionTokens, McpError, Sessions, StaticHeaders, ToolCall};
use gatepass_store::Database;
use mcp_oauth_client::{
    AuthClient, Binding, CallbackQuery, Connection, Discovery, Scopes, Settings, Target, UrlPolicy,
};
use serde_json::{Value, json};

use crate::support::{TestClock, TestRandom, carrier, egress, owner, quick, server_url};

const CALLBACK: &str = "http://127.0.0.1:9/callback";

struct House {
    demo: Demo,
    clock: Arc<TestClock>,
    connections: Connections,
    sessions: Sessions,
    _folder: tempfile::TempDir,
}

impl House {
    async fn build() -> Self {
        let clock = TestClock::new();
        let demo = Demo::builder().clock(clock.clone()).start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Database::sqlite(&folder.path().join("test.db"))
            .await
            .unwrap();
        let random = Arc::new(TestRandom::default());
        let connections = Connections::new(
            Arc::new(store),
            Arc::new(KeyRing::generate(&*random)),
            Arc::new(Self::client(&clock)),
            clock.clone(),
            random,
            Custody::default(),
        );
        let sessions = Sessions::new(carrier(), clock.clone(), quick());
        Self {
            demo,
            clock,
            connections,
            sessions,
            _folder: folder,
        }
    }

    fn client(clock: &Arc<TestClock>) -> AuthClient {
        let mut settings = Settings::new("Gatepass", CALLBACK);
        settings.url_policy = UrlPolicy::AllowLoopbackHttp;
        let random = Arc::new(TestRandom::default());
        AuthClient::new(Arc::new(egress()), clock.clone(), random, settings)
    }

    /// Signs in as a person would, and takes the connection into custody.
    async fn sign_in(&self, scopes: &str) -> SealedConnection {
        let connection = self.authorize(scopes).await;
        self.connections.keep(&owner(1), &connection).await.unwrap()
    }

    async fn authorize(&self, scopes: &str) -> Connection {
        let client = Self::client(&self.clock);
        let server = server_url(self.demo.mcp_url());
        let Discovery::Protected(found) = client.discover(&server).await.unwrap() else {
            panic!("the demo is protected");
        };
        let scopes = Scopes::parse(scopes);
        let registration = client
            .register(&found.authorization_server, &scopes)
            .await
            .unwrap();
        let target = Target {
            binding: Binding::Bearer,
            server,
            resource: found.resource,
            scopes,
        };
        let (url, pending) = client
            .begin(target, &found.authorization_server, registration)
            .unwrap();
        let back = approve(url.as_str(), Decision::Allow).await.unwrap();
        let query = back.split_once('?').unwrap().1;
        let query = CallbackQuery::parse(query).unwrap();
        let callback = pending
            .validate(query, mcp_oauth_client::Clock::now(&*self.clock))
            .unwrap();
        client.exchange(callback).await.unwrap()
    }

    fn tokens(&self, connection: &SealedConnection) -> Arc<ConnectionTokens> {
        Arc::new(ConnectionTokens::new(
            self.connections.clone(),
            owner(1),
            server_url(self.demo.mcp_url()),
            connection.clone(),
        ))
    }

    fn access(&self, connection: &SealedConnection, tokens: &Arc<ConnectionTokens>) -> Access {
        let server = server_url(self.demo.mcp_url());
        Access::open(*owner(1).id(), server, StaticHeaders::default())
            .with_tokens(connection.id.clone(), tokens.clone())
    }
}

fn call(name: &str, arguments: Value) -> ToolCall {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object");
    };
    ToolCall::new(name, arguments)
}

#[tokio::test]
async fn a_token_the_server_forgot_is_refreshed_under_the_call_and_the_page_is_told() {
    let house = House::build().await;
    let connection = house.sign_in("tools notes:read").await;
    let tokens = house.tokens(&connection);
    let access = house.access(&connection, &tokens);
    house.sessions.tools(&access).await.unwrap();
    assert!(tokens.newer().is_none());

    house.demo.forget_access_tokens();
    let add = call("add_numbers", json!({"a": 1, "b": 2}));
    let result = house.sessions.call(&access, &add).await.unwrap();
    assert!(!result.is_error);
    let newer = tokens.newer().unwrap();
    assert_eq!(newer.generation, connection.generation + 1);
    assert_eq!(house.demo.record().refreshes().len(), 1);

    // A page that still presents the old one is told of the newer one; nothing is refreshed.
    let late = house.tokens(&connection);
    let access = house.access(&connection, &late);
    house.sessions.call(&access, &add).await.unwrap();
    assert_eq!(late.newer().unwrap().generation, newer.generation);
    assert_eq!(house.demo.record().refreshes().len(), 1);
}

#[tokio::test]
async fn many_calls_with_a_forgotten_token_refresh_it_once() {
    let house = House::build().await;
    let connection = house.sign_in("tools").await;
    let tokens = house.tokens(&connection);
    let access = house.access(&connection, &tokens);
    house.sessions.tools(&access).await.unwrap();
    house.demo.forget_access_tokens();
    let add = call("add_numbers", json!({"a": 1, "b": 2}));
    let calls = (0..10).map(|_| house.sessions.call(&access, &add));
    for result in futures::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(house.demo.record().refreshes().len(), 1);
}

#[tokio::test]
async fn a_withdrawn_grant_asks_to_sign_in_again() {
    let house = House::build().await;
    let connection = house.sign_in("tools").await;
    house.demo.withdraw_grants();
    let tokens = house.tokens(&connection);
    let access = house.access(&connection, &tokens);
    let error = house.sessions.tools(&access).await.unwrap_err();
    assert!(matches!(error, McpError::Token(_)), "{error:?}");
    assert!(error.needs_authorization());
}

#[tokio::test]
async fn a_tool_beyond_the_grant_names_what_it_needs() {
    let house = House::build().await;
    let connection = house.sign_in("tools notes:read").await;
    let tokens = house.tokens(&connection);
    let access = house.access(&connection, &tokens);
    let create = call("create_note", json!({"text": "x", "title": "x"}));
    let error = house.sessions.call(&access, &create).await.unwrap_err();
    assert!(
        matches!(error, McpError::InsufficientScope { .. }),
        "{error:?}"
    );
    assert!(error.scopes().iter().any(|scope| scope == "notes:write"));
    assert_eq!(house.demo.record().refreshes().len(), 0);
}

#[tokio::test]
async fn a_connection_is_never_sent_to_another_server() {
    let house = House::build().await;
    let connection = house.sign_in("tools").await;
    let other = crate::support::Scripted::start(|_| None).await;
    let tokens = Arc::new(ConnectionTokens::new(
        house.connections.clone(),
        owner(1),
        server_url(&other.url),
        connection.clone(),
    ));
    let access = other.access().with_tokens(connection.id.clone(), tokens);
    let error = house.sessions.tools(&access).await.unwrap_err();
    assert!(matches!(error, McpError::Token(_)), "{error:?}");
    assert!(other.seen().is_empty());
}
