//! The places where a metadata document may be: fetched side by side, judged one by one.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderValue, Method, header::ACCEPT};
use serde_json::{Map, Value};
use url::Url;

use super::{AuthClient, DiscoveryError, retry_after};
use crate::{
    cache,
    client_auth::uri,
    json,
    metadata::MetadataError,
    probe,
    report::{Report, Step, Verdict},
    transport::{Leg, Request, Response, TransportError},
};

/// What one candidate URL gave.
pub(super) enum Candidate<T> {
    Found(T),
    /// Not there, or nothing usable: the next one is tried. Says what came if it was not a plain
    /// “not found”, since that may be the real cause: a login wall, a bot filter.
    Miss(Option<String>),
    /// There, but breaks a rule.
    Invalid(MetadataError),
    /// Not looked at.
    Unknown,
    /// Trouble that says nothing about whether it is there.
    Trouble(DiscoveryError),
}

/// How far the cache is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Somebody wants to know what is true now: every document is asked about.
    Now,
    /// A fresh document is as good as another request.
    Cached,
    /// Nothing is sent.
    CacheOnly,
}

impl AuthClient {
    /// Fetches candidates side by side and judges each; the answers keep the order of the URLs.
    /// As far as the cache may be believed it answers for the first of them, and for the rest
    /// too once it has a valid document.
    pub(super) async fn fetch_all<T>(
        &self,
        leg: Leg,
        urls: &[Url],
        freshness: Freshness,
        rule: &str,
        report: &mut Report,
        validate: impl Fn(&Map<String, Value>) -> Result<T, MetadataError>,
    ) -> Vec<Candidate<T>> {
        let now = self.clock.now();
        let mut candidates = Vec::new();
        let mut urls = urls;
        while let [url, rest @ ..] = urls
            && freshness != Freshness::Now
            && let Some(response) = self.cache.fresh(&get(url), now)
        {
            let host = url.host_str().unwrap_or_default();
            let status = response.status().as_u16();
            let (candidate, verdict, note) = judge(Ok(response), host, &validate);
            let mut step = Step::request(leg.name(), &Method::GET, url, Duration::ZERO, rule);
            step.status = Some(status);
            step.verdict = verdict;
            step.note = note.or_else(|| Some("known from a moment ago; nothing was sent".into()));
            self.record(report, step);
            let found = matches!(candidate, Candidate::Found(_));
            candidates.push(candidate);
            if found {
                return candidates;
            }
            urls = rest;
        }
        if freshness == Freshness::CacheOnly {
            candidates.extend(urls.iter().map(|_| Candidate::Unknown));
            return candidates;
        }
        let fetches = urls.iter().map(|url| async {
            let request = self.cache.make_conditional(get(url), now);
            let (outcome, step) = self.exchange_one(leg, request, rule).await;
            let outcome =
                outcome.map(|response| self.cache.resolve(&get(url), response, self.clock.now()));
            (outcome, step)
        });
        let mut absent = Vec::new();
        let mut found = false;
        for (url, (outcome, step)) in urls.iter().zip(join_all(fetches).await) {
            let host = url.host_str().unwrap_or_default().to_owned();
            let answer = outcome.as_ref().ok().cloned();
            let (candidate, verdict, note) = judge(outcome, &host, &validate);
            // A place is kept as empty only together with the document that was found behind it:
            // whoever mends a server is not told for minutes that it is broken.
            match (&candidate, answer) {
                (Candidate::Found(_), Some(response)) if !found => {
                    found = true;
                    self.cache.keep(&get(url), &response, now);
                    for (url, response) in absent.drain(..) {
                        self.cache.keep(&get(url), &response, now);
                    }
                }
                (Candidate::Miss(_), Some(response)) if cache::is_absence(&response) => {
                    absent.push((url, cache::absence(&response)));
                }
                _ => self.cache.forget(&get(url)),
            }
            if let Some(step) = step {
                let note = note.or(step.note.clone());
                let judged = Step {
                    verdict,
                    note,
                    ..step
                };
                self.record(report, judged);
            }
            candidates.push(candidate);
        }
        candidates
    }
}

/// The first candidate that decides: a valid document, or one that breaks a security rule. What
/// merely failed is remembered as the cause, and what came instead of a document in `instead`.
pub(super) fn pick<T>(
    candidates: Vec<Candidate<T>>,
    first_cause: &mut Option<DiscoveryError>,
    instead: &mut Option<String>,
    error: impl Fn(MetadataError) -> DiscoveryError,
) -> Option<Result<T, DiscoveryError>> {
    for candidate in candidates {
        match candidate {
            Candidate::Found(document) => return Some(Ok(document)),
            Candidate::Invalid(source) if source.is_security() => return Some(Err(error(source))),
            Candidate::Invalid(source) => {
                first_cause.get_or_insert(error(source));
            }
            Candidate::Trouble(trouble) => {
                first_cause.get_or_insert(trouble);
            }
            Candidate::Miss(what) => *instead = instead.take().or(what),
            Candidate::Unknown => {}
        }
    }
    None
}

fn judge<T>(
    outcome: Result<Response, TransportError>,
    host: &str,
    validate: impl Fn(&Map<String, Value>) -> Result<T, MetadataError>,
) -> (Candidate<T>, Verdict, Option<String>) {
    let response = match outcome {
        Ok(response) => response,
        Err(source) => {
            let note = source.to_string();
            let host = host.to_owned();
            let trouble = Candidate::Trouble(DiscoveryError::Unreachable { host, source });
            return (trouble, Verdict::Failed, Some(note));
        }
    };
    let status = response.status();
    if status.is_server_error() || status.as_u16() == 429 {
        let trouble = Candidate::Trouble(DiscoveryError::Unavailable {
            host: host.to_owned(),
            status: status.as_u16(),
            after: retry_after(response.headers()),
        });
        return (trouble, Verdict::Failed, None);
    }
    let miss = |what: Option<String>| (Candidate::Miss(what.clone()), Verdict::Miss, what);
    if probe::is_bot_filter(&response) {
        return miss(Some("a bot filter answered".to_owned()));
    }
    if status.as_u16() != 200 {
        let plain = matches!(status.as_u16(), 404 | 405 | 410);
        return miss((!plain).then(|| format!("status {}", status.as_u16())));
    }
    let document = match json::object(response.headers(), response.body()) {
        Ok(document) => document,
        Err(error) => return miss(Some(error.to_string())),
    };
    match validate(&document) {
        Ok(found) => (Candidate::Found(found), Verdict::Ok, None),
        Err(error) => {
            let note = error.to_string();
            (Candidate::Invalid(error), Verdict::Failed, Some(note))
        }
    }
}

fn get(url: &Url) -> Request {
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri(url);
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        "mcp-protocol-version",
        HeaderValue::from_static(probe::PROTOCOL_VERSION),
    );
    request
}
