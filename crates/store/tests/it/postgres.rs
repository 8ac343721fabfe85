//! A real PostgreSQL server in a temporary folder, under a user of its own since it refuses to run
//! as root.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{Connection, Executor, PgConnection};

pub struct Postgres {
    folder: tempfile::TempDir,
    server: Child,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
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
    if std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    }) {
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
    /// Starts a server, which ends with the value.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        let path = folder.path();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(path, open).unwrap();
        let data = path.join("data");
        let done = unprivileged(&programs().join("initdb"))
            .args([
                "--username=test",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "-D",
            ])
            .arg(&data)
            .current_dir(path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "initdb failed");
        let server = unprivileged(&programs().join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(path)
            .current_dir(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { folder, server }
    }

    fn url(&self, database: &str) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://test@{socket}/{database}")
    }

    /// The URL of a database on it, once it answers.
    pub async fn database(&self) -> String {
        for _ in 0..200 {
            if let Ok(mut admin) = PgConnection::connect(&self.url("postgres")).await {
                admin.execute("CREATE DATABASE gatepass").await.unwrap();
                return self.url("gatepass");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PostgreSQL does not answer");
    }
}
