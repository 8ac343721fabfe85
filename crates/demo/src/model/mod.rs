//! A rule-based model that speaks the OpenAI-compatible chat API. It is not an LLM and says so.

mod answer;
mod rules;
mod stream;
mod words;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use self::answer::Answer;
use crate::shared::{App, Shared};

/// The model's id.
pub(crate) const ID: &str = "gatepass-demo";
const OWNER: &str = "gatepass-demo (rule-based, not an LLM)";

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
}

/// A chat completion request, as far as rules need it.
#[derive(Debug, Deserialize)]
struct Conversation {
    model: Option<String>,
    messages: Vec<Message>,
    tools: Option<Vec<OfferedTool>>,
    tool_choice: Option<Value>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Vec<Value>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Value>),
}

#[derive(Debug, Deserialize)]
struct OfferedTool {
    function: Function,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    parameters: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Message {
    fn text(&self) -> String {
        match &self.content {
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect::<Vec<_>>()
                .join("\n"),
            None => String::new(),
        }
    }
}

async fn models(State(app): State<App>) -> Response {
    let created = app.now().as_millis() / 1000;
    Json(json!({
        "object": "list",
        "data": [{"id": ID, "object": "model", "created": created, "owned_by": OWNER}],
    }))
    .into_response()
}

async fn completions(State(app): State<App>, body: Bytes) -> Response {
    let conversation: Conversation = match serde_json::from_slice(&body) {
        Ok(conversation) => conversation,
        Err(error) => {
            let reason = format!("the request is not a chat completion: {error}");
            return refused(StatusCode::BAD_REQUEST, &reason, "invalid_request");
        }
    };
    if let Some(model) = conversation.model.as_deref().filter(|model| *model != ID) {
        let reason = format!("there is no model {model:?} here, only {ID:?}");
        return refused(StatusCode::NOT_FOUND, &reason, "model_not_found");
    }
    let answer = think(&app, &conversation);
    let usage = usage(body.len(), &answer);
    if conversation.stream == Some(true) {
        let wants_usage = conversation
            .stream_options
            .is_some_and(|options| options.include_usage);
        stream::serve(&app, &answer, wants_usage.then_some(usage))
    } else {
        Json(whole(&app, &answer, &usage)).into_response()
    }
}

fn think(app: &Shared, conversation: &Conversation) -> Answer {
    let behaviour = app.behaviour();
    let tools = conversation.tools.as_deref().unwrap_or_default();
    if let Some(tool) = &behaviour.model.always_call
        && let Some(call) = rules::always(tool, tools)
    {
        return Answer::calls(app, vec![call]);
    }
    let may_call = conversation.tool_choice.as_ref() != Some(&json!("none"));
    answer::to(
        app,
        &conversation.messages,
        if may_call { tools } else { &[] },
    )
}

fn whole(app: &Shared, answer: &Answer, usage: &Value) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text});
    if !answer.calls.is_empty() {
        message["tool_calls"] = answer
            .calls
            .iter()
            .map(|call| {
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                })
            })
            .collect();
    }
    json!({
        "id": app.fresh("chatcmpl-"),
        "object": "chat.completion",
        "created": app.now().as_millis() / 1000,
        "model": ID,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason()}],
        "usage": usage,
    })
}

/// A model without tokens counts four bytes as one, as rules of thumb do.
fn usage(prompt: usize, answer: &Answer) -> Value {
    let arguments: usize = answer.calls.iter().map(|call| call.arguments.len()).sum();
    let completion = answer.text.as_ref().map_or(0, String::len) + arguments;
    let (prompt, completion) = (prompt.div_ceil(4), completion.div_ceil(4));
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    })
}

fn refused(status: StatusCode, message: &str, code: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "code": code});
    (status, Json(json!({"error": error}))).into_response()
}
