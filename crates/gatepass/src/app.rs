//! Everything that handlers share.

use std::sync::Arc;

use gatepass_chat::ChatStore;
use gatepass_connections::{Connections, Flows, HeaderSeals, Registrations, Store};
use gatepass_egress::Egress;
use gatepass_mcp::Sessions;
use mcp_oauth_client::{AuthClient, Clock, Random};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    chat::{models::Models, turns::Turns},
    config::{Config, PresetServer, PublicUrl},
    demo::Running,
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
    /// The protocol.
    pub auth: AuthClient,
    /// Sign-ins under way.
    pub flows: Flows,
    /// Dynamic registrations.
    pub registrations: Registrations,
    /// Static headers that pages carry.
    pub headers: HeaderSeals,
    /// Connections.
    pub connections: Connections,
    /// Sessions with MCP servers.
    pub sessions: Sessions,
    /// Conversations.
    pub conversations: Arc<dyn ChatStore>,
    /// Turns under way.
    pub turns: Turns,
    /// Models on offer.
    pub models: Models,
    /// Servers on offer to everyone.
    pub presets: Vec<PresetServer>,
    /// The demo, if it runs.
    pub demo: Option<Running>,
    /// The way out, to judge addresses that only a browser goes to.
    pub egress: Egress,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Measurements.
    pub metrics: PrometheusHandle,
    /// Cancelled when the process is told to end: it asks to be sent no more requests.
    pub draining: CancellationToken,
    /// Cancelled when nothing new is accepted any more: waits end with it.
    pub ending: CancellationToken,
    /// Cancelled when connections are closed as soon as their request is answered.
    pub leaving: CancellationToken,
    /// Work that goes on when nobody waits for it, and that the end of the process waits for.
    pub work: TaskTracker,
}
