//! The rows of connections.

use std::time::Duration;

use gatepass_connections::{
    ConnectionId, OwnerId, Sealed, StoreError,
    store::{ConnectionRow, ConnectionStore, Lease, StoreResult},
};
use mcp_oauth_client::Timestamp;
use sqlx::{query, query_as};

use crate::{
    error::{corrupt, store_error},
    pool::{Database, Pool, now, on},
};

fn signed(generation: u64) -> Result<i64, StoreError> {
    i64::try_from(generation).map_err(|_| corrupt("a generation out of range"))
}

fn unsigned(generation: i64) -> Result<u64, StoreError> {
    u64::try_from(generation).map_err(|_| corrupt("a negative generation"))
}

fn row(
    owner: &OwnerId,
    id: &ConnectionId,
    (generation, sealed, expires_at): (i64, Option<String>, i64),
) -> Result<ConnectionRow, StoreError> {
    Ok(ConnectionRow {
        id: id.clone(),
        owner: *owner,
        generation: unsigned(generation)?,
        sealed: sealed.map(Sealed::from_text),
        expires_at: Timestamp::from_millis(expires_at),
    })
}

impl ConnectionStore for Database {
    fn connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
    ) -> StoreResult<'a, Option<ConnectionRow>> {
        const SQL: &str =
            "SELECT generation, sealed, expires_at FROM connection WHERE id = $1 AND owner = $2";
        Box::pin(async move {
            let found = on!(self, pool => query_as(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .fetch_optional(pool)
                .await);
            found
                .map_err(store_error)?
                .map(|found| row(owner, id, found))
                .transpose()
        })
    }

    fn add_connection<'a>(&'a self, row: &'a ConnectionRow) -> StoreResult<'a, bool> {
        const SQL: &str = "INSERT INTO connection (id, owner, generation, sealed, expires_at) \
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        Box::pin(async move {
            let generation = signed(row.generation)?;
            let added = on!(self, pool => query(SQL)
                .bind(row.id.as_str())
                .bind(row.owner.as_bytes().as_slice())
                .bind(generation)
                .bind(row.sealed.as_ref().map(Sealed::as_str))
                .bind(row.expires_at.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(added.map_err(store_error)? == 1)
        })
    }

    fn lease_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        holder: &'a str,
        time: Duration,
    ) -> StoreResult<'a, Lease> {
        macro_rules! take {
            ($engine:ident) => {
                concat!(
                    "UPDATE connection SET lease_holder = $3, lease_until = ",
                    now!($engine),
                    " + $4 WHERE id = $1 AND owner = $2 AND sealed IS NOT NULL \
                    AND (lease_until IS NULL OR lease_until <= ",
                    now!($engine),
                    ") RETURNING generation, sealed, expires_at"
                )
            };
        }
        const HELD: &str = "SELECT lease_until FROM connection \
            WHERE id = $1 AND owner = $2 AND sealed IS NOT NULL AND lease_until IS NOT NULL";
        Box::pin(async move {
            let owner_bytes = owner.as_bytes().as_slice();
            let take = match &self.pool {
                Pool::Sqlite(_) => take!(sqlite),
                Pool::Postgres(_) => take!(postgres),
            };
            let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2);
            let taken = on!(self, pool => query_as(take)
                .bind(id.as_str())
                .bind(owner_bytes)
                .bind(holder)
                .bind(millis)
                .fetch_optional(pool)
                .await);
            if let Some(taken) = taken.map_err(store_error)? {
                return Ok(Lease::Acquired(row(owner, id, taken)?));
            }
            let held = on!(self, pool => query_as::<_, (i64,)>(HELD)
                .bind(id.as_str())
                .bind(owner_bytes)
                .fetch_optional(pool)
                .await);
            Ok(match held.map_err(store_error)? {
                Some((_until,)) => Lease::Held,
                None => Lease::Missing,
            })
        })
    }

    fn release_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        holder: &'a str,
    ) -> StoreResult<'a, ()> {
        const SQL: &str = "UPDATE connection SET lease_holder = NULL, lease_until = NULL \
            WHERE id = $1 AND owner = $2 AND lease_holder = $3";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .bind(holder)
                .execute(pool)
                .await
                .map(|_| ()));
            done.map_err(store_error)
        })
    }

    fn advance_connection<'a>(
        &'a self,
        from: u64,
        row: &'a ConnectionRow,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE connection \
            SET generation = $4, sealed = $5, expires_at = $6, lease_holder = NULL, lease_until = NULL \
            WHERE id = $1 AND owner = $2 AND generation = $3 AND sealed IS NOT NULL";
        Box::pin(async move {
            let (from, to) = (signed(from)?, signed(row.generation)?);
            let done = on!(self, pool => query(SQL)
                .bind(row.id.as_str())
                .bind(row.owner.as_bytes().as_slice())
                .bind(from)
                .bind(to)
                .bind(row.sealed.as_ref().map(Sealed::as_str))
                .bind(row.expires_at.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }

    fn extend_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        expires_at: Timestamp,
    ) -> StoreResult<'a, ()> {
        const SQL: &str = "UPDATE connection SET expires_at = $3 \
            WHERE id = $1 AND owner = $2 AND sealed IS NOT NULL AND expires_at < $3";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .bind(expires_at.as_millis())
                .execute(pool)
                .await
                .map(|_| ()));
            done.map_err(store_error)
        })
    }

    fn end_connection<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a ConnectionId,
        from: u64,
        expires_at: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "INSERT INTO connection (id, owner, generation, sealed, expires_at) \
            VALUES ($1, $2, $3, NULL, $4) ON CONFLICT (id) DO UPDATE \
            SET sealed = NULL, lease_holder = NULL, lease_until = NULL, expires_at = excluded.expires_at \
            WHERE connection.owner = excluded.owner \
            AND (connection.sealed IS NULL OR connection.generation = excluded.generation)";
        Box::pin(async move {
            let from = signed(from)?;
            let done = on!(self, pool => query(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .bind(from)
                .bind(expires_at.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }
}
