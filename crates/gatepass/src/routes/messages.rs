//! `POST /api/conversations/{id}/messages` and `…/runs/{runId}/…`: a turn and its event stream.
//!
//! The stream follows the AI SDK's UI message stream protocol. A turn goes on when nobody listens;
//! whoever comes back hears it from the start.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, stream};
use gatepass_chat::{
    AttachmentKind, Ending, Message, Part, Role, Run, Turn, carry_out,
    history::{told, without_pictures},
    title::title_of,
};
use gatepass_connections::Owner;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::conversations::{UNTITLED, find};
use crate::{
    app::App,
    chat::{
        said::{AttachmentRequest, has_room, said},
        turns::new_id,
    },
    http::{
        json::{Json, Path},
        owner::Present,
    },
    problem::{Kind, Problem},
    tools::{
        host::Host,
        target::{ServerRequest, Target},
    },
};

/// Most servers in one turn.
const MOST_SERVERS: usize = 32;

/// A message to answer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageRequest {
    /// What the person says.
    text: String,
    /// The model that is to answer.
    model: String,
    /// The files that come with it.
    #[serde(default)]
    attachments: Vec<AttachmentRequest>,
    /// The message whose place it takes: that one and everything after it are removed.
    replaces: Option<String>,
    /// The servers whose tools it may call.
    #[serde(default)]
    servers: Vec<ServerRequest>,
}

/// Say something: the answer is a stream of UI message parts, `data: [DONE]` last.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/messages",
    tag = "chat",
    params(("id" = String, Path, description = "The conversation")),
    request_body = MessageRequest,
    responses(
        (status = 200, description = "Server-sent events, AI SDK UI message stream v1", content_type = "text/event-stream"),
        (status = 409, description = "`turn-in-progress`", body = crate::problem::ProblemBody<'_>),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn send(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path(id): Path<String>,
    Json(request): Json<MessageRequest>,
) -> Result<Response, Problem> {
    let limits = &app.config.limits;
    let targets = targets(&app, &owner, request.servers)?;
    let conversation = find(&app, &owner, &id).await?;
    let model = app.models.find(&request.model).await?;
    let parts = said(limits, &model, request.text, &request.attachments)?;
    let run = app.turns.begin(*owner.id(), &id, &*app.random)?;
    // Until the turn runs, whatever ends this request ends the run, so that the conversation
    // does not wait for it.
    let ending = Ending(Arc::clone(&run));
    let says = Says {
        parts,
        replaces: request.replaces,
        model: &model.id,
    };
    let (messages, answer) = begin(&app, &owner, &run, &conversation.title, says).await?;
    let mut told = told(&messages);
    if !model.attachments.contains(&AttachmentKind::Image) {
        without_pictures(&mut told);
    }
    let turn = Turn {
        client: app.models.client().clone(),
        endpoint: model.endpoint,
        model: model.id,
        messages: told,
        host: Arc::new(Host::new(Arc::clone(&app), &owner, targets)),
        random: Arc::clone(&app.random),
        rounds: app.config.limits.tool_rounds,
        today: today(&app),
    };
    let work = carry_out(
        turn,
        Arc::clone(&run),
        *owner.id(),
        answer,
        Arc::clone(&app.conversations),
        Arc::clone(&app.clock),
    );
    app.work.spawn(async move {
        let _ending = ending;
        work.await;
    });
    Ok(events(&run))
}

/// Come back to a turn: its stream from the start.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/runs/{runId}/resume",
    tag = "chat",
    params(
        ("id" = String, Path, description = "The conversation"),
        ("runId" = String, Path, description = "The turn")
    ),
    responses(
        (status = 200, description = "Server-sent events, AI SDK UI message stream v1", content_type = "text/event-stream"),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn resume(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path((id, run)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(events(&app.turns.find(owner.id(), &id, &run)?))
}

/// Stop a turn. What it has said so far is kept.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/runs/{runId}/cancel",
    tag = "chat",
    params(
        ("id" = String, Path, description = "The conversation"),
        ("runId" = String, Path, description = "The turn")
    ),
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path((id, run)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.turns.find(owner.id(), &id, &run)?.cancel().cancel();
    Ok(StatusCode::NO_CONTENT)
}

fn targets(app: &App, owner: &Owner, servers: Vec<ServerRequest>) -> Result<Vec<Target>, Problem> {
    if servers.len() > MOST_SERVERS {
        return Err(Problem::new(
            Kind::InvalidRequest,
            format!("A turn takes at most {MOST_SERVERS} servers."),
        ));
    }
    servers
        .into_iter()
        .map(|server| Target::read(app, owner, server))
        .collect()
}

/// What a person says, and where.
struct Says<'a> {
    parts: Vec<Value>,
    replaces: Option<String>,
    model: &'a str,
}

/// Stores the person's message and the empty answer; gives the conversation so far and the answer.
async fn begin(
    app: &App,
    owner: &Owner,
    run: &Run,
    title: &str,
    says: Says<'_>,
) -> Result<(Vec<Message>, Message), Problem> {
    let id = run.conversation();
    let now = app.clock.now();
    let mut messages = app.conversations.messages(owner.id(), id).await?;
    if let Some(from) = &says.replaces {
        let at = messages
            .iter()
            .position(|own| own.id == *from && own.role == Role::User)
            .ok_or_else(nothing_to_replace)?;
        messages.truncate(at);
    }
    has_room(&app.config.limits, &messages, &says.parts)?;
    if messages.is_empty() && title == UNTITLED {
        let text = says.parts.iter().find_map(|part| part["text"].as_str());
        let file = says.parts.iter().find_map(|part| part["filename"].as_str());
        let title = title_of(text.or(file).unwrap_or_default());
        app.conversations
            .rename_conversation(owner.id(), id, &title, now)
            .await?;
    }
    let question = Message {
        id: new_id(&*app.random),
        role: Role::User,
        parts: says.parts,
        model: None,
        created_at: now,
    };
    let answer = Message {
        id: new_id(&*app.random),
        role: Role::Assistant,
        parts: Vec::new(),
        model: Some(says.model.to_owned()),
        created_at: now,
    };
    match says.replaces {
        Some(from) => {
            let both = [question.clone(), answer.clone()];
            let there = app
                .conversations
                .replace_messages(owner.id(), id, &from, &both, now)
                .await?;
            if !there {
                return Err(nothing_to_replace());
            }
        }
        None => {
            for message in [&question, &answer] {
                app.conversations
                    .save_message(owner.id(), id, message, now)
                    .await?;
            }
        }
    }
    run.emit(&Part::run(run.id(), &question.id));
    messages.push(question);
    Ok((messages, answer))
}

fn nothing_to_replace() -> Problem {
    Problem::new(
        Kind::NotFound,
        "The message to replace is not in this conversation any more. Reload the page.",
    )
}

fn today(app: &App) -> String {
    jiff::Timestamp::from_millisecond(app.clock.now().as_millis())
        .map(|now| now.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// A turn's parts as server-sent events.
fn events(run: &Arc<Run>) -> Response {
    let parts = run.listen().map(|part| Event::default().data(&*part));
    let done = stream::once(std::future::ready(Event::default().data("[DONE]")));
    let events = parts.chain(done).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("x-vercel-ai-ui-message-stream"),
        HeaderValue::from_static("v1"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect responses would hold the stream back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}
