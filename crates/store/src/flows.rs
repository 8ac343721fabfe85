//! The rows of flows.

use gatepass_connections::{
    FlowId, OwnerId,
    store::{FlowRow, FlowState, FlowStore, StoreResult},
};
use mcp_oauth_client::Timestamp;
use sqlx::{query, query_as};

use crate::{
    error::{corrupt, store_error},
    pool::{Database, on},
};

impl FlowStore for Database {
    fn add_flow<'a>(
        &'a self,
        id: &'a FlowId,
        owner: &'a OwnerId,
        expires_at: Timestamp,
        most: u32,
    ) -> StoreResult<'a, ()> {
        const ADD: &str =
            "INSERT INTO flow (id, owner, state, expires_at) VALUES ($1, $2, 'pending', $3)";
        const TRIM: &str = "DELETE FROM flow \
            WHERE owner = $1 AND state = 'pending' AND id <> $3 AND id NOT IN \
            (SELECT id FROM flow WHERE owner = $1 AND state = 'pending' AND id <> $3 \
             ORDER BY expires_at DESC, id LIMIT $2)";
        Box::pin(async move {
            let owner = owner.as_bytes().as_slice();
            on!(self, pool => {
                query(ADD)
                    .bind(id.as_str())
                    .bind(owner)
                    .bind(expires_at.as_millis())
                    .execute(pool)
                    .await
                    .map_err(store_error)?;
                query(TRIM)
                    .bind(owner)
                    .bind(i64::from(most.saturating_sub(1)))
                    .bind(id.as_str())
                    .execute(pool)
                    .await
                    .map_err(store_error)?;
            });
            Ok(())
        })
    }

    fn flow<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a FlowId,
        now: Timestamp,
    ) -> StoreResult<'a, Option<FlowRow>> {
        const SQL: &str = "SELECT state, outcome, expires_at FROM flow \
            WHERE id = $1 AND owner = $2 AND expires_at > $3";
        Box::pin(async move {
            let found = on!(self, pool => query_as::<_, (String, Option<String>, i64)>(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .bind(now.as_millis())
                .fetch_optional(pool)
                .await);
            let Some((state, outcome, expires_at)) = found.map_err(store_error)? else {
                return Ok(None);
            };
            let state = match (state.as_str(), outcome) {
                ("pending", _) => FlowState::Pending,
                ("consumed", _) => FlowState::Consumed,
                ("finished", Some(outcome)) => FlowState::Finished(outcome),
                _ => return Err(corrupt("a flow in an unknown state")),
            };
            Ok(Some(FlowRow {
                id: id.clone(),
                owner: *owner,
                state,
                expires_at: Timestamp::from_millis(expires_at),
            }))
        })
    }

    fn consume_flow<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a FlowId,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE flow SET state = 'consumed', \
            expires_at = CASE WHEN expires_at < $4 THEN $4 ELSE expires_at END \
            WHERE id = $1 AND owner = $2 AND state = 'pending' AND expires_at > $3";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .bind(now.as_millis())
                .bind(until.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }

    fn finish_flow<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a FlowId,
        outcome: &'a str,
        expires_at: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE flow SET state = 'finished', outcome = $3, expires_at = $4 \
            WHERE id = $1 AND owner = $2 AND state <> 'finished'";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(id.as_str())
                .bind(owner.as_bytes().as_slice())
                .bind(outcome)
                .bind(expires_at.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }
}
