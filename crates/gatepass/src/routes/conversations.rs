//! `/api/conversations`: list, create, read, rename, delete.

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gatepass_chat::{
    Conversation, Message,
    search::SearchWords,
    store::{Found, MOST_CONVERSATIONS},
};
use gatepass_connections::Owner;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::wire::{ConversationSchema, FoundSchema, MessageSchema};
use crate::{
    app::App,
    chat::turns::new_id,
    http::{
        json::{Json, Path, Query},
        owner::{Present, Session},
    },
    problem::{Kind, Problem},
};

/// What a conversation is called until its first message.
pub const UNTITLED: &str = "New conversation";
/// Longest title, in characters.
const LONGEST_TITLE: usize = 120;

/// Most conversations that a search finds.
const MOST_FOUND: u32 = 50;

/// An owner's conversations.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationsAnswer {
    /// The one that changed last comes first.
    #[schema(value_type = Vec<FoundSchema>)]
    conversations: Vec<Found>,
}

/// Which conversations to list.
#[derive(Debug, Deserialize, IntoParams)]
pub struct ListQuery {
    /// Words that a title, or one message, must have; at most 50 conversations are found.
    q: Option<String>,
}

/// A conversation to begin, or its new title.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TitleRequest {
    /// What it is called; its first message's words if absent.
    title: Option<String>,
}

/// A conversation with its messages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationAnswer {
    #[serde(flatten)]
    #[schema(value_type = ConversationSchema)]
    conversation: Conversation,
    /// The first one first.
    #[schema(value_type = Vec<MessageSchema>)]
    messages: Vec<Message>,
    /// The turn under way, to come back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// Where that turn is.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunState>,
}

/// A turn that is not over.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunState {
    /// Its id.
    id: String,
    /// `running`, or `waiting` for answers.
    state: &'static str,
}

/// List your conversations, or search their titles and messages.
#[utoipa::path(
    get,
    path = "/api/conversations",
    tag = "chat",
    params(ListQuery),
    responses((status = 200, body = ConversationsAnswer), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn list(
    State(app): State<Arc<App>>,
    session: Session,
    Query(query): Query<ListQuery>,
) -> Result<Json<ConversationsAnswer>, Problem> {
    let words = query.q.as_deref().and_then(SearchWords::of);
    let conversations = match (session.owner(), words) {
        (None, _) => Vec::new(),
        (Some(owner), Some(words)) => {
            app.conversations
                .search_conversations(owner.id(), &words, MOST_FOUND)
                .await?
        }
        (Some(owner), None) => {
            let all = app
                .conversations
                .conversations(owner.id(), MOST_CONVERSATIONS)
                .await?;
            let listed = |conversation| Found {
                conversation,
                excerpt: None,
            };
            all.into_iter().map(listed).collect()
        }
    };
    Ok(Json(ConversationsAnswer { conversations }))
}

/// Begin a conversation.
#[utoipa::path(
    post,
    path = "/api/conversations",
    tag = "chat",
    request_body = TitleRequest,
    responses((status = 201, body = ConversationSchema), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn create(
    State(app): State<Arc<App>>,
    session: Session,
    Json(request): Json<TitleRequest>,
) -> Result<Response, Problem> {
    let now = app.clock.now();
    let title = match request.title.as_deref().map(str::trim) {
        None | Some("") => UNTITLED.to_owned(),
        Some(title) => checked(title)?,
    };
    let conversation = Conversation {
        id: new_id(&*app.random),
        title,
        created_at: now,
        updated_at: now,
    };
    let owner = session.owner_or_new();
    app.conversations
        .add_conversation(owner.id(), &conversation, MOST_CONVERSATIONS)
        .await?;
    Ok((StatusCode::CREATED, Json(conversation)).into_response())
}

/// Read a conversation.
#[utoipa::path(
    get,
    path = "/api/conversations/{id}",
    tag = "chat",
    params(("id" = String, Path, description = "The conversation")),
    responses((status = 200, body = ConversationAnswer), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn read(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path(id): Path<String>,
) -> Result<Json<ConversationAnswer>, Problem> {
    let conversation = find(&app, &owner, &id).await?;
    let messages = app.conversations.messages(owner.id(), &id).await?;
    let run = run(&app, &owner, &id).await?;
    Ok(Json(ConversationAnswer {
        conversation,
        messages,
        run_id: run.as_ref().map(|run| run.id.clone()),
        run,
    }))
}

/// The turn of a conversation that is not over.
async fn run(app: &App, owner: &Owner, id: &str) -> Result<Option<RunState>, Problem> {
    if let Some(run) = app.turns.under_way(owner.id(), id) {
        let (id, state) = (run.id().to_owned(), "running");
        return Ok(Some(RunState { id, state }));
    }
    let row = app.conversations.run_of(owner.id(), id).await?;
    Ok(row.map(|row| RunState {
        state: match row.is_held(app.clock.now()) {
            true => "running",
            false => "waiting",
        },
        id: row.id,
    }))
}

/// Rename a conversation.
#[utoipa::path(
    patch,
    path = "/api/conversations/{id}",
    tag = "chat",
    params(("id" = String, Path, description = "The conversation")),
    request_body = TitleRequest,
    responses((status = 200, body = ConversationSchema), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn rename(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path(id): Path<String>,
    Json(request): Json<TitleRequest>,
) -> Result<Json<Conversation>, Problem> {
    let title = checked(request.title.as_deref().unwrap_or_default().trim())?;
    let now = app.clock.now();
    if !app
        .conversations
        .rename_conversation(owner.id(), &id, &title, now)
        .await?
    {
        return Err(missing());
    }
    Ok(Json(find(&app, &owner, &id).await?))
}

/// Delete a conversation and its messages; a turn under way in it is stopped.
#[utoipa::path(
    delete,
    path = "/api/conversations/{id}",
    tag = "chat",
    params(("id" = String, Path, description = "The conversation")),
    responses((status = 204), (status = "default", body = crate::problem::ProblemBody<'_>))
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.turns.stop(owner.id(), &id);
    match app
        .conversations
        .delete_conversation(owner.id(), &id)
        .await?
    {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(missing()),
    }
}

/// An owner's conversation. Another owner's is as if it did not exist.
pub async fn find(app: &App, owner: &Owner, id: &str) -> Result<Conversation, Problem> {
    app.conversations
        .conversation(owner.id(), id)
        .await?
        .ok_or_else(missing)
}

fn missing() -> Problem {
    Problem::new(
        Kind::NotFound,
        "There is no such conversation; it may have been deleted.",
    )
}

fn checked(title: &str) -> Result<String, Problem> {
    let plain = !title.is_empty()
        && title.chars().count() <= LONGEST_TITLE
        && !title.chars().any(char::is_control);
    match plain {
        true => Ok(title.to_owned()),
        false => Err(Problem::new(
            Kind::InvalidRequest,
            format!("A title is one line of 1 to {LONGEST_TITLE} characters."),
        )),
    }
}
