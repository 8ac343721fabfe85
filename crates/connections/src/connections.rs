//! Keeping connections: sealing new ones, opening them for their owner, ending them.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_oauth_client::{
    AccessToken, CONNECTION_VERSION, Clock, Connection, Prover, Random, Secret, ServerUrl,
    Timestamp,
};

use crate::{
    error::CustodyError,
    keyring::KeyRing,
    owner::Owner,
    refresh::Flights,
    registrations::Registrations,
    seal::{OwnerPurpose, Sealed, Unreadable},
    store::{ConnectionRow, Store},
    token_service::TokenService,
    waits::Waits,
    wire::{ConnectionId, SealedConnection},
};

/// How long things are kept and waited for.
#[derive(Clone, Copy, Debug)]
pub struct Custody {
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// How long a refresh holds a connection's lease: longer than two requests to a token
    /// endpoint may take, since an unknown outcome is tried once more. Whoever finds the lease of
    /// a process that died waits so long.
    pub lease: Duration,
    /// How long a caller whose token is still good waits for a refresh ahead of its end.
    pub patience: Duration,
}

/// How often the row is looked at again while others change it at the same moment.
const LOOKS: u32 = 5;

impl Default for Custody {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 24 * 3600),
            lease: Duration::from_secs(60),
            patience: Duration::from_secs(3),
        }
    }
}

/// The keeper of connections. Cheap to clone.
///
/// Each of its doors takes the owner, who has shown the cookie:
///
/// ```compile_fail,E0061
/// # use gatepass_connections::{Connections, Need, SealedConnection};
/// async fn anybodys(connections: &Connections, presented: &SealedConnection) {
///     let _ = connections.current(presented, Need::Valid).await;
/// }
/// ```
#[derive(Clone)]
pub struct Connections {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) tokens: Arc<dyn TokenService>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) custody: Custody,
    pub(crate) flights: Flights,
    prover: Prover,
    pub(crate) waits: Waits,
    pub(crate) registrations: Registrations,
}

/// What the caller needs a connection for.
#[derive(Clone, Debug)]
pub enum Need {
    /// An access token that is good to send: refreshed ahead of its end.
    Valid,
    /// A generation newer than the one presented, whatever the time.
    Newer,
    /// Another access token than this one, which the server has rejected.
    Replacing(Secret),
}

/// A connection that is open, at a generation.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Which connection.
    pub id: ConnectionId,
    /// Its generation.
    pub generation: u64,
    /// The connection.
    pub connection: Connection,
}

/// A connection to use now.
#[derive(Clone, Debug)]
pub struct Current {
    /// The connection.
    pub opened: Opened,
    /// The newer seal for the page to keep, if it presented an older one.
    pub newer: Option<SealedConnection>,
}

impl Connections {
    /// A keeper over a store, the master keys and an authorization client.
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<KeyRing>,
        tokens: Arc<dyn TokenService>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        custody: Custody,
    ) -> Self {
        let prover = Prover::new(clock.clone(), random.clone());
        let registrations =
            Registrations::new(store.clone(), keys.clone(), clock.clone(), random.clone());
        Self {
            inner: Arc::new(Inner {
                prover,
                registrations,
                store,
                keys,
                tokens,
                clock,
                random,
                custody,
                flights: Flights::default(),
                waits: Waits::default(),
            }),
        }
    }

    /// The keeper of the registrations that connections were made with.
    pub fn registrations(&self) -> &Registrations {
        &self.inner.registrations
    }

    /// Takes a new connection into custody: the first generation, sealed for its owner.
    pub async fn keep(
        &self,
        owner: &Owner,
        connection: &Connection,
    ) -> Result<SealedConnection, CustodyError> {
        let id = ConnectionId::from_text(self.inner.random_text());
        let sealed = self.inner.seal(owner, &id, 1, connection);
        let row = self.inner.row(owner, &id, 1, sealed.clone());
        self.inner.store.add_connection(&row).await?;
        Ok(SealedConnection::describe(id, 1, sealed, connection))
    }

    /// The access token of an open connection, ready to be presented to its resource.
    pub fn access_token(&self, opened: &Opened) -> AccessToken {
        AccessToken::of(&opened.connection, &self.inner.prover)
    }

    /// What is inside a seal, as it was presented: nothing is sent, nothing is looked up. Not for
    /// using its tokens, which [`current`](Self::current) is for.
    pub fn peek(&self, owner: &Owner, presented: &SealedConnection) -> Result<Opened, Unreadable> {
        self.inner.open(owner, &presented.id, &presented.sealed)
    }

    /// A connection that is good for `need`, refreshed if it must be (see [`crate::refresh`]).
    /// The seal decides; nothing else that the page presents is believed.
    pub async fn current(
        &self,
        owner: &Owner,
        presented: &SealedConnection,
        need: Need,
    ) -> Result<Current, CustodyError> {
        let own = self.inner.open(owner, &presented.id, &presented.sealed)?;
        let newest = self.inner.newest(owner, own.clone()).await?;
        let inner = self.inner.clone();
        let newest = crate::refresh::satisfy(inner, owner, newest, own.generation, need).await?;
        let newer =
            (newest.generation > own.generation).then(|| self.inner.present(owner, &newest));
        Ok(Current {
            opened: newest,
            newer,
        })
    }

    /// As [`current`](Self::current), refusing a connection that does not belong to `server`: a
    /// token is only ever sent to its own resource.
    pub async fn current_for(
        &self,
        owner: &Owner,
        presented: &SealedConnection,
        server: &ServerUrl,
        need: Need,
    ) -> Result<Current, CustodyError> {
        let own = self.inner.open(owner, &presented.id, &presented.sealed)?;
        if own.connection.server != *server {
            return Err(CustodyError::OtherServer);
        }
        self.current(owner, presented, need).await
    }
}

/// What is inside a seal.
#[derive(serde::Serialize, serde::Deserialize)]
struct Contents {
    generation: u64,
    connection: Connection,
}

impl Inner {
    pub(crate) fn seal(
        &self,
        owner: &Owner,
        id: &ConnectionId,
        generation: u64,
        connection: &Connection,
    ) -> Sealed {
        let contents = Contents {
            generation,
            connection: connection.clone(),
        };
        // Plain data serializes; an empty text would merely open as unreadable.
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&contents).unwrap_or_default());
        let purpose = OwnerPurpose::Connection;
        self.keys
            .seal_for(owner, purpose, id.as_str(), &*self.random, &plain)
    }

    pub(crate) fn open(
        &self,
        owner: &Owner,
        id: &ConnectionId,
        sealed: &Sealed,
    ) -> Result<Opened, Unreadable> {
        let purpose = OwnerPurpose::Connection;
        let plain = self.keys.open_for(owner, purpose, id.as_str(), sealed)?;
        let contents: Contents = serde_json::from_slice(&plain).map_err(|_| Unreadable)?;
        if contents.connection.version != CONNECTION_VERSION {
            return Err(Unreadable);
        }
        Ok(Opened {
            id: id.clone(),
            generation: contents.generation,
            connection: contents.connection,
        })
    }

    pub(crate) fn present(&self, owner: &Owner, opened: &Opened) -> SealedConnection {
        let Opened {
            id,
            generation,
            connection,
        } = opened;
        let sealed = self.seal(owner, id, *generation, connection);
        SealedConnection::describe(id.clone(), *generation, sealed, connection)
    }

    /// The row that keeps a connection at its generation.
    pub(crate) fn row_of(&self, owner: &Owner, opened: &Opened) -> ConnectionRow {
        let sealed = self.seal(owner, &opened.id, opened.generation, &opened.connection);
        self.row(owner, &opened.id, opened.generation, sealed)
    }

    fn row(
        &self,
        owner: &Owner,
        id: &ConnectionId,
        generation: u64,
        sealed: Sealed,
    ) -> ConnectionRow {
        ConnectionRow {
            id: id.clone(),
            owner: *owner.id(),
            generation,
            sealed: Some(sealed),
            expires_at: self.keep_until(),
        }
    }

    pub(crate) fn keep_until(&self) -> Timestamp {
        self.clock.now().after(self.custody.idle)
    }

    /// The newest of what was presented and what the store has. A row that is missing (a new
    /// database, or a connection unused for long) or older is written from what was presented.
    pub(crate) async fn newest(&self, owner: &Owner, own: Opened) -> Result<Opened, CustodyError> {
        for _ in 0..LOOKS {
            let Some(row) = self.store.connection(owner.id(), &own.id).await? else {
                if self.store.add_connection(&self.row_of(owner, &own)).await? {
                    return Ok(own);
                }
                continue;
            };
            let Some(sealed) = &row.sealed else {
                return Err(CustodyError::Ended);
            };
            if row.generation < own.generation {
                let newer = self.row_of(owner, &own);
                if self
                    .store
                    .advance_connection(row.generation, &newer)
                    .await?
                {
                    return Ok(own);
                }
                continue;
            }
            self.slide(&row).await;
            if row.generation == own.generation {
                return Ok(own);
            }
            // A row that does not open (its master key is gone) must not cost a connection that
            // does.
            return Ok(self.open(owner, &own.id, sealed).unwrap_or(own));
        }
        Err(CustodyError::Busy)
    }

    /// Moves a row's end once half of its time is over, so that reading stays a read.
    async fn slide(&self, row: &ConnectionRow) {
        if self.clock.now().until(row.expires_at) >= self.custody.idle / 2 {
            return;
        }
        let extend = self
            .store
            .extend_connection(&row.owner, &row.id, self.keep_until());
        if let Err(error) = extend.await {
            tracing::warn!(%error, owner = ?row.owner, "a connection's end could not be moved");
        }
    }

    pub(crate) fn random_text(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
