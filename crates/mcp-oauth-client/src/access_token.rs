//! How an access token is presented to its resource.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header::AUTHORIZATION};
use zeroize::Zeroizing;

use crate::{
    connection::{Connection, TokenType},
    dpop::{self, DPOP, Prover},
    es256::Es256Key,
    secret::Secret,
};

/// An access token: sent alone (RFC 6750 §2.1), or with a proof that we hold the key it is bound
/// to (RFC 9449 §7.1).
#[derive(Clone, Debug)]
pub struct AccessToken {
    secret: Secret,
    bound: Option<(Es256Key, Prover)>,
}

/// The token has characters that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorization server issued a token that no header can carry")]
pub struct Unpresentable;

impl AccessToken {
    /// A bearer token (RFC 6750 §2.1).
    pub fn bearer(secret: Secret) -> Self {
        Self {
            secret,
            bound: None,
        }
    }

    /// The token of a connection, bound if its server bound it (RFC 9449 §5).
    pub fn of(connection: &Connection, prover: &Prover) -> Self {
        let bound = connection.tokens.token_type == TokenType::Dpop;
        let key = connection.dpop_key.as_ref().filter(|_| bound);
        Self {
            secret: connection.tokens.access_token.clone(),
            bound: key.map(|key| (key.clone(), prover.clone())),
        }
    }

    /// The token itself.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Adds the headers that present the token with one request: `Authorization`, and a fresh
    /// proof for a bound token (RFC 6750 §2.1, RFC 9449 §7.1). Call it anew for each attempt.
    pub fn present(
        &self,
        method: &Method,
        url: &Uri,
        headers: &mut HeaderMap,
    ) -> Result<(), Unpresentable> {
        let scheme = if self.bound.is_some() {
            "DPoP"
        } else {
            "Bearer"
        };
        let value = Zeroizing::new(format!("{scheme} {}", self.secret.expose()));
        let mut value = HeaderValue::from_str(&value).map_err(|_| Unpresentable)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        if let Some((key, prover)) = &self.bound {
            headers.insert(DPOP, prover.prove(key, method, url, &self.secret));
        }
        Ok(())
    }

    /// Learns from an answer's head, and says whether the same request should be made once more
    /// because only the server's nonce was missing (RFC 9449 §9). That is no rejection of the
    /// token.
    pub fn wants_another_proof(&self, url: &Uri, status: StatusCode, headers: &HeaderMap) -> bool {
        let Some((_, prover)) = &self.bound else {
            return false;
        };
        prover.nonces().learn(url, headers) && dpop::resource_wants_nonce(status, headers)
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl Eq for AccessToken {}
