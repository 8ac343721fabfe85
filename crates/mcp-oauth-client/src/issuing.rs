//! What a request that may have to be signed takes from the world.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::time::{Random, Timestamp};

/// The moment and the randomness for the JWTs of one request (client assertions, RFC 7523; proofs
/// of possession, RFC 9449), and the nonce the server wants to see in a proof.
#[derive(Clone, Copy)]
pub struct Issuing<'a> {
    /// The current time.
    pub now: Timestamp,
    /// Where the unique ids of JWTs come from.
    pub random: &'a dyn Random,
    /// The nonce the server gave last (RFC 9449 §8).
    pub nonce: Option<&'a str>,
}

impl<'a> Issuing<'a> {
    /// Without a nonce.
    pub fn new(now: Timestamp, random: &'a dyn Random) -> Self {
        Self {
            now,
            random,
            nonce: None,
        }
    }

    /// The same with the nonce a server gave.
    #[must_use]
    pub fn with_nonce(self, nonce: Option<&'a str>) -> Self {
        Self { nonce, ..self }
    }

    /// A unique id for a JWT (RFC 7519 §4.1.7).
    pub(crate) fn jwt_id(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Seconds since the Unix epoch (RFC 7519 §2, NumericDate).
    pub(crate) fn seconds(&self) -> i64 {
        self.now.as_millis().div_euclid(1000)
    }
}
