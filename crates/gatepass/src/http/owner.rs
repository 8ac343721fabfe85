//! The owner cookie: an anonymous browser session that connections and conversations belong to.
//!
//! Its value is 256 random bits. The store knows only its hash; the value itself is half of the
//! key that opens the owner's connections, so it is never logged and lives for one request.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Method, request::Parts},
    middleware::Next,
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::rate::Cost;
use crate::{
    app::App,
    problem::{Kind, Problem},
};

const NAME: &str = "owner";
/// 400 days, the most that browsers keep; renewed whenever the UI is opened.
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// The owner's secret.
#[derive(Clone)]
pub struct OwnerSecret(Arc<Zeroizing<[u8; 32]>>);

impl OwnerSecret {
    /// Reads a cookie's value; anything but 256 bits in base64url is no secret of ours.
    fn read(value: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(value).ok()?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().ok()?;
        Some(Self(Arc::new(Zeroizing::new(bytes))))
    }

    /// The secret bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn cookie(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// A short name for counting requests; the secret cannot be told from it.
    fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        let hash = Sha256::digest(self.0.as_slice());
        short.copy_from_slice(&hash[..16]);
        short
    }
}

impl std::fmt::Debug for OwnerSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnerSecret(…)")
    }
}

/// The session of one request: the owner it came with, or the one it made.
#[derive(Clone)]
pub struct Session {
    presented: Option<OwnerSecret>,
    made: Arc<OnceLock<OwnerSecret>>,
    renew: Arc<OnceLock<()>>,
    app: Arc<App>,
}

impl Session {
    /// The owner, if the request came with one.
    pub fn owner(&self) -> Option<&OwnerSecret> {
        self.presented.as_ref()
    }

    /// The owner; a new one, whose cookie goes out with the response, if the request had none.
    pub fn owner_or_new(&self) -> &OwnerSecret {
        self.presented.as_ref().unwrap_or_else(|| {
            self.made.get_or_init(|| {
                let mut secret = Zeroizing::new([0; 32]);
                self.app.random.fill(secret.as_mut_slice());
                OwnerSecret(Arc::new(secret))
            })
        })
    }

    /// Sends the cookie again, so that its end moves away.
    pub fn renew(&self) {
        let _ = self.renew.set(());
    }
}

/// Reads the owner cookie, counts the request, and sends a new cookie with the response where a
/// handler made or renewed one.
pub async fn session(
    State((app, cost)): State<(Arc<App>, Cost)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let presented = app
        .cookies
        .get(request.headers(), NAME)
        .and_then(OwnerSecret::read);
    let address = super::address::client(
        request.extensions(),
        request.headers(),
        app.config.behind_proxy.value,
    );
    if request.method() != Method::OPTIONS {
        app.rates
            .check(cost, address, presented.as_ref().map(OwnerSecret::short))?;
    }
    let session = Session {
        presented,
        made: Arc::default(),
        renew: Arc::default(),
        app: Arc::clone(&app),
    };
    request.extensions_mut().insert(session.clone());
    let mut response = next.run(request).await;
    let renewed = session.renew.get().and(session.presented.as_ref());
    if let Some(owner) = session.made.get().or(renewed) {
        app.cookies
            .keep(response.headers_mut(), NAME, &owner.cookie(), MAX_AGE);
    }
    Ok(response)
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::internal("a route that needs a session is outside its layer"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OwnerSecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, state).await?;
        session.presented.ok_or_else(|| {
            Problem::new(
                Kind::OwnerRequired,
                "This browser has no session here, or has lost its cookie: what it kept cannot be \
                 opened. Connect again.",
            )
        })
    }
}
