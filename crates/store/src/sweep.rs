//! Removing what has expired, in bounded batches.

use gatepass_connections::store::{Store, StoreResult};
use mcp_oauth_client::Timestamp;
use sqlx::query;

use crate::{
    error::store_error,
    pool::{Database, on},
};

// The condition stands in the outer statement too: PostgreSQL checks it once more on rows whose
// end somebody has just moved, and leaves those alone.
const CONNECTIONS: &str = "DELETE FROM connection WHERE expires_at <= $1 AND id IN \
    (SELECT id FROM connection WHERE expires_at <= $1 LIMIT $2)";
const FLOWS: &str = "DELETE FROM flow WHERE expires_at <= $1 AND id IN \
    (SELECT id FROM flow WHERE expires_at <= $1 LIMIT $2)";
const OUTBOX: &str = "DELETE FROM outbox WHERE expires_at <= $1 AND id IN \
    (SELECT id FROM outbox WHERE expires_at <= $1 LIMIT $2)";
// A turn that nobody could finish for a day after it was due is given up: its message says where
// it broke off.
const RUNS: &str = "DELETE FROM run WHERE deadline <= $1 - 86400000 AND id IN \
    (SELECT id FROM run WHERE deadline <= $1 - 86400000 LIMIT $2)";

impl Store for Database {
    fn sweep(&self, now: Timestamp, most: u32) -> StoreResult<'_, u64> {
        Box::pin(async move {
            let mut removed = 0;
            for sql in [CONNECTIONS, FLOWS, OUTBOX, RUNS] {
                let done = on!(self, pool => query(sql)
                    .bind(now.as_millis())
                    .bind(i64::from(most))
                    .execute(pool)
                    .await
                    .map(|done| done.rows_affected()));
                removed += done.map_err(store_error)?;
            }
            Ok(removed)
        })
    }

    fn ready(&self) -> StoreResult<'_, ()> {
        Box::pin(async move {
            let done = on!(self, pool => query("SELECT 1").execute(pool).await.map(|_| ()));
            done.map_err(store_error)
        })
    }
}
