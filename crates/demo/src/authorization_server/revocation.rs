//! The revocation endpoint (RFC 7009): a token takes its whole grant with it.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};

use super::{client_auth, error::OAuthError, request::parameters};
use crate::{
    record::RevocationReason,
    shared::{App, Shared},
};

pub(crate) async fn serve(State(app): State<App>, headers: HeaderMap, body: String) -> Response {
    if !app.behaviour().revocation.offered {
        return StatusCode::NOT_FOUND.into_response();
    }
    match revoke(&app, &headers, &body) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    }
}

fn revoke(app: &Shared, headers: &HeaderMap, body: &str) -> Result<(), OAuthError> {
    let form = parameters(body)?;
    let client = client_auth::authenticate(app, headers, &form)?;
    let token = form
        .get("token")
        .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    let refuse_access_tokens = app.behaviour().revocation.refuse_access_tokens;
    let mut ledger = app.ledger();
    // A token nobody knows is as good as revoked (RFC 7009 §2.2).
    let Some((family, is_access)) = ledger.family_of(token) else {
        return Ok(());
    };
    if family.grant.client_id != client.id {
        return Err(OAuthError::invalid_grant(
            "the token belongs to another client",
        ));
    }
    if is_access && refuse_access_tokens {
        return Err(OAuthError::new(
            "unsupported_token_type",
            "access tokens cannot be revoked here",
        ));
    }
    let number = family.number();
    ledger.revoke(number, RevocationReason::Client);
    Ok(())
}
