//! Turns that wait for a person: taking answers, going on wherever they land, and ending what
//! nobody answers.

use std::{sync::Arc, time::Duration};

use gatepass_chat::{
    Answer, Delivery, Ending, HOLD, Message, NotTaken, Open, Part, Role, Run, RunRow, Turn,
    ask::State, carry_out, open::Declined, recorder::Recorder, replay::replay,
};
use gatepass_connections::{Owner, OwnerId};
use serde_json::Value;

use super::{today, told};
use crate::{
    app::App,
    problem::{Kind, Problem},
    tools::{host::Host, target::Target},
};

/// Most turns that are ended at once because nobody answered.
const MOST_DUE: u32 = 20;
/// How often it is looked whether a turn that another replica works on can be gone on with.
const LOOK: Duration = Duration::from_millis(250);
/// How long that is waited for.
const LOOKS: u32 = 80;

/// What a person brings to a turn that waits.
pub struct Brought {
    /// Their answers, by ask.
    pub answers: Vec<(String, Answer)>,
    /// The servers of the chat, with the connections as they are now.
    pub targets: Vec<Target>,
}

/// Who goes on with a turn after answers were given.
pub enum Taken {
    /// This replica.
    Here(Arc<Run>),
    /// The replica that runs it.
    Elsewhere,
}

/// Takes answers: by the turn itself if it runs here, by handing them over if a server holds a
/// call open for them elsewhere, else by going on with the turn from the store.
pub async fn answer(
    app: &Arc<App>,
    owner: &Owner,
    (conversation, id): (&str, &str),
    brought: Brought,
) -> Result<Taken, Problem> {
    let delivery = Delivery {
        answers: brought.answers,
        host: Arc::new(Host::new(Arc::clone(app), owner, brought.targets)),
    };
    for _ in 0..LOOKS {
        let here = app.turns.find(owner.id(), conversation, id).ok();
        if let Some(run) = here.as_ref().filter(|run| !run.is_over()) {
            match run.inbox().deliver(delivery.clone()) {
                Ok(()) => return Ok(Taken::Here(Arc::clone(run))),
                Err(NotTaken::Unfit(why)) => return Err(Problem::new(Kind::InvalidAnswer, why)),
                Err(NotTaken::Elsewhere) => {}
            }
        }
        let row = app.conversations.run(owner.id(), id).await?;
        let row = row.filter(|row| row.conversation == conversation);
        let Some(row) = row else {
            // Everything is answered already.
            return here.map(Taken::Here).ok_or_else(not_found);
        };
        let open = read(&row)?;
        open.check(&delivery.answers)
            .map_err(|why| Problem::new(Kind::InvalidAnswer, why))?;
        let busy_here = app.turns.under_way(owner.id(), conversation).is_some();
        if !busy_here && !row.is_held(app.clock.now()) {
            let model = app.models.find(&open.model).await?;
            if claim(app, &row).await? {
                let run = go_on(app, row, open, Some(delivery), model).await?;
                return Ok(Taken::Here(run));
            }
            continue;
        }
        if here.is_none_or(|run| run.is_over()) && hand_over(app, &row, &open, &delivery).await? {
            return Ok(Taken::Elsewhere);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(Problem::new(
        Kind::TurnInProgress,
        "Another part of this turn is still under way. Try again in a moment.",
    )
    .retry_after(Some(Duration::from_secs(1))))
}

/// Leaves answers for the replica that runs a turn, if they are all to questions for which a
/// server holds its call open there: those need no connection.
async fn hand_over(
    app: &App,
    row: &RunRow,
    open: &Open,
    delivery: &Delivery,
) -> Result<bool, Problem> {
    let answers = &delivery.answers;
    let live = |id: &String| open.asks.iter().any(|ask| ask.id == *id && ask.is_live());
    if !answers.iter().all(|(id, _)| live(id)) {
        return Ok(false);
    }
    let text = serde_json::to_string(answers).map_err(Problem::internal)?;
    let now = app.clock.now();
    let left = app
        .conversations
        .leave_answers(&row.owner, &row.id, &text, now);
    Ok(left.await?)
}

/// What there is to hear of a turn that does not run here: the message so far, and that it waits.
pub async fn so_far(
    app: &App,
    owner: &Owner,
    (conversation, id): (&str, &str),
) -> Result<Vec<Part>, Problem> {
    let row = app.conversations.run(owner.id(), id).await?;
    let row = row.filter(|row| row.conversation == conversation);
    let row = row.ok_or_else(not_found)?;
    if row.is_held(app.clock.now()) {
        return Err(Problem::new(
            Kind::TurnInProgress,
            "This turn is under way elsewhere. Come back in a moment.",
        )
        .retry_after(Some(Duration::from_secs(1))));
    }
    let open = read(&row)?;
    let (before, message) = messages(app, &row).await?;
    let mut recorder = Recorder::of(message.parts);
    for ask in &open.asks {
        recorder.push(&ask.part(id));
    }
    let mut parts = vec![
        Part::run(id, question(&before)),
        Part::Start {
            message_id: message.id,
        },
    ];
    parts.extend(replay(recorder.parts()));
    parts.push(Part::waiting(id, row.deadline));
    Ok(parts)
}

/// Ends a turn that waits, without going on with it: what it asked for becomes `state`.
pub async fn settle(app: &App, row: RunRow, state: State) -> Result<(), Problem> {
    if !claim(app, &row).await? {
        return Err(Problem::new(
            Kind::TurnInProgress,
            "The last message of this conversation is still being answered.",
        ));
    }
    write_end(app, &row, row.version + 1, state).await
}

async fn write_end(app: &App, row: &RunRow, version: u64, state: State) -> Result<(), Problem> {
    let (_, mut message) = messages(app, row).await?;
    let mut recorder = Recorder::of(message.parts);
    let mut open = read(row)?;
    for part in open.orphaned() {
        recorder.push(&part);
    }
    for part in open.settle(&row.id, state) {
        recorder.push(&part);
    }
    message.parts = recorder.parts().to_vec();
    let (owner, now) = (&row.owner, app.clock.now());
    let saved = app
        .conversations
        .save_message(owner, &row.conversation, &message, now);
    saved.await?;
    app.conversations
        .remove_run(owner, &row.id, version)
        .await?;
    Ok(())
}

/// Goes on with turns that nobody answered in time, on whichever replica comes first. Nobody is
/// there to bring connections, so the model is told what is missing and ends the turn by itself.
pub async fn end_overdue(app: &Arc<App>) -> Result<(), Problem> {
    let now = app.clock.now();
    let due = app
        .conversations
        .claim_due_runs(now, now.after(HOLD), MOST_DUE)
        .await?;
    for mut row in due {
        // As it was before it was claimed.
        row.version -= 1;
        let ended = match read(&row) {
            Ok(open) => match app.models.find(&open.model).await {
                Ok(model) => go_on(app, row.clone(), open, None, model).await.map(|_| ()),
                Err(_) => write_end(app, &row, row.version + 1, State::Expired).await,
            },
            Err(problem) => Err(problem),
        };
        if let Err(problem) = ended {
            tracing::warn!(
                run = row.id,
                problem = problem.detail(),
                "a turn that waits could not be ended"
            );
        }
    }
    Ok(())
}

/// Goes on with a turn whose row, as it was before, this process has claimed.
async fn go_on(
    app: &Arc<App>,
    row: RunRow,
    open: Open,
    delivery: Option<Delivery>,
    model: super::models::Model,
) -> Result<Arc<Run>, Problem> {
    let (before, message) = messages(app, &row).await?;
    let run = app
        .turns
        .begin(row.owner, &row.conversation, row.id.clone())?;
    let ending = Ending::of(Arc::clone(&run));
    run.emit(&Part::run(run.id(), question(&before)));
    run.inbox().show(&open);
    let host = match delivery {
        Some(delivery) => {
            let host = Arc::clone(&delivery.host);
            // Checked before; and if not, the turn goes on waiting.
            let _ = run.inbox().deliver(delivery);
            host
        }
        None => Arc::new(Host::none(Arc::clone(app))),
    };
    let turn = Turn {
        run: row.id.clone(),
        client: app.models.client().clone(),
        messages: told(&model, &before),
        endpoint: model.endpoint,
        model: model.id,
        host,
        random: Arc::clone(&app.random),
        clock: Arc::clone(&app.clock),
        rounds: app.config.limits.tool_rounds,
        today: today(app),
        open,
    };
    app.work.spawn(carry_out(
        turn,
        ending,
        row.owner,
        message,
        Some(row.version + 1),
        Arc::clone(&app.conversations),
        Arc::clone(&app.clock),
    ));
    Ok(run)
}

/// What the person did not want to connect earlier in a conversation, and has not since: a turn
/// does not ask for it again before its model is asked.
pub fn declined(messages: &[Message]) -> Vec<Declined> {
    let mut declined: Vec<Declined> = Vec::new();
    let parts = messages.iter().flat_map(|message| &message.parts);
    for part in parts.filter(|part| part["type"] == "data-authorization") {
        let data = &part["data"];
        let Some(url) = data["url"].as_str() else {
            continue;
        };
        let listing = data["toolCallIds"].as_array().is_some_and(Vec::is_empty);
        declined.retain(|own| own.url != url);
        if listing && matches!(data["state"].as_str(), Some("skipped" | "expired")) {
            let scopes = data["scopes"].as_array().into_iter().flatten();
            let scopes = scopes.filter_map(Value::as_str).map(str::to_owned);
            declined.push(Declined {
                url: url.to_owned(),
                scopes: scopes.collect(),
            });
        }
    }
    declined
}

async fn claim(app: &App, row: &RunRow) -> Result<bool, Problem> {
    let now = app.clock.now();
    let claim = app
        .conversations
        .claim_run(&row.owner, &row.id, row.version, now, now.after(HOLD));
    Ok(claim.await?)
}

/// The conversation before a turn's message, and the message.
async fn messages(app: &App, row: &RunRow) -> Result<(Vec<Message>, Message), Problem> {
    let owner: &OwnerId = &row.owner;
    let mut all = app.conversations.messages(owner, &row.conversation).await?;
    let own = |message: &Message| message.role == Role::Assistant && message.id == row.message;
    let at = all.iter().position(own).ok_or_else(not_found)?;
    let message = all.remove(at);
    all.truncate(at);
    Ok((all, message))
}

/// The id of the message that a turn answers.
fn question(before: &[Message]) -> &str {
    before.last().map_or("", |message| &message.id)
}

fn read(row: &RunRow) -> Result<Open, Problem> {
    serde_json::from_str(&row.record).map_err(Problem::internal)
}

fn not_found() -> Problem {
    Problem::new(
        Kind::RunNotFound,
        "This turn has ended long ago, or was not begun here. Read the conversation again.",
    )
}
