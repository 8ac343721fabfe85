//! Several processes over one database keep a connection together.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use gatepass_connections::{
    Connections, Custody, CustodyError, KeyRing, Need, Owner, OwnerSecret, TokenService,
};
use gatepass_store::Database;
use mcp_oauth_client::{
    BoxFuture, CONNECTION_VERSION, ClientAuthMethod, ClientId, Clock, Connection, Failed, Issuer,
    OAuthError, Random, Registration, RegistrationKind, Report, ResourceId, Revocation,
    RevocationError, Scopes, Secret, ServerUrl, Timestamp, TokenError, TokenType, Tokens,
    TransportError, TransportFailure, UrlPolicy, token::Grant,
};

use crate::engines::*;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        at(1_800_000_000_000)
    }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0x5A);
        for (byte, value) in bytes.iter_mut().zip(n) {
            *byte = value;
        }
    }
}

/// Rotates refresh tokens slowly and ends the grant when one comes twice.
#[derive(Default)]
struct Rotating {
    asked: tokio::sync::Notify,
    hold: tokio::sync::RwLock<()>,
    spent: Mutex<Vec<String>>,
    revoked: Mutex<Vec<String>>,
}

fn refresh_token(connection: &Connection) -> String {
    let token = connection.tokens.refresh_token.as_ref().unwrap();
    token.expose().to_owned()
}

impl TokenService for Rotating {
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>> {
        Box::pin(async move {
            self.asked.notify_one();
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _answering = self.hold.read().await;
            let mut spent = self.spent.lock().unwrap();
            let token = refresh_token(connection);
            let replayed = spent.contains(&token);
            spent.push(token);
            if replayed {
                let error = TokenError::Refused {
                    host: "as.example".into(),
                    error: OAuthError::new("invalid_grant", None),
                    grant: Grant::Refresh,
                    client: RegistrationKind::Dynamic,
                };
                return Err(Failed::new(error, Report::new()));
            }
            let mut next = connection.clone();
            next.tokens = tokens(spent.len());
            Ok(next)
        })
    }

    fn revoke<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>> {
        Box::pin(async move {
            let mut revoked = self.revoked.lock().unwrap();
            revoked.push(refresh_token(connection));
            Ok(Revocation::Revoked)
        })
    }
}

fn tokens(n: usize) -> Tokens {
    Tokens {
        access_token: Secret::new(format!("at-{n}")),
        refresh_token: Some(Secret::new(format!("rt-{n}"))),
        scopes: Scopes::parse("notes:read"),
        expires_at: Some(Still.now().after(Duration::from_secs(3600))),
        token_type: TokenType::Bearer,
        issued_at: Still.now(),
    }
}

/// A connection whose access token has ended.
fn over() -> Connection {
    let endpoint = |text: &str| UrlPolicy::HttpsOnly.endpoint(text).unwrap();
    let issuer = Issuer::parse("https://as.example", UrlPolicy::HttpsOnly).unwrap();
    Connection {
        version: CONNECTION_VERSION,
        server: ServerUrl::parse("https://mcp.example/mcp", UrlPolicy::HttpsOnly).unwrap(),
        resource: ResourceId::verbatim("https://mcp.example/mcp"),
        issuer: issuer.clone(),
        token_endpoint: endpoint("https://as.example/token"),
        revocation_endpoint: Some(endpoint("https://as.example/revoke")),
        registration: Registration {
            issuer,
            kind: RegistrationKind::Dynamic,
            client_id: ClientId::new("client-1").unwrap(),
            client_secret: None,
            client_key: None,
            secret_expires_at: None,
            auth_method: ClientAuthMethod::None,
            redirect_uri: "https://app.example/cb".into(),
        },
        dpop_key: None,
        tokens: Tokens {
            expires_at: Some(Still.now()),
            ..tokens(0)
        },
    }
}

struct Replicas {
    keepers: Vec<Connections>,
    server: Arc<Rotating>,
    owner: Owner,
}

fn replicas(databases: [Database; 3]) -> Replicas {
    let random = Arc::new(Counting::default());
    let keys = Arc::new(KeyRing::generate(&*random));
    let server = Arc::new(Rotating::default());
    let keeper = |database| {
        Connections::new(
            Arc::new(database),
            keys.clone(),
            server.clone(),
            Arc::new(Still),
            random.clone(),
            Custody::default(),
        )
    };
    Replicas {
        keepers: databases.into_iter().map(keeper).collect(),
        owner: Owner::new(OwnerSecret::generate(&*random)),
        server,
    }
}

#[tokio::test]
async fn three_processes_with_a_hundred_callers_each_spend_a_refresh_token_once() {
    each_shared(async |databases| {
        let Replicas {
            keepers,
            server,
            owner,
        } = replicas(databases);
        let kept = keepers[0].keep(&owner, &over()).await.unwrap();
        let calls = keepers
            .iter()
            .flat_map(|keeper| (0..100).map(|_| keeper.current(&owner, &kept, Need::Valid)));
        for outcome in join_all(calls).await {
            let opened = outcome.unwrap().opened;
            assert_eq!(opened.generation, 2);
            assert_eq!(opened.connection.tokens.access_token.expose(), "at-1");
        }
        assert_eq!(*server.spent.lock().unwrap(), ["rt-0"]);
    })
    .await;
}

#[tokio::test]
async fn what_ends_on_one_process_while_another_refreshes_it_ends_everywhere() {
    each_shared(async |databases| {
        let Replicas {
            keepers,
            server,
            owner,
        } = replicas(databases);
        let kept = keepers[0].keep(&owner, &over()).await.unwrap();
        let held = server.hold.write().await;
        let refreshing = tokio::spawn({
            let (keeper, owner, kept) = (keepers[1].clone(), owner.clone(), kept.clone());
            async move { keeper.current(&owner, &kept, Need::Valid).await }
        });
        server.asked.notified().await;
        assert!(keepers[2].disconnect(&owner, &kept).await.unwrap().revoked);
        drop(held);
        let outcome = refreshing.await.unwrap();
        assert!(matches!(outcome, Err(CustodyError::Ended)), "{outcome:?}");
        for keeper in &keepers {
            let outcome = keeper.current(&owner, &kept, Need::Valid).await;
            assert!(matches!(outcome, Err(CustodyError::Ended)), "{outcome:?}");
        }
        // The tokens that were won too late are revoked by whichever process comes first.
        let done = join_all(keepers.iter().map(Connections::work_outbox)).await;
        let done: usize = done.into_iter().map(Result::unwrap).sum();
        assert_eq!(done, 1);
        assert_eq!(*server.revoked.lock().unwrap(), ["rt-0", "rt-1"]);
    })
    .await;
}

/// Cannot be reached at first, then refreshes as [`Rotating`].
struct Unreachable {
    failure: TransportFailure,
    failed: AtomicU64,
    then: Arc<Rotating>,
}

impl TokenService for Unreachable {
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>> {
        if self.failed.fetch_add(1, Ordering::Relaxed) > 0 {
            return self.then.refresh(connection);
        }
        let error = TokenError::Transport {
            host: "as.example".into(),
            source: TransportError::new(self.failure, "it was not reached"),
        };
        Box::pin(async move { Err(Failed::new(error, Report::new())) })
    }

    fn revoke<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>> {
        self.then.revoke(connection)
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_costs_no_connection() {
    use TransportFailure::{Connect, Dns, Tls};
    each(async |database| {
        for (place, failure) in [Dns, Connect, Tls].into_iter().enumerate() {
            let random = Arc::new(Counting::default());
            let then = Arc::new(Rotating::default());
            let keeper = Connections::new(
                Arc::new(database.clone()),
                Arc::new(KeyRing::generate(&*random)),
                Arc::new(Unreachable {
                    failure,
                    failed: AtomicU64::new(0),
                    then: then.clone(),
                }),
                Arc::new(Still),
                random.clone(),
                Custody::default(),
            );
            // Each begins elsewhere, or they would name their connections alike.
            random.0.store(1000 * (place as u64 + 1), Ordering::Relaxed);
            let owner = Owner::new(OwnerSecret::generate(&*random));
            let kept = keeper.keep(&owner, &over()).await.unwrap();
            let outcome = keeper.current(&owner, &kept, Need::Valid).await;
            let error = outcome.unwrap_err();
            assert!(error.is_temporary(), "{failure:?}: {error}");
            let opened = keeper.current(&owner, &kept, Need::Valid).await;
            assert_eq!(opened.unwrap().opened.generation, 2, "{failure:?}");
            assert_eq!(
                then.spent.lock().unwrap().len(),
                1,
                "nothing was sent twice"
            );
        }
    })
    .await;
}
