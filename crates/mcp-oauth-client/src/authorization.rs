//! The authorization request (RFC 6749 §4.1.1 with RFC 7636, RFC 8707) and the record that waits
//! for its answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    client::Registration,
    dpop::Binding,
    es256::Es256Key,
    issuer::Issuer,
    metadata::AuthorizationServer,
    pkce,
    recovery::Recovery,
    resource::{ResourceId, ServerUrl},
    scope::Scopes,
    secret::Secret,
    time::{Random, Timestamp},
    url_policy::Endpoint,
};

/// The record's version; one of another version is read as an expired flow.
pub const PENDING_VERSION: u8 = 1;

/// How long a flow may take, from the redirect to the callback; codes live as long at most
/// (RFC 6749 §4.1.2).
pub const FLOW_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Everything the callback needs, recorded before the user leaves: the issuer and endpoints of
/// the validated metadata, the client, the verifier, the state. It is a secret; keep it sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// [`PENDING_VERSION`] at the time of writing.
    pub version: u8,
    /// The MCP server the flow is for.
    pub server: ServerUrl,
    /// The resource the tokens are for (RFC 8707).
    pub resource: ResourceId,
    /// The client; its issuer is the flow's issuer.
    pub registration: Registration,
    /// Where the code is exchanged.
    pub token_endpoint: Endpoint,
    /// Where the tokens can be revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<Endpoint>,
    /// Whether the answer must carry `iss` (RFC 9207 §2.4).
    pub iss_required: bool,
    /// The state (RFC 6749 §10.12).
    pub state: Secret,
    /// The PKCE verifier (RFC 7636 §4.1).
    pub verifier: Secret,
    /// The scopes asked for.
    pub scopes: Scopes,
    /// Whether the resource wants bound tokens.
    #[serde(default)]
    pub binding: Binding,
    /// The key they will be bound to (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_key: Option<Es256Key>,
    /// When the flow began.
    pub started_at: Timestamp,
}

impl PendingAuthorization {
    /// When the flow ends.
    pub fn expires_at(&self) -> Timestamp {
        self.started_at.after(FLOW_LIFETIME)
    }
}

/// What to authorize (RFC 6749 §4.1.1, RFC 8707 §2.1).
#[derive(Clone, Debug)]
pub struct Target {
    /// The MCP server.
    pub server: ServerUrl,
    /// Its resource identifier.
    pub resource: ResourceId,
    /// The scopes to ask for; with none the parameter is left out.
    pub scopes: Scopes,
    /// Whether it wants tokens that are bound to a key.
    pub binding: Binding,
}

/// The client was registered at another authorization server than the one it was to be used at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client of {registered_at} is not used at {server}")]
pub struct OtherIssuer {
    /// The issuer the client belongs to.
    pub registered_at: Issuer,
    /// The issuer it was to be used at.
    pub server: Issuer,
}

impl OtherIssuer {
    /// What to do about it: never worked around, or one server would see another's credentials.
    pub fn recovery(&self) -> Recovery {
        Recovery::Refuse
    }
}

/// Builds the authorization URL and the record that waits for the answer. Refuses a client of
/// another authorization server (MCP authorization, Authorization Server Binding).
pub fn begin(
    target: Target,
    server: &AuthorizationServer,
    registration: Registration,
    random: &dyn Random,
    now: Timestamp,
) -> Result<(Endpoint, PendingAuthorization), OtherIssuer> {
    if registration.issuer != server.issuer {
        return Err(OtherIssuer {
            registered_at: registration.issuer,
            server: server.issuer.clone(),
        });
    }
    let pending = PendingAuthorization {
        version: PENDING_VERSION,
        server: target.server,
        resource: target.resource,
        token_endpoint: server.token_endpoint.clone(),
        revocation_endpoint: server.revocation_endpoint.clone(),
        iss_required: server.iss_in_responses,
        state: pkce::random_token(random),
        verifier: pkce::verifier(random),
        scopes: target.scopes,
        binding: target.binding,
        dpop_key: server.dpop_key(target.binding, random),
        started_at: now,
        registration,
    };
    let mut fields = vec![
        ("response_type", "code".to_owned()),
        ("client_id", pending.registration.client_id.to_string()),
        ("redirect_uri", pending.registration.redirect_uri.clone()),
        ("state", pending.state.expose().to_owned()),
        ("code_challenge", pkce::challenge(&pending.verifier)),
        ("code_challenge_method", "S256".to_owned()),
        ("resource", pending.resource.to_string()),
    ];
    if !pending.scopes.is_empty() {
        fields.push(("scope", pending.scopes.to_string()));
    }
    if let Some(key) = &pending.dpop_key {
        // Binds the code itself to the key (RFC 9449 §10).
        fields.push(("dpop_jkt", key.thumbprint()));
    }
    let url = server.authorization_endpoint.with_query(&fields);
    Ok((url, pending))
}

/// The authorization URL for a person who wants to sign in as somebody else, although the
/// authorization server may remember who they are: `prompt=select_account`, or `login` where that
/// is not listed (OpenID Connect Core §3.1.2.1). A server that takes neither gets the URL as it is;
/// one that knows no `prompt` ignores it (RFC 6749 §3.1).
pub fn for_another_account(url: &Endpoint, server: &AuthorizationServer) -> Endpoint {
    const CHOOSE: &str = "select_account";
    const SIGN_IN: &str = "login";
    let prompt = match &server.prompts {
        None => Some(SIGN_IN),
        Some(listed) => [CHOOSE, SIGN_IN]
            .into_iter()
            .find(|prompt| listed.iter().any(|value| value == prompt)),
    };
    match prompt {
        Some(prompt) => url.with_query(&[("prompt", prompt.to_owned())]),
        None => url.clone(),
    }
}
