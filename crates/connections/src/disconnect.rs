//! The end of a connection: gone here at once, revoked at the authorization server as soon as it
//! can be (RFC 7009).

use std::time::Duration;

use mcp_oauth_client::{Connection, Failed, Revocation, RevocationError};

use crate::{
    connections::{Connections, Inner, Opened},
    error::CustodyError,
    outbox,
    owner::Owner,
    store::StoreError,
    wire::SealedConnection,
};

/// How long the user waits for the authorization server before the outbox takes over.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many refreshes may be written while a connection is being ended.
const ATTEMPTS: u32 = 5;

/// What became of a connection's tokens at the authorization server. Here it is gone in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// Whether the authorization server has revoked the tokens.
    pub revoked: bool,
    /// What the user should know: who revoked, or why it is not revoked and what happens next.
    pub reason: String,
}

impl Connections {
    /// Disconnects: the connection is gone here before this asks the authorization server for
    /// anything, and stays gone if an old copy of the seal turns up.
    pub async fn disconnect(
        &self,
        owner: &Owner,
        presented: &SealedConnection,
    ) -> Result<Disconnected, CustodyError> {
        let inner = &self.inner;
        let own = inner.open(owner, &presented.id, &presented.sealed)?;
        let issuer = own.connection.issuer.host();
        let Some((connection, promise)) = end(inner, owner, own).await? else {
            return Ok(Disconnected {
                revoked: false,
                reason: "It was disconnected before.".to_owned(),
            });
        };
        let Some(promise) = promise else {
            return Ok(Disconnected {
                revoked: false,
                reason: not_offered(&issuer),
            });
        };
        let tokens = inner.tokens.clone();
        let attempt = tokio::spawn(async move { tokens.revoke(&connection).await });
        let outcome = tokio::time::timeout(PATIENCE, attempt).await;
        Ok(match outcome {
            Ok(Ok(Ok(Revocation::Revoked))) => {
                forget(inner, &promise).await;
                Disconnected {
                    revoked: true,
                    reason: format!("Deleted here; revoked at {issuer}."),
                }
            }
            Ok(Ok(Ok(Revocation::NotOffered))) => {
                forget(inner, &promise).await;
                Disconnected {
                    revoked: false,
                    reason: not_offered(&issuer),
                }
            }
            Ok(Ok(Err(failed))) if !failed.recovery().is_temporary() => {
                forget(inner, &promise).await;
                refused(&failed)
            }
            Ok(Ok(Err(failed))) => later(&failed.to_string()),
            Ok(Err(_)) | Err(_) => later(&format!("{issuer} did not answer in time")),
        })
    }
}

/// Ends a connection at its newest generation, whichever was presented, and promises to revoke the
/// tokens of just that one. Nothing if it has ended before.
async fn end(
    inner: &Inner,
    owner: &Owner,
    own: Opened,
) -> Result<Option<(Connection, Option<String>)>, CustodyError> {
    for _ in 0..ATTEMPTS {
        let row = inner.store.connection(owner.id(), &own.id).await?;
        let (from, newest) = match row.map(|row| (row.generation, row.sealed)) {
            None => (own.generation, own.clone()),
            Some((_, None)) => return Ok(None),
            Some((from, Some(sealed))) if from > own.generation => {
                let opened = inner.open(owner, &own.id, &sealed);
                (from, opened.unwrap_or_else(|_| own.clone()))
            }
            Some((from, Some(_))) => (from, own.clone()),
        };
        let connection = newest.connection;
        // First the promise to revoke, then the end: a crash between the two revokes too much
        // rather than too little.
        let promise = match connection.revocation_endpoint {
            Some(_) => Some(outbox::promise(inner, &connection, PATIENCE * 2).await?),
            None => None,
        };
        let until = inner.keep_until();
        let ended = inner
            .store
            .end_connection(owner.id(), &own.id, from, until)
            .await;
        if ended? {
            return Ok(Some((connection, promise)));
        }
        // A refresh was written in between: it is the new tokens that must not stay alive.
        if let Some(promise) = promise {
            forget(inner, &promise).await;
        }
    }
    Err(CustodyError::Busy)
}

fn not_offered(issuer: &str) -> String {
    format!("Deleted here. {issuer} offers no revocation: remove it there.")
}

fn refused(failed: &Failed<RevocationError>) -> Disconnected {
    Disconnected {
        revoked: false,
        reason: format!("Deleted here. {failed}: remove it there."),
    }
}

fn later(why: &str) -> Disconnected {
    Disconnected {
        revoked: false,
        reason: format!("Deleted here. {why}; revoking will be retried."),
    }
}

async fn forget(inner: &Inner, promise: &str) {
    if let Err(error) = inner.store.remove_revocation(promise).await {
        // It is done once more then, which an authorization server answers with success.
        tracing::warn!(%error, "a revocation that is done could not be taken off the outbox");
    }
}

/// Leaves tokens to the outbox that nobody may use any more.
pub(crate) async fn revoke_later(inner: &Inner, connection: &Connection) {
    let promise: Result<String, StoreError> =
        outbox::promise(inner, connection, Duration::ZERO).await;
    if let Err(error) = promise {
        tracing::error!(%error, "tokens of an ended connection could not be left to the outbox");
    }
}
