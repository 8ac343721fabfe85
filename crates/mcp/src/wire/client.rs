//! What the message layer asks of an HTTP client.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rmcp::{
    model::{ClientJsonRpcMessage, ClientRequest, GetExtensions, RequestId, ServerJsonRpcMessage},
    transport::streamable_http_client::{
        StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
        StreamableHttpResponseLimits,
    },
};

use super::{
    Listening, RequestTokens, Wire, WireError,
    answer::{media_type, not_known},
    events::Events,
    exchange::Outgoing,
};
use crate::{error::McpError, http::StreamLimits};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const JSON_OR_EVENTS: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// How long a message is waited for to be accepted that has no answer, and the end of a session.
const ACCEPTED: Duration = Duration::from_secs(5);
/// How many messages' worth of bytes one response stream may carry: progress, logs, the answer.
const MESSAGES_PER_STREAM: u64 = 8;

type Failure = StreamableHttpError<WireError>;

impl StreamableHttpClient for Wire {
    type Error = WireError;

    async fn post_message(
        &self,
        _uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let request = request_id(&message);
        match self.post(message, session_id, custom_headers).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(StreamableHttpError::SessionExpired),
            Err(error) => {
                self.inner.failures.keep(request.as_ref(), error.clone());
                Err(StreamableHttpError::Client(WireError(error)))
            }
        }
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        _limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        // The session's own limits bound every answer.
        self.post_message(uri, message, session_id, auth_header, custom_headers)
            .await
    }

    async fn delete_session(
        &self,
        _uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let mut headers = collect(custom_headers);
        if let Ok(session_id) = HeaderValue::from_str(&session_id) {
            headers.insert(SESSION_ID, session_id);
        }
        let outgoing = Outgoing {
            method: Method::DELETE,
            headers,
            body: Bytes::new(),
            limits: brief(),
        };
        // Whether the server took note is its own affair; the body is never waited for.
        let _ = self.exchange(outgoing, None).await;
        Ok(())
    }

    async fn get_stream(
        &self,
        _uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failure> {
        // A stream of its own for what the server may have to say holds a connection per session
        // open. Only a session that answers questions needs one: older servers ask there.
        if last_event_id.is_none() && !self.inner.listens {
            return Err(StreamableHttpError::ServerDoesNotSupportSse);
        }
        let opened = self
            .listen(session_id, last_event_id.as_deref(), custom_headers)
            .await;
        if last_event_id.is_none() {
            self.inner.listening.send_replace(Listening::Settled);
        }
        match opened {
            Ok(Some(events)) => Ok(events),
            Ok(None) => Err(StreamableHttpError::ServerDoesNotSupportSse),
            Err(error) => {
                let final_word = error.is_about_access();
                self.inner.failures.keep(None, error.clone());
                Err(if final_word {
                    StreamableHttpError::ServerDoesNotSupportSse
                } else {
                    StreamableHttpError::Client(WireError(error))
                })
            }
        }
    }
}

impl Wire {
    /// Sends a message; no answer means that the session it belongs to has expired.
    async fn post(
        &self,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Option<StreamableHttpPostResponse>, McpError> {
        let request = request_id(&message);
        let body = serde_json::to_vec(&message)
            .map_err(|_| self.protocol("the message for it cannot be written"))?;
        let mut headers = collect(custom_headers);
        headers.insert(header::ACCEPT, JSON_OR_EVENTS);
        headers.insert(header::CONTENT_TYPE, JSON);
        let has_session = session_id.is_some();
        if let Some(session_id) = session_id.and_then(|id| HeaderValue::from_str(&id).ok()) {
            headers.insert(SESSION_ID, session_id);
        }
        let outgoing = Outgoing {
            method: Method::POST,
            headers,
            body: body.into(),
            limits: self.limits_of(&message),
        };
        let tokens = match &message {
            ClientJsonRpcMessage::Request(message) => {
                let tokens = message.request.extensions().get::<RequestTokens>();
                tokens.map(|tokens| tokens.0.clone())
            }
            _ => None,
        };
        let response = self.exchange(outgoing, tokens).await?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND && has_session {
            return Ok(None);
        }
        let Some(request) = request else {
            // Nothing in the body matters, however long it is or whether it ever ends.
            return if status.is_success() {
                Ok(Some(StreamableHttpPostResponse::Accepted))
            } else {
                Err(match self.error_answer(response, None).await {
                    Err(error) => error,
                    Ok(_) => self.protocol("it does not accept a notification"),
                })
            };
        };
        let session = response
            .headers()
            .get(SESSION_ID)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        if session.is_some() && !has_session && self.inner.listens {
            self.inner.listening.send_replace(Listening::Soon);
        }
        if !status.is_success() {
            let answer = self.error_answer(response, Some(&request)).await;
            let answer = match answer {
                Err(error) if is_discovery(&message) => not_known(&error, &request).ok_or(error),
                answer => answer,
            };
            let answer = answer?;
            if has_session && status == StatusCode::BAD_REQUEST && misses_session(&answer) {
                return Ok(None);
            }
            return Ok(Some(StreamableHttpPostResponse::Json(answer, session)));
        }
        let answer = match media_type(response.headers()).as_str() {
            "text/event-stream" => {
                let events = self.events(response.into_body(), Some(request));
                StreamableHttpPostResponse::Sse(events, session)
            }
            "application/json" => {
                let message = self.message(response.into_body(), &request).await?;
                StreamableHttpPostResponse::Json(message, session)
            }
            _ if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) => {
                return Err(self.protocol("it accepted the request but does not answer it"));
            }
            "text/html" => return Err(self.protocol("a web page came")),
            "" => return Err(self.protocol("its answer does not say what it is")),
            other => {
                let other = crate::error::bounded(other, 60);
                return Err(self.protocol(format!("its answer is of the type {other}")));
            }
        };
        Ok(Some(answer))
    }

    /// Opens a stream of events: what follows an event, or what belongs to no answer.
    async fn listen(
        &self,
        session_id: Option<Arc<str>>,
        last_event_id: Option<&str>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Option<Events>, McpError> {
        let mut headers = collect(custom_headers);
        headers.insert(header::ACCEPT, EVENTS);
        if let Some(session_id) = session_id.and_then(|id| HeaderValue::from_str(&id).ok()) {
            headers.insert(SESSION_ID, session_id);
        }
        if let Some(id) = last_event_id {
            let id = HeaderValue::from_str(id).map_err(|_| {
                self.protocol("it numbers its events with what no header can carry")
            })?;
            headers.insert(LAST_EVENT_ID, id);
        }
        let outgoing = Outgoing {
            method: Method::GET,
            headers,
            body: Bytes::new(),
            limits: self.stream(self.inner.limits.answer, self.inner.limits.call),
        };
        let response = self.exchange(outgoing, None).await?;
        let status = response.status();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            return Ok(None);
        }
        if !status.is_success() {
            let error = self.error_answer(response, None).await;
            return Err(error
                .err()
                .unwrap_or_else(|| self.protocol("it cannot resume")));
        }
        if media_type(response.headers()) != "text/event-stream" {
            return Ok(None);
        }
        Ok(Some(self.events(response.into_body(), None)))
    }

    fn limits_of(&self, message: &ClientJsonRpcMessage) -> StreamLimits {
        let limits = self.inner.limits;
        let ClientJsonRpcMessage::Request(message) = message else {
            return brief();
        };
        match &message.request {
            ClientRequest::InitializeRequest(_) | ClientRequest::DiscoverRequest(_) => {
                self.stream(limits.handshake, limits.handshake)
            }
            ClientRequest::CallToolRequest(_) => self.stream(limits.call, limits.call),
            _ => self.stream(limits.answer, limits.answer),
        }
    }

    fn stream(&self, header: Duration, idle: Duration) -> StreamLimits {
        StreamLimits {
            header,
            idle,
            total: None,
            max_body: self
                .inner
                .limits
                .message
                .saturating_mul(MESSAGES_PER_STREAM),
        }
    }
}

fn brief() -> StreamLimits {
    StreamLimits {
        header: ACCEPTED,
        idle: ACCEPTED,
        total: Some(ACCEPTED),
        max_body: 64 * 1024,
    }
}

/// Many servers answer a session they no longer know with 400 instead of 404, and say so only in
/// words.
fn misses_session(answer: &ServerJsonRpcMessage) -> bool {
    const SERVER_ERROR: i32 = -32000;
    const INVALID_REQUEST: i32 = -32600;
    matches!(
        answer,
        ServerJsonRpcMessage::Error(error)
            if [SERVER_ERROR, INVALID_REQUEST].contains(&error.error.code.0)
                && error.error.message.to_ascii_lowercase().contains("session")
    )
}

fn is_discovery(message: &ClientJsonRpcMessage) -> bool {
    matches!(
        message,
        ClientJsonRpcMessage::Request(message)
            if matches!(message.request, ClientRequest::DiscoverRequest(_))
    )
}

fn request_id(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    match message {
        ClientJsonRpcMessage::Request(message) => Some(message.id.clone()),
        _ => None,
    }
}

fn collect(headers: HashMap<HeaderName, HeaderValue>) -> HeaderMap {
    headers.into_iter().collect()
}
