//! A keeper over a real database, an authorization server that counts, a clock to turn.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use gatepass_connections::{
    Connections, Custody, KeyRing, Owner, OwnerSecret, Store, TokenService,
};
use gatepass_store::Database;
use mcp_oauth_client::{
    BoxFuture, CONNECTION_VERSION, ClientAuthMethod, ClientId, Clock, Connection, Failed, Issuer,
    OAuthError, Random, Registration, RegistrationKind, Report, ResourceId, Revocation,
    RevocationError, Scopes, Secret, ServerUrl, Timestamp, TokenError, TokenType, Tokens,
    TransportError, TransportFailure, UrlPolicy, token::Grant,
};

/// A clock that only moves when it is told to.
pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl HandClock {
    /// Sets it forward or back by so many milliseconds.
    pub fn set_off(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::Relaxed);
    }

    pub fn pass(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

/// Bytes that never repeat, the same in every run.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0xA5);
        for (byte, value) in bytes.iter_mut().zip(n) {
            *byte = value;
        }
    }
}

/// What the authorization server does at the next request.
#[derive(Clone, Debug)]
pub enum Next {
    Rotate,
    Refuse(&'static str),
    Status(u16),
    /// This status, asking to be left alone for so many seconds.
    Wait(u16, u64),
    Fails(TransportFailure),
    /// It acts, but the answer is lost.
    LosesAnswer,
}

/// An authorization server with rotation and replay detection.
#[derive(Default)]
pub struct CountingServer {
    pub delay: Mutex<Duration>,
    /// Whoever holds this for writing keeps refreshes from being answered.
    pub hold: tokio::sync::RwLock<()>,
    script: Mutex<VecDeque<Next>>,
    refreshes: Mutex<Vec<String>>,
    revocations: Mutex<Vec<String>>,
    revoke_script: Mutex<VecDeque<Next>>,
    current: Mutex<u64>,
    replayed: Mutex<bool>,
}

impl CountingServer {
    pub fn next(&self, next: Next) {
        self.script.lock().unwrap().push_back(next);
    }

    pub fn next_revocation(&self, next: Next) {
        self.revoke_script.lock().unwrap().push_back(next);
    }

    pub fn refreshes(&self) -> usize {
        self.refreshes.lock().unwrap().len()
    }

    /// Waits until this many refreshes have been asked for.
    pub async fn asked(&self, refreshes: usize) {
        while self.refreshes() < refreshes {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn revoked(&self) -> Vec<String> {
        self.revocations.lock().unwrap().clone()
    }

    /// Whether a refresh token was spent twice, which ends the grant.
    pub fn replayed(&self) -> bool {
        *self.replayed.lock().unwrap()
    }

    fn rotate(&self, connection: &Connection) -> Result<Connection, TokenError> {
        let presented = connection.tokens.refresh_token.as_ref().unwrap();
        let mut current = self.current.lock().unwrap();
        if presented.expose() != format!("rt-{}", *current) {
            *self.replayed.lock().unwrap() = true;
            return Err(refused("invalid_grant"));
        }
        *current += 1;
        let mut next = connection.clone();
        next.tokens = tokens(*current, connection.tokens.issued_at);
        Ok(next)
    }
}

pub fn refused(code: &str) -> TokenError {
    TokenError::Refused {
        host: "as.example".into(),
        error: OAuthError::new(code, None),
        grant: Grant::Refresh,
        client: RegistrationKind::Dynamic,
    }
}

fn unreachable(failure: TransportFailure) -> TransportError {
    TransportError::new(failure, "it failed")
}

impl TokenService for CountingServer {
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>> {
        Box::pin(async move {
            let token = connection.tokens.refresh_token.as_ref();
            let token = token.map(|token| token.expose().to_owned());
            self.refreshes
                .lock()
                .unwrap()
                .push(token.unwrap_or_default());
            let delay = *self.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            let _answering = self.hold.read().await;
            let host = "as.example".to_owned();
            let next = self.script.lock().unwrap().pop_front();
            let outcome = match next.unwrap_or(Next::Rotate) {
                Next::Rotate => self.rotate(connection),
                Next::Refuse(code) => Err(refused(code)),
                Next::Status(status) => Err(TokenError::Unavailable {
                    host,
                    status,
                    after: None,
                }),
                Next::Wait(status, seconds) => Err(TokenError::Unavailable {
                    host,
                    status,
                    after: Some(Duration::from_secs(seconds)),
                }),
                Next::Fails(failure) => Err(TokenError::Transport {
                    host,
                    source: unreachable(failure),
                }),
                Next::LosesAnswer => {
                    // What it answers, nobody hears.
                    let _ = self.rotate(connection);
                    Err(TokenError::Transport {
                        host,
                        source: unreachable(TransportFailure::Timeout),
                    })
                }
            };
            outcome.map_err(|error| Failed::new(error, Report::new()))
        })
    }

    fn revoke<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>> {
        Box::pin(async move {
            if connection.revocation_endpoint.is_none() {
                return Ok(Revocation::NotOffered);
            }
            let token = connection.tokens.refresh_token.as_ref();
            let token = token.map(|token| token.expose().to_owned());
            let host = "as.example".to_owned();
            let next = self.revoke_script.lock().unwrap().pop_front();
            let error = match next {
                None | Some(Next::Rotate) => {
                    self.revocations.lock().unwrap().extend(token);
                    return Ok(Revocation::Revoked);
                }
                Some(Next::Status(status)) => RevocationError::Unavailable {
                    host,
                    status,
                    after: None,
                },
                Some(Next::Wait(status, seconds)) => RevocationError::Unavailable {
                    host,
                    status,
                    after: Some(Duration::from_secs(seconds)),
                },
                Some(Next::Refuse(code)) => RevocationError::Refused {
                    host,
                    status: 400,
                    error: Some(OAuthError::new(code, None)),
                },
                Some(Next::Fails(failure)) => RevocationError::Transport {
                    host,
                    source: unreachable(failure),
                },
                Some(Next::LosesAnswer) => RevocationError::Transport {
                    host,
                    source: unreachable(TransportFailure::Timeout),
                },
            };
            Err(Failed::new(error, Report::new()))
        })
    }
}

/// The server as a replica hears it, which counts lifetimes from when the answer came.
struct Heard {
    server: Arc<CountingServer>,
    clock: Arc<HandClock>,
}

impl TokenService for Heard {
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>> {
        Box::pin(async move {
            let mut next = self.server.refresh(connection).await?;
            next.tokens.issued_at = self.clock.now();
            next.tokens.expires_at = Some(self.clock.now().after(LIFETIME));
            Ok(next)
        })
    }

    fn revoke<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>> {
        self.server.revoke(connection)
    }
}

/// One installation: a database and everything over it.
pub struct Place {
    pub connections: Connections,
    pub server: Arc<CountingServer>,
    pub clock: Arc<HandClock>,
    pub random: Arc<Counting>,
    pub keys: Arc<KeyRing>,
    pub store: Arc<Database>,
    pub folder: Arc<tempfile::TempDir>,
}

pub async fn place() -> Place {
    let random = Arc::new(Counting::default());
    let keys = Arc::new(KeyRing::generate(&*random));
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_000)));
    let server = Arc::new(CountingServer::default());
    open(folder, keys, server, clock, random).await
}

fn heard(server: &Arc<CountingServer>, clock: &Arc<HandClock>) -> Arc<Heard> {
    let (server, clock) = (server.clone(), clock.clone());
    Arc::new(Heard { server, clock })
}

async fn open(
    folder: Arc<tempfile::TempDir>,
    keys: Arc<KeyRing>,
    server: Arc<CountingServer>,
    clock: Arc<HandClock>,
    random: Arc<Counting>,
) -> Place {
    let database = Database::sqlite(&folder.path().join("test.db"))
        .await
        .unwrap();
    let store = Arc::new(database);
    let connections = Connections::new(
        store.clone() as Arc<dyn Store>,
        keys.clone(),
        heard(&server, &clock),
        clock.clone(),
        random.clone(),
        Custody::default(),
    );
    Place {
        connections,
        server,
        clock,
        random,
        keys,
        store,
        folder,
    }
}

impl Place {
    /// Another replica over the same database, with the same keys and authorization server.
    pub async fn replica(&self) -> Place {
        self.replica_with(self.keys.clone()).await
    }

    /// The same with other times.
    pub fn with(self, custody: Custody) -> Place {
        let connections = Connections::new(
            self.store.clone() as Arc<dyn Store>,
            self.keys.clone(),
            heard(&self.server, &self.clock),
            self.clock.clone(),
            self.random.clone(),
            custody,
        );
        Place {
            connections,
            ..self
        }
    }

    /// Another replica whose clock differs by so many milliseconds.
    pub async fn replica_off_by(&self, millis: i64) -> Place {
        let off = self.clock.0.load(Ordering::Relaxed) + millis;
        let clock = Arc::new(HandClock(AtomicI64::new(off)));
        let (folder, keys, server) = (&self.folder, &self.keys, &self.server);
        let random = self.random.clone();
        open(folder.clone(), keys.clone(), server.clone(), clock, random).await
    }

    pub async fn replica_with(&self, keys: Arc<KeyRing>) -> Place {
        let (folder, server) = (self.folder.clone(), self.server.clone());
        open(
            folder,
            keys,
            server,
            self.clock.clone(),
            self.random.clone(),
        )
        .await
    }

    pub fn owner(&self) -> Owner {
        Owner::new(OwnerSecret::generate(&*self.random))
    }

    pub fn fresh(&self) -> Connection {
        connection(0, self.clock.now())
    }
}

pub const LIFETIME: Duration = Duration::from_secs(300);

fn tokens(generation: u64, at: Timestamp) -> Tokens {
    Tokens {
        access_token: Secret::new(format!("at-{generation}")),
        refresh_token: Some(Secret::new(format!("rt-{generation}"))),
        scopes: Scopes::parse("notes:read"),
        expires_at: Some(at.after(LIFETIME)),
        token_type: TokenType::Bearer,
        issued_at: at,
    }
}

pub fn registration() -> Registration {
    Registration {
        issuer: Issuer::parse("https://as.example", UrlPolicy::HttpsOnly).unwrap(),
        kind: RegistrationKind::Dynamic,
        client_id: ClientId::new("client-1").unwrap(),
        client_secret: Some(Secret::new("client-secret-1")),
        client_key: None,
        secret_expires_at: None,
        auth_method: ClientAuthMethod::ClientSecretBasic,
        redirect_uri: "https://app.example/cb".into(),
    }
}

fn connection(generation: u64, at: Timestamp) -> Connection {
    let endpoint = |text: &str| UrlPolicy::HttpsOnly.endpoint(text).unwrap();
    Connection {
        version: CONNECTION_VERSION,
        server: ServerUrl::parse("https://mcp.example/mcp", UrlPolicy::HttpsOnly).unwrap(),
        resource: ResourceId::verbatim("https://mcp.example/mcp"),
        issuer: registration().issuer,
        token_endpoint: endpoint("https://as.example/token"),
        revocation_endpoint: Some(endpoint("https://as.example/revoke")),
        registration: registration(),
        dpop_key: None,
        tokens: tokens(generation, at),
    }
}
