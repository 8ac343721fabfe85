//! Talking to an endpoint: the list of models, and a streamed answer.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use gatepass_mcp::{BodyStream, StreamLimits, StreamingTransport};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use mcp_oauth_client::{Request, Secret, TransportError, TransportFailure};
use serde_json::Value;
use sse_stream::SseStream;

use super::{Assembler, ChatMessage, Delta, ModelError, ToolDefinition, ToolRequest, request};

/// Bounds of one answer: models may think for a while before and between words.
const ANSWER: StreamLimits = StreamLimits {
    header: Duration::from_secs(120),
    idle: Duration::from_secs(120),
    total: Some(Duration::from_secs(1800)),
    max_body: 32 * 1024 * 1024,
};
/// Bounds of the list of models.
const LIST: StreamLimits = StreamLimits {
    header: Duration::from_secs(10),
    idle: Duration::from_secs(10),
    total: Some(Duration::from_secs(20)),
    max_body: 1024 * 1024,
};
/// Most bytes read of an error answer.
const MOST_ERROR: usize = 64 * 1024;
/// Most models listed.
const MOST_MODELS: usize = 500;

/// Where a model is: the base URL that `/chat/completions` is appended to, and its key.
#[derive(Clone)]
pub struct ModelEndpoint {
    base: url::Url,
    key: Option<Secret>,
}

impl fmt::Debug for ModelEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the whole URL: some keys are part of it.
        write!(f, "ModelEndpoint({})", self.host())
    }
}

impl ModelEndpoint {
    /// An endpoint by its base URL, such as `https://api.example/v1`.
    pub fn new(base: url::Url, key: Option<Secret>) -> Self {
        Self {
            base,
            key: key.filter(|key| !key.is_blank()),
        }
    }

    /// Host and non-default port, for people.
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request {
        let mut url = self.base.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        request
    }
}

/// A client of model endpoints. Cheap to clone.
#[derive(Clone)]
pub struct ModelClient {
    transport: Arc<dyn StreamingTransport>,
}

impl ModelClient {
    /// A client over a transport.
    pub fn new(transport: Arc<dyn StreamingTransport>) -> Self {
        Self { transport }
    }

    /// The ids of the models an endpoint offers (`GET /models`).
    pub async fn models(&self, endpoint: &ModelEndpoint) -> Result<Vec<String>, ModelError> {
        let request = endpoint.request(Method::GET, "/models", Bytes::new());
        let host = endpoint.host();
        let response = self.open(&host, request, LIST).await?;
        let body = whole(&host, response.into_body(), LIST.max_body).await?;
        let list: Value =
            serde_json::from_slice(&body).map_err(|_| not_understood(&host, &body))?;
        // A list in `data`, in `models`, or bare, as servers are seen to send it.
        let entries = [list.get("data"), list.get("models"), Some(&list)]
            .into_iter()
            .flatten()
            .find_map(Value::as_array)
            .ok_or_else(|| not_understood(&host, &body))?;
        let id = |entry: &Value| {
            let id = ["id", "name", "model"]
                .iter()
                .find_map(|name| entry.get(name));
            id.unwrap_or(entry).as_str().map(str::to_owned)
        };
        Ok(entries.iter().filter_map(id).take(MOST_MODELS).collect())
    }

    /// Asks for an answer (`POST /chat/completions` with `stream`).
    pub async fn answer(
        &self,
        endpoint: &ModelEndpoint,
        model: &str,
        messages: &[ChatMessage],
        tools: &[ToolDefinition],
    ) -> Result<ModelStream, ModelError> {
        let body = request::body(model, messages, tools).to_string();
        let mut request = endpoint.request(Method::POST, "/chat/completions", body.into());
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let host = endpoint.host();
        let response = self.open(&host, request, ANSWER).await?;
        let named = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("text/event-stream"));
        let mut body = response.into_body();
        let streamed = named || {
            // Some endpoints stream under another name: the first bytes tell.
            let first = body.next().await;
            let events = matches!(&first, Some(Ok(piece)) if looks_like_events(piece));
            body = Box::pin(stream::iter(first).chain(body));
            events
        };
        let source = if streamed {
            Source::Events(Box::pin(SseStream::from_bytes_stream(body)))
        } else {
            Source::Whole(Some(body))
        };
        Ok(ModelStream {
            host,
            source,
            assembler: Assembler::default(),
            ready: VecDeque::new(),
        })
    }

    async fn open(
        &self,
        host: &str,
        request: Request,
        limits: StreamLimits,
    ) -> Result<http::Response<BodyStream>, ModelError> {
        let response = self.transport.open(request, limits).await;
        let response = response.map_err(|source| failed(host, source, true))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = retry_after(response.headers());
        let body = whole(host, response.into_body(), MOST_ERROR as u64).await;
        let body = body.unwrap_or_default();
        let document = serde_json::from_slice::<Value>(&body).ok();
        let message = document.as_ref().and_then(error_message);
        Err(of_status(host.to_owned(), status.as_u16(), message, after))
    }
}

fn of_status(
    host: String,
    status: u16,
    message: Option<String>,
    after: Option<Duration>,
) -> ModelError {
    match status {
        401 | 403 => ModelError::Key { host },
        429 => ModelError::Busy { host, after },
        500.. => ModelError::Unavailable { host, status },
        status => ModelError::Refused {
            host,
            status,
            message,
        },
    }
}

/// An error that came in the middle of an answer: by its status where it names one.
fn reported(host: &str, chunk: &Value) -> ModelError {
    let host = host.to_owned();
    let code = chunk.pointer("/error/code").and_then(|code| match code {
        Value::String(text) => text.parse().ok(),
        code => code.as_u64(),
    });
    let kind = chunk.pointer("/error/type").and_then(Value::as_str);
    let message = error_message(chunk);
    match (code.and_then(|code| u16::try_from(code).ok()), kind) {
        (Some(code @ 400..600), _) => of_status(host, code, message, None),
        (_, Some("server_error" | "overloaded_error" | "api_error")) => {
            ModelError::Unavailable { host, status: 500 }
        }
        _ => ModelError::Reported {
            host,
            message: message.unwrap_or_else(|| "it does not say which".to_owned()),
        },
    }
}

fn looks_like_events(piece: &[u8]) -> bool {
    let head = piece.trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b":"]
        .iter()
        .any(|start| head.starts_with(start))
}

type Events = futures::stream::BoxStream<'static, Result<sse_stream::Sse, sse_stream::Error>>;

enum Source {
    Events(Events),
    Whole(Option<BodyStream>),
    Over,
}

/// An answer as it arrives.
pub struct ModelStream {
    host: String,
    source: Source,
    assembler: Assembler,
    ready: VecDeque<Delta>,
}

impl ModelStream {
    /// The next piece; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Delta>, ModelError> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                return Ok(Some(delta));
            }
            match &mut self.source {
                Source::Over => return Ok(None),
                Source::Whole(body) => {
                    let body = body.take();
                    self.source = Source::Over;
                    if let Some(body) = body {
                        let body = whole(&self.host, body, ANSWER.max_body).await?;
                        self.take(&body)?;
                        self.finish()?;
                    }
                }
                Source::Events(events) => match events.next().await {
                    Some(Ok(event)) => {
                        let data = event.data.unwrap_or_default();
                        match data.trim() {
                            "" => {}
                            "[DONE]" => self.finish()?,
                            data => self.take(data.as_bytes())?,
                        }
                    }
                    Some(Err(error)) => {
                        self.source = Source::Over;
                        return Err(interrupted(&self.host, error));
                    }
                    None => {
                        // Some endpoints just close; one that had not said why it ends was cut
                        // off.
                        if self.assembler.finish_reason().is_none() && self.assembler.is_answer() {
                            self.source = Source::Over;
                            let host = self.host.clone();
                            return Err(ModelError::Broken { host });
                        }
                        self.finish()?;
                    }
                },
            }
        }
    }

    /// Whether the answer was cut off at the model's limit of length.
    pub fn is_truncated(&self) -> bool {
        self.assembler.finish_reason() == Some("length")
    }

    /// Whether the endpoint held its answer back.
    pub fn is_filtered(&self) -> bool {
        self.assembler.finish_reason() == Some("content_filter")
    }

    /// The tool calls of the answer with their places, once it is over.
    pub fn into_calls(self) -> Vec<(usize, ToolRequest)> {
        self.assembler.into_calls()
    }

    fn take(&mut self, data: &[u8]) -> Result<(), ModelError> {
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else {
            self.source = Source::Over;
            return Err(not_understood(&self.host, data));
        };
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            self.source = Source::Over;
            return Err(reported(&self.host, &chunk));
        }
        self.ready.extend(self.assembler.push(&chunk));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ModelError> {
        self.source = Source::Over;
        if self.assembler.is_answer() {
            return Ok(());
        }
        Err(ModelError::NotUnderstood {
            host: self.host.clone(),
            what: "it holds no answer".to_owned(),
        })
    }
}

fn failed(host: &str, source: TransportError, opening: bool) -> ModelError {
    let host = host.to_owned();
    match source.failure {
        TransportFailure::Timeout => ModelError::Silent { host },
        TransportFailure::TooLarge => ModelError::NotUnderstood {
            host,
            what: "it is too large".to_owned(),
        },
        _ if opening => ModelError::Unreachable { host, source },
        _ => ModelError::Broken { host },
    }
}

/// What broke the stream of events off.
fn interrupted(host: &str, error: sse_stream::Error) -> ModelError {
    match error {
        sse_stream::Error::Body(error) => match error.downcast::<TransportError>() {
            Ok(source) => failed(host, *source, false),
            Err(_) => ModelError::Broken {
                host: host.to_owned(),
            },
        },
        _ => ModelError::NotUnderstood {
            host: host.to_owned(),
            what: "it is no stream of events".to_owned(),
        },
    }
}

async fn whole(host: &str, mut body: BodyStream, most: u64) -> Result<Bytes, ModelError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|source| failed(host, source, false))?;
        if (bytes.len() + piece.len()) as u64 > most {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn not_understood(host: &str, body: &[u8]) -> ModelError {
    let head = body.trim_ascii_start();
    let what = if head.starts_with(b"<") {
        "it is a web page"
    } else if head.is_empty() {
        "it is empty"
    } else {
        "it is not JSON"
    };
    ModelError::NotUnderstood {
        host: host.to_owned(),
        what: what.to_owned(),
    }
}

/// What an error document says, bounded and without control characters.
fn error_message(document: &Value) -> Option<String> {
    let error = document.get("error").unwrap_or(document);
    let text = [error.get("message"), error.get("detail"), Some(error)]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    (!text.trim().is_empty()).then_some(text)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}
