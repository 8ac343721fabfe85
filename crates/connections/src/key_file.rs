//! The file that the master keys are kept in.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use mcp_oauth_client::Random;
use zeroize::Zeroizing;

use crate::keyring::{KeyRing, KeyRingError};

/// Largest key file read, in bytes.
const MOST_BYTES: u64 = 16 * 1024;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read or created.
    #[error("the key file {path} cannot be used: {source}")]
    Io {
        /// Where it is.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("the key file {path} can be read by others (mode {mode:o}); run: chmod 600 {path}")]
    TooOpen {
        /// Where it is.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold keys.
    #[error("the key file {path} cannot be used: {source}")]
    Keys {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyRingError,
    },
}

/// Reads the key file, or creates it with a fresh key and mode 0600. A file that others may read
/// is refused.
pub fn load_or_create(path: &Path, random: &dyn Random) -> Result<KeyRing, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let ring = KeyRing::generate(random);
            match create(path, &ring, random) {
                Ok(()) => Ok(ring),
                // Another process started at the same moment and was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    read(path, fs::File::open(path).map_err(io)?)
                }
                Err(error) => Err(io(error)),
            }
        }
        Err(error) => Err(io(error)),
    }
}

fn read(path: &Path, file: fs::File) -> Result<KeyRing, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::TooOpen {
                path: path.to_owned(),
                mode,
            });
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(io)?;
    KeyRing::parse(&text).map_err(|source| KeyFileError::Keys {
        path: path.to_owned(),
        source,
    })
}

/// Writes the whole file under another name first, so that nobody ever reads half a key.
fn create(path: &Path, ring: &KeyRing, random: &dyn Random) -> io::Result<()> {
    // A process that died here must not stand in the way of the next, which in a container has
    // the same process id.
    let mut name = [0; 8];
    random.fill(&mut name);
    let draft = path.with_extension(format!("new-{:016x}", u64::from_be_bytes(name)));
    let outcome = write(&draft, ring).and_then(|()| fs::hard_link(&draft, path));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => outcome.and(Err(error)),
        _ => outcome,
    }
}

fn write(draft: &Path, ring: &KeyRing) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(draft)?;
    file.write_all(b"# Gatepass master keys, newest first. Whoever has this file and a visitor's cookie can open their connections.\n")?;
    file.write_all(ring.to_text().as_bytes())?;
    file.sync_all()
}
