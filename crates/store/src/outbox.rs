//! The rows of revocations that are still to be done.

use gatepass_connections::{
    Sealed,
    store::{OutboxRow, OutboxStore, StoreResult},
};
use mcp_oauth_client::Timestamp;
use sqlx::{query, query_as};

use crate::{
    error::store_error,
    pool::{Database, on},
};

impl OutboxStore for Database {
    fn add_revocation<'a>(&'a self, row: &'a OutboxRow) -> StoreResult<'a, ()> {
        const SQL: &str = "INSERT INTO outbox (id, sealed, attempts, due_at, expires_at) \
            VALUES ($1, $2, $3, $4, $5)";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(&row.id)
                .bind(row.sealed.as_str())
                .bind(i64::from(row.attempts))
                .bind(row.due_at.as_millis())
                .bind(row.expires_at.as_millis())
                .execute(pool)
                .await
                .map(|_| ()));
            done.map_err(store_error)
        })
    }

    fn claim_revocations(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> StoreResult<'_, Vec<OutboxRow>> {
        // The condition stands in the outer statement too: PostgreSQL checks it once more on rows
        // that another replica has just claimed, and so claims them only once.
        const SQL: &str = "UPDATE outbox SET due_at = $2, attempts = attempts + 1 \
            WHERE due_at <= $1 AND id IN \
            (SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT $3) \
            RETURNING id, sealed, attempts, due_at, expires_at";
        Box::pin(async move {
            let rows = on!(self, pool => query_as::<_, (String, String, i64, i64, i64)>(SQL)
                .bind(now.as_millis())
                .bind(until.as_millis())
                .bind(i64::from(most))
                .fetch_all(pool)
                .await);
            Ok(rows
                .map_err(store_error)?
                .into_iter()
                .map(|(id, sealed, attempts, due_at, expires_at)| OutboxRow {
                    id,
                    sealed: Sealed::from_text(sealed),
                    attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
                    due_at: Timestamp::from_millis(due_at),
                    expires_at: Timestamp::from_millis(expires_at),
                })
                .collect())
        })
    }

    fn delay_revocation<'a>(&'a self, id: &'a str, due_at: Timestamp) -> StoreResult<'a, ()> {
        Box::pin(async move {
            let done = on!(self, pool => query("UPDATE outbox SET due_at = $2 WHERE id = $1")
                .bind(id)
                .bind(due_at.as_millis())
                .execute(pool)
                .await
                .map(|_| ()));
            done.map_err(store_error)
        })
    }

    fn remove_revocation<'a>(&'a self, id: &'a str) -> StoreResult<'a, ()> {
        Box::pin(async move {
            let done = on!(self, pool => query("DELETE FROM outbox WHERE id = $1")
                .bind(id)
                .execute(pool)
                .await
                .map(|_| ()));
            done.map_err(store_error)
        })
    }
}
