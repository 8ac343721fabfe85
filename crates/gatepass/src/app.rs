//! Everything that handlers share.

use std::sync::Arc;

use mcp_oauth_client::{Clock, Random};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, PublicUrl},
    http::{cookies::Cookies, rate::Rates},
};

/// The running installation; handlers hold it as `Arc<App>`.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// Where browsers reach it.
    pub public: PublicUrl,
    /// Names and attributes of its cookies.
    pub cookies: Cookies,
    /// Request rates.
    pub rates: Rates,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
    /// Measurements.
    pub metrics: PrometheusHandle,
    /// Cancelled when the server is to end: streams and waits end with it.
    pub ending: CancellationToken,
}
