//! Discovery: probe → protected resource metadata (RFC 9728) → authorization server metadata
//! (RFC 8414, OpenID Connect Discovery) → for 2025-03-26 servers their own origin as issuer.

use futures::FutureExt;
use serde_json::{Map, Value};
use url::Url;

use super::{
    AuthClient, DiscoveryError, Failed,
    candidates::{Candidate, Freshness, pick},
    finish, retry_after,
};
use crate::{
    challenge::{Challenge, Challenges},
    dpop::Binding,
    issuer::Issuer,
    metadata::{AuthorizationServer, MetadataError, ResourceMetadata},
    probe,
    report::Report,
    resource::{ResourceId, ServerUrl},
    scope::Scopes,
    transport::{Leg, Response},
    url_policy::UrlPolicy,
    well_known,
};

/// What a server turned out to be (MCP, Authorization Server Location).
#[derive(Clone, Debug)]
pub enum Discovery {
    /// It does not ask for a token; it may still refuse one of its tools later.
    Open(OpenServer),
    /// It asks for a token, and this is where to get one.
    Protected(Box<ProtectedServer>),
}

/// A server that answered the probe without asking for a token.
#[derive(Clone, Debug)]
pub struct OpenServer {
    /// The status it answered with.
    pub status: u16,
    /// What was tried.
    pub report: Report,
}

/// A server that asks for a token (RFC 9728 §5), with everything needed to begin a flow.
#[derive(Clone, Debug)]
pub struct ProtectedServer {
    /// The server.
    pub server: ServerUrl,
    /// Its resource identifier, byte for byte as published.
    pub resource: ResourceId,
    /// Every authorization server it names, in its order; a choice for the user (RFC 9728 §7.6).
    pub authorization_servers: Vec<Issuer>,
    /// The first of them that works.
    pub authorization_server: AuthorizationServer,
    /// The scopes the server asks for: of its challenge, else of its metadata, else none.
    pub wanted_scopes: Scopes,
    /// Whether it wants tokens that are bound to a key (RFC 9449).
    pub binding: Binding,
    /// What was tried.
    pub report: Report,
}

impl ProtectedServer {
    /// The scopes to ask `server` for: what the resource wants, and `offline_access` if the
    /// authorization server lists it, so that the connection can be refreshed.
    pub fn scopes_at(&self, server: &AuthorizationServer) -> Scopes {
        const OFFLINE: &str = "offline_access";
        if server.scopes_supported.contains(OFFLINE) {
            self.wanted_scopes.union(&Scopes::parse(OFFLINE))
        } else {
            self.wanted_scopes.clone()
        }
    }
}

impl AuthClient {
    /// Finds out whether a server asks for a token and where to get one (RFC 9728, RFC 8414). Sends
    /// nothing secret and registers nothing.
    pub async fn discover(&self, server: &ServerUrl) -> Result<Discovery, Failed<DiscoveryError>> {
        self.cache.forget_challenges(server);
        let mut report = Report::new();
        const RULE: &str = "a request without a token; 401 asks for one (RFC 9728 §5)";
        let request = probe::request(server);
        let response = match self.send(Leg::Probe, request, RULE, &mut report).await {
            Ok(response) => response,
            Err(source) => {
                let host = server.host();
                let error = DiscoveryError::Unreachable { host, source };
                return Err(Failed::new(error, report));
            }
        };
        let challenges = Challenges::from_headers(response.headers());
        let status = response.status().as_u16();
        match probe::verdict(&response, &challenges) {
            probe::Verdict::Protected => self
                .resolve(server, &challenges, Freshness::Now, report)
                .await
                .map(|protected| Discovery::Protected(Box::new(protected))),
            probe::Verdict::Open => {
                self.close_session(server, &response).await;
                Ok(Discovery::Open(OpenServer { status, report }))
            }
            probe::Verdict::Page => {
                let host = server.host();
                finish(Err(DiscoveryError::NotMcp { host }), report)
            }
            probe::Verdict::Filtered => {
                let host = server.host();
                finish(Err(DiscoveryError::Filtered { host }), report)
            }
            probe::Verdict::Trouble => {
                let error = DiscoveryError::Unavailable {
                    host: server.host(),
                    status,
                    after: retry_after(response.headers()),
                };
                finish(Err(error), report)
            }
        }
    }

    /// As [`discover`](Self::discover), from a challenge that a request met (RFC 9728 §5.2): no
    /// probe is sent.
    pub async fn discover_challenged(
        &self,
        server: &ServerUrl,
        challenges: &Challenges,
    ) -> Result<ProtectedServer, Failed<DiscoveryError>> {
        self.resolve(server, challenges, Freshness::Cached, Report::new())
            .await
    }

    /// What is known of a server from a moment ago, without sending anything: its challenge and
    /// every document that led to its authorization server are still fresh (RFC 9111). For
    /// beginning a flow right after somebody looked at a server.
    pub fn recall(&self, server: &ServerUrl) -> Option<ProtectedServer> {
        let challenges = self.cache.challenges(server, self.clock.now())?;
        let freshness = Freshness::CacheOnly;
        let resolved = self.resolve(server, &challenges, freshness, Report::new());
        // Nothing is waited for, so the first look at the future is its end.
        resolved.now_or_never()?.ok()
    }

    /// The validated metadata of one authorization server (RFC 8414), for a choice among several
    /// (RFC 9728 §7.6).
    pub async fn authorization_server(
        &self,
        issuer: &Issuer,
    ) -> Result<AuthorizationServer, Failed<DiscoveryError>> {
        let mut report = Report::new();
        let freshness = Freshness::Cached;
        match self.server_metadata(issuer, freshness, &mut report).await {
            Ok(server) => Ok(server),
            Err(error) => Err(Failed::new(error, report)),
        }
    }

    async fn resolve(
        &self,
        server: &ServerUrl,
        challenges: &Challenges,
        freshness: Freshness,
        mut report: Report,
    ) -> Result<ProtectedServer, Failed<DiscoveryError>> {
        if freshness != Freshness::CacheOnly {
            self.cache.forget_challenges(server);
        }
        let challenge = challenges.oauth();
        let challenged = challenge.map(Challenge::scopes).unwrap_or_default();
        // A challenge that a request met asks for the metadata anew (RFC 9728 §5.2).
        let of_resource = match freshness {
            Freshness::Cached => Freshness::Now,
            other => other,
        };
        let metadata = self
            .resource_metadata(server, challenge, of_resource, &mut report)
            .await;
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(error) if freshness == Freshness::CacheOnly => {
                return Err(Failed::new(error, report));
            }
            Err(error) => {
                return self.legacy(server, challenged, error, report).await;
            }
        };
        let mut first_cause = None;
        for issuer in &metadata.authorization_servers {
            match self.server_metadata(issuer, freshness, &mut report).await {
                Ok(authorization_server) => {
                    let now = self.clock.now();
                    if freshness != Freshness::CacheOnly {
                        self.cache.keep_challenges(server, challenges, now);
                    }
                    return Ok(ProtectedServer {
                        server: server.clone(),
                        resource: metadata.resource,
                        binding: metadata.binding.challenged(challenges),
                        wanted_scopes: if challenged.is_empty() {
                            metadata.scopes_supported
                        } else {
                            challenged
                        },
                        authorization_servers: metadata.authorization_servers,
                        authorization_server,
                        report,
                    });
                }
                Err(error) => {
                    first_cause.get_or_insert(error);
                }
            }
        }
        let error = first_cause.unwrap_or(DiscoveryError::NoResourceMetadata {
            host: server.host(),
            instead: None,
        });
        Err(Failed::new(error, report))
    }

    /// Protected resource metadata: the challenge's URL verbatim, then the well-known places side
    /// by side, the most specific valid one winning.
    async fn resource_metadata(
        &self,
        server: &ServerUrl,
        challenge: Option<&Challenge>,
        freshness: Freshness,
        report: &mut Report,
    ) -> Result<ResourceMetadata, DiscoveryError> {
        let (mut first_cause, mut instead) = (None, None);
        if let Some(text) = challenge.and_then(Challenge::resource_metadata) {
            let policy = self.settings.url_policy;
            match self.challenge_url(server, text, policy) {
                Ok(url) => {
                    const RULE: &str = "the URL of the challenge (RFC 9728 §5.1)";
                    let candidates = self
                        .resource_candidates(server, &[url], freshness, RULE, report)
                        .await;
                    match pick(candidates, &mut first_cause, &mut instead, |source| {
                        resource_error(server, source)
                    }) {
                        Some(Ok(metadata)) => return Ok(metadata),
                        Some(Err(error)) => return Err(error),
                        None => {}
                    }
                }
                Err(source) => return Err(resource_error(server, source)),
            }
        }
        const RULE: &str = "the well-known places, path before root (RFC 9728 §3.1)";
        let urls = well_known::resource_metadata_urls(server);
        let candidates = self
            .resource_candidates(server, &urls, freshness, RULE, report)
            .await;
        match pick(candidates, &mut first_cause, &mut instead, |source| {
            resource_error(server, source)
        }) {
            Some(outcome) => outcome,
            None => Err(first_cause.unwrap_or(DiscoveryError::NoResourceMetadata {
                host: server.host(),
                instead,
            })),
        }
    }

    /// The challenge's metadata URL; a relative one is resolved against the server, as servers
    /// are seen to send it.
    fn challenge_url(
        &self,
        server: &ServerUrl,
        text: &str,
        policy: UrlPolicy,
    ) -> Result<Url, MetadataError> {
        let absolute = match Url::parse(text) {
            Err(url::ParseError::RelativeUrlWithoutBase) => server
                .url()
                .join(text)
                .map(|url| url.to_string())
                .unwrap_or_else(|_| text.to_owned()),
            _ => text.to_owned(),
        };
        match policy.endpoint(&absolute) {
            Ok(endpoint) => Ok(endpoint.url().clone()),
            Err(error) => Err(MetadataError::Endpoint {
                name: "resource_metadata",
                error,
            }),
        }
    }

    async fn resource_candidates(
        &self,
        server: &ServerUrl,
        urls: &[Url],
        freshness: Freshness,
        rule: &str,
        report: &mut Report,
    ) -> Vec<Candidate<ResourceMetadata>> {
        let policy = self.settings.url_policy;
        let validate =
            |document: &Map<String, Value>| ResourceMetadata::validate(document, server, policy);
        let leg = Leg::ResourceMetadata;
        self.fetch_all(leg, urls, freshness, rule, report, validate)
            .await
    }

    async fn server_metadata(
        &self,
        issuer: &Issuer,
        freshness: Freshness,
        report: &mut Report,
    ) -> Result<AuthorizationServer, DiscoveryError> {
        let policy = self.settings.url_policy;
        let tolerated = self.settings.s256_exceptions.contains(issuer);
        self.server_metadata_by(issuer, freshness, report, |document| {
            AuthorizationServer::validate(document, issuer, policy, tolerated)
        })
        .await
    }

    pub(super) async fn server_metadata_by(
        &self,
        issuer: &Issuer,
        freshness: Freshness,
        report: &mut Report,
        validate: impl Fn(&Map<String, Value>) -> Result<AuthorizationServer, MetadataError>,
    ) -> Result<AuthorizationServer, DiscoveryError> {
        const RULE: &str = "the issuer's well-known places, first valid wins (RFC 8414 §3, OpenID)";
        let urls = well_known::server_metadata_urls(issuer);
        let candidates = self
            .fetch_all(
                Leg::ServerMetadata,
                &urls,
                freshness,
                RULE,
                report,
                validate,
            )
            .await;
        // A document that breaks a rule does not stop the search: the same issuer may serve a
        // right one at the next place. It stays the cause if none does.
        let (mut first_cause, mut instead) = (None, None);
        for candidate in candidates {
            match candidate {
                Candidate::Found(server) => return Ok(server),
                Candidate::Miss(what) => instead = instead.or(what),
                Candidate::Unknown => {}
                Candidate::Invalid(source) => {
                    let host = issuer.host();
                    first_cause.get_or_insert(DiscoveryError::ServerMetadata { host, source });
                }
                Candidate::Trouble(error) => {
                    first_cause.get_or_insert(error);
                }
            }
        }
        Err(first_cause.unwrap_or(DiscoveryError::NoServerMetadata {
            host: issuer.host(),
            instead,
        }))
    }

    /// Closes the session that the probe opened on a server that asks for no token. Nothing hangs
    /// on the answer.
    async fn close_session(&self, server: &ServerUrl, response: &Response) {
        if let Some(request) = probe::close_request(server, response) {
            let _ = self.transport.send(Leg::Probe, request).await;
        }
    }
}

fn resource_error(server: &ServerUrl, source: MetadataError) -> DiscoveryError {
    DiscoveryError::ResourceMetadata {
        host: server.host(),
        source,
    }
}
