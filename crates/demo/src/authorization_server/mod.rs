//! A small OAuth 2.1 authorization server: metadata, registration, sign-in, consent, tokens,
//! rotation with replay detection, revocation.

mod authorize;
mod browser;
mod client_auth;
mod error;
mod ledger;
mod metadata;
mod pages;
mod registration;
mod request;
mod revocation;
mod token;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub(crate) use self::{
    ledger::{Caller, Client, Grant, Ledger},
    metadata::{altered, serve as serve_metadata, supported_scopes},
    token::{new_refresh_token, tokens},
};
use crate::shared::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(home))
        .route("/as/authorize", get(authorize::authorize))
        .route("/as/sign-in", post(authorize::sign_in))
        .route("/as/sign-out", post(authorize::sign_out))
        .route("/as/consent", post(authorize::consent))
        .route("/as/token", post(token::serve))
        .route("/as/register", post(registration::serve))
        .route("/as/revoke", post(revocation::serve))
        .route("/as/style.css", get(pages::stylesheet))
        .route("/authorize", get(authorize::default_endpoint))
        .route("/token", post(default_token))
        .route("/register", post(default_registration))
}

async fn home(State(app): State<App>) -> Response {
    pages::home(&app)
}

async fn default_token(app: State<App>, headers: HeaderMap, body: String) -> Response {
    if app.behaviour().metadata.default_endpoints {
        token::serve(app, headers, body).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn default_registration(app: State<App>, body: Bytes) -> Response {
    if app.behaviour().metadata.default_endpoints {
        registration::serve(app, body).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
