//! Turns as they are stored: a run in a task of its own, its message written as it grows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatepass_connections::{OwnerId, StoreError};
use mcp_oauth_client::{BoxFuture, Clock};

use crate::{
    part::Part,
    recorder::Recorder,
    runs::{Ending, Run},
    store::{ConversationStore, Message},
    turn::Turn,
};

/// How often a growing message is written, so that a crash or a reload loses little.
const CHECKPOINT: Duration = Duration::from_millis(1500);

/// Runs a turn to its end, whoever listens, and stores the assistant's message. `message` is the
/// empty message to fill; it has been stored already.
pub async fn carry_out(
    turn: Turn,
    run: Arc<Run>,
    owner: OwnerId,
    mut message: Message,
    store: Arc<dyn ConversationStore>,
    clock: Arc<dyn Clock>,
) {
    // Whatever happens to this task, those who listen must not wait for ever.
    let _ending = Ending(run.clone());
    let recorder = Mutex::new(Recorder::default());
    let emit = |part: Part| {
        recorder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(&part);
        run.emit(&part);
    };
    emit(Part::Start {
        message_id: message.id.clone(),
    });
    let cancel = run.cancel().clone();
    let mut turn = std::pin::pin!(turn.run(&cancel, &emit));
    let mut pause = tokio::time::interval(CHECKPOINT);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    pause.tick().await;
    let written = |message: &Message| -> BoxFuture<'static, Result<bool, StoreError>> {
        let (store, owner, message) = (store.clone(), owner, message.clone());
        let (conversation, now) = (run.conversation().to_owned(), clock.now());
        let saving = async move {
            let saved = store.save_message(&owner, &conversation, &message, now);
            saved.await
        };
        Box::pin(saving)
    };
    let mut size = 0;
    // Writing goes on beside the turn: a slow store must not stop the stream.
    let mut saving: Option<BoxFuture<'static, Result<bool, StoreError>>> = None;
    let ended = loop {
        tokio::select! {
            ended = &mut turn => break ended,
            saved = async { saving.as_mut()?.await.err() }, if saving.is_some() => {
                saving = None;
                if let Some(error) = saved {
                    tracing::warn!(%error, run = run.id(), "a message could not be written yet");
                }
            }
            _ = pause.tick(), if saving.is_none() => {
                message.parts = so_far(&recorder);
                let now = message.parts.iter().map(|part| part.to_string().len()).sum();
                if now != size {
                    size = now;
                    saving = Some(written(&message));
                }
            }
        }
    };
    tracing::info!(run = run.id(), ?ended, "turn over");
    if let Some(saving) = saving {
        // The last version must be written last.
        let _ = saving.await;
    }
    message.parts = so_far(&recorder);
    if let Err(error) = written(&message).await {
        tracing::error!(%error, run = run.id(), "an answer could not be stored");
        run.emit(&Part::Error {
            error_text: format!("The answer could not be stored: {error}."),
        });
    }
    run.finish();
}

fn so_far(recorder: &Mutex<Recorder>) -> Vec<serde_json::Value> {
    let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    recorder.parts().to_vec()
}
