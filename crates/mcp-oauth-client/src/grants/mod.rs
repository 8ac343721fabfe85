//! Tokens without a browser: for programs that act as themselves, for workloads with an identity
//! of their own, and for companies whose identity provider decides.
//!
//! | file | grant | defined by |
//! |---|---|---|
//! | `mod.rs` | the client's own credentials | RFC 6749 §4.4, MCP OAuth Client Credentials |
//! | `jwt_bearer.rs` | an assertion somebody else signed | RFC 7523 §2.1, MCP Workload Identity Federation |
//! | `token_exchange.rs` | an ID token for an assertion (ID-JAG) | RFC 8693, MCP Enterprise-Managed Authorization |
//!
//! None of these gives a refresh token: when the access token ends, the grant is made again.

mod jwt_bearer;
mod token_exchange;

pub use self::{
    jwt_bearer::Assertion,
    token_exchange::{
        IdJag, IdentityProvider, process as process_token_exchange,
        request as token_exchange_request,
    },
};
use crate::{
    authorization::Target,
    client::Registration,
    client_auth::authenticated_form,
    connection::{CONNECTION_VERSION, Connection},
    dpop,
    es256::Es256Key,
    issuing::Issuing,
    metadata::AuthorizationServer,
    time::{Random, Timestamp},
    token::{Grant, Proof, TokenError, read},
    transport::{Request, Response},
    url_policy::Endpoint,
};

/// What a program asks for tokens with.
#[derive(Clone, Debug)]
pub enum MachineGrant {
    /// Its own credentials (RFC 6749 §4.4).
    ClientCredentials,
    /// An assertion (RFC 7523 §2.1).
    JwtBearer(Assertion),
}

impl MachineGrant {
    /// The value of `grant_type` (RFC 6749 §4.4.2, RFC 7523 §2.1).
    pub fn grant_type(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer(_) => jwt_bearer::GRANT_TYPE,
        }
    }
}

/// One request for tokens without a browser (RFC 6749 §4.4.2, RFC 7523 §2.1). Nothing in it comes
/// from a later answer: endpoints and issuer are those of the validated metadata.
#[derive(Clone, Debug)]
pub struct MachineFlow {
    target: Target,
    registration: Registration,
    token_endpoint: Endpoint,
    revocation_endpoint: Option<Endpoint>,
    dpop_key: Option<Es256Key>,
    grant: MachineGrant,
}

impl MachineFlow {
    /// Prepares the request; `random` makes the key of a bound token, where one is wanted.
    pub fn new(
        target: Target,
        server: &AuthorizationServer,
        registration: Registration,
        grant: MachineGrant,
        random: &dyn Random,
    ) -> Self {
        Self {
            dpop_key: server.dpop_key(target.binding, random),
            token_endpoint: server.token_endpoint.clone(),
            revocation_endpoint: server.revocation_endpoint.clone(),
            target,
            registration,
            grant,
        }
    }

    /// Where the request goes.
    pub fn token_endpoint(&self) -> &Endpoint {
        &self.token_endpoint
    }

    /// The request, with the resource (RFC 8707 §2.2) and, if any are wanted, the scopes.
    pub fn request(&self, issuing: &Issuing<'_>) -> Request {
        let scope = self.target.scopes.to_string();
        let mut fields = vec![
            ("grant_type", self.grant.grant_type()),
            ("resource", self.target.resource.as_str()),
        ];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        if let MachineGrant::JwtBearer(assertion) = &self.grant {
            fields.push(("assertion", assertion.secret().expose()));
        }
        let mut request =
            authenticated_form(&self.token_endpoint, &self.registration, &fields, issuing);
        dpop::prove(&mut request, self.dpop_key.as_ref(), issuing);
        request
    }

    /// Reads the answer (RFC 6749 §4.4.3, §5).
    pub fn process(&self, response: &Response, now: Timestamp) -> Result<Connection, TokenError> {
        let host = self.token_endpoint.host();
        let grant = match self.grant {
            MachineGrant::ClientCredentials => Grant::ClientCredentials,
            MachineGrant::JwtBearer(_) => Grant::Assertion,
        };
        let proof = Proof::of(self.dpop_key.as_ref(), self.target.binding);
        let answer = read(&host, response, grant, self.registration.kind, proof)?;
        Ok(Connection {
            version: CONNECTION_VERSION,
            server: self.target.server.clone(),
            resource: self.target.resource.clone(),
            issuer: self.registration.issuer.clone(),
            token_endpoint: self.token_endpoint.clone(),
            revocation_endpoint: self.revocation_endpoint.clone(),
            registration: self.registration.clone(),
            dpop_key: self.dpop_key.clone(),
            tokens: answer.tokens(None, &self.target.scopes, now),
        })
    }
}
