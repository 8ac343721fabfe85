//! The two metadata documents: protected resource (RFC 9728) and authorization server (RFC 8414,
//! OpenID Connect Discovery 1.0).

use serde_json::{Map, Value};

use crate::{
    client::ClientAuthMethod,
    dpop::Binding,
    es256::{ES256, Es256Key},
    issuer::Issuer,
    json,
    resource::{ResourceId, ServerUrl},
    scope::Scopes,
    time::Random,
    url_policy::{Endpoint, UrlError, UrlPolicy},
};

/// Why a metadata document may not be used (RFC 9728 §3.3, RFC 8414 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A required member is missing or empty.
    #[error("the document has no `{0}`")]
    Missing(&'static str),
    /// `resource` names something else than the server asked (RFC 9728 §3.3).
    #[error("the document is for “{found}”, not for {server}")]
    OtherResource {
        /// What the document says.
        found: String,
        /// The server's URL.
        server: String,
    },
    /// `issuer` is not byte for byte the identifier asked for (RFC 8414 §3.3).
    #[error("the document names the issuer “{found}”, but “{expected}” was asked")]
    OtherIssuer {
        /// What the document says.
        found: String,
        /// The identifier the document was looked up by.
        expected: String,
    },
    /// An endpoint that may not be used.
    #[error("`{name}` may not be used: {error}")]
    Endpoint {
        /// The member.
        name: &'static str,
        /// Why not.
        error: UrlError,
    },
    /// None of the authorization servers named can be used.
    #[error("no authorization server named by the server can be used: {0}")]
    NoIssuer(UrlError),
    /// The authorization server does not say that it supports PKCE with S256 (OAuth 2.1 §7.5.2).
    #[error("the authorization server does not say that it supports PKCE with S256")]
    NoS256,
}

impl MetadataError {
    /// Whether using the document anyway would break a security rule, rather than just not work.
    pub fn is_security(&self) -> bool {
        !matches!(self, Self::Missing(_))
    }
}

/// Protected resource metadata (RFC 9728 §2), validated for one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMetadata {
    /// The resource identifier, byte for byte.
    pub resource: ResourceId,
    /// The authorization servers, in the server's order; at least one.
    pub authorization_servers: Vec<Issuer>,
    /// The scopes the server knows.
    pub scopes_supported: Scopes,
    /// Whether it wants tokens that are bound to a key (RFC 9728 §2, RFC 9449).
    pub binding: Binding,
}

/// Most authorization servers kept of one document.
const MOST_ISSUERS: usize = 16;

impl ResourceMetadata {
    /// Reads and validates a document for `server` (RFC 9728 §3.3).
    pub fn validate(
        document: &Map<String, Value>,
        server: &ServerUrl,
        policy: UrlPolicy,
    ) -> Result<Self, MetadataError> {
        let resource = json::text(document, "resource")
            .map(ResourceId::verbatim)
            .ok_or(MetadataError::Missing("resource"))?;
        if !resource.covers(server) {
            return Err(MetadataError::OtherResource {
                found: json::showable(resource.as_str(), 200),
                server: server.to_string(),
            });
        }
        let named = json::list(document, "authorization_servers").unwrap_or_default();
        let mut refused = None;
        let mut authorization_servers = Vec::new();
        for text in named.iter().filter(|text| !text.trim().is_empty()) {
            match Issuer::parse(text, policy) {
                Ok(issuer) if authorization_servers.contains(&issuer) => {}
                Ok(issuer) => authorization_servers.push(issuer),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        authorization_servers.truncate(MOST_ISSUERS);
        if authorization_servers.is_empty() {
            return Err(match refused {
                Some(error) => MetadataError::NoIssuer(error),
                None => MetadataError::Missing("authorization_servers"),
            });
        }
        let scopes = json::list(document, "scopes_supported").unwrap_or_default();
        let proofs = json::list(document, "dpop_signing_alg_values_supported").unwrap_or_default();
        let binding = if json::flag(document, "dpop_bound_access_tokens_required") {
            Binding::Required
        } else if proofs.iter().any(|name| name == ES256) {
            Binding::Offered
        } else {
            Binding::Bearer
        };
        Ok(Self {
            binding,
            resource,
            authorization_servers,
            scopes_supported: scopes.iter().map(String::as_str).collect(),
        })
    }
}

/// Authorization server metadata (RFC 8414 §2), validated for one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// The issuer, byte for byte as published.
    pub issuer: Issuer,
    /// Where the user authorizes.
    pub authorization_endpoint: Endpoint,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Endpoint,
    /// Where clients register (RFC 7591), if they can.
    pub registration_endpoint: Option<Endpoint>,
    /// Where tokens are revoked (RFC 7009), if they can be.
    pub revocation_endpoint: Option<Endpoint>,
    /// The scopes it lists. Never asked for as a whole: only `offline_access` is looked up here.
    pub scopes_supported: Scopes,
    /// Client authentication at the token endpoint; `None` where the document does not say.
    pub token_auth_methods: Option<Vec<String>>,
    /// The algorithms it takes client assertions in (RFC 8414 §2); `None` where it does not say.
    pub assertion_algs: Option<Vec<String>>,
    /// The grants it knows; `None` where the document does not say.
    pub grant_types: Option<Vec<String>>,
    /// Whether it takes proofs signed with ES256 (RFC 9449 §5.1).
    pub binds_tokens: bool,
    /// Whether S256 is listed; `None` where the document does not say.
    pub s256: Option<bool>,
    /// Whether responses carry `iss` (RFC 9207 §3).
    pub iss_in_responses: bool,
    /// Whether a Client ID Metadata Document URL is taken as client id.
    pub client_id_metadata_documents: bool,
    /// The values of `prompt` that it takes; `None` where the document does not say (OpenID
    /// Connect, Initiating User Registration §4).
    pub prompts: Option<Vec<String>>,
    /// Whether the endpoints are the defaults of the 2025-03-26 revision rather than published.
    pub assumed: bool,
}

impl AuthorizationServer {
    /// Reads and validates a document that was looked up by `expected` (RFC 8414 §3.3). With
    /// `missing_s256_tolerated` a document that does not list PKCE methods at all is used: an
    /// operator's exception, never the default.
    pub fn validate(
        document: &Map<String, Value>,
        expected: &Issuer,
        policy: UrlPolicy,
        missing_s256_tolerated: bool,
    ) -> Result<Self, MetadataError> {
        let issuer = json::text(document, "issuer").ok_or(MetadataError::Missing("issuer"))?;
        if issuer != expected.as_str() {
            return Err(MetadataError::OtherIssuer {
                found: json::showable(&issuer, 200),
                expected: expected.to_string(),
            });
        }
        let required = |name| endpoint(document, name, policy)?.ok_or(MetadataError::Missing(name));
        let authorization_endpoint = required("authorization_endpoint")?;
        let token_endpoint = required("token_endpoint")?;
        let s256 = json::list(document, "code_challenge_methods_supported")
            .map(|methods| methods.iter().any(|method| method == "S256"));
        if s256 == Some(false) || (s256.is_none() && !missing_s256_tolerated) {
            return Err(MetadataError::NoS256);
        }
        let scopes = json::list(document, "scopes_supported").unwrap_or_default();
        Ok(Self {
            issuer: expected.clone(),
            authorization_endpoint,
            token_endpoint,
            registration_endpoint: endpoint(document, "registration_endpoint", policy)?,
            revocation_endpoint: endpoint(document, "revocation_endpoint", policy)?,
            scopes_supported: scopes.iter().map(String::as_str).collect(),
            token_auth_methods: json::list(document, "token_endpoint_auth_methods_supported"),
            assertion_algs: json::list(
                document,
                "token_endpoint_auth_signing_alg_values_supported",
            ),
            grant_types: json::list(document, "grant_types_supported"),
            binds_tokens: json::list(document, "dpop_signing_alg_values_supported")
                .is_some_and(|names| names.iter().any(|name| name == ES256)),
            s256,
            iss_in_responses: json::flag(
                document,
                "authorization_response_iss_parameter_supported",
            ),
            client_id_metadata_documents: json::flag(
                document,
                "client_id_metadata_document_supported",
            ),
            prompts: json::list(document, "prompt_values_supported"),
            assumed: false,
        })
    }

    /// The default endpoints of a server without any metadata (MCP 2025-03-26, Fallbacks for
    /// Servers without Metadata Discovery): `/authorize`, `/token`, `/register` at its origin.
    pub fn assumed_at(origin: &Issuer, policy: UrlPolicy) -> Result<Self, MetadataError> {
        let at = |name, path| {
            policy
                .endpoint(&format!("{}{path}", origin.as_str().trim_end_matches('/')))
                .map_err(|error| MetadataError::Endpoint { name, error })
        };
        Ok(Self {
            issuer: origin.clone(),
            authorization_endpoint: at("authorization_endpoint", "/authorize")?,
            token_endpoint: at("token_endpoint", "/token")?,
            registration_endpoint: Some(at("registration_endpoint", "/register")?),
            revocation_endpoint: None,
            scopes_supported: Scopes::none(),
            token_auth_methods: None,
            assertion_algs: None,
            grant_types: None,
            binds_tokens: false,
            s256: None,
            iss_in_responses: false,
            client_id_metadata_documents: false,
            prompts: None,
            assumed: true,
        })
    }

    /// Whether a client may authenticate by `method`, going by the document; RFC 8414 §2 says
    /// that a document without the list means `client_secret_basic`.
    pub fn lists_auth_method(&self, method: ClientAuthMethod) -> bool {
        match &self.token_auth_methods {
            Some(methods) => methods.iter().any(|name| name == method.as_str()),
            None => method == ClientAuthMethod::ClientSecretBasic,
        }
    }

    /// Whether it says that it knows a grant; RFC 8414 §2 says that a document without the list
    /// means the authorization code (and the implicit grant, which is no more).
    pub fn lists_grant(&self, grant_type: &str) -> bool {
        match &self.grant_types {
            Some(names) => names.iter().any(|name| name == grant_type),
            None => grant_type == "authorization_code",
        }
    }

    /// The key to prove token requests with, if the resource wants bound tokens and this server
    /// issues them. What the resource demands is tried even where the server does not say so.
    pub(crate) fn dpop_key(&self, binding: Binding, random: &dyn Random) -> Option<Es256Key> {
        let wanted = match binding {
            Binding::Bearer => false,
            Binding::Offered => self.binds_tokens,
            Binding::Required => true,
        };
        wanted.then(|| Es256Key::generate(random))
    }
}

fn endpoint(
    document: &Map<String, Value>,
    name: &'static str,
    policy: UrlPolicy,
) -> Result<Option<Endpoint>, MetadataError> {
    json::text(document, name)
        .map(|text| policy.endpoint(&text))
        .transpose()
        .map_err(|error| MetadataError::Endpoint { name, error })
}
