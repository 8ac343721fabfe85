//! Revocations that are still to be done. They are the one thing sealed for the server alone,
//! since nobody may be there to bring the cookie; they live until done, a day at most.

use std::time::Duration;

use mcp_oauth_client::{Connection, Recovery};
use zeroize::Zeroizing;

use crate::{
    connections::{Connections, Inner},
    seal::ServerPurpose,
    store::{OutboxRow, StoreError},
};

/// How long a revocation is tried.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a replica may work on what it has claimed.
const CLAIM: Duration = Duration::from_secs(120);
/// How many are worked on at once.
const BATCH: u32 = 8;

/// Writes down that a connection is to be revoked, first due after `delay`.
pub(crate) async fn promise(
    inner: &Inner,
    connection: &Connection,
    delay: Duration,
) -> Result<String, StoreError> {
    let id = inner.random_text();
    let plain = Zeroizing::new(serde_json::to_vec(connection).unwrap_or_default());
    let purpose = ServerPurpose::Outbox;
    let sealed = inner
        .keys
        .seal_for_server(purpose, &id, &*inner.random, &plain);
    let now = inner.clock.now();
    let row = OutboxRow {
        id: id.clone(),
        sealed,
        attempts: 0,
        due_at: now.after(delay),
        expires_at: now.after(LIFETIME),
    };
    inner.store.add_revocation(&row).await?;
    Ok(id)
}

impl Connections {
    /// Does the revocations that are due, side by side; tells how many were finished. Call it
    /// every half a minute or so; several replicas may.
    pub async fn work_outbox(&self) -> Result<usize, StoreError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let until = now.after(CLAIM);
        let rows = inner.store.claim_revocations(now, until, BATCH).await?;
        let done = futures::future::join_all(rows.iter().map(|row| work(inner, row))).await;
        Ok(done.into_iter().filter(|done| *done).count())
    }
}

/// Tries one revocation; tells whether it is finished, for good or ill.
async fn work(inner: &Inner, row: &OutboxRow) -> bool {
    let purpose = ServerPurpose::Outbox;
    let opened = inner.keys.open_for_server(purpose, &row.id, &row.sealed);
    let connection = opened
        .ok()
        .and_then(|plain| serde_json::from_slice::<Connection>(&plain).ok());
    let over = inner.clock.now() >= row.expires_at;
    let (finished, asked) = match &connection {
        // Sealed by a key that is not in the key file here: another replica may have it.
        None => {
            tracing::warn!("a revocation cannot be opened with the keys here");
            (over, None)
        }
        Some(connection) => match inner.tokens.revoke(connection).await {
            Ok(_) => (true, None),
            Err(failed) => {
                let issuer = connection.issuer.host();
                let recovery = failed.recovery();
                let temporary = recovery.is_temporary();
                tracing::info!(%issuer, attempts = row.attempts, temporary, "not revoked: {failed}");
                let asked = match recovery {
                    Recovery::Retry { after } => after,
                    _ => None,
                };
                (!temporary || over, asked)
            }
        },
    };
    let outcome = if finished {
        inner.store.remove_revocation(&row.id).await
    } else {
        let pause = pause(row.attempts).max(asked.unwrap_or_default());
        let due_at = inner.clock.now().after(pause);
        inner.store.delay_revocation(&row.id, due_at).await
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, "the outbox could not be written");
    }
    finished
}

fn pause(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}
