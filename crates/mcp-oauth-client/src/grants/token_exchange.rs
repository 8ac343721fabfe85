//! An ID token of the company's identity provider for an Identity Assertion JWT Authorization
//! Grant, the ID-JAG (RFC 8693; MCP extension Enterprise-Managed Authorization). The identity
//! provider decides; nobody is sent to a consent page.

use crate::{
    client::Registration,
    client_auth::authenticated_form,
    issuer::Issuer,
    issuing::Issuing,
    json,
    resource::ResourceId,
    scope::Scopes,
    secret::Secret,
    token::{Grant, TokenError, document_of},
    transport::{Request, Response},
    url_policy::Endpoint,
};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// A company's identity provider (RFC 8693 §2), from the company's configuration.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    /// Its token endpoint.
    pub token_endpoint: Endpoint,
    /// Our client there, the one the user signed in through.
    pub registration: Registration,
}

/// An Identity Assertion JWT Authorization Grant (RFC 8693 §2.2). Good for one authorization
/// server, for minutes.
#[derive(Clone, Debug)]
pub struct IdJag(Secret);

impl IdJag {
    pub(super) fn into_secret(self) -> Secret {
        self.0
    }
}

/// The request for an ID-JAG (RFC 8693 §2.1): for the authorization server `audience`, whose
/// validated metadata named it, and for `resource`.
pub fn request(
    provider: &IdentityProvider,
    id_token: &Secret,
    audience: &Issuer,
    resource: &ResourceId,
    scopes: &Scopes,
    issuing: &Issuing<'_>,
) -> Request {
    let scope = scopes.to_string();
    let mut fields = vec![
        ("grant_type", GRANT_TYPE),
        ("requested_token_type", ID_JAG),
        ("subject_token", id_token.expose()),
        ("subject_token_type", ID_TOKEN),
        ("audience", audience.as_str()),
        ("resource", resource.as_str()),
    ];
    if !scope.is_empty() {
        fields.push(("scope", &scope));
    }
    authenticated_form(
        &provider.token_endpoint,
        &provider.registration,
        &fields,
        issuing,
    )
}

/// Reads the answer (RFC 8693 §2.2): an ID-JAG, which is no access token and says so.
pub fn process(provider: &IdentityProvider, response: &Response) -> Result<IdJag, TokenError> {
    let host = provider.token_endpoint.host();
    let kind = provider.registration.kind;
    let document = document_of(&host, response, Grant::Exchange, kind)?;
    let issued = json::text(&document, "issued_token_type").unwrap_or_default();
    let token_type = json::text(&document, "token_type").unwrap_or_default();
    if issued != ID_JAG || !token_type.eq_ignore_ascii_case("N_A") {
        return Err(TokenError::TokenType {
            host,
            token_type: json::showable(
                if issued == ID_JAG {
                    &token_type
                } else {
                    &issued
                },
                80,
            ),
        });
    }
    match json::text(&document, "access_token") {
        Some(jag) => Ok(IdJag(Secret::new(jag))),
        None => Err(TokenError::NotUnderstood {
            host,
            what: "it has no access_token".to_owned(),
            temporary: false,
        }),
    }
}
