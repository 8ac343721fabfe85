//! `POST /api/conversations/{id}/runs/{runId}/resume` and `…/cancel`: coming back to a turn,
//! answering what it asks, stopping it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gatepass_chat::{
    Answer,
    ask::{self, Action},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{messages::targets, stream};
use crate::{
    app::App,
    chat::waiting::{self, Brought, Taken},
    http::{
        json::{Json, Path},
        owner::Present,
    },
    problem::{Kind, Problem},
    tools::target::ServerRequest,
};

/// Most answers at once.
const MOST_ANSWERS: usize = 64;
/// How long a turn that is stopped may take to end before the answer goes out.
const ENDING: Duration = Duration::from_secs(2);

/// What a person brings to a turn: nothing, to hear it again; or answers to what it asks.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeRequest {
    /// The answers, by `askId`.
    #[serde(default)]
    answers: BTreeMap<String, AnswerRequest>,
    /// The servers whose tools may be called, with their connections as they are now. Nothing of
    /// it is kept while a turn waits.
    #[serde(default)]
    servers: Vec<ServerRequest>,
}

/// An answer to one thing a turn asks.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerRequest {
    /// Authorization: `connect` or `skip`. Approval: `approve` or `deny`. Elicitation: `accept`,
    /// `decline` or `cancel`.
    #[schema(value_type = String)]
    action: Action,
    /// What was filled in, where a form was accepted.
    content: Option<Map<String, Value>>,
}

/// Come back to a turn: its stream from the start. With answers, a turn that waits goes on.
#[utoipa::path(
    post,
    path = "/api/conversations/{id}/runs/{runId}/resume",
    tag = "chat",
    params(
        ("id" = String, Path, description = "The conversation"),
        ("runId" = String, Path, description = "The turn")
    ),
    request_body = ResumeRequest,
    responses(
        (status = 200, description = "Server-sent events, AI SDK UI message stream v1", content_type = "text/event-stream"),
        (status = 202, description = "Handed over to where the turn runs: its stream there goes on"),
        (status = 400, description = "`invalid-answer`: the turn goes on waiting", body = crate::problem::ProblemBody<'_>),
        (status = 404, description = "`run-not-found`", body = crate::problem::ProblemBody<'_>),
        (status = 409, description = "`turn-in-progress`: another part of it is under way elsewhere", body = crate::problem::ProblemBody<'_>),
        (status = "default", body = crate::problem::ProblemBody<'_>)
    )
)]
pub async fn resume(
    State(app): State<Arc<App>>,
    Present(owner): Present,
    Path((id, run)): Path<(String, String)>,
    Json(request): Json<ResumeRequest>,
) -> Result<Response, Problem> {
    if request.answers.is_empty() {
        return hear(&app, &owner, (&id, &run)).await;
    }
    if request.answers.len() > MOST_ANSWERS {
        return Err(Problem::new(
            Kind::InvalidRequest,
            format!("At most {MOST_ANSWERS} answers are taken at once."),
        ));
    }
    let answers = request.answers.into_iter().map(|(id, answer)| {
        let AnswerRequest { action, content } = answer;
        (id, Answer { action, content })
    });
    let brought = Brought {
        answers: answers.collect(),
        targets: targets(&app, &owner, request.servers)?,
    };
    match waiting::answer(&app, &owner, (&id, &run), brought).await? {
        Taken::Here(run) => Ok(stream::of_run(&run)),
        Taken::Elsewhere => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

async fn hear(
    app: &App,
    owner: &gatepass_connections::Owner,
    (conversation, id): (&str, &str),
) -> Result<Response, Problem> {
    let here = app.turns.find(owner.id(), conversation, id);
    match here {
        Ok(run) if !run.is_over() => Ok(stream::of_run(&run)),
        here => match waiting::so_far(app, owner, (conversation, id)).await {
            Ok(parts) => Ok(stream::of_parts(parts)),
            Err(problem) if problem.kind() == Kind::RunNotFound => Ok(stream::of_run(&here?)),
            Err(problem) => Err(problem),
        },
    }
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
    let here = app.turns.find(owner.id(), &id, &run);
    if let Ok(run) = &here {
        run.cancel().cancel();
        let _ = tokio::time::timeout(ENDING, run.ended()).await;
    }
    let row = app.conversations.run(owner.id(), &run).await?;
    let row = row.filter(|row| row.conversation == id);
    match (row, here) {
        // It was parked before it could be stopped, or is parked elsewhere.
        (Some(row), here) if here.as_ref().map_or(true, |run| run.is_over()) => {
            waiting::settle(&app, row, ask::State::Stopped).await?;
        }
        (_, here) => drop(here?),
    }
    Ok(StatusCode::NO_CONTENT)
}
