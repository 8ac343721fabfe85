//! Metadata kept by the rules of HTTP (RFC 9111), within bounds.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};

use crate::{
    challenge::Challenges,
    resource::ServerUrl,
    time::Timestamp,
    transport::{Request, Response},
};

/// How long a document is fresh whose server says nothing about it: metadata rarely changes, and
/// a person reads and clicks before the next request (RFC 9111 §4.2.2 leaves the choice to us).
pub const SILENT_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// The longest time a document is fresh, whatever its server says (RFC 9111 §4.2 allows less).
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Metadata documents by URL (RFC 9111), and the challenges they were found by. Shared by the
/// clones of an [`AuthClient`](crate::AuthClient). It holds nothing secret: every document is
/// public, and was asked for without credentials. When it is full, what is oldest goes.
pub struct MetadataCache {
    most_documents: usize,
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    documents: HashMap<String, Document>,
    challenges: HashMap<ServerUrl, (Timestamp, Challenges)>,
    bytes: usize,
}

struct Document {
    policy: CachePolicy,
    response: Response,
    kept_at: Timestamp,
}

impl Default for MetadataCache {
    /// At most 1,024 documents, and 8 MiB of them.
    fn default() -> Self {
        Self::new(1024, 8 * 1024 * 1024)
    }
}

impl MetadataCache {
    /// A cache of at most so many documents and bytes of bodies, and so many challenges.
    pub fn new(most_documents: usize, most_bytes: usize) -> Self {
        Self {
            most_documents,
            most_bytes,
            kept: Mutex::default(),
        }
    }

    /// The document of a URL, if it is still fresh.
    pub(crate) fn fresh(&self, request: &Request, now: Timestamp) -> Option<Response> {
        let kept = self.lock();
        let document = kept.documents.get(&key(request))?;
        document.is_fresh(now).then(|| document.response.clone())
    }

    /// Makes a request conditional, if the document it asks for is kept and can be revalidated
    /// (RFC 9110 §13.1).
    pub(crate) fn make_conditional(&self, request: Request, now: Timestamp) -> Request {
        let kept = self.lock();
        let Some(document) = kept.documents.get(&key(&request)) else {
            return request;
        };
        // Even a fresh document is asked about here: somebody wants to know what is true now.
        let much_later = system_time(now) + LONGEST_LIFETIME * 400;
        match document.policy.before_request(&request, much_later) {
            BeforeRequest::Stale {
                request: conditional,
                matches: true,
            } => {
                let (_, body) = request.into_parts();
                Request::from_parts(conditional, body)
            }
            _ => request,
        }
    }

    /// What an answer means: “not modified” is the kept document, anything else is itself.
    pub(crate) fn resolve(
        &self,
        request: &Request,
        response: Response,
        now: Timestamp,
    ) -> Response {
        if response.status() != http::StatusCode::NOT_MODIFIED {
            return response;
        }
        let mut kept = self.lock();
        let Some(document) = kept.documents.get_mut(&key(request)) else {
            return response;
        };
        let after = document
            .policy
            .after_response(request, &response, system_time(now));
        let AfterResponse::NotModified(policy, parts) = after else {
            // It speaks of another version than the one that is kept.
            kept.remove(&key(request));
            return response;
        };
        let body = document.response.body().clone();
        document.policy = policy;
        document.kept_at = now;
        let mut renewed = Response::new(body);
        *renewed.headers_mut() = parts.headers;
        document.response = renewed;
        document.response.clone()
    }

    /// Keeps an answer that turned out to be of use, if its server allows it.
    pub(crate) fn keep(&self, request: &Request, response: &Response, now: Timestamp) {
        let options = CacheOptions {
            // One cache serves everybody, so what is private to one client stays out.
            shared: true,
            ..CacheOptions::default()
        };
        let policy = CachePolicy::new_options(request, response, system_time(now), options);
        let size = response.body().len();
        let mut kept = self.lock();
        let key = key(request);
        kept.remove(&key);
        if !policy.is_storable() || size > self.most_bytes / 8 {
            return;
        }
        while kept.documents.len() >= self.most_documents || kept.bytes + size > self.most_bytes {
            let oldest = kept.documents.iter().min_by_key(|(_, own)| own.kept_at);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            kept.remove(&oldest);
        }
        kept.bytes += size;
        let response = response.clone();
        let document = Document {
            policy,
            response,
            kept_at: now,
        };
        kept.documents.insert(key, document);
    }

    /// Forgets the document of a URL.
    pub(crate) fn forget(&self, request: &Request) {
        self.lock().remove(&key(request));
    }

    /// Keeps the challenge that a server's metadata was found by.
    pub(crate) fn keep_challenges(
        &self,
        server: &ServerUrl,
        challenges: &Challenges,
        now: Timestamp,
    ) {
        let mut kept = self.lock();
        if kept.challenges.len() >= self.most_documents && !kept.challenges.contains_key(server) {
            let oldest = kept.challenges.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(server, _)| server.clone()) {
                kept.challenges.remove(&oldest);
            }
        }
        kept.challenges
            .insert(server.clone(), (now, challenges.clone()));
    }

    /// The challenge a server answered with lately. It is no document with rules of its own, so
    /// it is as fresh as a document of a silent server.
    pub(crate) fn challenges(&self, server: &ServerUrl, now: Timestamp) -> Option<Challenges> {
        let kept = self.lock();
        let (at, challenges) = kept.challenges.get(server)?;
        (now < at.after(SILENT_LIFETIME)).then(|| challenges.clone())
    }

    /// Forgets the challenge of a server.
    pub(crate) fn forget_challenges(&self, server: &ServerUrl) {
        self.lock().challenges.remove(server);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: &str) {
        if let Some(gone) = self.documents.remove(key) {
            self.bytes -= gone.response.body().len();
        }
    }
}

impl Document {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let lifetime = if is_silent(self.response.headers()) {
            SILENT_LIFETIME
        } else {
            let kept_at = system_time(self.kept_at);
            self.policy.time_to_live(kept_at).min(LONGEST_LIFETIME)
        };
        // A clock that was set back makes nothing fresh for longer.
        now >= self.kept_at && now < self.kept_at.after(lifetime)
    }
}

/// Whether a server says nothing about how long its answer may be kept.
fn is_silent(headers: &HeaderMap) -> bool {
    ![
        header::CACHE_CONTROL,
        header::EXPIRES,
        header::PRAGMA,
        header::LAST_MODIFIED,
    ]
    .iter()
    .any(|name| headers.contains_key(name))
}

fn key(request: &Request) -> String {
    request.uri().to_string()
}

fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0))
}

impl fmt::Debug for MetadataCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("MetadataCache")
            .field("documents", &kept.documents.len())
            .field("bytes", &kept.bytes)
            .finish()
    }
}

/// Empty bodies and statuses other than 200 are kept too: that a place is empty is worth knowing
/// while the document found elsewhere is fresh.
pub(crate) fn is_absence(response: &Response) -> bool {
    matches!(response.status().as_u16(), 404 | 410) && response.body().len() <= 64 * 1024
}

/// An absence without its body.
pub(crate) fn absence(response: &Response) -> Response {
    let mut bare = response.clone();
    *bare.body_mut() = Bytes::new();
    bare
}
