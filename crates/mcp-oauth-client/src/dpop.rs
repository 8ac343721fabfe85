//! Demonstrating proof of possession (RFC 9449): tokens that are worth nothing without our key.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    challenge::Challenges,
    es256::{ES256, Es256Key},
    issuing::Issuing,
    json,
    secret::Secret,
    time::{Clock, Random},
    transport::{Request, Response},
};

/// The header of a proof (RFC 9449 §4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header of a nonce (RFC 9449 §8).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The error by which a server asks for its nonce (RFC 9449 §8, §9).
const USE_DPOP_NONCE: &str = "use_dpop_nonce";
/// Longest nonce kept, in bytes.
const MOST_NONCE: usize = 512;

/// Whether a resource wants tokens that are bound to a key (RFC 9728 §2, RFC 9449 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// It takes bearer tokens and says nothing of proofs.
    #[default]
    Bearer,
    /// It takes both; bound tokens are asked for where the authorization server issues them.
    Offered,
    /// It takes nothing else.
    Required,
}

impl Binding {
    /// What a challenge adds to what the metadata said: a server that challenges with DPoP alone
    /// takes nothing else (RFC 9449 §7.1).
    pub(crate) fn challenged(self, challenges: &Challenges) -> Self {
        let dpop = challenges.get("dpop");
        let bearer = challenges.bearer();
        match (self, dpop, bearer) {
            (Self::Required, ..) | (_, Some(_), None) => Self::Required,
            (_, Some(_), Some(_)) => Self::Offered,
            (own, None, _) => own,
        }
    }
}

/// A proof for one request (RFC 9449 §4.2): the method, the URL without query and fragment, the
/// moment, a unique id, the token it goes with, and the server's nonce.
pub fn proof(
    key: &Es256Key,
    method: &Method,
    url: &Uri,
    token: Option<&Secret>,
    issuing: &Issuing<'_>,
) -> HeaderValue {
    let mut header = Map::new();
    header.insert("typ".into(), json!("dpop+jwt"));
    header.insert("alg".into(), json!(ES256));
    header.insert("jwk".into(), Value::Object(key.public_jwk()));
    let mut claims = Map::new();
    claims.insert("jti".into(), json!(issuing.jwt_id()));
    claims.insert("htm".into(), json!(method.as_str()));
    claims.insert("htu".into(), json!(without_query(url)));
    claims.insert("iat".into(), json!(issuing.seconds()));
    if let Some(token) = token {
        let hash = Sha256::digest(token.expose().as_bytes());
        claims.insert("ath".into(), json!(URL_SAFE_NO_PAD.encode(hash)));
    }
    if let Some(nonce) = issuing.nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    // Base64url and dots always make a header.
    HeaderValue::from_str(&key.jwt(&header, &claims))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Adds the proof of a token request (RFC 9449 §5), if there is a key to prove.
pub(crate) fn prove(request: &mut Request, key: Option<&Es256Key>, issuing: &Issuing<'_>) {
    if let Some(key) = key {
        let proof = proof(key, request.method(), request.uri(), None, issuing);
        request.headers_mut().insert(DPOP, proof);
    }
}

/// Whether an authorization server refuses a token request only for want of its nonce
/// (RFC 9449 §8). Nothing was spent: the same request may be made again.
pub fn wants_nonce(response: &Response) -> bool {
    response.status() == StatusCode::BAD_REQUEST
        && response.headers().contains_key(DPOP_NONCE)
        && json::object(response.headers(), response.body())
            .is_ok_and(|body| json::text(&body, "error").as_deref() == Some(USE_DPOP_NONCE))
}

/// Whether a resource refuses a request only for want of its nonce (RFC 9449 §9).
pub fn resource_wants_nonce(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::UNAUTHORIZED
        && headers.contains_key(DPOP_NONCE)
        && Challenges::from_headers(headers)
            .get("dpop")
            .is_some_and(|challenge| challenge.error() == Some(USE_DPOP_NONCE))
}

fn without_query(url: &Uri) -> String {
    let text = url.to_string();
    match text.find(['?', '#']) {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The newest nonce of each server URL, a bounded number of them. A server may give a new one
/// with any answer (RFC 9449 §8.2).
#[derive(Default)]
pub struct Nonces(Mutex<VecDeque<(String, String)>>);

impl Nonces {
    const MOST: usize = 64;

    /// The nonce to use at a URL (RFC 9449 §8).
    pub fn of(&self, url: &Uri) -> Option<String> {
        let url = without_query(url);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(own, _)| *own == url);
        found.map(|(_, nonce)| nonce.clone())
    }

    /// Keeps the nonce of an answer (RFC 9449 §8.2); says whether there was one that differs from
    /// what was known.
    pub fn learn(&self, url: &Uri, headers: &HeaderMap) -> bool {
        let Some(nonce) = headers
            .get(DPOP_NONCE)
            .and_then(|nonce| nonce.to_str().ok())
        else {
            return false;
        };
        if nonce.is_empty() || nonce.len() > MOST_NONCE {
            return false;
        }
        let url = without_query(url);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(own, _)| *own == url) {
            if kept[at].1 == nonce {
                return false;
            }
            kept.remove(at);
        }
        kept.push_front((url, nonce.to_owned()));
        kept.truncate(Self::MOST);
        true
    }
}

/// Makes the proofs of requests to resources (RFC 9449 §7): time, randomness, and the nonces
/// learned so far. Cheap to clone; clones share what they learn.
#[derive(Clone)]
pub struct Prover {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    nonces: Arc<Nonces>,
}

impl Prover {
    /// A prover that knows no nonces yet.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            clock,
            random,
            nonces: Arc::default(),
        }
    }

    /// The proof for a request that carries `token`.
    pub(crate) fn prove(
        &self,
        key: &Es256Key,
        method: &Method,
        url: &Uri,
        token: &Secret,
    ) -> HeaderValue {
        let nonce = self.nonces.of(url);
        let issuing = Issuing::new(self.clock.now(), &*self.random).with_nonce(nonce.as_deref());
        proof(key, method, url, Some(token), &issuing)
    }

    /// The nonces learned so far.
    pub fn nonces(&self) -> &Nonces {
        &self.nonces
    }
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prover")
    }
}
