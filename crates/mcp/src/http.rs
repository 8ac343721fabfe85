//! What is asked of the world: carry a request, bring the response while it still arrives.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::Stream;
use mcp_oauth_client::{BoxFuture, Request, TransportError};

/// A response body as it arrives, bounded by the call's [`StreamLimits`]. It ends after its first
/// error. Dropping it closes the exchange.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// The bounds of one streamed exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// From the call to the response's headers; connecting is part of it.
    pub header: Duration,
    /// Longest silence between two pieces of the body.
    pub idle: Duration,
    /// Longest time for the whole exchange, if there is one.
    pub total: Option<Duration>,
    /// Most bytes of body; more end the stream with
    /// [`TooLarge`](mcp_oauth_client::TransportFailure::TooLarge).
    pub max_body: u64,
}

/// Carries requests whose responses may be long or endless. Implementations guard the address
/// like [`Transport`](mcp_oauth_client::Transport) does, follow no redirect, keep no cookies, and
/// add no headers but `User-Agent`.
///
/// A response of any status is a response; an error means that none came.
pub trait StreamingTransport: Send + Sync {
    /// Sends one request and answers as soon as the response's headers are there.
    fn open(
        &self,
        request: Request,
        limits: StreamLimits,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>>;
}

impl<T: StreamingTransport + ?Sized> StreamingTransport for Arc<T> {
    fn open(
        &self,
        request: Request,
        limits: StreamLimits,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        (**self).open(request, limits)
    }
}
