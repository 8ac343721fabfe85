//! Proof Key for Code Exchange (RFC 7636), S256 only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{secret::Secret, time::Random};

/// A fresh code verifier: 32 random bytes, 43 characters (RFC 7636 §4.1).
pub fn verifier(random: &dyn Random) -> Secret {
    random_token(random)
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()))
}

/// 256 random bits as 43 characters that are safe in URLs.
pub(crate) fn random_token(random: &dyn Random) -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    random.fill(bytes.as_mut());
    Secret::new(URL_SAFE_NO_PAD.encode(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_matches_the_example_of_the_rfc() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
