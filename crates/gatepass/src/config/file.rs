//! `gatepass.toml` as it is written; unknown keys are errors, so that a typo is never a setting
//! that silently does nothing.

use std::{collections::BTreeMap, fs, path::Path};

use gatepass_chat::AttachmentKind;
use serde::Deserialize;
use toml::Spanned;

use super::{ConfigError, Origin};

/// The file's keys. Those that have a flag are read as the flag is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) public_url: Option<Spanned<String>>,
    pub(super) data_dir: Option<Spanned<String>>,
    pub(super) key_file: Option<Spanned<String>>,
    pub(super) database_url: Option<Spanned<String>>,
    pub(super) behind_proxy: Option<Spanned<bool>>,
    pub(super) demo: Option<Spanned<bool>>,
    pub(super) model_url: Option<Spanned<String>>,
    pub(super) model_key: Option<Spanned<String>>,
    pub(super) egress: Option<Spanned<String>>,
    pub(super) egress_allow: Option<Spanned<Vec<String>>>,
    pub(super) egress_proxy: Option<Spanned<String>>,
    pub(super) tls_ca: Option<Spanned<Vec<String>>>,
    pub(super) client_metadata_url: Option<Spanned<String>>,
    pub(super) log: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) servers: Vec<Spanned<ServerEntry>>,
    #[serde(default)]
    pub(super) clients: Vec<Spanned<ClientEntry>>,
    #[serde(default)]
    pub(super) models: Vec<ModelEntry>,
    #[serde(default)]
    pub(super) issuers: Vec<Spanned<IssuerEntry>>,
    #[serde(default)]
    pub(super) limits: Limits,
}

/// `[[servers]]`: a server offered to everyone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerEntry {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
}

/// `[[clients]]`: a client registered by hand at one issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientEntry {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    pub(super) client_secret_env: Option<String>,
    pub(super) auth_method: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
}

/// `[[models]]`: a model to offer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The model's id at its endpoint.
    pub id: String,
    /// Its name in the UI; the id if absent.
    pub label: Option<String>,
    /// What may be attached to a message for it: `text`, `image`.
    #[serde(default = "text_alone")]
    pub attachments: Vec<AttachmentKind>,
}

/// Every model can be told text.
fn text_alone() -> Vec<AttachmentKind> {
    vec![AttachmentKind::Text]
}

/// `[[issuers]]`: an exception for one issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerEntry {
    pub(super) issuer: String,
    #[serde(default)]
    pub(super) allow_missing_s256: bool,
}

/// `[limits]`: rates, sizes and times. A rate of 0 is no limit.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// API requests per minute of one owner; unlimited on a personal install, else 600.
    pub requests_per_minute: Option<u32>,
    /// Requests per minute of one owner that make us call other servers; unlimited on a personal
    /// install, else 240.
    pub outbound_per_minute: Option<u32>,
    /// How many times an owner's rate one client address may use, since people share addresses.
    pub owners_per_address: u32,
    /// Most connections at once; who comes beyond them is told to come back. Fewer where the system
    /// gives the process few files.
    pub connections: usize,
    /// Most calls of one owner at once that make us call other servers.
    pub calls_at_once: usize,
    /// Longest time to wait for one answer of another server, in seconds, where the usual limits
    /// (5 to 20 seconds) are longer.
    pub answer_seconds: Option<u64>,
    /// Longest message a person may send, in bytes.
    pub message_bytes: usize,
    /// Most bytes of the pictures of one message.
    pub attachment_bytes: usize,
    /// Most bytes of the files of one conversation, as they are kept.
    pub conversation_attachment_bytes: usize,
    /// Days after its last use that a connection is kept.
    pub connection_days: u32,
    /// Most MiB of the SQLite file; past them nothing new is taken, and what is there goes on.
    /// Unlimited if absent. PostgreSQL has bounds of its own.
    pub database_mib: Option<u32>,
    /// Most rounds of tool calls in one turn.
    pub tool_rounds: u32,
    /// Longest time that a tool may give no sign of progress, in seconds.
    pub tool_seconds: u64,
    /// How long a process that is told to end still takes requests while `/readyz` says that it is
    /// ending, in seconds: as long as whoever spreads the requests needs to notice. 0 on a personal
    /// install, else 5.
    pub drain_seconds: Option<u64>,
    /// How long turns and requests under way may take after that, in seconds, before they are
    /// stopped. 0 on a personal install, else 20.
    pub grace_seconds: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: None,
            outbound_per_minute: None,
            owners_per_address: 20,
            connections: 8192,
            calls_at_once: 256,
            answer_seconds: None,
            message_bytes: 256 * 1024,
            attachment_bytes: 5 * 1024 * 1024,
            conversation_attachment_bytes: 32 * 1024 * 1024,
            connection_days: 30,
            database_mib: None,
            tool_rounds: 16,
            tool_seconds: 120,
            drain_seconds: None,
            grace_seconds: None,
        }
    }
}

impl Limits {
    /// Fills in what nobody set. Only this machine reaches a personal install, so there is nobody
    /// to be protected from there, and nobody but the person who ends it to wait for.
    pub(super) fn settle(&mut self, personal: bool) {
        let usual = |rate| if personal { 0 } else { rate };
        self.requests_per_minute.get_or_insert(usual(600));
        self.outbound_per_minute.get_or_insert(usual(240));
        let usual = |seconds| if personal { 0 } else { seconds };
        self.drain_seconds.get_or_insert(usual(5));
        self.grace_seconds.get_or_insert(usual(20));
    }
}

/// A file that was read, with its text, so that positions can be named.
#[derive(Debug)]
pub(super) struct Loaded<'a> {
    pub(super) file: File,
    text: String,
    path: &'a Path,
}

impl<'a> Loaded<'a> {
    pub(super) fn read(path: &'a Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, text)
    }

    fn parse(path: &'a Path, text: String) -> Result<Self, ConfigError> {
        match toml::from_str(&text) {
            Ok(file) => Ok(Self { file, text, path }),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start);
                let (line, column) = position(&text, start);
                Err(ConfigError::Syntax {
                    path: path.to_owned(),
                    line,
                    column,
                    // The message never quotes the file's values, which may be secrets.
                    message: error.message().to_owned(),
                })
            }
        }
    }

    /// The line at which a value stands.
    pub(super) fn origin<T>(&self, value: &Spanned<T>) -> Origin {
        let (line, _) = position(&self.text, value.span().start);
        Origin::File(self.path.to_owned(), line)
    }
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}
