//! What custody asks of a store. Every look-up of something that belongs to somebody names its
//! owner; every change that two replicas could make at once is a compare-and-swap.

use std::time::Duration;

use mcp_oauth_client::{BoxFuture, Timestamp};

use crate::{flows::FlowId, owner::OwnerId, seal::Sealed, wire::ConnectionId};

/// The outcome of a store call.
pub type StoreResult<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, is locked or is shutting down: try again.
    #[error("the database cannot be reached right now")]
    Unavailable {
        /// What the database said, for the log.
        detail: String,
    },
    /// There is no room left.
    #[error("the database is full")]
    Full,
    /// It may not be written to.
    #[error("the database cannot be written to")]
    ReadOnly,
    /// It holds something that cannot be read.
    #[error("the database holds something that cannot be read")]
    Corrupt {
        /// What, for the log.
        detail: String,
    },
}

/// A connection's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Which connection.
    pub id: ConnectionId,
    /// Whose.
    pub owner: OwnerId,
    /// The newest generation.
    pub generation: u64,
    /// The newest seal; nothing once the connection has ended.
    pub sealed: Option<Sealed>,
    /// When the row may be removed.
    pub expires_at: Timestamp,
}

/// What came of asking for the lease of a connection's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is ours for the time asked for; this is the row as it was then.
    Acquired(ConnectionRow),
    /// Somebody else has it.
    Held,
    /// There is no such row.
    Missing,
}

/// The rows of connections.
///
/// Nothing finds a connection by its id alone: a look-up that names no owner is no program.
///
/// ```compile_fail,E0061
/// # use gatepass_connections::{ConnectionId, store::ConnectionStore};
/// async fn whoevers(store: &dyn ConnectionStore, id: &ConnectionId) {
///     let _ = store.connection(id).await;
/// }
/// ```
///
/// With its owner it is:
///
/// ```
/// # use gatepass_connections::{ConnectionId, Owner, store::ConnectionStore};
/// async fn theirs(store: &dyn ConnectionStore, owner: &Owner, id: &ConnectionId) {
///     let _ = store.connection(owner.id(), id).await;
/// }
/// ```
pub trait ConnectionStore: Send + Sync {
    /// The row of an owner's connection.
    fn connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
    ) -> StoreResult<'a, Option<ConnectionRow>>;

    /// Adds a row unless there is one with its id (of whichever owner); tells whether it did.
    fn add_connection<'a>(&'a self, row: &'a ConnectionRow) -> StoreResult<'a, bool>;

    /// Takes the lease of a row that has not ended, for `time` from now, if nobody holds it. Now is
    /// the database's: replicas whose clocks disagree must not spend a refresh token twice.
    fn lease_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        holder: &'a str,
        time: Duration,
    ) -> StoreResult<'a, Lease>;

    /// Gives the lease back, if `holder` still has it.
    fn release_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        holder: &'a str,
    ) -> StoreResult<'a, ()>;

    /// Writes `row` over the row of its id and owner if that is at generation `from` and has not
    /// ended, and drops the lease; tells whether it did.
    fn advance_connection<'a>(&'a self, from: u64, row: &'a ConnectionRow)
    -> StoreResult<'a, bool>;

    /// Moves the end of a row that has not ended to `expires_at`, never to an earlier time.
    /// Nothing else changes: a lease stays with its holder.
    fn extend_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        expires_at: Timestamp,
    ) -> StoreResult<'a, ()>;

    /// Ends a connection that is at generation `from`: the row stays without its seal until
    /// `expires_at`, so that an old copy of the seal cannot bring it back. Adds such a row if
    /// there is none. Tells whether the connection has ended; if not, its row has moved on.
    fn end_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        from: u64,
        expires_at: Timestamp,
    ) -> StoreResult<'a, bool>;
}

/// Where a flow is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowState {
    /// The user is at the authorization server.
    Pending,
    /// A callback came and is being worked on.
    Consumed,
    /// It is over; the outcome as JSON text.
    Finished(String),
}

/// A flow's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// Which flow.
    pub id: FlowId,
    /// Whose.
    pub owner: OwnerId,
    /// Where it is.
    pub state: FlowState,
    /// When it ends and its row may be removed.
    pub expires_at: Timestamp,
}

/// The rows of flows.
pub trait FlowStore: Send + Sync {
    /// Adds a pending flow. If its owner then has more than `most` pending ones, the oldest are
    /// removed, never the one added.
    fn add_flow<'a>(
        &'a self,
        id: &'a FlowId,
        owner: &'a OwnerId,
        expires_at: Timestamp,
        most: u32,
    ) -> StoreResult<'a, ()>;

    /// The row of an owner's flow, if it has not ended at `now`.
    fn flow<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a FlowId,
        now: Timestamp,
    ) -> StoreResult<'a, Option<FlowRow>>;

    /// Moves a flow from pending to consumed and keeps its row until `until` at least, so that
    /// there is time to finish it; tells whether it did, which happens once.
    fn consume_flow<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a FlowId,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<'a, bool>;

    /// Moves a flow that is not finished to finished, and keeps its row until `expires_at`; tells
    /// whether it did.
    fn finish_flow<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a FlowId,
        outcome: &'a str,
        expires_at: Timestamp,
    ) -> StoreResult<'a, bool>;
}

/// A registration's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRow {
    /// The issuer, byte for byte.
    pub issuer: String,
    /// The redirect URI, byte for byte.
    pub redirect_uri: String,
    /// A random name of this very registration, to replace or forget it and no other.
    pub version: String,
    /// The registration, sealed for the server.
    pub sealed: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The rows of dynamic registrations; they belong to the installation, not to an owner.
pub trait RegistrationStore: Send + Sync {
    /// The registration kept for an issuer and a redirect URI.
    fn registration<'a>(
        &'a self,
        issuer: &'a str,
        redirect_uri: &'a str,
    ) -> StoreResult<'a, Option<RegistrationRow>>;

    /// Adds a row unless there is one, and answers the row that is there then.
    fn add_registration<'a>(&'a self, row: &'a RegistrationRow)
    -> StoreResult<'a, RegistrationRow>;

    /// Removes the row of a version; tells whether it was there.
    fn forget_registration<'a>(
        &'a self,
        issuer: &'a str,
        redirect_uri: &'a str,
        version: &'a str,
    ) -> StoreResult<'a, bool>;
}

/// A revocation that is still to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its id.
    pub id: String,
    /// The connection to revoke, sealed for the server.
    pub sealed: Sealed,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try next.
    pub due_at: Timestamp,
    /// When to give up.
    pub expires_at: Timestamp,
}

/// The rows of revocations.
pub trait OutboxStore: Send + Sync {
    /// Adds a row.
    fn add_revocation<'a>(&'a self, row: &'a OutboxRow) -> StoreResult<'a, ()>;

    /// Takes up to `most` rows that are due at `now` and moves their due time to `until`, so that
    /// no other replica takes them meanwhile; counts the attempt.
    fn claim_revocations(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> StoreResult<'_, Vec<OutboxRow>>;

    /// Sets when a row is due again.
    fn delay_revocation<'a>(&'a self, id: &'a str, due_at: Timestamp) -> StoreResult<'a, ()>;

    /// Removes a row.
    fn remove_revocation<'a>(&'a self, id: &'a str) -> StoreResult<'a, ()>;
}

/// Everything custody stores.
pub trait Store: ConnectionStore + FlowStore + RegistrationStore + OutboxStore {
    /// Removes at most `most` rows of each kind that have expired at `now`; tells how many it
    /// removed.
    fn sweep(&self, now: Timestamp, most: u32) -> StoreResult<'_, u64>;

    /// Whether the store answers.
    fn ready(&self) -> StoreResult<'_, ()>;
}
