//! What is wrong with a configuration, and where.

use std::path::PathBuf;

use super::Origin;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value does not mean what its setting needs.
    #[error("{origin}: {message}")]
    Value {
        /// The flag, variable or line.
        origin: Origin,
        /// What is wrong with it.
        message: String,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not the TOML we know.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected.
        message: String,
    },
    /// No place for data.
    #[error("there is no home folder to keep data in; name a folder with --data-dir")]
    NoDataDir,
}
