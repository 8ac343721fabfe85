//! The refresh engine: one refresh per generation, whoever asks, on however many replicas.
//!
//! 1. Callers in this process join one flight per connection. The flight is a task of its own: a
//!    caller who goes away cannot cancel it and lose a rotated refresh token.
//! 2. The flight takes the row's lease by compare-and-swap. If the row has moved on meanwhile,
//!    that generation is adopted and nothing is sent.
//! 3. It refreshes; an unknown outcome is tried once more with the same refresh token.
//! 4. The next generation is written before anyone sees it. Waiters and replicas adopt it.
//!
//! `invalid_grant` counts only if the row has not moved. A temporary failure changes nothing, and
//! a server that asks us to wait is not asked again before that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_oauth_client::{Connection, Failed, Recovery, TokenError};
use tokio::sync::watch;

use crate::{
    connections::{Connections, Inner, Need, Opened},
    error::CustodyError,
    owner::{Owner, OwnerId},
    seal::Sealed,
    store::{ConnectionRow, Lease, StoreError},
    wire::ConnectionId,
};

/// How often the row is looked at while somebody else holds the lease.
const POLL: Duration = Duration::from_millis(50);
/// How often a new generation is offered to the store before it is given to the page all the same.
const WRITES: u32 = 5;

type Outcome = Result<Opened, CustodyError>;

/// The refreshes under way in this process, by connection.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Whose, watch::Receiver<Option<Outcome>>>>);

type Whose = (OwnerId, ConnectionId);

/// Brings a connection to where it satisfies `need`, if it does not already. `presented` is the
/// generation that the caller came with.
pub(crate) async fn satisfy(
    inner: Arc<Inner>,
    owner: &Owner,
    newest: Opened,
    presented: u64,
    need: Need,
) -> Result<Opened, CustodyError> {
    let now = inner.clock.now();
    let tokens = &newest.connection.tokens;
    let wanted = match &need {
        Need::Valid => tokens.due(now),
        Need::Newer => newest.generation <= presented,
        Need::Replacing(rejected) => tokens.access_token == *rejected,
    };
    if !wanted {
        return Ok(newest);
    }
    let usable = matches!(need, Need::Valid) && !tokens.expired(now);
    if tokens.refresh_token.is_none() && usable {
        return Ok(newest);
    }
    if !usable {
        return beyond(&inner, owner, &newest).await;
    }
    // The old token is good until its end: a refresh ahead of time that fails or dawdles costs
    // nothing. It goes on without us.
    if inner.waits.just_failed(owner.id(), &newest.id, now) {
        return Ok(newest);
    }
    let patience = inner.custody.patience;
    let outcome = tokio::time::timeout(patience, beyond(&inner, owner, &newest)).await;
    match outcome {
        Ok(outcome @ (Ok(_) | Err(CustodyError::Ended))) => outcome,
        _ if !newest.connection.tokens.expired(inner.clock.now()) => {
            let now = inner.clock.now();
            inner.waits.failed_ahead(owner.id(), &newest.id, now);
            Ok(newest)
        }
        Ok(outcome) => outcome,
        Err(_) => beyond(&inner, owner, &newest).await,
    }
}

/// The generation after this one, or a later one.
async fn beyond(inner: &Arc<Inner>, owner: &Owner, from: &Opened) -> Outcome {
    loop {
        let next = join(inner, owner, from.clone()).await?;
        if next.generation > from.generation {
            return Ok(next);
        }
        // That flight had set out from an older generation and brought what we have. It is off
        // the board now, so the next one sets out from ours.
    }
}

/// Joins the flight of a connection, or starts it.
async fn join(inner: &Arc<Inner>, owner: &Owner, from: Opened) -> Outcome {
    let mut landing = {
        let flights = &inner.flights.0;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = (*owner.id(), from.id.clone());
        match flights.get(&whose) {
            Some(landing) => landing.clone(),
            None => {
                let (land, landing) = watch::channel(None);
                flights.insert(whose.clone(), landing.clone());
                let (inner, owner) = (inner.clone(), owner.clone());
                tokio::spawn(async move {
                    let done = Done {
                        inner: &inner,
                        whose,
                    };
                    let outcome = fly(&inner, &owner, from).await;
                    // Off the board first: whoever comes from now on wants more than this.
                    drop(done);
                    land.send_replace(Some(outcome));
                });
                landing
            }
        }
    };
    let outcome = landing.wait_for(Option::is_some).await;
    match outcome.as_deref() {
        Ok(Some(outcome)) => outcome.clone(),
        // The task ended without a word: it panicked, or the process is shutting down.
        _ => Err(CustodyError::Busy),
    }
}

/// Takes the flight off the board when it is over, however it ends.
struct Done<'a> {
    inner: &'a Inner,
    whose: Whose,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let flights = &self.inner.flights.0;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.whose);
    }
}

impl Connections {
    /// Waits until no refresh is under way in this process. A process that ends earlier loses
    /// tokens that the authorization server has rotated already.
    pub async fn settled(&self) {
        loop {
            let under_way = {
                let flights = &self.inner.flights.0;
                let flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
                flights.values().next().cloned()
            };
            let Some(mut landing) = under_way else { return };
            // An error is a flight that ended without a word, which is an end as well.
            let _ = landing.wait_for(Option::is_some).await;
        }
    }
}

/// One flight: lease, refresh, write.
async fn fly(inner: &Inner, owner: &Owner, from: Opened) -> Outcome {
    if let Some(wait) = inner.waits.hold(&from.connection, inner.clock.now()) {
        return Err(wait);
    }
    let holder = inner.random_text();
    // Twice the time that a process may hold it which died while it did.
    let most = inner.custody.lease * 2;
    let turn = tokio::time::timeout(most, turn(inner, owner, &from, &holder));
    match turn.await {
        Err(_) => Err(CustodyError::Busy),
        Ok(Err(error)) => Err(error),
        Ok(Ok(Turn::Over(newer))) => Ok(*newer),
        Ok(Ok(Turn::Ours)) => {
            let outcome = refresh(inner, owner, &from).await;
            if outcome.is_err() {
                release(inner, owner, &from.id, &holder).await;
            }
            outcome
        }
    }
}

/// Whose turn it is to refresh.
enum Turn {
    /// Ours: we have the lease.
    Ours,
    /// Nobody's: somebody else has done it.
    Over(Box<Opened>),
}

/// Waits for the lease of a connection, or for the generation that its holder writes.
async fn turn(
    inner: &Inner,
    owner: &Owner,
    from: &Opened,
    holder: &str,
) -> Result<Turn, CustodyError> {
    let over = |newer| Ok(Turn::Over(Box::new(newer)));
    let id = &from.id;
    loop {
        let time = inner.custody.lease;
        let lease = inner.store.lease_connection(owner.id(), id, holder, time);
        match lease.await? {
            Lease::Acquired(row) if row.generation > from.generation => {
                release(inner, owner, id, holder).await;
                let sealed = row.sealed.ok_or(CustodyError::Ended)?;
                return over(inner.open(owner, id, &sealed)?);
            }
            Lease::Acquired(_) => return Ok(Turn::Ours),
            Lease::Held => tokio::time::sleep(POLL).await,
            Lease::Missing => {}
        }
        let newest = inner.newest(owner, from.clone()).await?;
        if newest.generation > from.generation {
            return over(newest);
        }
    }
}

async fn refresh(inner: &Inner, owner: &Owner, from: &Opened) -> Outcome {
    let failed = match spend(inner, &from.connection).await {
        Ok(connection) => {
            let next = Opened {
                id: from.id.clone(),
                generation: from.generation + 1,
                connection,
            };
            return write(inner, owner, next).await;
        }
        Err(failed) => Arc::new(failed),
    };
    inner
        .waits
        .note(&from.connection, &failed, inner.clock.now());
    if matches!(
        failed.recovery(),
        Recovery::Reauthorize | Recovery::Reregister
    ) {
        // Somebody without a lease (an older release, a restored backup) may have been faster.
        let newest = inner.newest(owner, from.clone()).await?;
        if newest.generation > from.generation {
            return Ok(newest);
        }
    }
    if failed.recovery() == Recovery::Reregister {
        // The tokens are lost with the client they were issued to; the next sign-in must not use
        // it again.
        let registration = &from.connection.registration;
        if let Err(error) = inner.registrations.forget(registration).await {
            tracing::warn!(%error, "a dead registration could not be forgotten");
        }
    }
    Err(CustodyError::of_refresh(failed))
}

/// Spends the refresh token; once more if nobody knows what became of it.
async fn spend(inner: &Inner, connection: &Connection) -> Result<Connection, Failed<TokenError>> {
    match inner.tokens.refresh(connection).await {
        Err(failed) if failed.error().outcome_unknown() => inner.tokens.refresh(connection).await,
        outcome => outcome,
    }
}

/// Writes a new generation before anyone sees it. If the store stays away, the page gets it all
/// the same: it carries the only copy of tokens that are already spent elsewhere, and the store
/// takes it over at the next use.
async fn write(inner: &Inner, owner: &Owner, next: Opened) -> Outcome {
    let row = inner.row_of(owner, &next);
    let mut pause = Duration::from_millis(20);
    for attempt in 1..=WRITES {
        match put(inner, owner, &row).await {
            Ok(Put::Ours) => return Ok(next),
            // A row that does not open must not cost tokens that were just won.
            Ok(Put::Theirs(sealed)) => {
                return Ok(inner.open(owner, &next.id, &sealed).unwrap_or(next));
            }
            Ok(Put::Ended) => {
                // The tokens just won must not stay alive either.
                crate::disconnect::revoke_later(inner, &next.connection).await;
                return Err(CustodyError::Ended);
            }
            Err(error @ StoreError::Unavailable { .. }) if attempt < WRITES => {
                tracing::warn!(%error, attempt, "a new generation could not be written yet");
                tokio::time::sleep(pause).await;
                pause *= 3;
            }
            Err(error) => {
                tracing::error!(%error, "a new generation could not be written; the page carries it");
                break;
            }
        }
    }
    Ok(next)
}

/// What became of a new generation.
enum Put {
    /// It is the row's.
    Ours,
    /// The row has this or a later generation from somebody else: that is the truth.
    Theirs(Sealed),
    /// The connection has ended meanwhile.
    Ended,
}

/// Writes a new generation over whatever older one is there. A row that has gone (the store was
/// restored or swept meanwhile) is no end: it is added again.
async fn put(inner: &Inner, owner: &Owner, row: &ConnectionRow) -> Result<Put, StoreError> {
    let mut from = row.generation.saturating_sub(1);
    for _ in 0..WRITES {
        if inner.store.advance_connection(from, row).await? {
            return Ok(Put::Ours);
        }
        let Some(there) = inner.store.connection(owner.id(), &row.id).await? else {
            if inner.store.add_connection(row).await? {
                return Ok(Put::Ours);
            }
            continue;
        };
        from = match there.sealed {
            None => return Ok(Put::Ended),
            Some(sealed) if there.generation >= row.generation => return Ok(Put::Theirs(sealed)),
            Some(_) => there.generation,
        };
    }
    Err(StoreError::Unavailable {
        detail: "the row is changed by others all the time".to_owned(),
    })
}

async fn release(inner: &Inner, owner: &Owner, id: &ConnectionId, holder: &str) {
    let release = inner.store.release_connection(owner.id(), id, holder);
    if let Err(error) = release.await {
        // It lapses by itself.
        tracing::warn!(%error, "a lease could not be given back");
    }
}
