//! The token of a visit: got by a flow, got anew when the server asks for another.

use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use gatepass_mcp::{TokenSource, TokenSourceError};
use mcp_oauth_client::{
    AccessToken, AuthClient, AuthorizationServer, BoxFuture, Challenges, Connection, GivenClient,
    Issuer, MachineGrant, Recovery, Registration, RegistrationKind, Rung, Scopes, ServerUrl,
    Target, registration,
};

use crate::{identity::Identity, person};

/// Gets tokens for one server.
pub(crate) struct Tokens {
    auth: AuthClient,
    server: ServerUrl,
    /// The client registered beforehand, and where, if that is known.
    preregistered: Option<(GivenClient, Option<String>)>,
    identity: Identity,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    /// Dynamic registrations, one an issuer.
    registrations: Vec<Registration>,
    /// Everything asked for so far: asking for more must not lose what was there.
    asked: Scopes,
}

impl Tokens {
    pub(crate) fn new(
        auth: AuthClient,
        server: ServerUrl,
        preregistered: Option<(GivenClient, Option<String>)>,
        identity: Identity,
    ) -> Self {
        Self {
            auth,
            server,
            preregistered,
            identity,
            held: Mutex::default(),
        }
    }

    /// One flow: discovery from the server's challenge, registration, consent, exchange.
    pub(crate) async fn authorize(&self, challenges: &Challenges) -> Result<AccessToken> {
        let found = self
            .auth
            .discover_challenged(&self.server, challenges)
            .await?;
        let server = &found.authorization_server;
        let scopes = {
            let mut held = self.held();
            let granted = match &held.connection {
                Some(connection) if connection.issuer == server.issuer => {
                    connection.tokens.scopes.clone()
                }
                _ => Scopes::none(),
            };
            held.asked = held.asked.union(&granted).union(&found.scopes_at(server));
            held.asked.clone()
        };
        let registration = self.registration(server, &scopes).await?;
        let target = Target {
            server: self.server.clone(),
            resource: found.resource.clone(),
            scopes,
            binding: found.binding,
        };
        let connection = self.connection(target, server, registration).await?;
        let token = self.auth.access_token(&connection);
        self.held().connection = Some(connection);
        Ok(token)
    }

    /// Gets tokens by the grant that fits who we are.
    async fn connection(
        &self,
        target: Target,
        server: &AuthorizationServer,
        registration: Registration,
    ) -> Result<Connection> {
        let auth = &self.auth;
        let grant = match &self.identity {
            Identity::Employee(own) => {
                let (provider, id_token) = (&own.provider, &own.id_token);
                let issuer = &server.issuer;
                let exchanged = auth.exchange_id_token(provider, id_token, &target, issuer);
                Some(MachineGrant::JwtBearer(exchanged.await?.into()))
            }
            identity => identity.grant(server),
        };
        if let Some(grant) = grant {
            let asked = auth.authorize_machine(target, server, registration, grant);
            return Ok(asked.await?);
        }
        let redirect_uri = registration.redirect_uri.clone();
        let (url, pending) = auth.begin(target, server, registration)?;
        let answer = person::authorize(&url, &redirect_uri).await?;
        let callback = pending.validate(answer, auth.clock().now())?;
        Ok(auth.exchange(callback).await?)
    }

    async fn registration(
        &self,
        server: &AuthorizationServer,
        scopes: &Scopes,
    ) -> Result<Registration> {
        let here = |issuer: &Option<String>| {
            issuer
                .as_deref()
                .is_none_or(|own| own == server.issuer.as_str())
        };
        let given = match &self.preregistered {
            Some((client, issuer)) if here(issuer) => Some(client),
            _ => None,
        };
        match registration::ladder(server, given, self.auth.settings()) {
            Rung::Ready(registration) => Ok(registration),
            Rung::ClientRequired => bail!("{} registers nobody", server.issuer.host()),
            Rung::Dynamic => {
                if let Some(kept) = self.kept(&server.issuer) {
                    return Ok(kept);
                }
                let made = self.auth.register(server, scopes).await?;
                self.held().registrations.push(made.clone());
                Ok(made)
            }
        }
    }

    fn kept(&self, issuer: &Issuer) -> Option<Registration> {
        let held = self.held();
        let kept = held.registrations.iter().find(|own| own.issuer == *issuer);
        kept.filter(|own| own.kind == RegistrationKind::Dynamic)
            .cloned()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenSource for Tokens {
    fn token(&self) -> BoxFuture<'_, Result<Option<AccessToken>, TokenSourceError>> {
        Box::pin(async {
            let held = self.held();
            let connection = held.connection.as_ref();
            Ok(connection.map(|connection| self.auth.access_token(connection)))
        })
    }

    fn rejected<'a>(
        &'a self,
        _rejected: &'a AccessToken,
        challenges: &'a Challenges,
    ) -> BoxFuture<'a, Result<Option<AccessToken>, TokenSourceError>> {
        Box::pin(async move {
            match self.authorize(challenges).await {
                Ok(token) => Ok(Some(token)),
                Err(error) => Err(TokenSourceError::Other {
                    sentence: format!("{error:#}"),
                    recovery: Recovery::Reauthorize,
                }),
            }
        })
    }
}
