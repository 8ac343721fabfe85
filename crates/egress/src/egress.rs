//! The pooled clients, one per route, and one exchange over them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header::LOCATION};
use mcp_oauth_client::{Request, TransportError, TransportFailure};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, redirect};
use url::{Host, Url};

use crate::{
    failure,
    policy::{EgressPolicy, MOST_HEADER_BYTES, MOST_HEADERS},
    resolver::{Guard, Lookup, SystemLookup},
    target::{Route, host_of, is_localhost},
};

const USER_AGENT: &str = concat!("gatepass/", env!("CARGO_PKG_VERSION"));
/// How long an unused connection is kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);
/// Most unused connections kept per host.
const IDLE_PER_HOST: usize = 32;

/// What an operator configured cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// An extra certificate authority is not PEM, or holds no certificate.
    #[error("an extra certificate authority cannot be read: {0}")]
    ExtraCa(String),
    /// The proxy's URL cannot be used.
    #[error("the proxy cannot be used: {0}")]
    Proxy(String),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

/// Everything that leaves, leaves here. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Egress {
    inner: Arc<Inner>,
}

struct Inner {
    policy: EgressPolicy,
    clients: HashMap<Route, Client>,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress")
            .field("mode", &self.inner.policy.mode)
            .field("allow", &self.inner.policy.allow)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// Makes the clients of a policy; names are looked up by the system.
    pub fn new(policy: EgressPolicy) -> Result<Self, EgressError> {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// Makes the clients of a policy with another source of addresses.
    pub fn with_lookup(policy: EgressPolicy, lookup: Arc<dyn Lookup>) -> Result<Self, EgressError> {
        let authorities = authorities(&policy)?;
        let proxy = policy.proxy.as_ref().map(check_proxy).transpose()?;
        let client = |route: Route| {
            let guard = Guard {
                lookup: lookup.clone(),
                allow: policy.allowed_on(route).into(),
                public: route.https,
                proxy: proxy.as_ref().and_then(Url::host_str).map(str::to_owned),
            };
            build(&policy, route, guard, &authorities, proxy.as_ref())
        };
        let clients = policy
            .routes()
            .into_iter()
            .map(|route| Ok((route, client(route)?)))
            .collect::<Result<_, EgressError>>()?;
        let inner = Arc::new(Inner { policy, clients });
        Ok(Self { inner })
    }

    /// The policy it keeps.
    pub fn policy(&self) -> &EgressPolicy {
        &self.inner.policy
    }

    /// Judges a URL as a request to it would, without sending one. A name may still turn out to
    /// lead somewhere off limits when it is resolved.
    pub fn check(&self, url: &Url) -> Result<(), TransportError> {
        self.inner.policy.check(url).map(|_| ())
    }

    /// One request and its response's head; no redirect is followed.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        method: http::Method,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<reqwest::Response, TransportError> {
        let route = self.inner.policy.check(url)?;
        let client = self.inner.clients.get(&route).ok_or_else(|| {
            TransportError::new(TransportFailure::Refused, "There is no way to that host")
        })?;
        let mut request = reqwest::Request::new(method, url.clone());
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        let host = || host_of(url);
        let response = client
            .execute(request)
            .await
            .map_err(|error| failure::of(&error, &host(), self.inner.policy.limits.connect))?;
        let size: usize = response
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if size > MOST_HEADER_BYTES {
            return Err(failure::headers_too_large(&host()));
        }
        Ok(response)
    }
}

/// The URL of a request as the protocol builds it.
pub(crate) fn url_of(request: &Request) -> Result<Url, TransportError> {
    Url::parse(&request.uri().to_string()).map_err(|_| {
        TransportError::new(
            TransportFailure::Refused,
            "The address is not a web address",
        )
    })
}

/// Where a response wants the request to go instead.
pub(crate) fn redirect_of(response: &reqwest::Response) -> Option<Result<Url, ()>> {
    let follows = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !follows {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let url = location
        .to_str()
        .ok()
        .and_then(|location| response.url().join(location).ok());
    Some(url.ok_or(()))
}

fn authorities(policy: &EgressPolicy) -> Result<Vec<Certificate>, EgressError> {
    let mut all = Vec::new();
    for pem in &policy.extra_ca {
        let some = Certificate::from_pem_bundle(pem)
            .map_err(|error| EgressError::ExtraCa(error.to_string()))?;
        if some.is_empty() {
            return Err(EgressError::ExtraCa("it holds no certificate".to_owned()));
        }
        all.extend(some);
    }
    Ok(all)
}

fn check_proxy(url: &Url) -> Result<Url, EgressError> {
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(_)) => Ok(url.clone()),
        _ => Err(EgressError::Proxy(
            "its URL is neither http:// nor https://".to_owned(),
        )),
    }
}

/// Requests to this machine never take a proxy: there they would mean another machine.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn build(
    policy: &EgressPolicy,
    route: Route,
    guard: Guard,
    authorities: &[Certificate],
    proxy: Option<&Url>,
) -> Result<Client, EgressError> {
    let guard = Arc::new(guard);
    let builder = || prepare(policy, route, guard.clone(), proxy);
    let own = || authorities.iter().cloned();
    let proxy_speaks_tls = proxy.is_some_and(|url| url.scheme() == "https");
    let client = if route.https || proxy_speaks_tls {
        builder().tls_certs_merge(own()).build().or_else(|error| {
            // A machine without certificate authorities can still reach what needs none of them.
            tracing::warn!(
                error = %cause(&error),
                "the system's certificate authorities cannot be used; only the configured ones are trusted"
            );
            builder().tls_certs_only(own()).build()
        })
    } else {
        // No TLS on this route: reading the system's certificates would cost for nothing.
        builder().tls_certs_only([]).build()
    };
    client.map_err(|error| EgressError::Client(cause(&error)))
}

fn prepare(
    policy: &EgressPolicy,
    route: Route,
    guard: Arc<Guard>,
    proxy: Option<&Url>,
) -> ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one home of HTTP clients"
    )]
    let builder = Client::builder();
    let builder = builder
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .dns_resolver(guard)
        .connect_timeout(policy.limits.connect)
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(30))
        .http1_max_headers(MOST_HEADERS)
        .http2_max_header_list_size(u32::try_from(MOST_HEADER_BYTES).unwrap_or(u32::MAX))
        .https_only(route.https);
    let Some(url) = proxy.cloned() else {
        return builder;
    };
    builder.proxy(Proxy::custom(move |target| {
        (!is_this_machine(target)).then(|| url.clone())
    }))
}

fn cause(error: &reqwest::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
