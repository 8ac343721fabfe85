//! An endpoint that answers from a script, and servers that do as they are told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use gatepass_chat::{
    Ended, ModelClient, ModelEndpoint, Open, Part, ToolHost, Turn,
    host::{HostCall, HostError, HostResult, HostTool, Hosted, Permission, ServerRef},
    model::ChatMessage,
};
use gatepass_mcp::{BodyStream, StreamLimits, StreamingTransport};
use mcp_oauth_client::{BoxFuture, Random, Request, Secret, TransportError, TransportFailure};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{shelf::Shelf, stage::Noon};

/// One answer of the endpoint: status, content type, and the pieces its body arrives in.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub retry_after: Option<&'static str>,
    pub pieces: Vec<Result<Bytes, TransportFailure>>,
    /// Whether it hangs at the end instead of closing.
    pub hangs: bool,
}

pub fn events(chunks: &[Value]) -> Answer {
    let mut text: String = chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    text.push_str("data: [DONE]\n\n");
    answer(200, "text/event-stream", &text)
}

pub fn answer(status: u16, content_type: &'static str, body: &str) -> Answer {
    Answer {
        status,
        content_type,
        retry_after: None,
        pieces: vec![Ok(Bytes::from(body.to_owned()))],
        hangs: false,
    }
}

pub fn says(text: &str) -> Answer {
    events(&[
        json!({"choices": [{"delta": {"role": "assistant", "content": text}}]}),
        json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ])
}

pub fn calls(calls: &[(&str, &str)]) -> Answer {
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(at, (name, arguments))| {
            json!({"index": at, "id": format!("c{at}"), "type": "function", "function": {"name": name, "arguments": arguments}})
        })
        .collect();
    events(&[
        json!({"choices": [{"delta": {"tool_calls": calls}}]}),
        json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}),
    ])
}

#[derive(Default)]
pub struct Endpoint {
    answers: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<(String, http::HeaderMap, Value)>>,
}

impl Endpoint {
    pub fn with(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let endpoint = Self::default();
        *endpoint.answers.lock().unwrap() = answers.into_iter().collect();
        Arc::new(endpoint)
    }

    pub fn client(self: &Arc<Self>) -> ModelClient {
        ModelClient::new(self.clone())
    }

    pub fn bodies(&self) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(_, _, body)| body.clone()).collect()
    }

    pub fn last(&self) -> (String, http::HeaderMap, Value) {
        self.requests.lock().unwrap().last().unwrap().clone()
    }
}

impl StreamingTransport for Endpoint {
    fn open(
        &self,
        request: Request,
        _: StreamLimits,
    ) -> BoxFuture<'_, Result<http::Response<BodyStream>, TransportError>> {
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let line = format!("{} {}", request.method(), request.uri());
        let headers = request.headers().clone();
        self.requests.lock().unwrap().push((line, headers, body));
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            let Some(answer) = answer else {
                let failure = TransportFailure::Connect;
                return Err(TransportError::new(failure, "nobody listens there"));
            };
            let pieces = answer
                .pieces
                .into_iter()
                .map(|piece| piece.map_err(|failure| TransportError::new(failure, "it broke")));
            let pieces = stream::iter(pieces.collect::<Vec<_>>());
            let body: BodyStream = if answer.hangs {
                Box::pin(pieces.chain(stream::pending()))
            } else {
                Box::pin(pieces)
            };
            let mut response = http::Response::builder()
                .status(answer.status)
                .header("content-type", answer.content_type);
            if let Some(after) = answer.retry_after {
                response = response.header("retry-after", after);
            }
            Ok(response.body(body).unwrap())
        })
    }
}

pub fn endpoint() -> ModelEndpoint {
    let base = "https://model.example/v1/".parse().unwrap();
    ModelEndpoint::new(base, Some(Secret::new("sk-secret")))
}

/// Bytes that never repeat, the same in every run.
#[derive(Default)]
pub struct Counting(std::sync::atomic::AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    }
}

/// What a scripted tool does.
#[derive(Clone)]
pub enum Does {
    Returns(Value),
    Fails(HostError),
    Hangs,
    Echoes,
}

pub struct ScriptedServer {
    pub name: &'static str,
    pub tools: Result<Vec<(&'static str, Does)>, HostError>,
}

#[derive(Default)]
pub struct Servers {
    servers: Vec<ScriptedServer>,
    pub called: Mutex<Vec<(String, String, Value)>>,
}

impl Servers {
    pub fn with(servers: impl IntoIterator<Item = ScriptedServer>) -> Arc<Self> {
        Arc::new(Self {
            servers: servers.into_iter().collect(),
            called: Mutex::default(),
        })
    }
}

pub fn server(name: &'static str, tools: &[(&'static str, Does)]) -> ScriptedServer {
    ScriptedServer {
        name,
        tools: Ok(tools.to_vec()),
    }
}

pub fn text(text: &str) -> Does {
    Does::Returns(json!({"content": [{"type": "text", "text": text}]}))
}

fn hosted<T>(outcome: Result<T, HostError>) -> Hosted<T> {
    Hosted {
        outcome,
        newer: None,
    }
}

impl ToolHost for Servers {
    fn servers(&self) -> Vec<ServerRef> {
        let url = |name: &str| format!("https://{}.example/mcp", name.to_lowercase());
        self.servers
            .iter()
            .map(|server| ServerRef {
                name: server.name.into(),
                url: url(server.name),
            })
            .collect()
    }

    fn tools(&self, server: usize) -> BoxFuture<'_, Hosted<Vec<HostTool>>> {
        let tools = self.servers[server].tools.as_ref().map_err(Clone::clone);
        let tools = tools.map(|tools| {
            let tool = |(name, _): &(&str, Does)| HostTool {
                name: (*name).to_owned(),
                title: None,
                description: Some(format!("Does {name}")),
                input_schema: json!({"type": "object", "x-kept": true}),
                permission: Permission::Given,
                definition: String::new(),
            };
            tools.iter().map(tool).collect()
        });
        Box::pin(async move { hosted(tools) })
    }

    fn call<'a>(
        &'a self,
        server: usize,
        call: HostCall,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Hosted<HostResult>> {
        Box::pin(async move {
            let own = &self.servers[server];
            let (tool, arguments) = (call.tool, Value::Object(call.arguments));
            let call = (own.name.to_owned(), tool.clone(), arguments.clone());
            self.called.lock().unwrap().push(call);
            let tools = own.tools.as_ref().unwrap();
            let does = tools
                .iter()
                .find(|(name, _)| *name == tool)
                .unwrap()
                .1
                .clone();
            let output = match does {
                Does::Returns(output) => output,
                Does::Echoes => {
                    json!({"content": [{"type": "text", "text": arguments.to_string()}]})
                }
                Does::Fails(error) => return hosted(Err(error)),
                Does::Hangs => {
                    cancel.cancelled().await;
                    return hosted(Err(HostError::Cancelled));
                }
            };
            let is_error = output.get("isError").is_some();
            hosted(Ok(HostResult { output, is_error }))
        })
    }
}

/// What a turn showed.
pub struct Shown {
    pub ended: Ended,
    pub parts: Vec<Value>,
}

impl Shown {
    /// The parts as one line each, without the deltas' ids.
    pub fn lines(&self) -> String {
        self.parts.iter().map(|part| format!("{part}\n")).collect()
    }

    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.parts
            .iter()
            .filter(|part| part["type"] == kind)
            .collect()
    }
}

pub async fn turn(model: &Arc<Endpoint>, host: &Arc<Servers>, ask: &str) -> Shown {
    turn_with(model, host, ask, &CancellationToken::new(), 10).await
}

pub async fn turn_with(
    model: &Arc<Endpoint>,
    host: &Arc<Servers>,
    ask: &str,
    cancel: &CancellationToken,
    rounds: u32,
) -> Shown {
    let turn = Turn {
        client: model.client(),
        endpoint: endpoint(),
        model: "m1".into(),
        messages: vec![ChatMessage::User(ask.into())],
        host: host.clone(),
        random: Arc::new(Counting::default()),
        clock: Arc::new(Noon),
        rounds,
        today: "2026-11-23".into(),
        run: "run".into(),
        open: Open::default(),
    };
    let parts = Mutex::new(Vec::new());
    let shelf = Shelf::default();
    let emit = |part: Part| {
        shelf.push(&part);
        parts
            .lock()
            .unwrap()
            .push(serde_json::to_value(&part).unwrap());
    };
    let patience = Duration::from_secs(20);
    let ended = tokio::time::timeout(patience, turn.run(cancel, &emit, &shelf))
        .await
        .unwrap();
    let parts = parts.into_inner().unwrap();
    Shown { ended, parts }
}
