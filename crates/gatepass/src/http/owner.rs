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
use gatepass_connections::{Owner, OwnerSecret};

use super::rate::Cost;
use crate::{
    app::App,
    problem::{Kind, Problem},
};

const NAME: &str = "owner";
/// 400 days, the most that browsers keep; renewed whenever the UI is opened.
const MAX_AGE: u64 = 400 * 24 * 60 * 60;

/// The session of one request: the owner it came with, or the one it made.
#[derive(Clone)]
pub struct Session {
    presented: Option<Owner>,
    made: Arc<OnceLock<Owner>>,
    renew: Arc<OnceLock<()>>,
    app: Arc<App>,
}

impl Session {
    /// The owner, if the request came with one.
    pub fn owner(&self) -> Option<&Owner> {
        self.presented.as_ref()
    }

    /// The owner; a new one, whose cookie goes out with the response, if the request had none.
    pub fn owner_or_new(&self) -> &Owner {
        self.presented.as_ref().unwrap_or_else(|| {
            self.made
                .get_or_init(|| Owner::new(OwnerSecret::generate(&*self.app.random)))
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
        .and_then(|text| OwnerSecret::parse(text).ok())
        .map(Owner::new);
    let address = super::address::client(
        request.extensions(),
        request.headers(),
        app.config.behind_proxy.value,
    );
    if request.method() != Method::OPTIONS {
        app.rates
            .check(cost, address, presented.as_ref().map(short))?;
    }
    let _under_way = app.rates.begin(cost, presented.as_ref().map(short))?;
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
        app.cookies.keep(
            response.headers_mut(),
            NAME,
            &owner.secret().to_text(),
            MAX_AGE,
        );
    }
    Ok(response)
}

/// What an owner is counted by.
fn short(owner: &Owner) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&owner.id().as_bytes()[..16]);
    short
}

/// The owner of a call that makes no sense without one; 401 if the request has none.
#[derive(Clone, Debug)]
pub struct Present(pub Owner);

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

impl<S: Send + Sync> FromRequestParts<S> for Present {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, state).await?;
        session.presented.map(Self).ok_or_else(|| {
            Problem::new(
                Kind::OwnerRequired,
                "This browser has no session here, or has lost its cookie: what it kept cannot be \
                 opened. Connect again.",
            )
        })
    }
}
