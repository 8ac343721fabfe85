//! What the examples pass in: an HTTP client, the wall clock and the system's randomness. Copy it
//! into your program and adapt it.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::disallowed_methods,
    reason = "not every example uses all of it, and an example is its own home of clock and client"
)]

use std::{error::Error, io, sync::Arc, time::Duration};

use mcp_oauth_client::{
    AuthClient, BoxFuture, Clock, Leg, Random, Request, Response, Settings, Timestamp, Transport,
    TransportError, TransportFailure,
};

/// Most bytes of an answer; metadata and tokens are small.
const MOST_BYTES: usize = 256 * 1024;

/// A client over the real world.
pub fn client(settings: Settings) -> Result<AuthClient, Box<dyn Error>> {
    let http = Arc::new(Http::new()?);
    Ok(AuthClient::new(
        http,
        Arc::new(Wall),
        Arc::new(System),
        settings,
    ))
}

/// A transport over reqwest. It guards no address: a server that fetches what its users type
/// must do that too.
struct Http(reqwest::Client);

impl Http {
    fn new() -> reqwest::Result<Self> {
        reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            // A redirect would carry credentials to wherever it points.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map(Self)
    }

    async fn exchange(&self, request: Request) -> reqwest::Result<Response> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        // An event stream may never end, and the probe needs the head only.
        let events = answer
            .headers()
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        while !events && let Some(part) = answer.chunk().await? {
            body.extend_from_slice(&part);
            if body.len() > MOST_BYTES {
                break;
            }
        }
        let mut response = Response::new(body.into());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

impl Transport for Http {
    fn send(&self, _leg: Leg, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let response = self.exchange(request).await.map_err(|error| {
                let failure = if error.is_timeout() {
                    TransportFailure::Timeout
                } else if error.is_connect() {
                    TransportFailure::Connect
                } else {
                    TransportFailure::Broken
                };
                TransportError::new(failure, error.to_string())
            })?;
            if response.body().len() > MOST_BYTES {
                let text = "the answer is larger than such an answer may be";
                return Err(TransportError::new(TransportFailure::TooLarge, text));
            }
            Ok(response)
        })
    }
}

/// The wall clock.
pub struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since.unwrap_or_default().as_millis();
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// The system's randomness.
pub struct System;

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // Without randomness nothing here is safe.
            std::process::abort();
        }
    }
}

/// A line for the person at the terminal.
pub fn say(text: &str) -> io::Result<()> {
    use io::Write;
    writeln!(io::stdout(), "{text}")
}
