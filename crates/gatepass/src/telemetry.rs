//! Logs, to stderr: for people on a terminal, JSON otherwise.

use std::io::{IsTerminal, stderr};

use anyhow::Context;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::Config;

/// Starts logging.
pub fn init(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.value).with_context(|| {
        format!(
            "{}: “{}” is not a log filter",
            config.log.origin, config.log.value
        )
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    if stderr().is_terminal() {
        let format = fmt::layer()
            .with_writer(stderr)
            .with_target(false)
            .compact();
        registry.with(format).try_init()?;
    } else {
        let format = fmt::layer().json().with_writer(stderr).flatten_event(true);
        registry.with(format).try_init()?;
    }
    std::panic::set_hook(Box::new(|panic| {
        // The message may quote data; the place is enough to find the fault.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
    Ok(())
}
