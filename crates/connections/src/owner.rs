//! Who a connection belongs to.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_oauth_client::Random;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const LENGTH: usize = 32;

/// The raw value of an owner's session cookie: half of the key of everything sealed for them. The
/// server never stores it.
#[derive(Clone)]
pub struct OwnerSecret(Zeroizing<[u8; LENGTH]>);

/// A cookie value that is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session cookie is not valid")]
pub struct BadOwnerSecret;

impl OwnerSecret {
    /// A fresh secret: 256 random bits.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        random.fill(bytes.as_mut());
        Self(bytes)
    }

    /// Reads the cookie's text: 43 characters of base64url, nothing else.
    pub fn parse(text: &str) -> Result<Self, BadOwnerSecret> {
        if text.len() != 43 {
            return Err(BadOwnerSecret);
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).map_err(|_| BadOwnerSecret)?);
        let bytes: [u8; LENGTH] = bytes.as_slice().try_into().map_err(|_| BadOwnerSecret)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The cookie's text.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for OwnerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerSecret(…)")
    }
}

/// What the store knows of an owner: the SHA-256 hash of the secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId([u8; LENGTH]);

impl OwnerId {
    /// An id as it was stored.
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The id as it is stored.
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell owners apart in a log, too little to look one up.
        write!(
            f,
            "OwnerId({:02x}{:02x}{:02x}…)",
            self.0[0], self.0[1], self.0[2]
        )
    }
}

/// An owner who is present: has shown the cookie. Every look-up and every seal needs one.
///
/// What the store knows of an owner does not make one, so nothing that is read from the database
/// opens a connection:
///
/// ```compile_fail,E0308
/// # use gatepass_connections::{Owner, OwnerId};
/// fn impersonate(id: OwnerId) -> Owner {
///     Owner::new(id)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Owner {
    id: OwnerId,
    secret: OwnerSecret,
}

impl Owner {
    /// The owner of a secret.
    pub fn new(secret: OwnerSecret) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"gatepass owner id v1");
        hash.update(secret.bytes());
        Self {
            id: OwnerId(hash.finalize().into()),
            secret,
        }
    }

    /// What the store knows them by.
    pub fn id(&self) -> &OwnerId {
        &self.id
    }

    /// The secret, to set the cookie again.
    pub fn secret(&self) -> &OwnerSecret {
        &self.secret
    }
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.secret.bytes().ct_eq(other.secret.bytes()).into()
    }
}

impl Eq for Owner {}
