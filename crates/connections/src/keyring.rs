//! The master keys: several at once, so that they can be changed without losing a connection.

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use mcp_oauth_client::Random;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::seal::Sealed;

const LENGTH: usize = 32;
/// Most keys in a ring; old ones are dropped once nothing is sealed by them any more.
const MOST_KEYS: usize = 16;

/// A key's public name: the first eight hex digits of a hash of it. It stands in front of
/// everything the key has sealed.
pub(crate) type KeyId = String;

struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; LENGTH]>,
}

/// Master keys, newest first. The newest seals, all open.
pub struct KeyRing {
    keys: Vec<MasterKey>,
}

/// Why a key text cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRingError {
    /// There is no key in it.
    #[error("there is no master key in it")]
    Empty,
    /// A line is not 32 bytes of base64 or hex.
    #[error("master key number {0} is not 32 bytes of base64 (or 64 hex digits)")]
    NotAKey(usize),
    /// There are more keys than a ring holds.
    #[error("there are more than {MOST_KEYS} master keys")]
    TooMany,
}

impl KeyRing {
    /// A ring of one fresh key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        random.fill(bytes.as_mut());
        Self {
            keys: vec![MasterKey::new(bytes)],
        }
    }

    /// Reads keys, newest first: one a line or separated by commas, each 32 bytes as base64 or 64
    /// hex digits. Lines that begin with `#` are comments.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let words = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|word| !word.is_empty());
        let mut keys = Vec::new();
        for (at, word) in words.enumerate() {
            let bytes = decode(word).ok_or(KeyRingError::NotAKey(at + 1))?;
            keys.push(MasterKey::new(bytes));
        }
        match keys.len() {
            0 => Err(KeyRingError::Empty),
            1..=MOST_KEYS => Ok(Self { keys }),
            _ => Err(KeyRingError::TooMany),
        }
    }

    /// The ring as text that [`parse`](Self::parse) reads. This is the secret itself.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for key in &self.keys {
            text.push_str(&Zeroizing::new(STANDARD.encode(*key.bytes)));
            text.push('\n');
        }
        text
    }

    /// Whether a seal was made by one of these keys, going by the key's name in front of it.
    pub fn made(&self, sealed: &Sealed) -> bool {
        let mut parts = sealed.as_str().split('.');
        parts.nth(1).is_some_and(|id| self.by_id(id).is_some())
    }

    pub(crate) fn newest(&self) -> (&str, &[u8; LENGTH]) {
        // A ring is never empty: both constructors put at least one key in.
        let key = &self.keys[0];
        (&key.id, &key.bytes)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&[u8; LENGTH]> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        Some(&key.bytes)
    }
}

impl MasterKey {
    fn new(bytes: Zeroizing<[u8; LENGTH]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"gatepass key id v1");
        hash.update(*bytes);
        let hash = hash.finalize();
        let id = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id, bytes }
    }
}

fn decode(word: &str) -> Option<Zeroizing<[u8; LENGTH]>> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    if word.len() == LENGTH * 2 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&word[at * 2..at * 2 + 2], 16).ok()?;
        }
        return Some(bytes);
    }
    let decoded = Zeroizing::new(
        STANDARD
            .decode(word)
            .or_else(|_| URL_SAFE_NO_PAD.decode(word))
            .ok()?,
    );
    (decoded.len() == LENGTH).then(|| {
        bytes.copy_from_slice(&decoded);
        bytes
    })
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.keys.iter().map(|key| key.id.as_str());
        f.debug_list().entries(ids).finish()
    }
}
