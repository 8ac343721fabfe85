//! What to do about an error: every error of this crate answers `recovery()`.

use std::time::Duration;

use crate::report::Actor;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// Temporary (5xx, 429, network, HTML where JSON belongs): keep everything, try again.
    Retry {
        /// How long the server asked us to wait (RFC 9110 §10.2.3), if it did.
        after: Option<Duration>,
    },
    /// The grant is gone (`invalid_grant`): a person must authorize again.
    Reauthorize,
    /// The authorization server no longer knows our client (`invalid_client` on a registration of
    /// our own making): register again.
    Reregister,
    /// Something must be set up differently, by whom it names.
    Reconfigure {
        /// Who can set it up.
        who: Actor,
    },
    /// A security rule forbids going on. Never retried, never worked around.
    Refuse,
}

impl Recovery {
    /// Who must act.
    pub fn actor(self) -> Actor {
        match self {
            Self::Retry { .. } => Actor::Nobody,
            Self::Reauthorize => Actor::You,
            Self::Reregister => Actor::Nobody,
            Self::Reconfigure { who } => who,
            Self::Refuse => Actor::Vendor,
        }
    }

    /// Whether waiting helps.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Retry { .. })
    }
}
