//! Reading answers that are not event streams.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use mcp_oauth_client::{Challenges, TransportFailure};
use rmcp::model::{ErrorData, RequestId, ServerJsonRpcMessage};
use serde_json::Value;

use super::Wire;
use crate::{
    error::{McpError, bounded},
    http::BodyStream,
};

/// Most bytes read of an error's body.
const MOST_OF_ERROR: u64 = 64 * 1024;

/// The media type of a response, without parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase())
        .unwrap_or_default()
}

impl Wire {
    /// The message of a JSON answer. An error without an id belongs to the request it answers.
    pub(super) async fn message(
        &self,
        body: BodyStream,
        request: &RequestId,
    ) -> Result<ServerJsonRpcMessage, McpError> {
        let body = self.whole(body, self.inner.limits.message).await?;
        match serde_json::from_slice(&body) {
            Ok(message) => Ok(correlated(message, request)),
            Err(_) if body.is_empty() => Err(self.protocol("its answer is empty")),
            Err(_) => Err(self.protocol("its answer is JSON, but no message of the protocol")),
        }
    }

    /// What an answer with an error status means: a message of the protocol, or a failure.
    pub(super) async fn error_answer(
        &self,
        response: http::Response<BodyStream>,
        request: Option<&RequestId>,
    ) -> Result<ServerJsonRpcMessage, McpError> {
        let (head, body) = response.into_parts();
        let media_type = media_type(&head.headers);
        let is_page = media_type == "text/html" || media_type == "application/xhtml+xml";
        // What cannot be read to its end is judged by its status alone.
        let body = if is_page {
            Bytes::new()
        } else {
            self.whole(body, MOST_OF_ERROR).await.unwrap_or_default()
        };
        if let Some(request) = request
            && let Ok(message @ ServerJsonRpcMessage::Error(_)) = serde_json::from_slice(&body)
        {
            return Ok(correlated(message, request));
        }
        if says_invalid_token(&body) {
            return Err(McpError::AuthorizationRequired {
                host: self.host(),
                status: head.status.as_u16(),
                challenges: Challenges::from_headers(&head.headers),
                key_sent: false,
            });
        }
        Err(McpError::Http {
            host: self.host(),
            status: head.status.as_u16(),
            said: said(&body, is_page),
            after: retry_after(&head.headers),
        })
    }

    async fn whole(&self, mut body: BodyStream, most: u64) -> Result<Bytes, McpError> {
        let too_large = || McpError::TooLarge {
            host: self.host(),
            most,
        };
        let mut all = BytesMut::new();
        let mut only = None;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| match error.failure {
                TransportFailure::TooLarge => too_large(),
                _ => McpError::Unreachable(error),
            })?;
            let size = all.len() + only.as_ref().map_or(0, Bytes::len) + chunk.len();
            if size as u64 > most {
                return Err(too_large());
            }
            match only.take() {
                None if all.is_empty() => only = Some(chunk),
                first => {
                    all.extend_from_slice(&first.unwrap_or_default());
                    all.extend_from_slice(&chunk);
                }
            }
        }
        Ok(only.unwrap_or_else(|| all.freeze()))
    }
}

/// A refusal of a message that an older server does not know, as a message: the message layer
/// takes it for the sign of an older server.
pub(super) fn not_known(error: &McpError, request: &RequestId) -> Option<ServerJsonRpcMessage> {
    let McpError::Http { status, .. } = error else {
        return None;
    };
    let status = StatusCode::from_u16(*status).ok()?;
    let about_the_message = status.is_client_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
        );
    about_the_message.then(|| {
        let error = ErrorData::invalid_request(error.to_string(), None);
        ServerJsonRpcMessage::error(error, Some(request.clone()))
    })
}

/// Old servers answer some errors with a null id, or one of their own making, although an HTTP
/// answer can only belong to its request.
fn correlated(message: ServerJsonRpcMessage, request: &RequestId) -> ServerJsonRpcMessage {
    match message {
        ServerJsonRpcMessage::Error(mut error) => {
            error.id = Some(request.clone());
            ServerJsonRpcMessage::Error(error)
        }
        other => other,
    }
}

/// Some servers answer a rejected token with another status and say so in the body only.
fn says_invalid_token(body: &[u8]) -> bool {
    let Ok(Value::Object(document)) = serde_json::from_slice(body) else {
        return false;
    };
    document.get("error").and_then(Value::as_str) == Some("invalid_token")
}

/// The first words of a plain answer.
fn said(body: &[u8], is_page: bool) -> Option<String> {
    if is_page {
        return Some("it answered with a web page".to_owned());
    }
    let text = match serde_json::from_slice(body) {
        Ok(Value::Object(document)) => ["error_description", "message", "detail", "error", "title"]
            .iter()
            .find_map(|name| document.get(*name)?.as_str().map(str::to_owned))?,
        Ok(_) => return None,
        Err(_) => std::str::from_utf8(body).ok()?.to_owned(),
    };
    let text = text.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| bounded(text, 200))
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3), at most an hour.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = seconds.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}
