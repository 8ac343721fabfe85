//! The places where a metadata document may be: fetched side by side, judged one by one.

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderValue, Method, header::ACCEPT};
use serde_json::{Map, Value};
use url::Url;

use super::{AuthClient, DiscoveryError, retry_after};
use crate::{
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
    /// Not there, or nothing usable: the next one is tried.
    Miss,
    /// There, but breaks a rule.
    Invalid(MetadataError),
    /// Trouble that says nothing about whether it is there.
    Trouble(DiscoveryError),
}

impl AuthClient {
    /// Fetches candidates side by side and judges each; the answers keep the order of the URLs.
    pub(super) async fn fetch_all<T>(
        &self,
        leg: Leg,
        urls: &[Url],
        rule: &str,
        report: &mut Report,
        validate: impl Fn(&Map<String, Value>) -> Result<T, MetadataError>,
    ) -> Vec<Candidate<T>> {
        let fetches = urls
            .iter()
            .map(|url| self.exchange_one(leg, get(url), rule));
        let mut candidates = Vec::new();
        for (url, (outcome, step)) in urls.iter().zip(join_all(fetches).await) {
            let host = url.host_str().unwrap_or_default().to_owned();
            let (candidate, verdict, note) = judge(outcome, &host, &validate);
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
/// merely failed is remembered as the cause.
pub(super) fn pick<T>(
    candidates: Vec<Candidate<T>>,
    first_cause: &mut Option<DiscoveryError>,
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
            Candidate::Miss => {}
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
    if status.as_u16() != 200 {
        return (Candidate::Miss, Verdict::Miss, None);
    }
    let document = match json::object(response.headers(), response.body()) {
        Ok(document) => document,
        Err(error) => return (Candidate::Miss, Verdict::Miss, Some(error.to_string())),
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
