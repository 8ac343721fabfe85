//! `GET /api/mcp/oauth/callback`: the person comes back from the authorization server.
//!
//! Nothing of the answer is believed, acted on or shown before it is known to belong to a flow of
//! this browser and to come from its issuer.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use gatepass_connections::{FlowId, FlowOutcome, Owner};
use mcp_oauth_client::{CallbackQuery, Recovery, Registration, RegistrationKind};

use crate::{
    app::App,
    authorize::record::{self, FlowRecord, Mode},
    http::owner::Session,
    pages::callback::{Ending, page, redirect},
    problem::{Kind, Problem, map},
};

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
            let problem = map::callback(&error, RegistrationKind::Dynamic);
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
        tokio::spawn(async move { finish(&app, &owner, &id, record, query).await })
    };
    let outcome = match work.await {
        Ok(outcome) => outcome,
        Err(error) => Err(Problem::internal(error)),
    };
    let mut response = match (mode, &outcome) {
        (Mode::Redirect, _) => redirect(&return_to, id.as_str()),
        (Mode::Popup, Ok(())) => page(Some(id.as_str()), &Ending::Authorized { host: &host }),
        (Mode::Popup, Err(problem)) => page(Some(id.as_str()), &Ending::Failed(problem)),
    };
    app.cookies
        .remove(response.headers_mut(), &format!("{}{id}", record::COOKIE));
    response
}

/// A callback that belongs to no flow of this browser.
fn stranger(query: &CallbackQuery) -> Problem {
    match query.state() {
        None => map::callback(
            &mcp_oauth_client::CallbackError::StateMissing,
            RegistrationKind::Dynamic,
        ),
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
) -> Result<(), Problem> {
    app.flows.consume(owner, id).await?;
    let outcome = exchange(app, owner, record, query).await;
    let stored = match &outcome {
        Ok(connection) => FlowOutcome::Authorized {
            connection: connection.clone(),
        },
        Err(problem) => FlowOutcome::Failed {
            problem: problem.to_value(),
        },
    };
    app.flows.finish(owner, id, &stored).await?;
    outcome.map(drop)
}

async fn exchange(
    app: &App,
    owner: &Owner,
    record: FlowRecord,
    query: CallbackQuery,
) -> Result<gatepass_connections::SealedConnection, Problem> {
    let registration = record.pending.registration.clone();
    let validated = match record.pending.validate(query, app.clock.now()) {
        Ok(validated) => validated,
        Err(error) => {
            mend(app, &registration, error.recovery()).await;
            return Err(map::callback(&error, registration.kind));
        }
    };
    match app.auth.exchange(validated).await {
        Ok(connection) => Ok(app.connections.keep(owner, &connection).await?),
        Err(failed) => {
            mend(app, &registration, failed.recovery()).await;
            Err(map::exchange(failed))
        }
    }
}

/// Forgets a registration that the authorization server no longer knows, so that the next sign-in
/// makes a new one.
async fn mend(app: &App, registration: &Registration, recovery: Recovery) {
    if recovery == Recovery::Reregister
        && registration.kind == RegistrationKind::Dynamic
        && let Err(error) = app.registrations.forget(registration).await
    {
        tracing::warn!(%error, "a dead registration could not be forgotten");
    }
}
