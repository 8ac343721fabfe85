//! The machine's clock and randomness: their one home in this program.

use mcp_oauth_client::{Clock, Random, Timestamp};

/// The machine's own clock and random source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the home of the wall clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl Random for System {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the home of randomness; without it no key may be made"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has a random source");
    }
}
