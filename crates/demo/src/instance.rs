//! A running instance and how it is started.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::Uri,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mcp_oauth_client::{Clock, Random};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    authorization_server,
    behaviour::{AuthMethod, Behaviour, Handle},
    mcp_server, model,
    observe::observe,
    record::{Record, RevocationReason},
    serve::{bind, serve},
    shared::{Account, App, Shared},
    system::System,
};

/// A running demo: authorization server, protected MCP server and model at one origin. Stops when
/// it is dropped.
pub struct Demo {
    app: App,
    address: SocketAddr,
    issuer: String,
    mcp_url: String,
    model_url: String,
    stop: CancellationToken,
    servers: JoinSet<()>,
}

/// How an instance is to be started.
pub struct DemoBuilder {
    listen: String,
    origin: Option<String>,
    mcp_path: String,
    behaviour: Behaviour,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    accounts: Vec<Account>,
}

impl Demo {
    /// An instance on a free loopback port, behaving well, with the accounts `ada` and `grace`.
    pub fn builder() -> DemoBuilder {
        DemoBuilder {
            listen: "127.0.0.1:0".to_owned(),
            origin: None,
            mcp_path: "/mcp".to_owned(),
            behaviour: Behaviour::default(),
            clock: Arc::new(System),
            random: Arc::new(System),
            accounts: Vec::new(),
        }
    }

    /// The issuer identifier, as it was at the start.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The URL of the protected MCP server, also its resource identifier.
    pub fn mcp_url(&self) -> &str {
        &self.mcp_url
    }

    /// The base URL of the OpenAI-compatible model, ending in `/v1`.
    pub fn model_url(&self) -> &str {
        &self.model_url
    }

    /// Scheme, host and port of everything, without a trailing slash.
    pub fn origin(&self) -> &str {
        &self.app.origin
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how it behaves from now on.
    pub fn behaviour(&self) -> Handle {
        self.app.behaviour.clone()
    }

    /// What happened so far.
    pub fn record(&self) -> Record {
        self.app.record.clone()
    }

    /// Grants tokens as if `account` had consented, without the trip through the pages, for tests
    /// that begin with a connection. The client is a public one of its own.
    pub fn grant(&self, account: &str, scopes: &[&str]) -> Granted {
        let client_id = self.app.fresh("gpd_client_");
        let mut ledger = self.app.ledger();
        ledger.register(authorization_server::Client {
            id: client_id.clone(),
            name: None,
            redirect_uris: Vec::new(),
            secret: None,
            secret_expires_at: None,
            auth_method: AuthMethod::None,
            refresh_tokens: true,
            application_type: None,
        });
        let scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        let family = ledger.add_family(authorization_server::Grant {
            client_id: client_id.clone(),
            account: account.to_owned(),
            resource: self.app.resource(),
            scopes: scopes.clone(),
        });
        let refresh_token = authorization_server::new_refresh_token(&self.app, &mut ledger, family);
        let answer = authorization_server::tokens(
            &self.app,
            &mut ledger,
            family,
            scopes,
            Some(refresh_token.clone()),
        );
        Granted {
            client_id,
            access_token: answer["access_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            refresh_token,
        }
    }

    /// Withdraws every grant, as a user can in an account's settings.
    pub fn withdraw_grants(&self) {
        self.app.ledger().revoke_all(RevocationReason::Withdrawn);
    }

    /// Makes every access token unknown; refresh tokens stay valid.
    pub fn forget_access_tokens(&self) {
        self.app.ledger().expire_access_tokens();
    }

    /// Forgets every dynamically registered client, as servers do that prune them.
    pub fn forget_clients(&self) {
        self.app.ledger().forget_clients();
    }

    /// Stops: no new connections, a moment for requests under way.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.servers.join_next().await.is_some() {}
    }
}

/// Tokens that [`Demo::grant`] gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Granted {
    /// The public client they belong to.
    pub client_id: String,
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo")
            .field("origin", &self.app.origin)
            .finish_non_exhaustive()
    }
}

impl DemoBuilder {
    /// The address to listen on; `127.0.0.1:0` (a free port) if not given. For an IPv4 loopback
    /// address the IPv6 one is bound as well, since `localhost` means both.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// The origin to publish, such as `http://localhost:4284`; derived from the address if not
    /// given.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// The path of the MCP server; `/mcp` if not given.
    #[must_use]
    pub fn mcp_path(mut self, path: impl Into<String>) -> Self {
        self.mcp_path = path.into();
        self
    }

    /// How it behaves at first.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// The clock that lifetimes are measured by.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The source of tokens. Must be cryptographically strong outside tests.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Adds an account; the first one added replaces the default ones.
    #[must_use]
    pub fn seeded_user(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        self.accounts.push(Account {
            id: id.into(),
            name: name.into(),
        });
        self
    }

    /// Binds and starts to serve.
    ///
    /// # Errors
    /// The address cannot be parsed or bound, or origin or MCP path are malformed.
    pub async fn start(self) -> anyhow::Result<Demo> {
        let listen: SocketAddr = self
            .listen
            .parse()
            .with_context(|| format!("{:?} is not an address to listen on", self.listen))?;
        anyhow::ensure!(
            self.mcp_path.starts_with('/') && self.mcp_path.len() > 1,
            "the MCP path must be a path such as /mcp"
        );
        let (address, listeners) = bind(listen)
            .await
            .with_context(|| format!("the demo cannot listen on {listen}"))?;
        let origin = match self.origin {
            Some(origin) => {
                let url = url::Url::parse(&origin)
                    .with_context(|| format!("{origin:?} is not an origin"))?;
                anyhow::ensure!(
                    matches!(url.scheme(), "http" | "https") && url.has_host(),
                    "{origin:?} is not an http or https origin"
                );
                origin.trim_end_matches('/').to_owned()
            }
            None if address.ip().is_loopback() => format!("http://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let accounts = if self.accounts.is_empty() {
            [("ada", "Ada Lovelace"), ("grace", "Grace Hopper")]
                .map(|(id, name)| Account {
                    id: id.to_owned(),
                    name: name.to_owned(),
                })
                .into()
        } else {
            self.accounts
        };
        let ledger = Arc::default();
        let app: App = Arc::new(Shared {
            origin,
            mcp_path: self.mcp_path,
            accounts,
            clock: self.clock,
            random: self.random,
            behaviour: Handle::new(self.behaviour),
            record: Record::new(Arc::clone(&ledger)),
            ledger,
            notes: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let router = router(&app, &stop);
        let mut servers = JoinSet::new();
        for listener in listeners {
            servers.spawn(serve(listener, router.clone(), stop.clone()));
        }
        Ok(Demo {
            address,
            issuer: app.issuer(),
            mcp_url: app.mcp_url(),
            model_url: format!("{}/v1", app.origin),
            app,
            stop,
            servers,
        })
    }
}

fn router(app: &App, stop: &CancellationToken) -> Router {
    Router::new()
        .merge(authorization_server::router())
        .merge(mcp_server::router(app, stop))
        .merge(model::router())
        .fallback(elsewhere)
        // Bodies are limited by `observe`, each kind by its own measure.
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(
            App::clone(app),
            observe,
        ))
        .with_state(App::clone(app))
}

/// Metadata, whose places the behaviour decides, and 404.
async fn elsewhere(state: State<App>, uri: Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/.well-known/oauth-protected-resource")
        || path == mcp_server::CUSTOM_METADATA
    {
        mcp_server::serve_resource_metadata(state, uri).await
    } else if path.contains("/.well-known/") {
        authorization_server::serve_metadata(state, uri).await
    } else {
        (StatusCode::NOT_FOUND, "there is nothing here").into_response()
    }
}
