//! Who asks for access: a person at a browser, a program, a workload, or somebody who is signed
//! in at the company's identity provider.

use anyhow::Result;
use mcp_oauth_client::{
    AuthorizationServer, ClientAuthMethod, ClientId, IdentityProvider, Issuer, Registration,
    RegistrationKind, Secret, UrlPolicy,
    grants::{Assertion, MachineGrant},
};

use crate::context::Context;

/// Who asks for access.
pub(crate) enum Identity {
    /// A person, who consents; a program with its own credentials where the server offers nothing
    /// to persons.
    PersonOrProgram,
    /// A workload with a token of its platform.
    Workload(Secret),
    /// Somebody who is signed in at the company's identity provider.
    Employee(Box<SignedIn>),
}

/// Where somebody is signed in, and the proof of it.
pub(crate) struct SignedIn {
    pub(crate) provider: IdentityProvider,
    pub(crate) id_token: Secret,
}

impl Identity {
    pub(crate) fn of(context: &Context, policy: UrlPolicy, redirect_uri: &str) -> Result<Self> {
        let company = &context.company;
        if let (Some(client_id), Some(id_token), Some(issuer), Some(endpoint)) = (
            &company.idp_client_id,
            &company.idp_id_token,
            &company.idp_issuer,
            &company.idp_token_endpoint,
        ) {
            let registration = Registration {
                issuer: Issuer::parse(issuer, policy)?,
                kind: RegistrationKind::Preregistered,
                client_id: ClientId::new(client_id)?,
                client_secret: None,
                client_key: None,
                secret_expires_at: None,
                auth_method: ClientAuthMethod::None,
                redirect_uri: redirect_uri.to_owned(),
            };
            let provider = IdentityProvider {
                token_endpoint: policy.endpoint(endpoint)?,
                registration,
            };
            let id_token = id_token.clone();
            return Ok(Self::Employee(Box::new(SignedIn { provider, id_token })));
        }
        Ok(match &context.valid_jwt {
            Some(token) => Self::Workload(token.clone()),
            None => Self::PersonOrProgram,
        })
    }

    /// The grant to ask with where no exchange comes before it; none where a person consents.
    pub(crate) fn grant(&self, server: &AuthorizationServer) -> Option<MachineGrant> {
        match self {
            Self::Workload(token) => Some(MachineGrant::JwtBearer(Assertion::of_workload(
                token.clone(),
            ))),
            Self::PersonOrProgram
                if !server.lists_grant("authorization_code")
                    && server.lists_grant("client_credentials") =>
            {
                Some(MachineGrant::ClientCredentials)
            }
            Self::PersonOrProgram | Self::Employee(_) => None,
        }
    }
}
