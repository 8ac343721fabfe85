//! The transport of long answers: MCP and the model.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, future::OptionFuture, stream};
use gatepass_mcp::{BodyStream, StreamLimits, StreamingTransport};
use mcp_oauth_client::{BoxFuture, Request, TransportError};
use tokio::time::Sleep;

use crate::{
    egress::{Egress, redirect_of, url_of},
    failure,
    legs::place,
    target::host_of,
};

impl StreamingTransport for Egress {
    fn open(
        &self,
        request: Request,
        limits: StreamLimits,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        Box::pin(async move {
            let url = url_of(&request)?;
            let host = host_of(&url);
            let total = limits.total.map(tokio::time::sleep).map(Box::pin);
            let (head, body) = request.into_parts();
            let exchange = self.exchange(&url, head.method, head.headers, body);
            let mut response = match tokio::time::timeout(limits.header, exchange).await {
                Ok(response) => response?,
                Err(_) => return Err(failure::timed_out(&host, limits.header)),
            };
            if let Some(next) = redirect_of(&response) {
                let to = next.map_or_else(
                    |()| "something that is no address".to_owned(),
                    |next| place(&url, &next),
                );
                return Err(failure::redirected(&host, &to));
            }
            let mut answer = http::Response::new(());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            let body = Body {
                response,
                host,
                limits,
                total,
                received: 0,
            };
            Ok(answer.map(|()| body.stream()))
        })
    }
}

struct Body {
    response: reqwest::Response,
    host: String,
    limits: StreamLimits,
    total: Option<Pin<Box<Sleep>>>,
    received: u64,
}

impl Body {
    fn stream(self) -> BodyStream {
        let chunks = stream::unfold(Some(self), |own| async move {
            let mut own = own?;
            match own.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(own))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        });
        chunks.boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let most = self.limits.max_body;
        let left = most - self.received;
        if self
            .response
            .content_length()
            .is_some_and(|length| length > left)
        {
            return Err(failure::body_too_large(&self.host, most));
        }
        let total: OptionFuture<_> = self.total.as_mut().map(Pin::as_mut).into();
        let chunk = tokio::select! {
            chunk = self.response.chunk() => chunk.map_err(|_| failure::body_broken(&self.host))?,
            () = tokio::time::sleep(self.limits.idle) => {
                return Err(failure::silent(&self.host, self.limits.idle));
            }
            Some(()) = total => {
                let total = self.limits.total.unwrap_or(Duration::MAX);
                return Err(failure::timed_out(&self.host, total));
            }
        };
        let Some(chunk) = chunk else { return Ok(None) };
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > most {
            return Err(failure::body_too_large(&self.host, most));
        }
        Ok(Some(chunk))
    }
}
