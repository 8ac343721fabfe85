//! The replicas, their database, and the authorization server they talk to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use gatepass_connections::{
    Connections, Custody, KeyRing, Owner, OwnerSecret, SealedConnection, Store,
};
use gatepass_demo::Demo;
use gatepass_egress::{Egress, EgressPolicy, Limits, Mode};
use gatepass_store::Database;
use mcp_oauth_client::{
    AuthClient, BoxFuture, CONNECTION_VERSION, ClientAuthMethod, ClientId, Clock, Connection,
    Discovery, Leg, ProtectedServer, Registration, RegistrationKind, Request, Response, Scopes,
    Secret, ServerUrl, Settings, TokenType, Tokens, Transport, TransportError, UrlPolicy,
};

use crate::{Counts, Plan, system::System};

const CALLBACK: &str = "http://127.0.0.1:9/callback";
const SCOPES: [&str; 2] = ["tools", "notes:read"];

/// Everything that a soak needs.
pub(crate) struct House {
    pub(crate) demo: Demo,
    pub(crate) replicas: Vec<Connections>,
    server: ProtectedServer,
    counting: Arc<Counting>,
    _folder: tempfile::TempDir,
}

/// The way out, counting what goes to the token endpoint and what does not come back well.
struct Counting {
    egress: Egress,
    requests: AtomicU64,
    faults: AtomicU64,
}

impl Transport for Counting {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let outcome = self.egress.send(leg, request).await;
            if leg == Leg::Token {
                self.requests.fetch_add(1, Ordering::Relaxed);
                if !outcome
                    .as_ref()
                    .is_ok_and(|answer| answer.status().is_success())
                {
                    self.faults.fetch_add(1, Ordering::Relaxed);
                }
            }
            outcome
        })
    }
}

impl House {
    pub(crate) async fn build(plan: &Plan) -> anyhow::Result<Self> {
        let demo = Demo::builder().start().await?;
        let folder = tempfile::tempdir()?;
        let counting = Arc::new(Counting {
            egress: egress()?,
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        });
        let mut settings = Settings::new("Gatepass", CALLBACK);
        settings.url_policy = UrlPolicy::AllowLoopbackHttp;
        let transport: Arc<dyn Transport> = counting.clone();
        let client = AuthClient::new(transport, Arc::new(System), Arc::new(System), settings);
        let keys = Arc::new(KeyRing::generate(&System));
        let mut replicas = Vec::new();
        for _ in 0..plan.replicas {
            let database = match &plan.database_url {
                Some(url) => Database::postgres(url).await?,
                None => Database::sqlite(&folder.path().join("soak.sqlite")).await?,
            };
            let store: Arc<dyn Store> = Arc::new(database);
            replicas.push(Connections::new(
                store,
                keys.clone(),
                Arc::new(client.clone()),
                Arc::new(System),
                Arc::new(System),
                Custody::default(),
            ));
        }
        let url = ServerUrl::parse(demo.mcp_url(), UrlPolicy::AllowLoopbackHttp)?;
        let Discovery::Protected(server) = client.discover(&url).await? else {
            bail!("the demo's server is not protected");
        };
        Ok(Self {
            demo,
            replicas,
            server: *server,
            counting,
            _folder: folder,
        })
    }

    /// A visitor with a connection of their own.
    pub(crate) async fn sign_in(&self) -> anyhow::Result<(Owner, SealedConnection)> {
        let owner = Owner::new(OwnerSecret::generate(&System));
        let granted = self.demo.grant("ada", &SCOPES);
        let server = &self.server.authorization_server;
        let now = System.now();
        let connection = Connection {
            version: CONNECTION_VERSION,
            server: self.server.server.clone(),
            resource: self.server.resource.clone(),
            issuer: server.issuer.clone(),
            token_endpoint: server.token_endpoint.clone(),
            revocation_endpoint: server.revocation_endpoint.clone(),
            registration: Registration {
                issuer: server.issuer.clone(),
                kind: RegistrationKind::Dynamic,
                client_id: ClientId::new(&granted.client_id)?,
                client_secret: None,
                client_key: None,
                secret_expires_at: None,
                auth_method: ClientAuthMethod::None,
                redirect_uri: CALLBACK.to_owned(),
            },
            dpop_key: None,
            tokens: Tokens {
                access_token: Secret::new(granted.access_token),
                token_type: TokenType::Bearer,
                refresh_token: Some(Secret::new(granted.refresh_token)),
                scopes: SCOPES.into_iter().collect::<Scopes>(),
                expires_at: Some(now.after(Duration::from_secs(300))),
                issued_at: now,
            },
        };
        let keeper = self.replicas.first().context("there is no replica")?;
        let kept = keeper.keep(&owner, &connection).await?;
        Ok((owner, kept))
    }

    /// What the servers saw.
    pub(crate) fn count(&self, counts: &mut Counts) -> anyhow::Result<()> {
        counts.requests = self.counting.requests.load(Ordering::Relaxed);
        counts.faults = self.counting.faults.load(Ordering::Relaxed);
        let ended = self.demo.record().families();
        let ended = ended.iter().filter(|family| family.revoked).count();
        counts.ended = u64::try_from(ended)?;
        Ok(())
    }
}

fn egress() -> anyhow::Result<Egress> {
    let mut limits = Limits::default();
    limits.token.total = Duration::from_secs(5);
    Ok(Egress::new(EgressPolicy {
        mode: Mode::Loopback,
        limits,
        ..EgressPolicy::default()
    })?)
}
