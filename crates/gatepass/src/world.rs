//! What the server stands on: the way out, the keys and the database.

use std::{fs, sync::Arc, time::Duration};

use anyhow::Context;
use gatepass_connections::{KeyRing, key_file};
use gatepass_egress::{Allowed, Egress, EgressPolicy, Limits, Mode};
use gatepass_store::Database;
use mcp_oauth_client::{Clock, Random};

use crate::{
    config::{Config, Database as DatabaseSetting, EgressMode},
    demo::Running,
    system::{SystemClock, SystemRandom},
};

/// What the server stands on.
pub struct World {
    /// The way out.
    pub egress: Egress,
    /// The way to the model, which the operator's word alone opens: nobody else may take it.
    pub model_egress: Egress,
    /// The master keys.
    pub keys: Arc<KeyRing>,
    /// The database.
    pub database: Database,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
}

impl World {
    /// Opens all of it as configured, creating what is not there yet.
    pub async fn open(config: &Config, demo: Option<&Running>) -> anyhow::Result<Self> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let folder = &config.data_dir.value;
        create_private(folder).with_context(|| {
            format!(
                "{}: cannot create the data folder {}",
                config.data_dir.origin,
                folder.display()
            )
        })?;
        let keys = key_file::load_or_create(&config.key_file.value, &*random)?;
        let database = match &config.database.value {
            DatabaseSetting::Sqlite(path) => {
                let most = config.limits.database_mib;
                Database::sqlite_of(path, most.map(|mib| u64::from(mib) << 20)).await
            }
            DatabaseSetting::Postgres(url) => Database::postgres(url.expose()).await,
        }
        .with_context(|| config.database.origin.to_string())?;
        let seals = database.some_seals().await?;
        let foreign = seals.iter().filter(|sealed| !keys.made(sealed)).count();
        if foreign > 0 {
            tracing::warn!(
                foreign,
                looked_at = seals.len(),
                key_file = %config.key_file.value.display(),
                "the database holds what other master keys have sealed: those connections have to \
                 be made again. If several processes share the database, all need the same keys"
            );
        }
        let policy = policy(config, demo)?;
        let mut to_the_model = policy.clone();
        let model = config.model_url.value.as_ref();
        to_the_model.allow.extend(model.and_then(Allowed::host_of));
        Ok(Self {
            egress: Egress::new(policy)?,
            model_egress: Egress::new(to_the_model)?,
            keys: Arc::new(keys),
            database,
            clock: Arc::new(SystemClock),
            random,
        })
    }
}

/// The way out alone, for a command that needs nothing else.
pub fn way_out(config: &Config) -> anyhow::Result<Egress> {
    Ok(Egress::new(policy(config, None)?)?)
}

/// Where requests may go: as configured, and to the demo in any case.
fn policy(config: &Config, demo: Option<&Running>) -> anyhow::Result<EgressPolicy> {
    let mut allow = config.egress_allow.value.clone();
    allow.extend(demo.and_then(Running::allowed));
    let mut extra_ca = Vec::new();
    for path in &config.tls_ca.value {
        let pem = fs::read(path)
            .with_context(|| format!("{}: cannot read {}", config.tls_ca.origin, path.display()))?;
        extra_ca.push(pem);
    }
    Ok(EgressPolicy {
        mode: match config.egress.value {
            EgressMode::Public => Mode::Public,
            EgressMode::Loopback => Mode::Loopback,
        },
        allow,
        extra_ca,
        proxy: config.egress_proxy.value.clone(),
        limits: limits(config.limits.answer_seconds),
    })
}

fn limits(answer_seconds: Option<u64>) -> Limits {
    let mut limits = Limits::default();
    if let Some(most) = answer_seconds.map(Duration::from_secs) {
        for leg in [
            &mut limits.probe,
            &mut limits.metadata,
            &mut limits.registration,
            &mut limits.token,
            &mut limits.revocation,
        ] {
            leg.total = leg.total.min(most);
        }
        limits.connect = limits.connect.min(most);
    }
    limits
}

/// Creates a folder that only its owner can look into.
fn create_private(folder: &std::path::Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}
