//! Sealing: authenticated encryption that only one owner with this server can open.
//!
//! A seal is the text `s1.<key id>.<base64url of nonce ‖ ciphertext>`. The cipher is
//! XChaCha20-Poly1305 with a random 24-byte nonce. Its key is HKDF-SHA256 over master key ‖ owner
//! secret with the purpose as info; the additional data is purpose ‖ binding. So a seal opens only
//! with a master key of the ring, for its owner, for its purpose, under its own id.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use mcp_oauth_client::Random;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{keyring::KeyRing, owner::Owner};

const VERSION: &str = "s1";
const NONCE: usize = 24;
/// Longest seal opened, in bytes of text: room for the largest token answer we read (64 KiB), and
/// less than half of what a request may hold.
const LONGEST: usize = 120 * 1024;

/// What is sealed for an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerPurpose {
    /// A connection; bound to its id.
    Connection,
    /// The record of a flow, in its cookie; bound to the flow id.
    Flow,
    /// Static headers of a server, such as an API key; bound to the server's URL.
    Headers,
}

impl OwnerPurpose {
    fn label(self) -> &'static str {
        match self {
            Self::Connection => "owner/connection",
            Self::Flow => "owner/flow",
            Self::Headers => "owner/headers",
        }
    }
}

/// What is sealed for the server alone, since nobody may be there to bring a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerPurpose {
    /// A client registration; bound to issuer and redirect URI.
    Registration,
    /// A revocation that is still to be done; bound to its id.
    Outbox,
}

impl ServerPurpose {
    fn label(self) -> &'static str {
        match self {
            Self::Registration => "server/registration",
            Self::Outbox => "server/outbox",
        }
    }
}

/// A sealed value. Prints as its length, since it is of no use in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// A seal as it was stored or sent.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The seal's text, safe in JSON, cookies and headers.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The seal cannot be opened: another owner's, another purpose's, damaged, or sealed by a master
/// key that is gone. The way out is to connect again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this was sealed for another browser, or by a key that this server no longer has")]
pub struct Unreadable;

impl KeyRing {
    /// Seals a value for an owner.
    pub fn seal_for(
        &self,
        owner: &Owner,
        purpose: OwnerPurpose,
        binding: &str,
        random: &dyn Random,
        plain: &[u8],
    ) -> Sealed {
        let secret = owner.secret().bytes();
        self.seal(secret, purpose.label(), binding, random, plain)
    }

    /// Opens a value sealed for an owner.
    pub fn open_for(
        &self,
        owner: &Owner,
        purpose: OwnerPurpose,
        binding: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let secret = owner.secret().bytes();
        self.open(secret, purpose.label(), binding, sealed)
    }

    /// Seals a value for the server alone.
    pub fn seal_for_server(
        &self,
        purpose: ServerPurpose,
        binding: &str,
        random: &dyn Random,
        plain: &[u8],
    ) -> Sealed {
        self.seal(&[], purpose.label(), binding, random, plain)
    }

    /// Opens a value sealed for the server alone.
    pub fn open_for_server(
        &self,
        purpose: ServerPurpose,
        binding: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        self.open(&[], purpose.label(), binding, sealed)
    }

    fn seal(
        &self,
        secret: &[u8],
        label: &str,
        binding: &str,
        random: &dyn Random,
        plain: &[u8],
    ) -> Sealed {
        let (id, master) = self.newest();
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let aad = additional_data(label, binding);
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let mut bytes = nonce.to_vec();
        // Fails only for texts of many gigabytes; an empty ciphertext then opens nowhere.
        let ciphertext = cipher(master, secret, label)
            .encrypt(&XNonce::from(nonce), payload)
            .unwrap_or_default();
        bytes.extend(ciphertext);
        Sealed(format!("{VERSION}.{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    fn open(
        &self,
        secret: &[u8],
        label: &str,
        binding: &str,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        if sealed.0.len() > LONGEST {
            return Err(Unreadable);
        }
        let mut parts = sealed.0.splitn(3, '.');
        let (Some(VERSION), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Unreadable);
        };
        let master = self.by_id(id).ok_or(Unreadable)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Unreadable)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE).ok_or(Unreadable)?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| Unreadable)?;
        let aad = additional_data(label, binding);
        let payload = Payload {
            msg: ciphertext,
            aad: &aad,
        };
        cipher(master, secret, label)
            .decrypt(&XNonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| Unreadable)
    }
}

fn additional_data(label: &str, binding: &str) -> Vec<u8> {
    // Lengths in front keep two different pairs from reading the same.
    format!("{VERSION}|{}|{label}|{binding}", label.len()).into_bytes()
}

fn cipher(master: &[u8; 32], secret: &[u8], label: &str) -> XChaCha20Poly1305 {
    let mut material = Zeroizing::new(Vec::with_capacity(64));
    material.extend_from_slice(master);
    material.extend_from_slice(secret);
    let mut key = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(Some(b"gatepass seal v1"), &material);
    // 32 bytes are far below the limit of HKDF-SHA256 (8,160), the only way this can fail.
    let derived = hkdf.expand(label.as_bytes(), key.as_mut());
    debug_assert!(derived.is_ok());
    XChaCha20Poly1305::new((&*key).into())
}
