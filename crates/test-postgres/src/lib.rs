//! A real PostgreSQL server in a temporary folder, for tests: under a user of its own where the
//! test runs as root, since the server refuses to.
#![deny(missing_docs)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{Connection, Executor, PgConnection};

/// A running server; it ends with the value. It listens on a socket in its own folder only.
pub struct Postgres {
    folder: tempfile::TempDir,
    server: Option<Child>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where Debian puts the server's programs, newest first.
fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    versions.sort();
    let folder = versions.pop().map(|version| version.join("bin"));
    folder.expect("PostgreSQL's server is needed for this test: apt-get install postgresql")
}

/// The command under a user that is not root.
fn unprivileged(program: &Path) -> Command {
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        // Executes the program in its own place, so that killing the child kills the server.
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Postgres {
    /// Makes a server in a fresh folder and starts it.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let path = folder.path();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        let done = unprivileged(&programs().join("initdb"))
            .args([
                "--username=test",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "-D",
            ])
            .arg(path.join("data"))
            .current_dir(path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "initdb failed");
        let mut server = Self {
            folder,
            server: None,
        };
        server.go_on();
        server
    }

    /// Starts it again after [`kill`](Self::kill), with the data it had.
    pub fn go_on(&mut self) {
        let path = self.folder.path();
        let server = unprivileged(&programs().join("postgres"))
            .arg("-D")
            .arg(path.join("data"))
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(path)
            .current_dir(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.server = Some(server);
    }

    /// Ends it at once, as a crash does: nobody is waited for, nothing is tidied up.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // An immediate shutdown takes the server's own children along, which would otherwise
            // stand in the way of the next start.
            let id = server.id().to_string();
            let told = Command::new("kill").args(["-QUIT", &id]).status();
            if !told.is_ok_and(|told| told.success()) {
                let _ = server.kill();
            }
            let _ = server.wait();
        }
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://test@{socket}/{database}")
    }

    /// The URL of a new, empty database on it, as soon as it answers.
    pub async fn create(&self, database: &str) -> String {
        for _ in 0..600 {
            if let Ok(mut admin) = PgConnection::connect(&self.url("postgres")).await {
                let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"));
                admin.execute(create).await.unwrap();
                return self.url(database);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PostgreSQL does not answer");
    }

    /// The URL of a new, empty database named `gatepass`.
    pub async fn database(&self) -> String {
        self.create("gatepass").await
    }

    /// One of its programs, such as `pg_dump`, told where the server is.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        command
            .env("PGHOST", self.folder.path())
            .env("PGUSER", "test");
        command
    }
}
