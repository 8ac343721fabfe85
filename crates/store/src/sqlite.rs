//! A SQLite file, and that it is still the one that was opened.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatepass_connections::StoreError;
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::pool::{ACQUIRE, OpenError, PAUSE, up_to_date};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a statement waits for another process that is writing to the same file.
const BUSY: Duration = Duration::from_secs(5);
/// Bytes of a page, SQLite's default.
const PAGE: u64 = 4096;

/// Which file a path names, whatever its name: what tells a file from another that took its place.
type Identity = Option<(u64, u64)>;

/// An open file. If it is deleted or another takes its place (a backup that is put back), what is
/// at the path is opened, or created, before the next statement: nothing is ever written to a file
/// that nobody finds again.
#[derive(Debug)]
pub(crate) struct SqliteFile {
    path: PathBuf,
    most_bytes: Option<u64>,
    opened: Mutex<(SqlitePool, Identity)>,
    /// Held by whoever opens the file anew.
    turn: tokio::sync::Mutex<()>,
}

impl SqliteFile {
    pub(crate) async fn open(path: &Path, most_bytes: Option<u64>) -> Result<Self, OpenError> {
        let opened = open(path, most_bytes).await?;
        Ok(Self {
            path: path.to_owned(),
            most_bytes,
            opened: Mutex::new(opened),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The connections to the file that is at the path now.
    pub(crate) async fn pool(&self) -> Result<SqlitePool, StoreError> {
        if let Some(pool) = self.current() {
            return Ok(pool);
        }
        let _turn = self.turn.lock().await;
        // Somebody may have been faster.
        if let Some(pool) = self.current() {
            return Ok(pool);
        }
        let found = self.path.exists();
        let opened = open(&self.path, self.most_bytes).await;
        let opened = opened.map_err(|error| StoreError::Unavailable {
            detail: error.to_string(),
        })?;
        let pool = opened.0.clone();
        let old = std::mem::replace(&mut *self.lock(), opened);
        tracing::error!(
            path = %self.path.display(),
            "the database file was {} while it was open; {} is used from now on",
            if found { "replaced" } else { "deleted" },
            if found { "the new one" } else { "a fresh one" },
        );
        // Statements under way end on the old file.
        tokio::spawn(async move { old.0.close().await });
        Ok(pool)
    }

    /// Closes every connection, after the statements under way.
    pub(crate) async fn close(&self) {
        let pool = self.lock().0.clone();
        pool.close().await;
    }

    /// The connections, if the file is still the one they are to, or nobody wants them any more.
    fn current(&self) -> Option<SqlitePool> {
        let opened = self.lock();
        let same = opened.0.is_closed() || identity(&self.path) == opened.1;
        same.then(|| opened.0.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (SqlitePool, Identity)> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(path: &Path, most_bytes: Option<u64>) -> Result<(SqlitePool, Identity), OpenError> {
    let name = path.display().to_string();
    create_private(path).map_err(|source| OpenError::File {
        name: name.clone(),
        source,
    })?;
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With a write-ahead log this loses nothing when the process dies, and only the last
        // moments when the machine does: then the page's own copy is the newer one.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    if let Some(bytes) = most_bytes {
        options = options.pragma("max_page_count", (bytes / PAGE).max(1).to_string());
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .acquire_timeout(ACQUIRE)
        .connect_with(options)
        .await
        .map_err(|source| OpenError::Connect {
            name: name.clone(),
            source,
        })?;
    let mut tries = 0;
    while !up_to_date(&name, tries, MIGRATIONS.run(&pool).await)? {
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
    Ok((pool, identity(path)))
}

#[cfg(unix)]
fn identity(path: &Path) -> Identity {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// Where an open file can be neither deleted nor replaced, there is nothing to tell apart.
#[cfg(not(unix))]
fn identity(path: &Path) -> Identity {
    path.exists().then_some((0, 0))
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
