//! Why a model did not answer.

use std::time::Duration;

use mcp_oauth_client::{Actor, Recovery, TransportError, TransportFailure};

/// Why a model did not answer, or not to the end.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The endpoint could not be reached.
    #[error("The model at {host} could not be reached: {source}.")]
    Unreachable {
        /// The endpoint's host.
        host: String,
        /// What went wrong.
        source: TransportError,
    },
    /// The answer stopped before its end.
    #[error("The model at {host} stopped in the middle of its answer.")]
    Broken {
        /// The endpoint's host.
        host: String,
    },
    /// Nothing came for too long.
    #[error("The model at {host} has not answered in time.")]
    Silent {
        /// The endpoint's host.
        host: String,
    },
    /// The key is wrong or missing.
    #[error(
        "The model at {host} does not accept the key that this installation uses. Its administrator must set another."
    )]
    Key {
        /// The endpoint's host.
        host: String,
    },
    /// Too many requests.
    #[error("The model at {host} is busy. Try again in a moment.")]
    Busy {
        /// The endpoint's host.
        host: String,
        /// How long to wait, if it said.
        after: Option<Duration>,
    },
    /// The endpoint refused the request.
    #[error("The model at {host} refused the request (status {status}){}", .message.as_ref().map(|m| format!(": {m}")).unwrap_or_else(|| ".".into()))]
    Refused {
        /// The endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: Option<String>,
    },
    /// The endpoint reports an error in the middle of its answer.
    #[error("The model at {host} reports an error: {message}")]
    Reported {
        /// The endpoint's host.
        host: String,
        /// What it said.
        message: String,
    },
    /// The endpoint is in trouble.
    #[error("The model at {host} has an error of its own (status {status}). Try again.")]
    Unavailable {
        /// The endpoint's host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// What came is not what a model sends.
    #[error("The model at {host} answered with something that is not a chat completion: {what}.")]
    NotUnderstood {
        /// The endpoint's host.
        host: String,
        /// What is wrong with it.
        what: String,
    },
}

impl ModelError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Unreachable { source, .. } => match source.failure {
                TransportFailure::Refused | TransportFailure::Redirect => {
                    Recovery::Reconfigure { who: Actor::Admin }
                }
                _ => Recovery::Retry {
                    after: source.retry_after,
                },
            },
            Self::Busy { after, .. } => Recovery::Retry { after: *after },
            Self::Broken { .. } | Self::Silent { .. } | Self::Unavailable { .. } => {
                Recovery::Retry { after: None }
            }
            Self::Key { .. } | Self::NotUnderstood { .. } => {
                Recovery::Reconfigure { who: Actor::Admin }
            }
            Self::Refused { .. } | Self::Reported { .. } => {
                Recovery::Reconfigure { who: Actor::You }
            }
        }
    }
}
