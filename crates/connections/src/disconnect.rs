//! The end of a connection: gone here at once, revoked at the authorization server as soon as it
//! can be (RFC 7009).

use std::time::Duration;

use mcp_oauth_client::{Connection, Failed, Revocation, RevocationError};

use crate::{
    connections::{Connections, Inner},
    error::CustodyError,
    outbox,
    owner::Owner,
    store::StoreError,
    wire::SealedConnection,
};

/// How long the user waits for the authorization server before the outbox takes over.
const PATIENCE: Duration = Duration::from_secs(5);

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
        let newest = match inner.newest(owner, own).await {
            Ok(newest) => newest,
            Err(CustodyError::Ended) => {
                return Ok(Disconnected {
                    revoked: false,
                    reason: "It was disconnected before.".to_owned(),
                });
            }
            Err(error) => return Err(error),
        };
        let connection = newest.connection;
        let offered = connection.revocation_endpoint.is_some();
        // First the promise to revoke, then the end: a crash between the two revokes too much
        // rather than too little.
        let promise = match offered {
            true => Some(outbox::promise(inner, &connection, PATIENCE * 2).await?),
            false => None,
        };
        let end = inner.keep_until();
        inner
            .store
            .end_connection(owner.id(), &newest.id, end)
            .await?;
        let Some(promise) = promise else {
            return Ok(Disconnected {
                revoked: false,
                reason: format!(
                    "Deleted here. {issuer} offers no revocation: remove the access there."
                ),
            });
        };
        let (tokens, task) = (inner.tokens.clone(), connection.clone());
        let attempt = tokio::spawn(async move { tokens.revoke(&task).await });
        let outcome = tokio::time::timeout(PATIENCE, attempt).await;
        Ok(match outcome {
            Ok(Ok(Ok(Revocation::Revoked))) => {
                forget(inner, &promise).await;
                Disconnected {
                    revoked: true,
                    reason: format!("Deleted here and revoked at {issuer}."),
                }
            }
            Ok(Ok(Ok(Revocation::NotOffered))) => {
                forget(inner, &promise).await;
                Disconnected {
                    revoked: false,
                    reason: format!(
                        "Deleted here. {issuer} offers no revocation: remove the access there."
                    ),
                }
            }
            Ok(Ok(Err(failed))) if !failed.recovery().is_temporary() => {
                forget(inner, &promise).await;
                refused(&issuer, &failed)
            }
            Ok(Ok(Err(failed))) => later(&failed.to_string()),
            Ok(Err(_)) | Err(_) => later(&format!("{issuer} did not answer in time")),
        })
    }
}

fn refused(issuer: &str, failed: &Failed<RevocationError>) -> Disconnected {
    Disconnected {
        revoked: false,
        reason: format!("Deleted here. {failed}: remove the access at {issuer}."),
    }
}

fn later(why: &str) -> Disconnected {
    Disconnected {
        revoked: false,
        reason: format!("Deleted here. {why}; the revocation will be tried again."),
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
