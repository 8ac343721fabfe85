//! `gatepass serve`: from configuration to a running server, and its end.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use gatepass_chat::{ModelClient, ModelEndpoint};
use gatepass_connections::{Connections, Custody, Flows, HeaderSeals, Store};
use gatepass_mcp::{SessionLimits, SessionOptions, Sessions};
use gatepass_store::Database;
use mcp_oauth_client::{AuthClient, Issuer, Settings};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::App,
    chat::{models::Models, turns::Turns, waiting},
    config::{Config, PublicUrl},
    demo::Running,
    http::{cookies::Cookies, rate::Rates},
    listen::{self, Bounds, Closing},
    router::router,
    shutdown,
    tools::questions::Nobody,
    world::World,
};

/// How long a refresh may take beside its requests: the database may be busy when it writes.
const WRITING: Duration = Duration::from_secs(10);

/// Most rows of a kind that are removed at once, so that nobody waits for it.
const SWEEP: u32 = 1000;
/// Most batches at once; what is left waits for the next minute.
const BATCHES: u32 = 100;

/// A server that runs until it is told to end.
pub struct Server {
    app: Arc<App>,
    database: Database,
    bound: SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Runs until SIGINT or SIGTERM; a second one ends it without waiting for others.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut server = start(config).await?;
    let mut signals = Signals::new()?;
    announce(&server);
    tokio::select! {
        outcome = &mut server.task => return Ok(outcome??),
        () = signals.next() => {}
    }
    let hurry = CancellationToken::new();
    let again = hurry.clone();
    tokio::spawn(async move {
        signals.next().await;
        again.cancel();
    });
    shutdown::end(&server.app, server.task, &server.database, &hurry).await
}

/// Opens the store, binds, and serves in the background.
pub async fn start(config: Config) -> anyhow::Result<Server> {
    start_in(config, |_| {}).await
}

/// As [`start`], in a world that is changed before anything happens in it: another clock, say.
pub async fn start_in(config: Config, change: impl FnOnce(&mut World)) -> anyhow::Result<Server> {
    let metrics = recorder()?;
    let listener = TcpListener::bind(config.listen.value)
        .await
        .map_err(|error| cannot_listen(&config, &error))?;
    let bound = listener.local_addr()?;
    let public = config.public_url(bound);
    let demo = match config.demo.value {
        true => Some(Running::start(bound).await?),
        false => None,
    };
    let mut world = World::open(&config, demo.as_ref()).await?;
    change(&mut world);
    let database = world.database.clone();
    let app = Arc::new(assemble(config, public, world, demo, metrics)?);
    forget_last_demo(&app).await?;
    let router = router(&app, bound)?;
    app.work.spawn(upkeep(Arc::clone(&app)));
    let closing = Closing {
        door: app.ending.clone(),
        connections: app.leaving.clone(),
    };
    let bounds = Bounds::new(app.config.limits.connections);
    let task = tokio::spawn(async move { listen::serve(listener, router, bounds, closing).await });
    Ok(Server {
        app,
        database,
        bound,
        task,
    })
}

/// The demo remembers nothing of its last start, our registration there included.
async fn forget_last_demo(app: &App) -> anyhow::Result<()> {
    let Some(demo) = &app.demo else {
        return Ok(());
    };
    let settings = app.auth.settings();
    let issuer = Issuer::parse(demo.demo().issuer(), settings.url_policy)?;
    let kept = app.registrations.kept(&issuer, &settings.redirect_uri);
    if let Some(kept) = kept.await? {
        app.registrations.forget(&kept).await?;
    }
    Ok(())
}

/// Why nothing can be heard at the address, in words that help.
fn cannot_listen(config: &Config, error: &std::io::Error) -> anyhow::Error {
    let (address, origin) = (config.listen.value, &config.listen.origin);
    match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "something else listens on {address} already, another Gatepass perhaps; choose \
             another port with --listen"
        ),
        _ => anyhow::anyhow!("{origin}: cannot listen on {address}: {error}"),
    }
}

/// Puts the parts together.
fn assemble(
    config: Config,
    public: PublicUrl,
    world: World,
    demo: Option<Running>,
    metrics: PrometheusHandle,
) -> anyhow::Result<App> {
    let World {
        egress,
        model_egress,
        keys,
        database,
        clock,
        random,
    } = world;
    let settings = protocol(&config, &public);
    let transport = Arc::new(egress.clone());
    let endpoint = config.model_url.value.clone();
    let endpoint = endpoint.map(|url| ModelEndpoint::new(url, config.model_key.value.clone()));
    let mut models = Models::new(
        ModelClient::new(Arc::new(model_egress)),
        Arc::clone(&clock),
        endpoint,
        &config.models,
    );
    let session_limits = SessionLimits {
        silence: Duration::from_secs(config.limits.tool_seconds),
        ..SessionLimits::default()
    };
    let sessions = Sessions::new(
        transport.clone(),
        Arc::clone(&clock),
        SessionOptions {
            limits: session_limits,
            interaction: Some(Arc::new(Nobody)),
            // Servers ask in the answer to a call.
            quiet: true,
            ..SessionOptions::default()
        },
    );
    let mut presets = config.servers.clone();
    if let Some(demo) = &demo {
        models.add(demo.model()?);
        presets.insert(0, demo.preset()?);
    }
    let auth = AuthClient::new(transport, Arc::clone(&clock), Arc::clone(&random), settings);
    let database = Arc::new(database);
    let store: Arc<dyn Store> = database.clone();
    let idle = Duration::from_secs(u64::from(config.limits.connection_days) * 24 * 3600);
    let custody = Custody {
        idle,
        lease: egress.policy().limits.token.total * 2 + WRITING,
        ..Custody::default()
    };
    let (store_too, keys_too) = (|| Arc::clone(&store), || Arc::clone(&keys));
    let (clock_too, random_too) = (|| Arc::clone(&clock), || Arc::clone(&random));
    let connections = Connections::new(
        store_too(),
        keys_too(),
        Arc::new(auth.clone()),
        clock_too(),
        random_too(),
        custody,
    );
    Ok(App {
        cookies: Cookies::new(&public),
        rates: Rates::new(&config.limits),
        flows: Flows::new(store_too(), keys_too(), clock_too(), random_too()),
        headers: HeaderSeals::new(keys_too(), random_too()),
        registrations: connections.registrations().clone(),
        connections,
        conversations: database,
        turns: Turns::default(),
        models,
        sessions,
        presets,
        demo,
        egress,
        auth,
        store,
        public,
        clock,
        random,
        metrics,
        draining: CancellationToken::new(),
        ending: CancellationToken::new(),
        leaving: CancellationToken::new(),
        work: TaskTracker::new(),
        config,
    })
}

/// Who we are to authorization servers, and which of them we accept.
pub(crate) fn protocol(config: &Config, public: &PublicUrl) -> Settings {
    let mut settings = Settings::new("Gatepass", public.redirect_uri());
    settings.client_uri = Some(public.origin());
    settings.client_metadata_url = config.client_metadata_url(public);
    settings.url_policy = config.url_policy();
    settings.s256_exceptions = config.issuers_without_s256.iter().cloned().collect();
    settings
}

impl Server {
    /// Where people open it.
    pub fn public_url(&self) -> &PublicUrl {
        &self.app.public
    }

    /// The demo, if it runs.
    pub fn demo(&self) -> Option<&Running> {
        self.app.demo.as_ref()
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.bound
    }

    /// Tells it to end and waits until it has.
    pub async fn stop(self) -> anyhow::Result<()> {
        let hurry = CancellationToken::new();
        shutdown::end(&self.app, self.task, &self.database, &hurry).await
    }
}

/// Work that comes round: every half minute what is due for revocation, every minute the rest.
async fn upkeep(app: Arc<App>) {
    let mut half_minute = tokio::time::interval(Duration::from_secs(30));
    let mut even = true;
    loop {
        tokio::select! {
            _ = half_minute.tick() => {}
            () = app.ending.cancelled() => return,
        }
        if let Err(error) = app.connections.work_outbox().await {
            tracing::warn!(%error, "the outbox could not be worked on");
        }
        if let Err(problem) = waiting::end_overdue(&app).await {
            tracing::warn!(
                problem = problem.detail(),
                "turns that wait could not be looked at"
            );
        }
        if even {
            app.rates.forget_quiet();
            app.metrics.run_upkeep();
            sweep(&app).await;
        }
        even = !even;
    }
}

/// Removes what has expired, batch by batch, with room for others in between.
async fn sweep(app: &App) {
    for _ in 0..BATCHES {
        match app.store.sweep(app.clock.now(), SWEEP).await {
            Ok(removed) if removed < u64::from(SWEEP) => return,
            Ok(removed) => tracing::debug!(removed, "swept"),
            Err(error) => {
                tracing::warn!(%error, "what has expired could not be removed");
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The recorder of measurements; one per process, whatever number of servers it runs.
fn recorder() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: std::sync::Mutex<Option<PrometheusHandle>> = std::sync::Mutex::new(None);
    let mut handle = HANDLE.lock().map_err(|_| anyhow::anyhow!("no recorder"))?;
    if let Some(handle) = &*handle {
        return Ok(handle.clone());
    }
    const SECONDS: [f64; 11] = [
        0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0,
    ];
    let made = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()?;
    *handle = Some(made.clone());
    Ok(made)
}

/// What tells the process to end. From its making on, a signal is no longer the end by itself.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        drop(tokio::signal::ctrl_c().await);
    }
}

/// Says where to go: in words on standard output, apart from the log.
fn announce(server: &Server) {
    let app = &server.app;
    tracing::info!(url = %app.public, listen = %server.bound, "ready");
    let mut text = format!("\n  Gatepass {} is ready:\n\n", env!("CARGO_PKG_VERSION"));
    text.push_str(&format!("      {}\n\n", app.public));
    let next = match (app.config.demo.value, &app.config.model_url.value) {
        (true, _) => {
            "  Open it, connect “Demo notes”, and ask the demo model about your notes.\n  The demo \
             is an authorization server, an MCP server and a rule-based model, all on this machine.\n"
        }
        (false, None) => {
            "  Open it and add an MCP server. To chat, give a model too: --model-url and --model-key,\n  \
             or start with --demo.\n"
        }
        (false, Some(_)) => "  Open it and add an MCP server.\n",
    };
    text.push_str(next);
    text.push_str(&format!(
        "  Data is kept in {}. Stop with Ctrl+C.\n\n",
        app.config.data_dir.value.display()
    ));
    let _ = stdout().write_all(text.as_bytes());
}
