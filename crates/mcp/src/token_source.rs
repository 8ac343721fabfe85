//! Where the token of a request comes from.

use std::sync::{Mutex, PoisonError};

use gatepass_connections::{Connections, CustodyError, Owner, SealedConnection, connections::Need};
use mcp_oauth_client::{AccessToken, BoxFuture, Challenges, Recovery, ServerUrl};

/// Gives the token of each request, and another one when a server rejects it.
pub trait TokenSource: Send + Sync {
    /// The token to send now; none to send the request without one.
    fn token(&self) -> BoxFuture<'_, Result<Option<AccessToken>, TokenSourceError>>;

    /// Another token, after a server answered 401 to this one: adopted if somebody else already
    /// has a newer one, refreshed otherwise, none if there is no way to another.
    fn rejected<'a>(
        &'a self,
        rejected: &'a AccessToken,
        challenges: &'a Challenges,
    ) -> BoxFuture<'a, Result<Option<AccessToken>, TokenSourceError>>;
}

/// Why there is no token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenSourceError {
    /// The connection cannot be used right now, or at all.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// Another source's own reason.
    #[error("{sentence}")]
    Other {
        /// One sentence for people.
        sentence: String,
        /// What to do about it.
        recovery: Recovery,
    },
}

impl TokenSourceError {
    /// What to do about it.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Custody(error) => error.recovery(),
            Self::Other { recovery, .. } => *recovery,
        }
    }
}

/// The tokens of one presented connection, kept fresh by [`Connections`]. One lives as long as
/// the call it is made for; afterwards [`newer`](Self::newer) says what the page must store.
pub struct ConnectionTokens {
    connections: Connections,
    owner: Owner,
    server: ServerUrl,
    presented: Mutex<Presented>,
}

struct Presented {
    connection: SealedConnection,
    is_newer: bool,
}

impl ConnectionTokens {
    /// The tokens of a connection that an owner presents for a server.
    pub fn new(
        connections: Connections,
        owner: Owner,
        server: ServerUrl,
        presented: SealedConnection,
    ) -> Self {
        Self {
            connections,
            owner,
            server,
            presented: Mutex::new(Presented {
                connection: presented,
                is_newer: false,
            }),
        }
    }

    /// The connection, if it became newer than the one that was presented.
    pub fn newer(&self) -> Option<SealedConnection> {
        let presented = self.lock();
        presented.is_newer.then(|| presented.connection.clone())
    }

    async fn satisfy(&self, need: Need) -> Result<Option<AccessToken>, TokenSourceError> {
        let presented = self.lock().connection.clone();
        let current = self
            .connections
            .current_for(&self.owner, &presented, &self.server, need)
            .await?;
        if let Some(newer) = current.newer {
            let mut presented = self.lock();
            if newer.generation > presented.connection.generation {
                presented.connection = newer;
                presented.is_newer = true;
            }
        }
        Ok(Some(self.connections.access_token(&current.opened)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Presented> {
        self.presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenSource for ConnectionTokens {
    fn token(&self) -> BoxFuture<'_, Result<Option<AccessToken>, TokenSourceError>> {
        Box::pin(self.satisfy(Need::Valid))
    }

    fn rejected<'a>(
        &'a self,
        rejected: &'a AccessToken,
        _challenges: &'a Challenges,
    ) -> BoxFuture<'a, Result<Option<AccessToken>, TokenSourceError>> {
        Box::pin(self.satisfy(Need::Replacing(rejected.secret().clone())))
    }
}
