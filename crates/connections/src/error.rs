//! Why a connection cannot be used right now, or at all.

use std::{sync::Arc, time::Duration};

use mcp_oauth_client::{Actor, Failed, Recovery, Report, TokenError};

use crate::{seal::Unreadable, store::StoreError};

/// Why a connection cannot be used. Cheap to clone: all callers that waited for one refresh get
/// the same answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// The seal does not open here. Connect again.
    #[error("This connection cannot be opened here: {0}. Connect again.")]
    Unreadable(#[from] Unreadable),
    /// The connection was disconnected. Connect again.
    #[error("This connection was disconnected. Connect again.")]
    Ended,
    /// The connection belongs to another server than the one it was used with.
    #[error("This connection belongs to another server and is never sent to this one.")]
    OtherServer,
    /// The authorization server ended the sign-in, or gave no way to extend it.
    #[error("The sign-in has ended: {cause}. Sign in again.")]
    Reauthorize {
        /// What the authorization server said.
        cause: Arc<Failed<TokenError>>,
    },
    /// The authorization server does not accept our client any more.
    #[error("{cause}. Sign in again.")]
    ClientRefused {
        /// What the authorization server said.
        cause: Arc<Failed<TokenError>>,
    },
    /// It could not be refreshed right now; nothing is lost.
    #[error("The sign-in could not be extended right now: {cause}. Nothing is lost; try again.")]
    Temporary {
        /// What went wrong.
        cause: Arc<Failed<TokenError>>,
        /// How long the authorization server wants to be left alone from now on, if it said.
        after: Option<Duration>,
    },
    /// It could not be refreshed, and trying again will not help.
    #[error("The sign-in could not be extended: {cause}.")]
    Misconfigured {
        /// What went wrong.
        cause: Arc<Failed<TokenError>>,
    },
    /// Somebody else is refreshing it, and has been for too long.
    #[error("The sign-in is being extended and takes longer than it should. Try again.")]
    Busy,
    /// The store failed.
    #[error("{0}. Nothing is lost; try again.")]
    Store(Arc<StoreError>),
}

impl From<StoreError> for CustodyError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl CustodyError {
    /// Sorts a failed refresh by what to do about it.
    pub(crate) fn of_refresh(cause: Arc<Failed<TokenError>>) -> Self {
        let recovery = cause.recovery();
        match recovery {
            Recovery::Retry { after } => Self::Temporary { cause, after },
            Recovery::Reauthorize => Self::Reauthorize { cause },
            Recovery::Reregister => Self::ClientRefused { cause },
            Recovery::Reconfigure { .. } | Recovery::Refuse => match cause.error() {
                TokenError::Refused { error, .. }
                    if error.is("invalid_client") || error.is("unauthorized_client") =>
                {
                    Self::ClientRefused { cause }
                }
                _ => Self::Misconfigured { cause },
            },
        }
    }

    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Unreadable(_) | Self::Ended | Self::Reauthorize { .. } => Recovery::Reauthorize,
            Self::OtherServer => Recovery::Refuse,
            Self::ClientRefused { cause } | Self::Misconfigured { cause } => cause.recovery(),
            Self::Temporary { after, .. } => Recovery::Retry { after: *after },
            Self::Busy => Recovery::Retry {
                after: Some(Duration::from_secs(1)),
            },
            Self::Store(error) => match **error {
                StoreError::Full | StoreError::ReadOnly => {
                    Recovery::Reconfigure { who: Actor::Admin }
                }
                _ => Recovery::Retry {
                    after: Some(Duration::from_secs(1)),
                },
            },
        }
    }

    /// What was tried, if anything was sent.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Reauthorize { cause }
            | Self::ClientRefused { cause }
            | Self::Temporary { cause, .. }
            | Self::Misconfigured { cause } => Some(cause.report()),
            _ => None,
        }
    }

    /// Whether waiting helps.
    pub fn is_temporary(&self) -> bool {
        self.recovery().is_temporary()
    }
}
