//! Why a discovery ended without a result.

use std::time::Duration;

use super::transport_recovery;
use crate::{
    metadata::MetadataError, recovery::Recovery, report::Actor, transport::TransportError,
};

/// Why a discovery ended without a result (RFC 9728 §3.3, RFC 8414 §3.3).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The server could not be reached.
    #[error("{host} could not be reached: {source}")]
    Unreachable {
        /// The server's host.
        host: String,
        /// What went wrong.
        source: TransportError,
    },
    /// The server is in trouble or asks us to slow down.
    #[error("{host} answered with an error of its own (status {status})")]
    Unavailable {
        /// The host that answered.
        host: String,
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it said.
        after: Option<Duration>,
    },
    /// A page for people answers at this address.
    #[error("{host} answered with a web page: there is no MCP server at this address")]
    NotMcp {
        /// The host that answered.
        host: String,
    },
    /// A bot filter in front of the server stops us.
    #[error("a bot filter in front of {host} does not let this installation through")]
    Filtered {
        /// The host that was asked.
        host: String,
    },
    /// The server asks for a token but publishes nothing about where to get one.
    #[error("{host} asks for a sign-in but does not say where: it publishes no OAuth metadata{}", noted(.instead.as_deref()))]
    NoResourceMetadata {
        /// The server's host.
        host: String,
        /// What came where the metadata belongs, if it was not a plain “not found”.
        instead: Option<String>,
    },
    /// The server's metadata may not be used.
    #[error("the OAuth metadata of {host} cannot be used: {source}")]
    ResourceMetadata {
        /// The server's host.
        host: String,
        /// The rule it breaks.
        source: MetadataError,
    },
    /// The authorization server publishes no metadata.
    #[error("the authorization server {host} publishes no metadata where it should{}", noted(.instead.as_deref()))]
    NoServerMetadata {
        /// The issuer's host.
        host: String,
        /// What came where the metadata belongs, if it was not a plain “not found”.
        instead: Option<String>,
    },
    /// The authorization server's metadata may not be used.
    #[error("the metadata of the authorization server {host} cannot be used: {source}")]
    ServerMetadata {
        /// The issuer's host.
        host: String,
        /// The rule it breaks.
        source: MetadataError,
    },
}

fn noted(what: Option<&str>) -> String {
    what.map(|what| format!(" ({what})")).unwrap_or_default()
}

impl DiscoveryError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Unreachable { source, .. } => transport_recovery(source),
            Self::Unavailable { after, .. } => Recovery::Retry { after: *after },
            Self::NotMcp { .. } => Recovery::Reconfigure { who: Actor::You },
            Self::Filtered { .. }
            | Self::NoResourceMetadata { .. }
            | Self::NoServerMetadata { .. } => Recovery::Reconfigure { who: Actor::Vendor },
            Self::ResourceMetadata { source, .. } | Self::ServerMetadata { source, .. } => {
                match source {
                    // An operator can make the one exception there is.
                    MetadataError::NoS256 => Recovery::Reconfigure { who: Actor::Admin },
                    source if source.is_security() => Recovery::Refuse,
                    _ => Recovery::Reconfigure { who: Actor::Vendor },
                }
            }
        }
    }
}
