//! Keys that sign: ECDSA with P-256 and SHA-256 (RFC 7518 §3.4), the algorithm every server that
//! takes signatures has to know.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::{
    ecdsa::{Signature, SigningKey, signature::Signer},
    pkcs8::DecodePrivateKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::time::Random;

/// The algorithm's registered name (RFC 7518 §3.1).
pub const ES256: &str = "ES256";

/// An ES256 private key (RFC 7518 §3.4). It does not print, is wiped when dropped, and serializes
/// in the clear: only serialize it into something that is sealed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Zeroizing<String>", into = "Zeroizing<String>")]
pub struct Es256Key(Box<SigningKey>);

/// A key that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a P-256 private key in PKCS#8 form (-----BEGIN PRIVATE KEY-----)")]
pub struct KeyError;

impl Es256Key {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            random.fill(bytes.as_mut());
            // All but one value in 2^32 is a key.
            if let Ok(key) = SigningKey::from_slice(bytes.as_ref()) {
                return Self(Box::new(key));
            }
        }
    }

    /// A key from a PEM file with a PKCS#8 private key (RFC 5958, RFC 7468 §10).
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem.trim())
            .map(|key| Self(Box::new(key)))
            .map_err(|_| KeyError)
    }

    /// The public half as a JSON Web Key (RFC 7518 §6.2.1).
    pub fn public_jwk(&self) -> Map<String, Value> {
        let point = self.0.verifying_key().to_sec1_point(false);
        // Uncompressed: a tag, then both coordinates.
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let mut jwk = Map::new();
        jwk.insert("crv".into(), json!("P-256"));
        jwk.insert("kty".into(), json!("EC"));
        jwk.insert("x".into(), json!(URL_SAFE_NO_PAD.encode(x)));
        jwk.insert("y".into(), json!(URL_SAFE_NO_PAD.encode(y)));
        jwk
    }

    /// The thumbprint of the public half (RFC 7638), base64url.
    pub fn thumbprint(&self) -> String {
        // The members in the order RFC 7638 §3.2 demands, which is how `public_jwk` makes them.
        let canonical = Value::Object(self.public_jwk()).to_string();
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
    }

    /// A compact JWT (RFC 7519 §3) with `typ`, further header members and claims.
    pub(crate) fn jwt(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        let encode = |part: &Map<String, Value>| {
            // Maps of plain JSON values always serialize.
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).unwrap_or_default())
        };
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature: Signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

impl fmt::Debug for Es256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Es256Key(…)")
    }
}

impl PartialEq for Es256Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Es256Key {}

impl From<Es256Key> for Zeroizing<String> {
    fn from(key: Es256Key) -> Self {
        let bytes = Zeroizing::new(<[u8; 32]>::from(key.0.to_bytes()));
        Self::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))
    }
}

impl TryFrom<Zeroizing<String>> for Es256Key {
    type Error = KeyError;

    fn try_from(text: Zeroizing<String>) -> Result<Self, KeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| KeyError)?;
        SigningKey::from_slice(&bytes)
            .map(|key| Self(Box::new(key)))
            .map_err(|_| KeyError)
    }
}
