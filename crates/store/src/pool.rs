//! Opening a database: its options, its migrations.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    PgPool, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a statement waits for another process that is writing to the same SQLite file.
const BUSY: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How often migrations are tried while another process runs the same ones.
const TRIES: u32 = 20;

/// A database of either engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) pool: Pool,
}

#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs the same statement on whichever engine is open.
macro_rules! on {
    ($database:expr, $pool:ident => $body:expr) => {
        match &$database.pool {
            $crate::pool::Pool::Sqlite($pool) => $body,
            $crate::pool::Pool::Postgres($pool) => $body,
        }
    };
}
pub(crate) use on;

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
    /// Its tables cannot be brought up to date.
    #[error("the tables of the database {name} cannot be brought up to date: {source}")]
    Migrate {
        /// The file, or the host and database name.
        name: String,
        /// What went wrong.
        source: sqlx::migrate::MigrateError,
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

impl Database {
    /// Opens or creates a SQLite file (mode 0600, write-ahead log) and brings its tables up to
    /// date. Two processes may share it.
    pub async fn sqlite(path: &Path) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        create_private(path).map_err(|source| OpenError::File {
            name: name.clone(),
            source,
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With a write-ahead log this loses nothing when the process dies, and only the last
            // moments when the machine does: then the page's own copy is the newer one.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(ACQUIRE)
            .connect_with(options)
            .await
            .map_err(|source| OpenError::Connect {
                name: name.clone(),
                source,
            })?;
        migrate(name, async || SQLITE.run(&pool).await).await?;
        Ok(Self {
            pool: Pool::Sqlite(pool),
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
        migrate(name, async || POSTGRES.run(&pool).await).await?;
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
        on!(self, pool => pool.close().await);
    }
}

async fn migrate(
    name: String,
    run: impl AsyncFn() -> Result<(), sqlx::migrate::MigrateError>,
) -> Result<(), OpenError> {
    let mut tries = 0;
    loop {
        match run().await {
            Ok(()) => return Ok(()),
            // A second process that starts at the same moment meets half of the first's work.
            Err(
                sqlx::migrate::MigrateError::Execute(_)
                | sqlx::migrate::MigrateError::ExecuteMigration(..),
            ) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(source) => return Err(OpenError::Migrate { name, source }),
        }
    }
}

/// Creates the file for its owner alone, if it is not there yet.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
