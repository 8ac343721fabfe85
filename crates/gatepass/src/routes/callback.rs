//! `GET /api/mcp/oauth/callback`: the person comes back from the authorization server.
//!
//! Nothing of the answer is believed, acted on or shown before it is known to belong to a flow of
//! this browser and to come from its issuer.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use gatepass_connections::{CustodyError, FlowError, FlowId, FlowOutcome, Owner, SealedConnection};
use mcp_oauth_client::{CallbackError, CallbackQuery, Connection, Recovery, Registration};

use crate::{
    app::App,
    authorize::record::{self, FlowRecord, Mode},
    http::owner::Session,
    pages::callback::{Ending, page, redirect},
    problem::{Kind, Problem, map},
};

/// How often a write that cannot be done a second time is tried while the database is away: about
/// half a minute, which a fail-over takes.
const WRITES: u32 = 9;
/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Why a callback did not bring a connection.
enum Failure {
    /// It was not taken up, since the database is away: nothing was exchanged, and the same
    /// callback may come again.
    NotTaken(Problem),
    /// The sign-in is over.
    Over(Problem),
}

/// The redirect URI. For people and their browsers; a program has no business here.
#[utoipa::path(
    get,
    path = "/api/mcp/oauth/callback",
    tag = "oauth",
    params(
        ("code" = Option<String>, Query, description = "RFC 6749 §4.1.2"),
        ("state" = Option<String>, Query, description = "RFC 6749 §4.1.2"),
        ("iss" = Option<String>, Query, description = "RFC 9207"),
        ("error" = Option<String>, Query, description = "RFC 6749 §4.1.2.1")
    ),
    responses(
        (status = 200, description = "A small page that says how it went", content_type = "text/html"),
        (status = 303, description = "Back to `returnTo`, with `#flow=<flowId>`")
    )
)]
pub async fn callback(
    State(app): State<Arc<App>>,
    session: Session,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = match CallbackQuery::parse(&query.unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => {
            let problem = map::callback(&error);
            return page(None, &Ending::Failed(&problem));
        }
    };
    let found = session
        .owner()
        .zip(query.state())
        .and_then(|(owner, state)| {
            let (id, record) = record::find(&app, owner, &headers, state)?;
            Some((owner.clone(), id, record))
        });
    let Some((owner, id, record)) = found else {
        return page(None, &Ending::Failed(&stranger(&query)));
    };
    let (mode, return_to) = (record.mode, record.return_to.clone());
    let host = record.pending.server.host();
    // A browser that goes away must not leave a code half exchanged.
    let work = {
        let (app, id) = (Arc::clone(&app), id.clone());
        let work = app.work.clone();
        work.spawn(async move { finish(&app, &owner, &id, record, query).await })
    };
    let outcome = match work.await {
        Ok(outcome) => outcome,
        Err(error) => Err(Failure::Over(Problem::internal(error))),
    };
    let mut response = match (mode, &outcome) {
        // Here, since the page that it would go back to cannot bring the code again. The cookie
        // stays.
        (_, Err(Failure::NotTaken(problem))) => return page(None, &Ending::NotYet(problem)),
        (Mode::Redirect, _) => redirect(&return_to, id.as_str()),
        (Mode::Popup, Ok(())) => page(Some(id.as_str()), &Ending::Authorized { host: &host }),
        (Mode::Popup, Err(Failure::Over(problem))) => {
            page(Some(id.as_str()), &Ending::Failed(problem))
        }
    };
    app.cookies
        .remove(response.headers_mut(), &format!("{}{id}", record::COOKIE));
    response
}

/// A callback that belongs to no flow of this browser.
fn stranger(query: &CallbackQuery) -> Problem {
    match query.state() {
        None => map::callback(&CallbackError::StateMissing),
        Some(_) => Problem::new(
            Kind::FlowNotFound,
            "This browser does not know the sign-in: it was finished before, took longer than \
             ten minutes, or was started in another browser. Nothing was exchanged.",
        ),
    }
}

/// Takes the flow, once, and brings it to its end; whoever waits for it learns how it went.
async fn finish(
    app: &App,
    owner: &Owner,
    id: &FlowId,
    record: FlowRecord,
    query: CallbackQuery,
) -> Result<(), Failure> {
    app.flows
        .consume(owner, id)
        .await
        .map_err(|error| match error {
            FlowError::Store(cause) => Failure::NotTaken(cause.into()),
            error => Failure::Over(error.into()),
        })?;
    let outcome = exchange(app, owner, record, query).await;
    let stored = match &outcome {
        Ok((_, kept)) => FlowOutcome::Authorized {
            connection: kept.clone(),
        },
        Err(problem) => FlowOutcome::Failed {
            problem: problem.to_value(),
        },
    };
    let mut tries = Tries::default();
    while let Err(error) = app.flows.finish(owner, id, &stored).await {
        if matches!(error, FlowError::Store(_)) && tries.again(&error).await {
            continue;
        }
        if let Ok((connection, _)) = &outcome {
            // Nobody will ever learn of it.
            withdraw(app, connection).await;
        }
        return Err(Failure::Over(error.into()));
    }
    outcome.map(drop).map_err(Failure::Over)
}

async fn exchange(
    app: &App,
    owner: &Owner,
    record: FlowRecord,
    query: CallbackQuery,
) -> Result<(Connection, SealedConnection), Problem> {
    let registration = record.pending.registration.clone();
    let unproved = record.unproved;
    let validated = match record.pending.validate(query, app.clock.now()) {
        Ok(validated) => validated,
        Err(error) => {
            mend(app, &registration, error.recovery()).await;
            return Err(map::callback(&error));
        }
    };
    let connection = match app.auth.exchange(validated).await {
        Ok(connection) => connection,
        Err(failed) => {
            mend(app, &registration, failed.recovery()).await;
            return Err(map::exchange(failed));
        }
    };
    if unproved && let Err(error) = app.registrations.replace(&registration).await {
        tracing::warn!(%error, "a new registration could not be kept");
    }
    let mut tries = Tries::default();
    loop {
        let error = match app.connections.keep(owner, &connection).await {
            Ok(kept) => return Ok((connection, kept)),
            Err(error) => error,
        };
        if !matches!(error, CustodyError::Store(_)) || !tries.again(&error).await {
            withdraw(app, &connection).await;
            return Err(error.into());
        }
    }
}

/// Tries to write what was won with a code that is spent, while the database is away.
struct Tries {
    left: u32,
    pause: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            left: WRITES - 1,
            pause: FIRST_PAUSE,
        }
    }
}

impl Tries {
    /// Whether to try again, after a pause.
    async fn again(&mut self, error: &(dyn std::error::Error + Sync)) -> bool {
        if self.left == 0 {
            return false;
        }
        tracing::warn!(%error, "a sign-in could not be written yet");
        self.left -= 1;
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Gives tokens back that nobody will ever have.
async fn withdraw(app: &App, connection: &Connection) {
    if let Err(failed) = app.auth.revoke(connection).await {
        let issuer = connection.issuer.host();
        tracing::error!(%issuer, "tokens of a sign-in that could not be kept stay alive: {failed}");
    }
}

/// Forgets a registration that the authorization server no longer knows, so that the next sign-in
/// makes a new one.
async fn mend(app: &App, registration: &Registration, recovery: Recovery) {
    if recovery == Recovery::Reregister
        && let Err(error) = app.registrations.forget(registration).await
    {
        tracing::warn!(%error, "a dead registration could not be forgotten");
    }
}
