//! The rows of turns that wait for a person.

use gatepass_chat::store::{RunRow, RunStore};
use gatepass_connections::{OwnerId, StoreError, store::StoreResult};
use mcp_oauth_client::Timestamp;
use sqlx::{FromRow, query, query_as};

use crate::{
    error::{corrupt, store_error},
    pool::{Database, on},
};

/// The columns of a row, read.
#[derive(FromRow)]
struct Columns {
    id: String,
    owner: Vec<u8>,
    conversation: String,
    message: String,
    version: i64,
    held_until: Option<i64>,
    record: String,
    deadline: i64,
}

const COLUMNS: &str = "id, owner, conversation, message, version, held_until, record, deadline";

fn row(columns: Columns) -> Result<RunRow, StoreError> {
    let owner = columns.owner.try_into();
    Ok(RunRow {
        id: columns.id,
        owner: OwnerId::from_bytes(owner.map_err(|_| corrupt("an owner of another length"))?),
        conversation: columns.conversation,
        message: columns.message,
        version: u64::try_from(columns.version).map_err(|_| corrupt("a negative version"))?,
        held_until: columns.held_until.map(Timestamp::from_millis),
        record: columns.record,
        deadline: Timestamp::from_millis(columns.deadline),
    })
}

fn signed(version: u64) -> Result<i64, StoreError> {
    i64::try_from(version).map_err(|_| corrupt("a version out of range"))
}

impl RunStore for Database {
    fn add_run<'a>(&'a self, row: &'a RunRow, most: u32) -> StoreResult<'a, bool> {
        const SQL: &str = "INSERT INTO run \
            (id, owner, conversation, message, version, held_until, record, deadline) \
            SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
            FROM conversation WHERE conversation.id = $3 AND conversation.owner = $2 \
            AND (SELECT COUNT(*) FROM run WHERE owner = $2) < $9 \
            ON CONFLICT DO NOTHING";
        Box::pin(async move {
            let version = signed(row.version)?;
            let added = on!(self, pool => query(SQL)
                .bind(&row.id)
                .bind(row.owner.as_bytes().as_slice())
                .bind(&row.conversation)
                .bind(&row.message)
                .bind(version)
                .bind(row.held_until.map(Timestamp::as_millis))
                .bind(&row.record)
                .bind(row.deadline.as_millis())
                .bind(i64::from(most))
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(added.map_err(store_error)? == 1)
        })
    }

    fn write_run<'a>(&'a self, from: u64, row: &'a RunRow) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE run \
            SET version = $4, held_until = $5, record = $6, deadline = $7 \
            WHERE id = $1 AND owner = $2 AND version = $3";
        Box::pin(async move {
            let (from, to) = (signed(from)?, signed(row.version)?);
            let written = on!(self, pool => query(SQL)
                .bind(&row.id)
                .bind(row.owner.as_bytes().as_slice())
                .bind(from)
                .bind(to)
                .bind(row.held_until.map(Timestamp::as_millis))
                .bind(&row.record)
                .bind(row.deadline.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(written.map_err(store_error)? == 1)
        })
    }

    fn run<'a>(&'a self, owner: &'a OwnerId, id: &'a str) -> StoreResult<'a, Option<RunRow>> {
        Box::pin(async move {
            let sql = format!("SELECT {COLUMNS} FROM run WHERE owner = $1 AND id = $2");
            let found = on!(self, pool => query_as::<_, Columns>(sqlx::AssertSqlSafe(sql))
                .bind(owner.as_bytes().as_slice())
                .bind(id)
                .fetch_optional(pool)
                .await);
            found.map_err(store_error)?.map(row).transpose()
        })
    }

    fn run_of<'a>(
        &'a self,
        owner: &'a OwnerId,
        conversation: &'a str,
    ) -> StoreResult<'a, Option<RunRow>> {
        Box::pin(async move {
            let sql = format!("SELECT {COLUMNS} FROM run WHERE owner = $1 AND conversation = $2");
            let found = on!(self, pool => query_as::<_, Columns>(sqlx::AssertSqlSafe(sql))
                .bind(owner.as_bytes().as_slice())
                .bind(conversation)
                .fetch_optional(pool)
                .await);
            found.map_err(store_error)?.map(row).transpose()
        })
    }

    fn claim_run<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        from: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE run SET version = version + 1, held_until = $5, answers = NULL \
            WHERE id = $1 AND owner = $2 AND version = $3 \
            AND (held_until IS NULL OR held_until <= $4)";
        Box::pin(async move {
            let from = signed(from)?;
            let claimed = on!(self, pool => query(SQL)
                .bind(id)
                .bind(owner.as_bytes().as_slice())
                .bind(from)
                .bind(now.as_millis())
                .bind(until.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(claimed.map_err(store_error)? == 1)
        })
    }

    fn hold_run<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        version: u64,
        until: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE run SET held_until = $4 \
            WHERE id = $1 AND owner = $2 AND version = $3 AND held_until IS NOT NULL";
        Box::pin(async move {
            let version = signed(version)?;
            let held = on!(self, pool => query(SQL)
                .bind(id)
                .bind(owner.as_bytes().as_slice())
                .bind(version)
                .bind(until.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(held.map_err(store_error)? == 1)
        })
    }

    fn claim_due_runs(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: u32,
    ) -> StoreResult<'_, Vec<RunRow>> {
        // The condition stands in the outer statement too: PostgreSQL checks it once more on rows
        // that another replica has just claimed, and so claims them only once.
        const SQL: &str = "UPDATE run SET version = version + 1, held_until = $2, answers = NULL \
            WHERE deadline <= $1 AND (held_until IS NULL OR held_until <= $1) AND id IN \
            (SELECT id FROM run WHERE deadline <= $1 \
             AND (held_until IS NULL OR held_until <= $1) ORDER BY deadline LIMIT $3) \
            RETURNING ";
        Box::pin(async move {
            let sql = format!("{SQL}{COLUMNS}");
            let rows = on!(self, pool => query_as::<_, Columns>(sqlx::AssertSqlSafe(sql))
                .bind(now.as_millis())
                .bind(until.as_millis())
                .bind(i64::from(most))
                .fetch_all(pool)
                .await);
            rows.map_err(store_error)?.into_iter().map(row).collect()
        })
    }

    fn remove_run<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        version: u64,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "DELETE FROM run WHERE id = $1 AND owner = $2 AND version = $3";
        Box::pin(async move {
            let version = signed(version)?;
            let removed = on!(self, pool => query(SQL)
                .bind(id)
                .bind(owner.as_bytes().as_slice())
                .bind(version)
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(removed.map_err(store_error)? == 1)
        })
    }

    fn leave_answers<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        answers: &'a str,
        now: Timestamp,
    ) -> StoreResult<'a, bool> {
        const SQL: &str = "UPDATE run SET answers = $3 \
            WHERE id = $1 AND owner = $2 AND answers IS NULL AND held_until > $4";
        Box::pin(async move {
            let left = on!(self, pool => query(SQL)
                .bind(id)
                .bind(owner.as_bytes().as_slice())
                .bind(answers)
                .bind(now.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(left.map_err(store_error)? == 1)
        })
    }

    fn take_answers<'a>(
        &'a self,
        owner: &'a OwnerId,
        id: &'a str,
        version: u64,
    ) -> StoreResult<'a, Option<String>> {
        const LOOK: &str = "SELECT answers FROM run \
            WHERE id = $1 AND owner = $2 AND version = $3 AND answers IS NOT NULL";
        const TAKE: &str = "UPDATE run SET answers = NULL \
            WHERE id = $1 AND owner = $2 AND version = $3 AND answers = $4";
        Box::pin(async move {
            let (version, owner) = (signed(version)?, owner.as_bytes().as_slice());
            let left = on!(self, pool => query_as::<_, (String,)>(LOOK)
                .bind(id)
                .bind(owner)
                .bind(version)
                .fetch_optional(pool)
                .await);
            let Some((answers,)) = left.map_err(store_error)? else {
                return Ok(None);
            };
            let taken = on!(self, pool => query(TAKE)
                .bind(id)
                .bind(owner)
                .bind(version)
                .bind(&answers)
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok((taken.map_err(store_error)? == 1).then_some(answers))
        })
    }
}
