//! The one thing the crate asks of the world: carry a request, bring the response.

use std::{future::Future, pin::Pin, time::Duration};

use bytes::Bytes;

/// A request as the protocol builds it; the body is complete.
pub type Request = http::Request<Bytes>;

/// A response with its whole body, already bounded in size by the transport.
pub type Response = http::Response<Bytes>;

/// A boxed future, so that `Transport` can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a request is for, and by which RFC. A transport chooses its limits, its redirect rule and
/// its log line by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Leg {
    /// The unauthenticated request to the MCP server that asks for a challenge.
    Probe,
    /// Protected resource metadata (RFC 9728).
    ResourceMetadata,
    /// Authorization server metadata (RFC 8414, OpenID Connect Discovery).
    ServerMetadata,
    /// Dynamic client registration (RFC 7591).
    Registration,
    /// The token endpoint (RFC 6749): code exchange, refresh, other grants.
    Token,
    /// Token revocation (RFC 7009).
    Revocation,
}

impl Leg {
    /// Whether the request carries credentials, so that no redirect may ever be followed (RFC 9700
    /// §4.12).
    pub fn carries_credentials(self) -> bool {
        matches!(self, Self::Registration | Self::Token | Self::Revocation)
    }

    /// The leg's name in reports and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::ResourceMetadata => "resource metadata",
            Self::ServerMetadata => "authorization server metadata",
            Self::Registration => "registration",
            Self::Token => "token",
            Self::Revocation => "revocation",
        }
    }
}

/// Why no response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportFailure {
    /// Our own policy refused the address, scheme or port: nothing was sent.
    Refused,
    /// The host name does not resolve.
    Dns,
    /// No connection could be made.
    Connect,
    /// TLS failed: an untrusted or expired certificate, for example.
    Tls,
    /// Nothing came back in time. Whether the server acted is unknown.
    Timeout,
    /// The connection broke after the request was sent. Whether the server acted is unknown.
    Broken,
    /// The response was larger than the leg allows.
    TooLarge,
    /// The server answered with a redirect where none may be followed.
    Redirect,
}

/// A request that brought no usable response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct TransportError {
    /// The class of the failure.
    pub failure: TransportFailure,
    /// One sentence for people; names the host, never a secret.
    pub detail: String,
    /// How long the peer asked us to wait, if it did.
    pub retry_after: Option<Duration>,
}

impl TransportError {
    /// A failure of a class with its sentence.
    pub fn new(failure: TransportFailure, detail: impl Into<String>) -> Self {
        Self {
            failure,
            detail: detail.into(),
            retry_after: None,
        }
    }
}

/// Carries requests. Implementations bound time and size per [`Leg`], follow no redirect on a leg
/// that carries credentials, keep no cookies, and add no headers but `User-Agent`. On
/// [`Leg::Probe`] an event stream is not read: its body comes back empty, since it may never end.
pub trait Transport: Send + Sync {
    /// Sends one request and reads the whole response.
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>>;
}

impl<T: Transport + ?Sized> Transport for std::sync::Arc<T> {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        (**self).send(leg, request)
    }
}
