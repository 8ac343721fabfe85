//! `POST /api/conversations/{id}/messages`: a message, and the event stream of the turn that
//! answers it. The turn goes on when nobody listens.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use gatepass_chat::{
    Ending, Message, Open, Part, Role, Run, Turn, ask, carry_out, title::title_of,
};
use gatepass_connections::Owner;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    conversations::{UNTITLED, find},
    stream,
};
use crate::{
    app::App,
    chat::{
        said::{AttachmentRequest, has_room, said},
        today, told,
        turns::new_id,
        waiting,
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
    let run = app.turns.begin(*owner.id(), &id, new_id(&*app.random))?;
    // From here on whatever happens ends the run, so that the conversation does not wait for it.
    let ending = Ending::of(Arc::clone(&run));
    // Whoever says something new goes on without what was asked for.
    if let Some(row) = app.conversations.run_of(owner.id(), &id).await? {
        waiting::settle(&app, row, ask::State::Skipped).await?;
    }
    let says = Says {
        parts,
        replaces: request.replaces,
        model: &model.id,
    };
    let (messages, answer) = begin(&app, &owner, &run, &conversation.title, says).await?;
    let turn = Turn {
        run: run.id().to_owned(),
        client: app.models.client().clone(),
        messages: told(&model, &messages),
        endpoint: model.endpoint,
        model: model.id,
        host: Arc::new(Host::new(Arc::clone(&app), &owner, targets)),
        random: Arc::clone(&app.random),
        clock: Arc::clone(&app.clock),
        rounds: app.config.limits.tool_rounds,
        today: today(&app),
        open: Open {
            declined: waiting::declined(&messages),
            ..Open::default()
        },
    };
    app.work.spawn(carry_out(
        turn,
        ending,
        *owner.id(),
        answer,
        None,
        Arc::clone(&app.conversations),
        Arc::clone(&app.clock),
    ));
    Ok(stream::of_run(&run))
}

pub(super) fn targets(
    app: &App,
    owner: &Owner,
    servers: Vec<ServerRequest>,
) -> Result<Vec<Target>, Problem> {
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
