//! The thin driver: runs the request and response pairs over a [`Transport`].

mod candidates;
mod discover;
mod discovery_error;
mod failed;
mod grants;
mod legacy;

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, header::RETRY_AFTER};

pub use self::{
    discover::{Discovery, OpenServer, ProtectedServer},
    discovery_error::DiscoveryError,
    failed::{Failed, Recoverable},
};
use crate::{
    access_token::AccessToken,
    authorization::{self, OtherIssuer, PendingAuthorization, Target},
    cache::MetadataCache,
    callback::ValidatedCallback,
    client::Registration,
    client_auth,
    connection::Connection,
    dpop::{self, DPOP, Prover},
    issuing::Issuing,
    metadata::AuthorizationServer,
    recovery::Recovery,
    registration::{self, RegistrationError},
    report::{Actor, Observer, Report, Step, Verdict},
    revocation::{self, Revocation, RevocationError, TokenKind},
    scope::Scopes,
    settings::Settings,
    time::{Clock, Random},
    token::{self, TokenError},
    transport::{Leg, Request, Response, Transport, TransportError, TransportFailure},
    url_policy::Endpoint,
};

/// A client of MCP authorization: settings, and the world passed in. Cheap to clone.
#[derive(Clone)]
pub struct AuthClient {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    settings: Arc<Settings>,
    observer: Option<Arc<dyn Observer>>,
    cache: Arc<MetadataCache>,
    /// Nonces of token endpoints, and the proofs of connections' tokens.
    prover: Prover,
}

impl AuthClient {
    /// A client over a transport, a clock and a source of randomness.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Self {
        let prover = Prover::new(clock.clone(), random.clone());
        Self {
            transport,
            clock,
            random,
            prover,
            settings: Arc::new(settings),
            observer: None,
            cache: Arc::default(),
        }
    }

    /// The same client, which tells `observer` of each request while it runs.
    pub fn observed_by(&self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observer: Some(observer),
            ..self.clone()
        }
    }

    /// The same client with a cache (RFC 9111) of other bounds, or one that is shared with other
    /// clients.
    pub fn caching_in(&self, cache: Arc<MetadataCache>) -> Self {
        Self {
            cache,
            ..self.clone()
        }
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The clock it goes by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Registers at an authorization server (RFC 7591). One registration serves every flow with
    /// the same issuer and redirect URI: keep it. Fails with `NotOffered` where the server has no
    /// registration endpoint.
    pub async fn register(
        &self,
        server: &AuthorizationServer,
        scopes: &Scopes,
    ) -> Result<Registration, Failed<RegistrationError>> {
        let mut report = Report::new();
        let host = server.issuer.host();
        let Some(request) = registration::request(server, scopes, &self.settings) else {
            return finish(Err(RegistrationError::NotOffered { host }), report);
        };
        const RULE: &str = "dynamic client registration (RFC 7591 §3)";
        let outcome = match self
            .send(Leg::Registration, request, RULE, &mut report)
            .await
        {
            Ok(response) => {
                registration::process(server, &response, &self.settings, self.clock.now())
            }
            Err(source) => Err(RegistrationError::Transport { host, source }),
        };
        finish(outcome, report)
    }

    /// Begins a flow (RFC 6749 §4.1.1): the URL to send the user to, and the record that waits for
    /// the callback. Nothing is sent. Fails for a client of another authorization server.
    pub fn begin(
        &self,
        target: Target,
        server: &AuthorizationServer,
        registration: Registration,
    ) -> Result<(Endpoint, PendingAuthorization), OtherIssuer> {
        authorization::begin(
            target,
            server,
            registration,
            &*self.random,
            self.clock.now(),
        )
    }

    /// Exchanges the code of a validated callback for tokens (RFC 6749 §4.1.3). Consumes the
    /// callback, since a code is good for one request only.
    pub async fn exchange(
        &self,
        callback: ValidatedCallback,
    ) -> Result<Connection, Failed<TokenError>> {
        let mut report = Report::new();
        const RULE: &str = "code exchange with PKCE and resource (RFC 6749 §4.1.3, RFC 8707)";
        let endpoint = &callback.pending().token_endpoint;
        let build = |issuing: &Issuing<'_>| Ok(token::exchange_request(&callback, issuing));
        let sent = self
            .ask_for_tokens(endpoint, build, RULE, &mut report)
            .await;
        let outcome = sent
            .and_then(|response| token::process_exchange(&callback, &response, self.clock.now()));
        finish(outcome, report)
    }

    /// Refreshes a connection once (RFC 6749 §6). Who may call this and when is the business of
    /// whoever keeps the connection: a refresh token spent twice ends the grant.
    pub async fn refresh(&self, connection: &Connection) -> Result<Connection, Failed<TokenError>> {
        let mut report = Report::new();
        const RULE: &str = "refresh with resource (RFC 6749 §6, RFC 8707)";
        let endpoint = &connection.token_endpoint;
        let build = |issuing: &Issuing<'_>| token::refresh_request(connection, issuing);
        let sent = self
            .ask_for_tokens(endpoint, build, RULE, &mut report)
            .await;
        let outcome = sent
            .and_then(|response| token::process_refresh(connection, &response, self.clock.now()));
        finish(outcome, report)
    }

    /// Revokes a connection's tokens, the refresh token first (RFC 7009). A server that cannot
    /// revoke access tokens, but has revoked the refresh token, has revoked the connection.
    pub async fn revoke(
        &self,
        connection: &Connection,
    ) -> Result<Revocation, Failed<RevocationError>> {
        let mut report = Report::new();
        let Some(endpoint) = &connection.revocation_endpoint else {
            return Ok(Revocation::NotOffered);
        };
        let host = endpoint.host();
        let issuing = Issuing::new(self.clock.now(), &*self.random);
        let mut refresh_revoked = false;
        for kind in [TokenKind::Refresh, TokenKind::Access] {
            let Some(request) = revocation::request(connection, kind, &issuing) else {
                continue;
            };
            const RULE: &str = "revocation (RFC 7009 §2.1)";
            let outcome = match self.send(Leg::Revocation, request, RULE, &mut report).await {
                Ok(response) => revocation::process(&host, &response),
                Err(source) => Err(RevocationError::Transport {
                    host: host.clone(),
                    source,
                }),
            };
            match outcome {
                Ok(()) => refresh_revoked |= kind == TokenKind::Refresh,
                Err(error) if kind == TokenKind::Access && refresh_revoked => {
                    report.note(
                        "revocation",
                        "the refresh token is revoked, and with it the grant",
                        Verdict::Info,
                        error.to_string(),
                    );
                }
                Err(error) if kind == TokenKind::Refresh && error.is_unsupported_token_type() => {}
                Err(error) => return finish(Err(error), report),
            }
        }
        Ok(Revocation::Revoked)
    }

    /// The access token of a connection, ready to be presented (RFC 6750 §2.1, RFC 9449 §7.1).
    pub fn access_token(&self, connection: &Connection) -> AccessToken {
        AccessToken::of(connection, &self.prover)
    }

    /// Sends what `build` makes to a token endpoint, once more if only the server's nonce was
    /// missing (RFC 9449 §8).
    async fn ask_for_tokens(
        &self,
        endpoint: &Endpoint,
        build: impl Fn(&Issuing<'_>) -> Result<Request, TokenError>,
        rule: &str,
        report: &mut Report,
    ) -> Result<Response, TokenError> {
        let nonces = self.prover.nonces();
        let uri = client_auth::uri(endpoint.url());
        let failed = |source| TokenError::Transport {
            host: endpoint.host(),
            source,
        };
        let known = nonces.of(&uri);
        let issuing = Issuing::new(self.clock.now(), &*self.random);
        let request = build(&issuing.with_nonce(known.as_deref()))?;
        let proved = request.headers().contains_key(DPOP);
        let response = self.send(Leg::Token, request, rule, report).await;
        let response = response.map_err(failed)?;
        if !proved || !nonces.learn(&uri, response.headers()) || !dpop::wants_nonce(&response) {
            return Ok(response);
        }
        const AGAIN: &str = "once more with the server's nonce (RFC 9449 §8)";
        let nonce = nonces.of(&uri);
        let request = build(&issuing.with_nonce(nonce.as_deref()))?;
        let response = self.send(Leg::Token, request, AGAIN, report).await;
        response.map_err(failed)
    }

    /// Sends one request and records it.
    async fn send(
        &self,
        leg: Leg,
        request: Request,
        rule: &str,
        report: &mut Report,
    ) -> Result<Response, TransportError> {
        let (outcome, step) = self.exchange_one(leg, request, rule).await;
        if let Some(step) = step {
            self.record(report, step);
        }
        outcome
    }

    /// Sends one request and describes it, for whoever judges the answer before it is recorded.
    async fn exchange_one(
        &self,
        leg: Leg,
        request: Request,
        rule: &str,
    ) -> (Result<Response, TransportError>, Option<Step>) {
        let method = request.method().clone();
        let url = request.uri().to_string().parse::<url::Url>().ok();
        let described = |elapsed| {
            url.as_ref()
                .map(|url| Step::request(leg.name(), &method, url, elapsed, rule))
        };
        if let Some(observer) = &self.observer
            && let Some(step) = described(Duration::ZERO)
        {
            observer.began(&step);
        }
        let before = self.clock.now();
        let outcome = self.transport.send(leg, request).await;
        let step = described(before.until(self.clock.now())).map(|mut step| {
            match &outcome {
                Ok(response) => {
                    step.status = Some(response.status().as_u16());
                    let fine = response.status().is_success();
                    step.verdict = if fine { Verdict::Ok } else { Verdict::Info };
                }
                Err(error) => {
                    step.verdict = Verdict::Failed;
                    step.note = Some(error.to_string());
                }
            }
            step
        });
        (outcome, step)
    }

    /// Adds a step to the report and tells whoever watches.
    fn record(&self, report: &mut Report, step: Step) {
        if let Some(observer) = &self.observer {
            observer.ended(&step);
        }
        report.push(step);
    }
}

/// Marks the last step of a failed operation and draws the conclusion.
fn finish<T, E: Recoverable>(outcome: Result<T, E>, mut report: Report) -> Result<T, Failed<E>> {
    outcome.map_err(|error| {
        if let Some(step) = report.steps.last_mut() {
            step.verdict = Verdict::Failed;
            step.note.get_or_insert_with(|| error.to_string());
        }
        Failed::new(error, report)
    })
}

/// What to do about a request that brought no response.
pub(crate) fn transport_recovery(error: &TransportError) -> Recovery {
    match error.failure {
        TransportFailure::Refused => Recovery::Reconfigure { who: Actor::Admin },
        TransportFailure::Redirect => Recovery::Refuse,
        TransportFailure::TooLarge => Recovery::Reconfigure { who: Actor::Vendor },
        _ => Recovery::Retry {
            after: error.retry_after,
        },
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3), at most an hour. The date form is not read: it
/// needs the server's clock to agree with ours.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const MOST: u64 = 3600;
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse::<u64>();
    Some(Duration::from_secs(seconds.ok()?.min(MOST)))
}
