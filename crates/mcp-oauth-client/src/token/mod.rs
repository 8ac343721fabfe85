//! The token endpoint: code exchange and refresh (RFC 6749 §4.1.3, §6; RFC 8707 §2.2).

mod answer;
mod error;

pub(crate) use self::answer::{Proof, document_of, read};
pub use self::error::{Grant, TokenError};
use crate::{
    authorization::PendingAuthorization,
    callback::ValidatedCallback,
    client_auth::authenticated_form,
    connection::{CONNECTION_VERSION, Connection, Tokens},
    dpop::{self, Binding},
    issuing::Issuing,
    time::Timestamp,
    transport::{Request, Response},
};

/// The request that exchanges a validated callback's code (RFC 6749 §4.1.3, RFC 7636 §4.5). It can
/// be sent once: a second try would look like a stolen code and end the grant. The exception is an
/// answer that [wants a nonce](crate::dpop::wants_nonce), which spends nothing.
pub fn exchange_request(callback: &ValidatedCallback, issuing: &Issuing<'_>) -> Request {
    let pending = callback.pending();
    let mut request = authenticated_form(
        &pending.token_endpoint,
        &pending.registration,
        &[
            ("grant_type", "authorization_code"),
            ("code", callback.code().expose()),
            ("redirect_uri", &pending.registration.redirect_uri),
            ("code_verifier", pending.verifier.expose()),
            ("resource", pending.resource.as_str()),
        ],
        issuing,
    );
    dpop::prove(&mut request, pending.dpop_key.as_ref(), issuing);
    request
}

/// Reads the answer to a code exchange (RFC 6749 §5).
pub fn process_exchange(
    callback: &ValidatedCallback,
    response: &Response,
    now: Timestamp,
) -> Result<Connection, TokenError> {
    let pending = callback.pending();
    let host = pending.token_endpoint.host();
    let proof = Proof::of(pending.dpop_key.as_ref(), pending.binding);
    let client = pending.registration.kind;
    let answer = read(&host, response, Grant::Code, client, proof)?;
    Ok(connection(
        pending,
        answer.tokens(None, &pending.scopes, now),
    ))
}

fn connection(pending: &PendingAuthorization, tokens: Tokens) -> Connection {
    Connection {
        version: CONNECTION_VERSION,
        server: pending.server.clone(),
        resource: pending.resource.clone(),
        issuer: pending.registration.issuer.clone(),
        token_endpoint: pending.token_endpoint.clone(),
        revocation_endpoint: pending.revocation_endpoint.clone(),
        registration: pending.registration.clone(),
        dpop_key: pending.dpop_key.clone(),
        tokens,
    }
}

/// The request that refreshes a connection, if it has a refresh token. The scope is left out, so
/// that the grant's own scopes stay (RFC 6749 §6).
pub fn refresh_request(
    connection: &Connection,
    issuing: &Issuing<'_>,
) -> Result<Request, TokenError> {
    let tokens = &connection.tokens;
    let refresh_token = tokens.refresh_token.as_ref();
    let refresh_token = refresh_token.ok_or_else(|| TokenError::NoRefreshToken {
        host: connection.issuer.host(),
    })?;
    let mut request = authenticated_form(
        &connection.token_endpoint,
        &connection.registration,
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("resource", connection.resource.as_str()),
        ],
        issuing,
    );
    dpop::prove(&mut request, connection.dpop_key.as_ref(), issuing);
    Ok(request)
}

/// Reads the answer to a refresh (RFC 6749 §6): what it leaves out (refresh token, scope) stays as
/// it was.
pub fn process_refresh(
    connection: &Connection,
    response: &Response,
    now: Timestamp,
) -> Result<Connection, TokenError> {
    let host = connection.token_endpoint.host();
    // A bound connection whose server stops binding goes on as a bearer one, until the resource
    // objects.
    let proof = Proof::of(connection.dpop_key.as_ref(), Binding::Offered);
    let client = connection.registration.kind;
    let answer = read(&host, response, Grant::Refresh, client, proof)?;
    let old = &connection.tokens;
    let tokens = answer.tokens(old.refresh_token.clone(), &old.scopes, now);
    Ok(Connection {
        tokens,
        ..connection.clone()
    })
}
