//! A short soak on each engine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use gatepass_soak::{Counts, Faults, Plan, soak};
use gatepass_test_postgres::Postgres;

async fn live_through(faults: Faults, database_url: Option<String>) -> Counts {
    let plan = Plan {
        refreshes: 300,
        connections: 8,
        replicas: 3,
        one_in: 20,
        faults,
        database_url,
    };
    let counts = soak(&plan).await.unwrap();
    assert!(counts.is_well(), "{counts}");
    assert_eq!(counts.refreshes, plan.refreshes, "{counts}");
    assert!(counts.faults >= plan.refreshes / 40, "{counts}");
    counts
}

#[tokio::test]
async fn no_connection_is_lost_to_requests_that_are_not_served() {
    let server = Postgres::start();
    for database_url in [None, Some(server.database().await)] {
        let counts = live_through(Faults::Unserved, database_url).await;
        // Whatever failed was asked once more, and nothing was asked twice.
        assert_eq!(
            counts.requests,
            counts.refreshes + counts.faults,
            "{counts}"
        );
    }
}

#[tokio::test]
async fn no_connection_is_lost_to_answers_that_are_not_heard() {
    let server = Postgres::start();
    for database_url in [None, Some(server.database().await)] {
        live_through(Faults::Unheard, database_url).await;
    }
}
