//! What custody costs: sealing and opening, using a connection, refreshing one. The network is a
//! stub, the databases are real. Processor time is what counts; the clock on the wall is shared
//! with whatever else the machine does.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, measures time and stops at the first surprise"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use gatepass_connections::{
    Connections, Custody, KeyRing, Need, Owner, OwnerPurpose, OwnerSecret, SealedConnection, Store,
    TokenService,
};
use gatepass_store::Database;
use gatepass_test_postgres::Postgres;
use mcp_oauth_client::{
    BoxFuture, CONNECTION_VERSION, ClientAuthMethod, ClientId, Clock, Connection, Failed, Issuer,
    Random, Registration, RegistrationKind, ResourceId, Revocation, RevocationError, Scopes,
    Secret, ServerUrl, Timestamp, TokenError, TokenType, Tokens, UrlPolicy,
};

/// Connections that are refreshed side by side.
const SIDE_BY_SIDE: usize = 16;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

/// Different bytes each time, at no cost: the operating system's generator is not measured.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(7);
        for (byte, value) in bytes.iter_mut().zip(n) {
            *byte = value;
        }
    }
}

/// An authorization server that answers at once.
struct Stub(AtomicU64);

impl TokenService for Stub {
    fn refresh<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Connection, Failed<TokenError>>> {
        let mut next = connection.clone();
        next.tokens = tokens(self.0.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move { Ok(next) })
    }

    fn revoke<'a>(
        &'a self,
        _: &'a Connection,
    ) -> BoxFuture<'a, Result<Revocation, Failed<RevocationError>>> {
        Box::pin(async { Ok(Revocation::NotOffered) })
    }
}

/// Tokens of usual length.
fn tokens(n: u64) -> Tokens {
    Tokens {
        access_token: Secret::new(format!("{n:0>800}")),
        token_type: TokenType::Bearer,
        refresh_token: Some(Secret::new(format!("{n:0>200}"))),
        scopes: Scopes::parse("notes:read notes:write tools"),
        expires_at: Some(Still.now().after(Duration::from_secs(3600))),
        issued_at: Still.now(),
    }
}

fn connection() -> Connection {
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
            client_id: ClientId::new("3f9a6a52-9c1f-4b1c-8f7e-1f2d3c4b5a69").unwrap(),
            client_secret: None,
            client_key: None,
            secret_expires_at: None,
            auth_method: ClientAuthMethod::None,
            redirect_uri: "https://app.example/api/mcp/oauth/callback".into(),
        },
        dpop_key: None,
        tokens: tokens(0),
    }
}

/// The processor time that this process has used, of all its threads.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The second field is the name in brackets, which may have blanks.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// Measures so many operations and prints a line.
async fn measure(name: &str, operations: u32, work: impl Future<Output = ()>) {
    let (began, used) = (Instant::now(), processor_time());
    work.await;
    let (took, used) = (began.elapsed(), processor_time() - used);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(operations);
    println!(
        "{name:<44}{:>10.0} /s {:>10.1} µs processor time each",
        f64::from(operations) / took.as_secs_f64(),
        each(used),
    );
}

async fn seals() {
    const TIMES: u32 = 100_000;
    let random = Counting(AtomicU64::new(0));
    let keys = KeyRing::generate(&random);
    let owner = Owner::new(OwnerSecret::generate(&random));
    let plain = serde_json::to_vec(&connection()).unwrap();
    let purpose = OwnerPurpose::Connection;
    measure("seal and open", TIMES, async {
        for _ in 0..TIMES {
            let sealed = keys.seal_for(&owner, purpose, "id", &random, &plain);
            keys.open_for(&owner, purpose, "id", &sealed).unwrap();
        }
    })
    .await;
}

/// Uses and refreshes connections over a database.
async fn engine(name: &str, database: Database) {
    const USES: u32 = 20_000;
    const REFRESHES: u32 = 8_000;
    let random = Arc::new(Counting(AtomicU64::new(0)));
    let store: Arc<dyn Store> = Arc::new(database);
    let keeper = Connections::new(
        store,
        Arc::new(KeyRing::generate(&*random)),
        Arc::new(Stub(AtomicU64::new(1))),
        Arc::new(Still),
        random.clone(),
        Custody::default(),
    );
    let mut kept: Vec<(Owner, SealedConnection)> = Vec::new();
    for _ in 0..SIDE_BY_SIDE {
        let owner = Owner::new(OwnerSecret::generate(&*random));
        let connection = keeper.keep(&owner, &connection()).await.unwrap();
        kept.push((owner, connection));
    }
    let share = |operations: u32| operations / u32::try_from(SIDE_BY_SIDE).unwrap();
    measure(&format!("use a connection, {name}"), USES, async {
        let uses = kept.iter().map(|(owner, connection)| {
            let keeper = keeper.clone();
            let (owner, connection) = (owner.clone(), connection.clone());
            tokio::spawn(async move {
                for _ in 0..share(USES) {
                    let current = keeper.current(&owner, &connection, Need::Valid);
                    current.await.unwrap();
                }
            })
        });
        join_all(uses).await;
    })
    .await;
    measure(&format!("refresh a connection, {name}"), REFRESHES, async {
        let refreshes = kept.into_iter().map(|(owner, mut connection)| {
            let keeper = keeper.clone();
            tokio::spawn(async move {
                for _ in 0..share(REFRESHES) {
                    let current = keeper.current(&owner, &connection, Need::Newer);
                    connection = current.await.unwrap().newer.unwrap();
                }
            })
        });
        join_all(refreshes).await;
    })
    .await;
}

#[tokio::main]
async fn main() {
    println!("custody, {SIDE_BY_SIDE} connections side by side\n");
    seals().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.sqlite");
    engine("SQLite", Database::sqlite(&file).await.unwrap()).await;
    let server = Postgres::start();
    let url = server.database().await;
    engine("PostgreSQL", Database::postgres(&url).await.unwrap()).await;
}
