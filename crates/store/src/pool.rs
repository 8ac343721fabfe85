//! Opening a database: its options, its migrations.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::sqlite::SqliteFile;

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a caller waits for a connection of the pool.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(5);
/// How often migrations are tried while another process runs the same ones.
const TRIES: u32 = 20;
/// The pause between two tries.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// A database of either engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: Pool,
}

#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(Arc<SqliteFile>),
    Postgres(PgPool),
}

/// Runs the same statement on whichever engine is open.
macro_rules! on {
    ($database:expr, $pool:ident => $body:expr) => {
        match &$database.pool {
            $crate::pool::Pool::Sqlite(file) => {
                let opened = file.pool().await?;
                let $pool = &opened;
                $body
            }
            $crate::pool::Pool::Postgres($pool) => $body,
        }
    };
}
pub(crate) use on;

/// The database's own time in Unix milliseconds, in its own words. Not frozen by a transaction:
/// a statement that had to wait for a row goes by the time at which it got it.
macro_rules! now {
    (sqlite) => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
    (postgres) => {
        "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"
    };
}
pub(crate) use now;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL of the database is not one.
    #[error("the database URL cannot be read: {0}")]
    Url(sqlx::Error),
    /// It cannot be reached or created.
    #[error("the database {name} cannot be opened: {source}")]
    Connect {
        /// The file, or the host and database name.
        name: String,
        /// What went wrong.
        source: sqlx::Error,
    },
    /// A newer release has changed its tables.
    #[error(
        "the database {name} was brought up to date by a newer release (step {version}, which \
         this one does not know): start that release, or restore a backup from before"
    )]
    Newer {
        /// The file, or the host and database name.
        name: String,
        /// The first step that is unknown here.
        version: i64,
    },
    /// Its tables cannot be brought up to date.
    #[error("the tables of the database {name} cannot be brought up to date: {source}")]
    Migrate {
        /// The file, or the host and database name.
        name: String,
        /// What went wrong.
        source: MigrateError,
    },
    /// The file cannot be kept from others.
    #[error("the database file {name} cannot be created for its owner alone: {source}")]
    File {
        /// The file.
        name: String,
        /// What went wrong.
        source: std::io::Error,
    },
}

fn is_locked(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY, whatever extended code is above it.
    error.as_database_error().is_some_and(|error| {
        error
            .code()
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| code & 0xff == 5)
    })
}

impl Database {
    /// Opens or creates a SQLite file (mode 0600, write-ahead log) and brings its tables up to
    /// date. Two processes may share it.
    pub async fn sqlite(path: &Path) -> Result<Self, OpenError> {
        Self::sqlite_of(path, None).await
    }

    /// As [`sqlite`](Self::sqlite), with most bytes that the file may have; past them the database
    /// is full.
    pub async fn sqlite_of(path: &Path, most_bytes: Option<u64>) -> Result<Self, OpenError> {
        let mut tries = 0;
        let file = loop {
            match SqliteFile::open(path, most_bytes).await {
                // Two processes that make one file at the same moment: SQLite does not wait for
                // the switch to write-ahead logging, so we do.
                Err(OpenError::Connect { source, .. }) if tries < TRIES && is_locked(&source) => {
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                opened => break opened?,
            }
        };
        Ok(Self {
            pool: Pool::Sqlite(Arc::new(file)),
        })
    }

    /// Connects to PostgreSQL and brings its tables up to date. Replicas share one database.
    pub async fn postgres(url: &str) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(url).map_err(OpenError::Url)?;
        let database = options.get_database().unwrap_or("postgres").to_owned();
        let name = format!("{database} at {}", options.get_host());
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .acquire_timeout(ACQUIRE)
            .connect_with(options)
            .await
            .map_err(|source| OpenError::Connect {
                name: name.clone(),
                source,
            })?;
        let mut tries = 0;
        while !up_to_date(&name, tries, POSTGRES.run(&pool).await)? {
            tries += 1;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Self {
            pool: Pool::Postgres(pool),
        })
    }

    /// Opens what a database URL names: `postgres://…`, or `sqlite:` and a path.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        match url.strip_prefix("sqlite:") {
            Some(path) => Self::sqlite(Path::new(path.strip_prefix("//").unwrap_or(path))).await,
            None => Self::postgres(url).await,
        }
    }

    /// Closes every connection, after the statements under way.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(file) => file.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// Whether the tables are up to date after an attempt to bring them there; if not, it may be tried
/// again after [`PAUSE`].
pub(crate) fn up_to_date(
    name: &str,
    tries: u32,
    outcome: Result<(), MigrateError>,
) -> Result<bool, OpenError> {
    let name = name.to_owned();
    match outcome {
        Ok(()) => Ok(true),
        // A second process that starts at the same moment meets half of the first's work.
        Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if tries < TRIES => {
            Ok(false)
        }
        Err(MigrateError::VersionMissing(version)) => Err(OpenError::Newer { name, version }),
        Err(source) => Err(OpenError::Migrate { name, source }),
    }
}
