//! Thousands of refreshes against a real authorization server with rotation and replay detection,
//! by several replicas over one database, with faults on the way. What is counted is what people
//! would notice: connections that were lost, and sign-ins that nobody should have been asked for.
#![deny(missing_docs)]

mod counts;
mod house;
mod system;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use futures::future::{join_all, try_join_all};
use gatepass_connections::{CustodyError, Need, Owner, SealedConnection};
use gatepass_demo::{
    Fault, When,
    behaviour::{RefreshTokens, TokenBehaviour},
};
use mcp_oauth_client::Recovery;

pub use counts::Counts;
use house::House;

/// What is to be lived through.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many refreshes.
    pub refreshes: u64,
    /// How many connections share them.
    pub connections: usize,
    /// How many replicas share the database. Each refresh is asked for by all of them at once.
    pub replicas: usize,
    /// Every so-manieth token request meets a fault; 20 makes 5 %.
    pub one_in: u64,
    /// What becomes of the authorization server's answers.
    pub faults: Faults,
    /// PostgreSQL's URL; a SQLite file in a temporary folder if there is none.
    pub database_url: Option<String>,
}

/// Which faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// The request is not served: 5xx, HTML, 429, a broken connection. The server forgives no
    /// second use of a refresh token.
    Unserved,
    /// The request is served and the answer is lost. No client can live through that unless the
    /// server answers the same request again, so it does.
    Unheard,
}

impl Faults {
    fn kinds(self) -> &'static [Fault] {
        match self {
            Self::Unserved => &[
                Fault::Status(500),
                Fault::Html(502),
                Fault::Reset,
                Fault::RateLimited(1),
                Fault::Status(503),
                Fault::Empty(504),
            ],
            Self::Unheard => &[Fault::ResetAfterAnswer, Fault::Truncated],
        }
    }

    fn tokens(self) -> RefreshTokens {
        match self {
            Self::Unserved => RefreshTokens::Rotating,
            Self::Unheard => RefreshTokens::ReplaySame(60),
        }
    }
}

/// How many refreshes one kind of fault lasts.
const SPELL: u64 = 100;

/// Lives through the plan.
///
/// # Errors
/// The servers or the database could not be set up.
pub async fn soak(plan: &Plan) -> anyhow::Result<Counts> {
    let house = House::build(plan).await?;
    house.demo.behaviour().set(|behaviour| {
        behaviour.token = TokenBehaviour {
            refresh_tokens: plan.faults.tokens(),
            ..TokenBehaviour::default()
        };
    });
    let visitors = (0..plan.connections).map(|_| house.sign_in());
    let visitors = try_join_all(visitors).await?;
    let left = Arc::new(AtomicU64::new(plan.refreshes));
    let living = visitors
        .into_iter()
        .map(|(owner, connection)| live(&house, plan, &left, owner, connection));
    let mut counts = join_all(living)
        .await
        .into_iter()
        .fold(Counts::default(), Counts::plus);
    house.count(&mut counts).context("the record is gone")?;
    Ok(counts)
}

/// Refreshes one connection as long as there is something left to do.
async fn live(
    house: &House,
    plan: &Plan,
    left: &AtomicU64,
    owner: Owner,
    mut connection: SealedConnection,
) -> Counts {
    let mut counts = Counts::default();
    while let Ok(before) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    }) {
        if before.is_multiple_of(SPELL) {
            let kinds = plan.faults.kinds();
            let spell = usize::try_from(before / SPELL).unwrap_or_default();
            let fault = kinds[spell % kinds.len()].clone();
            let when = When::Every(plan.one_in);
            house
                .demo
                .behaviour()
                .set(|behaviour| behaviour.token.fault = fault.when(when));
        }
        loop {
            let asks = house
                .replicas
                .iter()
                .map(|replica| replica.current(&owner, &connection, Need::Newer));
            let mut newest = None;
            let mut wait = None;
            for outcome in join_all(asks).await {
                match outcome {
                    Ok(current) => {
                        counts.served += 1;
                        newest = newest.or(current.newer);
                    }
                    Err(error) => match error.recovery() {
                        Recovery::Retry { after } => {
                            counts.told_to_wait += 1;
                            wait = wait.max(after);
                        }
                        _ => return lost(counts, &error),
                    },
                }
            }
            if let Some(newest) = newest {
                counts.refreshes += 1;
                connection = newest;
                break;
            }
            tokio::time::sleep(wait.unwrap_or_default()).await;
        }
    }
    counts
}

fn lost(mut counts: Counts, error: &CustodyError) -> Counts {
    counts.lost += 1;
    if error.recovery() == Recovery::Reauthorize {
        counts.consents += 1;
    }
    counts.why.get_or_insert_with(|| error.to_string());
    counts
}
