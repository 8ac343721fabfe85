//! Turns as they are stored: a run in a task of its own, its message written as it grows.

use std::{sync::Arc, time::Duration};

use gatepass_connections::{OwnerId, StoreError};
use mcp_oauth_client::{BoxFuture, Clock};

use crate::{
    desk::Desk,
    part::Part,
    replay::replay,
    runs::Ending,
    store::{ChatStore, Message},
    turn::{Ended, Turn},
};

/// How often a growing message is written, so that a crash or a reload loses little.
const CHECKPOINT: Duration = Duration::from_millis(1500);

/// Runs a turn until it ends or waits for a person, whoever listens, and stores the assistant's
/// message. `message` has been stored already: empty, or as far as a turn came that goes on here
/// and whose row in the store this process has claimed at `version`. Whatever happens to the task,
/// `ending` lets those go who listen.
pub async fn carry_out(
    mut turn: Turn,
    ending: Ending,
    owner: OwnerId,
    message: Message,
    version: Option<u64>,
    store: Arc<dyn ChatStore>,
    clock: Arc<dyn Clock>,
) {
    let run = ending.run().clone();
    run.emit(&Part::Start {
        message_id: message.id.clone(),
    });
    for part in replay(&message.parts) {
        run.emit(&part);
    }
    let desk = Desk::new(run.clone(), owner, message, store, clock, version);
    for ask in &turn.open.asks {
        desk.emit(&ask.part(run.id()));
    }
    for part in turn.open.orphaned() {
        desk.emit(&part);
    }
    let cancel = run.cancel().clone();
    let emit = |part: Part| desk.emit(&part);
    let mut working = std::pin::pin!(turn.run(&cancel, &emit, &desk));
    let mut pause = tokio::time::interval(CHECKPOINT);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    pause.tick().await;
    // Writing goes on beside the turn: a slow store must not stop the stream.
    let mut saving: Option<BoxFuture<'_, Result<(), StoreError>>> = None;
    let ended = loop {
        tokio::select! {
            ended = &mut working => break ended,
            saved = async { saving.as_mut()?.await.err() }, if saving.is_some() => {
                saving = None;
                if let Some(error) = saved {
                    tracing::warn!(%error, run = run.id(), "a message could not be written yet");
                }
            }
            _ = pause.tick(), if saving.is_none() => saving = Some(Box::pin(desk.checkpoint())),
        }
    };
    tracing::info!(run = run.id(), ?ended, "turn over");
    match ended {
        // Written already, and perhaps somebody else's by now.
        Ended::Waiting | Ended::Lost => {}
        _ => {
            drop(saving);
            if let Err(error) = desk.save().await {
                tracing::error!(%error, run = run.id(), "an answer could not be stored");
                run.emit(&Part::Error {
                    error_text: format!("The answer could not be stored: {error}."),
                });
            }
        }
    }
    run.finish();
}
