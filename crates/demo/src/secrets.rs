//! Random tokens, of which only hashes are kept.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_oauth_client::Random;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The SHA-256 of a secret: what the server keeps and looks up.
pub(crate) type Hash = [u8; 32];

/// A fresh secret of 256 random bits, with a prefix that tells its kind.
pub(crate) fn fresh(random: &dyn Random, prefix: &str) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

pub(crate) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares without telling by the time taken how much was right.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// What the record shows instead of a secret: enough to tell two apart.
pub(crate) fn fingerprint(secret: &str) -> String {
    format!("sha256:{}", URL_SAFE_NO_PAD.encode(&hash(secret)[..9]))
}

/// The S256 code challenge of a verifier (RFC 7636 §4.2).
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(verifier))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_challenge_is_the_one_of_rfc_7636_appendix_b() {
        assert_eq!(
            super::s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
