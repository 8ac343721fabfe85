//! The end of a process, in an order that loses nothing.
//!
//! 1. Told to end: `/readyz` says so, answers ask for their connection to be closed, and requests
//!    are taken as before, until whoever spreads them over several processes has noticed.
//! 2. Nothing new is accepted. Requests and turns under way, and what goes on without a listener
//!    (a refresh, a callback), have their time to end.
//! 3. Turns that take longer are stopped: what they have said so far is stored.

use std::{io, time::Duration};

use gatepass_store::Database;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How long whoever has connected before the door was closed may take to say what they want.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long things may take to stop that were told to.
const STOPPING: Duration = Duration::from_secs(10);
/// How long the last answers may take to leave.
const LEAVING: Duration = Duration::from_secs(5);

/// Ends the process that `app` serves. `hurry` ends all waiting for others to finish.
pub async fn end(
    app: &App,
    mut serving: JoinHandle<io::Result<()>>,
    database: &Database,
    hurry: &CancellationToken,
) -> anyhow::Result<()> {
    app.draining.cancel();
    let limits = &app.config.limits;
    let drain = Duration::from_secs(limits.drain_seconds.unwrap_or(0));
    let grace = Duration::from_secs(limits.grace_seconds.unwrap_or(0));
    tracing::info!(
        turns = app.turns.count(),
        drain_seconds = drain.as_secs(),
        grace_seconds = grace.as_secs(),
        "ending"
    );
    let _ = hurry.run_until_cancelled(tokio::time::sleep(drain)).await;
    app.ending.cancel();
    let last = LAST_WORDS.min(grace);
    let _ = hurry.run_until_cancelled(tokio::time::sleep(last)).await;
    app.leaving.cancel();
    let in_time = tokio::time::timeout(grace, over(app));
    if !matches!(hurry.run_until_cancelled(in_time).await, Some(Ok(()))) {
        app.turns.stop_all();
        if tokio::time::timeout(STOPPING, over(app)).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }
    // A connection on which nothing was asked for is not waited for beyond this.
    let served = tokio::time::timeout(LEAVING, &mut serving).await;
    serving.abort();
    let _ = tokio::time::timeout(STOPPING, app.sessions.close()).await;
    // Last, since what ends may still write.
    database.close().await;
    match served {
        Ok(served) => Ok(served??),
        Err(_) => Ok(()),
    }
}

/// Waits until nothing is under way any more: requests, turns, callbacks, refreshes.
async fn over(app: &App) {
    app.work.close();
    app.work.wait().await;
    app.connections.settled().await;
}
