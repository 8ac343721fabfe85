//! Event streams, bounded per event, with their failures kept.

use bytes::Bytes;
use futures::{StreamExt, stream};
use mcp_oauth_client::{TransportError, TransportFailure};
use rmcp::{
    model::{ErrorData, RequestId, ServerJsonRpcMessage},
    transport::streamable_http_client::SseError,
};
use sse_stream::{Sse, SseStream};

use super::Wire;
use crate::{error::McpError, http::BodyStream};

/// Events as the message layer reads them.
pub(super) type Events = stream::BoxStream<'static, Result<Sse, SseError>>;

/// What a server's question is called.
const METHOD: &str = "elicitation/create";

impl Wire {
    /// The events of a body. An event that is too large ends the stream with an error answer to
    /// the request it belongs to, so that nobody asks for the rest of it; any other failure ends
    /// it with an error, after which the message layer may resume it.
    pub(super) fn events(&self, body: BodyStream, request: Option<RequestId>) -> Events {
        let own = self.clone();
        let mut bound = EventBound::new(self.inner.limits.message);
        let bounded = body.map(move |chunk| {
            let chunk = chunk?;
            if bound.take(&chunk) {
                Ok(chunk)
            } else {
                Err(TransportError::new(
                    TransportFailure::TooLarge,
                    "an event is too large",
                ))
            }
        });
        let events = SseStream::from_bytes_stream(bounded).boxed();
        stream::unfold(Some((own, events, request)), |state| async move {
            let (own, mut events, request) = state?;
            match events.next().await? {
                Ok(event) => {
                    own.note_question(&event, request.as_ref());
                    Some((Ok(event), Some((own, events, request))))
                }
                Err(error) => Some((own.ended(error, request.as_ref()), None)),
            }
        })
        .boxed()
    }

    /// Tells in which answer a server's question came: the message layer does not.
    fn note_question(&self, event: &Sse, request: Option<&RequestId>) {
        #[derive(serde::Deserialize)]
        struct Question {
            id: RequestId,
            method: String,
        }
        let (Some(data), Some(request)) = (&event.data, request) else {
            return;
        };
        if !data.contains(METHOD) {
            return;
        }
        if let Ok(question) = serde_json::from_str::<Question>(data)
            && question.method == METHOD
        {
            self.inner.askers.came_in(question.id, request.clone());
        }
    }

    fn ended(&self, error: SseError, request: Option<&RequestId>) -> Result<Sse, SseError> {
        let SseError::Body(cause) = &error else {
            return Err(error);
        };
        let Some(cause) = cause.downcast_ref::<TransportError>() else {
            return Err(error);
        };
        let too_large = cause.failure == TransportFailure::TooLarge;
        let kept = if too_large {
            McpError::TooLarge {
                host: self.host(),
                most: self.inner.limits.message,
            }
        } else {
            McpError::Unreachable(cause.clone())
        };
        self.inner.failures.keep(request, kept);
        let (true, Some(request)) = (too_large, request) else {
            return Err(error);
        };
        let answer = ServerJsonRpcMessage::error(
            ErrorData::internal_error("too large", None),
            Some(request.clone()),
        );
        match serde_json::to_string(&answer) {
            Ok(data) => Ok(Sse {
                data: Some(data),
                ..Sse::default()
            }),
            Err(_) => Err(error),
        }
    }
}

/// Counts the bytes of the event that is being received.
struct EventBound {
    most: u64,
    event: u64,
    line: u64,
    after_cr: bool,
}

impl EventBound {
    fn new(most: u64) -> Self {
        Self {
            most,
            event: 0,
            line: 0,
            after_cr: false,
        }
    }

    /// Takes a chunk in; false if an event has become too large.
    fn take(&mut self, chunk: &Bytes) -> bool {
        for byte in chunk {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    if self.line == 0 {
                        self.event = 0;
                    }
                    self.line = 0;
                }
                _ => {
                    self.after_cr = false;
                    self.line += 1;
                    self.event += 1;
                    if self.event > self.most {
                        return false;
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_blank_line_starts_a_new_count() {
        let table: [(&[&str], bool); 7] = [
            (&["data: 12"], true),
            (&["data: 123"], false),
            (&["data: 12\n\ndata: 12\n\n"], true),
            (&["data: 12\r\n\r\n", "data: 12\r\n\r\n"], true),
            (&["data: 12\r\r", "data: 12"], true),
            // Line by line, and torn apart: still one event.
            (&["data\n", "data\n", "x"], false),
            (&["data\r", "\ndata\r", "\nx"], false),
        ];
        for (chunks, fits) in table {
            let mut bound = EventBound::new(8);
            let fitted = chunks
                .iter()
                .all(|chunk| bound.take(&Bytes::copy_from_slice(chunk.as_bytes())));
            assert_eq!(fitted, fits, "{chunks:?}");
        }
    }
}
