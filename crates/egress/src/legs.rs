//! The protocol's transport: one request, one whole response, bounded per leg.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, header::CONTENT_TYPE};
use mcp_oauth_client::{
    BoxFuture, Leg, Request, Response, Transport, TransportError, TransportFailure,
};
use url::Url;

use crate::{
    egress::{Egress, redirect_of, url_of},
    failure,
    policy::{LegLimits, MOST_REDIRECTS},
    target::host_of,
};

/// How long the body of a probe's answer is waited for: its head alone says whether a token is
/// asked for.
const PROBE_BODY: Duration = Duration::from_secs(2);

impl Transport for Egress {
    fn send(&self, leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let url = url_of(&request)?;
            let host = host_of(&url);
            let limits = self.policy().limits.of(leg);
            let answer = self.leg(leg, url, request, limits);
            match tokio::time::timeout(limits.total, answer).await {
                Ok(answer) => answer,
                Err(_) => Err(failure::timed_out(&host, limits.total)),
            }
        })
    }
}

impl Egress {
    async fn leg(
        &self,
        leg: Leg,
        mut url: Url,
        request: Request,
        limits: LegLimits,
    ) -> Result<Response, TransportError> {
        let (head, body) = request.into_parts();
        let may_follow = head.method == Method::GET && !leg.carries_credentials();
        let mut hops = 0;
        loop {
            let send = || {
                let (method, headers) = (head.method.clone(), head.headers.clone());
                self.exchange(&url, method, headers, body.clone())
            };
            let response = match send().await {
                // A kept connection may have been closed at the other side in the same moment.
                // Asking twice changes nothing; a request that may change something is not
                // repeated here.
                Err(error) if may_follow && error.failure == TransportFailure::Broken => {
                    send().await?
                }
                response => response?,
            };
            let Some(next) = redirect_of(&response) else {
                return whole(leg, response, limits).await;
            };
            let next = followable(&url, next)?;
            if !may_follow || hops == MOST_REDIRECTS {
                return Err(failure::redirected(&host_of(&url), &place(&url, &next)));
            }
            hops += 1;
            url = next;
        }
    }
}

/// A redirect's target, if it is on the same origin.
fn followable(url: &Url, next: Result<Url, ()>) -> Result<Url, TransportError> {
    let host = host_of(url);
    let next = next.map_err(|()| failure::redirected(&host, "something that is no address"))?;
    if next.origin() != url.origin() {
        return Err(failure::redirected(&host, &place(url, &next)));
    }
    Ok(next)
}

/// Where a redirect leads, told without what its path or query may hold.
pub(crate) fn place(from: &Url, to: &Url) -> String {
    if to.origin() != from.origin() {
        return match to.host() {
            Some(_) if to.host() == from.host() && to.scheme() != from.scheme() => {
                format!("{} over {}", host_of(to), to.scheme())
            }
            Some(_) => host_of(to),
            None => format!("“{}:”", to.scheme()),
        };
    }
    let (own, other) = (from.path(), to.path());
    if other.strip_suffix('/') == Some(own) {
        "the same address with a slash at its end".to_owned()
    } else if own.strip_suffix('/') == Some(other) {
        "the same address without the slash at its end".to_owned()
    } else {
        format!("another path on {}", host_of(to))
    }
}

async fn whole(
    leg: Leg,
    mut response: reqwest::Response,
    limits: LegLimits,
) -> Result<Response, TransportError> {
    let host = host_of(response.url());
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let body = if leg == Leg::Probe {
        let event_stream = headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        if event_stream {
            Bytes::new()
        } else {
            beginning(response, limits.body).await
        }
    } else {
        bounded(response, limits.body, &host).await?
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

async fn bounded(
    mut response: reqwest::Response,
    most: usize,
    host: &str,
) -> Result<Bytes, TransportError> {
    let too_large = || failure::body_too_large(host, most as u64);
    if response
        .content_length()
        .is_some_and(|length| length > most as u64)
    {
        return Err(too_large());
    }
    let mut body = Body::default();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|_| failure::body_broken(host))?
    {
        if chunk.len() > most - body.len() {
            return Err(too_large());
        }
        body.push(chunk);
    }
    Ok(body.finish())
}

/// As much of a body as comes soon and fits; for an answer whose body decides nothing.
async fn beginning(mut response: reqwest::Response, most: usize) -> Bytes {
    let mut body = Body::default();
    let reading = async {
        while let Ok(Some(mut chunk)) = response.chunk().await {
            chunk.truncate(most - body.len());
            body.push(chunk);
            if body.len() == most {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PROBE_BODY, reading).await;
    body.finish()
}

/// A body as it is put together; one that comes in one piece is not copied.
#[derive(Default)]
struct Body {
    first: Bytes,
    rest: BytesMut,
}

impl Body {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.first = chunk;
        } else {
            if !self.first.is_empty() {
                self.rest
                    .extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.rest.extend_from_slice(&chunk);
        }
    }

    fn finish(self) -> Bytes {
        if self.rest.is_empty() {
            self.first
        } else {
            self.rest.freeze()
        }
    }
}
