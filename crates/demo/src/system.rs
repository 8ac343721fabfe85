//! The machine's clock and random source, unless the builder is given others.

use mcp_oauth_client::{Clock, Random, Timestamp};

/// The machine's own clock and random source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct System;

impl Clock for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo's one home of the wall clock"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Random for System {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the demo's one home of randomness; without it no token may be made"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has a random source");
    }
}
