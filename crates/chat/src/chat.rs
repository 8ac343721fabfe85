//! Turns as they are stored: a run in a task of its own, its message written as it grows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatepass_connections::OwnerId;
use mcp_oauth_client::Clock;

use crate::{
    part::Part,
    recorder::Recorder,
    runs::Run,
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
    let recorder = Arc::new(Mutex::new(Recorder::default()));
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
    emit(Part::run(run.id()));
    let cancel = run.cancel().clone();
    let mut ended = std::pin::pin!(turn.run(&cancel, &emit));
    let mut pause = tokio::time::interval(CHECKPOINT);
    pause.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    pause.tick().await;
    let mut written = 0;
    loop {
        let over = tokio::select! {
            ended = &mut ended => {
                tracing::info!(run = run.id(), ?ended, "turn over");
                true
            }
            _ = pause.tick() => false,
        };
        message.parts = recorder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .parts()
            .to_vec();
        let size = message
            .parts
            .iter()
            .map(|part| part.to_string().len())
            .sum::<usize>();
        if size != written || over {
            written = size;
            let saved = store.save_message(&owner, run.conversation(), &message, clock.now());
            if let Err(error) = saved.await {
                tracing::warn!(%error, run = run.id(), "a message could not be written");
                if over {
                    run.emit(&Part::Error {
                        error_text: format!("The answer could not be stored: {error}."),
                    });
                }
            }
        }
        if over {
            break;
        }
    }
    run.finish();
}
