//! Connecting: the current revision first, then the handshake of older ones.

use std::sync::Arc;

use mcp_oauth_client::TransportFailure;
use rmcp::{
    model::ProtocolVersion,
    service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};

use super::{Handler, Revision, Session, SessionOptions, reported};
use crate::{
    access::Access,
    error::{McpError, bounded},
    http::StreamingTransport,
    interaction::Askers,
    wire::{Wire, WireLimits},
};

impl Session {
    /// Connects to a server. With [`Revision::Auto`] a server that does not know the current
    /// revision is asked again with the handshake, whatever way it found to say so.
    pub async fn connect(
        carrier: Arc<dyn StreamingTransport>,
        access: &Access,
        options: &SessionOptions,
        revision: Revision,
    ) -> Result<Self, McpError> {
        let attempt = |revision| attempt(carrier.clone(), access, options, revision);
        match attempt(revision).await {
            Err(first)
                if revision == Revision::Auto && (first.may_be_older() || silent(&first)) =>
            {
                // The first cause stays the cause, unless the second says something certain.
                match attempt(Revision::Handshake).await {
                    Err(second) if !second.is_about_access() => Err(first),
                    outcome => outcome,
                }
            }
            outcome => outcome,
        }
    }
}

/// Some bridges to older servers drop a first message that they do not know.
fn silent(error: &McpError) -> bool {
    matches!(error, McpError::Unreachable(error) if error.failure == TransportFailure::Timeout)
}

async fn attempt(
    carrier: Arc<dyn StreamingTransport>,
    access: &Access,
    options: &SessionOptions,
    revision: Revision,
) -> Result<Session, McpError> {
    let limits = options.limits;
    let wire_limits = WireLimits {
        handshake: limits.handshake,
        answer: limits.answer,
        call: limits.call,
        message: limits.message,
    };
    let listens = options.interaction.is_some() && !options.quiet;
    let askers = Arc::new(Askers::default());
    let (own, hopeless) = (Arc::clone(&askers), options.hopeless.clone());
    let wire = Wire::new(carrier, access, wire_limits, listens, own, hopeless)?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(access.server.as_str());
    config.retry_config = Arc::new(Resuming);
    let transport = StreamableHttpClientTransport::with_client(wire.clone(), config);
    let handler = Handler::new(options, askers);
    let current = vec![ProtocolVersion::V_2026_07_28];
    let lifecycle = match revision {
        Revision::Auto => ClientLifecycleMode::Auto {
            preferred_versions: current,
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
        Revision::Current => ClientLifecycleMode::Discover {
            preferred_versions: current,
        },
        Revision::Handshake => ClientLifecycleMode::Initialize,
    };
    // Discovery with a retry, the handshake and its confirmation: at most four exchanges.
    let time = limits.handshake.saturating_mul(4);
    let connecting = handler.serve_with_lifecycle(transport, lifecycle);
    match tokio::time::timeout(time, connecting).await {
        Ok(Ok(running)) => {
            wire.listening().await;
            Ok(Session {
                running,
                wire,
                limits,
                interaction: options.interaction.clone(),
            })
        }
        Ok(Err(error)) => Err(wire
            .failures()
            .any()
            .unwrap_or_else(|| not_connected(wire.host(), error))),
        Err(_) => Err(McpError::Timeout {
            host: wire.host(),
            after: time,
        }),
    }
}

fn not_connected(host: String, error: ClientInitializeError) -> McpError {
    let protocol = |what: &str| McpError::Protocol {
        host: host.clone(),
        what: what.to_owned(),
    };
    match error {
        ClientInitializeError::JsonRpcError(error) => reported(host, &error),
        ClientInitializeError::NoCompatibleProtocolVersion {
            server_supported, ..
        } => McpError::NoCommonRevision {
            host,
            versions: server_supported.iter().map(ToString::to_string).collect(),
        },
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => {
            not_connected(host, *fallback)
        }
        ClientInitializeError::ConnectionClosed(_) => {
            protocol("it ended the connection during the handshake")
        }
        ClientInitializeError::ExpectedInitResponse(_)
        | ClientInitializeError::ExpectedInitResult(_)
        | ClientInitializeError::ConflictInitResponseId(..)
        | ClientInitializeError::UncorrelatedErrorResponse { .. } => {
            protocol("its answer to the handshake is none")
        }
        other => protocol(&bounded(&other.to_string(), 200)),
    }
}

/// How often a broken answer is resumed, if the server numbers its events: three times, a second
/// apart unless the server says otherwise.
#[derive(Debug)]
struct Resuming;

impl rmcp::transport::common::client_side_sse::SseRetryPolicy for Resuming {
    fn retry(&self, current_times: usize) -> Option<std::time::Duration> {
        (current_times < 3).then_some(std::time::Duration::from_secs(1))
    }
}
