//! The rows of dynamic registrations.

use gatepass_connections::{
    Sealed, StoreError,
    store::{RegistrationRow, RegistrationStore, StoreResult},
};
use mcp_oauth_client::Timestamp;
use sqlx::{query, query_as};

use crate::{
    error::{corrupt, store_error},
    pool::{Database, on},
};

impl Database {
    /// Some of what is sealed here: the registrations, and a thousand connections at most. For
    /// looking at whose keys have sealed it.
    pub async fn some_seals(&self) -> Result<Vec<Sealed>, StoreError> {
        const SQL: &str = "SELECT sealed FROM registration UNION ALL SELECT sealed FROM \
            (SELECT sealed FROM connection WHERE sealed IS NOT NULL LIMIT 1000) AS thousand";
        let found = on!(self, pool => query_as::<_, (String,)>(SQL).fetch_all(pool).await);
        let found = found.map_err(store_error)?;
        Ok(found
            .into_iter()
            .map(|(sealed,)| Sealed::from_text(sealed))
            .collect())
    }
}

impl RegistrationStore for Database {
    fn registration<'a>(
        &'a self,
        issuer: &'a str,
        redirect_uri: &'a str,
    ) -> StoreResult<'a, Option<RegistrationRow>> {
        const SQL: &str = "SELECT version, sealed, created_at FROM registration \
            WHERE issuer = $1 AND redirect_uri = $2";
        Box::pin(async move {
            let found = on!(self, pool => query_as::<_, (String, String, i64)>(SQL)
                .bind(issuer)
                .bind(redirect_uri)
                .fetch_optional(pool)
                .await);
            let found = found.map_err(store_error)?;
            Ok(found.map(|(version, sealed, created_at)| RegistrationRow {
                issuer: issuer.to_owned(),
                redirect_uri: redirect_uri.to_owned(),
                version,
                sealed: Sealed::from_text(sealed),
                created_at: Timestamp::from_millis(created_at),
            }))
        })
    }

    fn add_registration<'a>(
        &'a self,
        row: &'a RegistrationRow,
    ) -> StoreResult<'a, RegistrationRow> {
        const SQL: &str = "INSERT INTO registration (issuer, redirect_uri, version, sealed, created_at) \
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        Box::pin(async move {
            let added = on!(self, pool => query(SQL)
                .bind(&row.issuer)
                .bind(&row.redirect_uri)
                .bind(&row.version)
                .bind(row.sealed.as_str())
                .bind(row.created_at.as_millis())
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            if added.map_err(store_error)? == 1 {
                return Ok(row.clone());
            }
            self.registration(&row.issuer, &row.redirect_uri)
                .await?
                .ok_or_else(|| corrupt("a registration that comes and goes"))
        })
    }

    fn forget_registration<'a>(
        &'a self,
        issuer: &'a str,
        redirect_uri: &'a str,
        version: &'a str,
    ) -> StoreResult<'a, bool> {
        const SQL: &str =
            "DELETE FROM registration WHERE issuer = $1 AND redirect_uri = $2 AND version = $3";
        Box::pin(async move {
            let done = on!(self, pool => query(SQL)
                .bind(issuer)
                .bind(redirect_uri)
                .bind(version)
                .execute(pool)
                .await
                .map(|done| done.rows_affected()));
            Ok(done.map_err(store_error)? == 1)
        })
    }
}
