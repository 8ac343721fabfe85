//! The grants without a browser, driven.

use super::{AuthClient, Failed, finish};
use crate::{
    authorization::Target,
    client::Registration,
    connection::Connection,
    grants::{self, IdJag, IdentityProvider, MachineFlow, MachineGrant, token_exchange_request},
    issuer::Issuer,
    issuing::Issuing,
    metadata::AuthorizationServer,
    report::Report,
    secret::Secret,
    token::TokenError,
};

impl AuthClient {
    /// Gets tokens without a browser: with the client's own credentials (RFC 6749 §4.4), or an
    /// assertion (RFC 7523 §2.1). What is
    /// refused is not tried again, and no other grant in its place.
    pub async fn authorize_machine(
        &self,
        target: Target,
        server: &AuthorizationServer,
        registration: Registration,
        grant: MachineGrant,
    ) -> Result<Connection, Failed<TokenError>> {
        let mut report = Report::new();
        let rule = match grant {
            MachineGrant::ClientCredentials => "client credentials (RFC 6749 §4.4)",
            MachineGrant::JwtBearer(_) => "an assertion as a grant (RFC 7523 §2.1)",
        };
        let flow = MachineFlow::new(target, server, registration, grant, &*self.random);
        let build = |issuing: &Issuing<'_>| Ok(flow.request(issuing));
        let endpoint = flow.token_endpoint();
        let sent = self.ask_for_tokens(endpoint, build, rule, &mut report);
        let outcome = sent
            .await
            .and_then(|response| flow.process(&response, self.clock.now()));
        finish(outcome, report)
    }

    /// Exchanges a user's ID token at the company's identity provider for the assertion that the
    /// authorization server `server` takes (RFC 8693). A refusal is the company's decision: no
    /// other way in follows.
    pub async fn exchange_id_token(
        &self,
        provider: &IdentityProvider,
        id_token: &Secret,
        target: &Target,
        server: &Issuer,
    ) -> Result<IdJag, Failed<TokenError>> {
        let mut report = Report::new();
        const RULE: &str = "an ID token for an ID-JAG (RFC 8693)";
        let build = |issuing: &Issuing<'_>| {
            Ok(token_exchange_request(
                provider,
                id_token,
                server,
                &target.resource,
                &target.scopes,
                issuing,
            ))
        };
        let endpoint = &provider.token_endpoint;
        let sent = self.ask_for_tokens(endpoint, build, RULE, &mut report);
        let outcome = sent
            .await
            .and_then(|response| grants::process_token_exchange(provider, &response));
        finish(outcome, report)
    }
}
