//! How often somebody is asked for more access to one operation of one server. A server that still
//! wants more after it was granted would otherwise send people round in circles.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gatepass_connections::{ConnectionId, OwnerId};
use mcp_oauth_client::{ServerUrl, Timestamp};

/// How many sign-ins in a row may be asked for more access to one operation.
const MOST_ASKS: usize = 3;
/// How long it takes until somebody may be asked again.
const REST: Duration = Duration::from_secs(10 * 60);
/// Most operations that are remembered.
const MOST: usize = 4096;

/// One operation of one server, for one owner.
type Operation = (OwnerId, ServerUrl, String);

/// The requests for more access in this process.
#[derive(Default)]
pub(crate) struct StepUps(Mutex<HashMap<Operation, Asked>>);

/// The connections that were not enough. Each sign-in makes one, so that asking again without
/// signing in counts once.
struct Asked {
    connections: Vec<ConnectionId>,
    until: Timestamp,
}

impl StepUps {
    /// Notes that a connection was not enough for an operation; tells whether asking for more may
    /// still help.
    pub(crate) fn may_ask(
        &self,
        operation: Operation,
        connection: &ConnectionId,
        now: Timestamp,
    ) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST {
            asked.retain(|_, asked| asked.until > now);
            if asked.len() >= MOST {
                return true;
            }
        }
        let until = now.after(REST);
        let asked = asked.entry(operation).or_insert_with(|| Asked {
            connections: Vec::new(),
            until,
        });
        // The second condition: the clock was set back meanwhile.
        if asked.until <= now || asked.until > until {
            asked.connections.clear();
        }
        if asked.connections.contains(connection) {
            return true;
        }
        if asked.connections.len() >= MOST_ASKS {
            return false;
        }
        asked.connections.push(connection.clone());
        asked.until = until;
        true
    }

    /// Forgets what was asked for an operation that has worked.
    pub(crate) fn worked(&self, operation: &Operation) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.remove(operation);
    }
}

#[cfg(test)]
mod tests {
    use mcp_oauth_client::UrlPolicy;

    use super::*;

    fn operation(tool: &str) -> Operation {
        let server = ServerUrl::parse("https://mcp.example/", UrlPolicy::HttpsOnly).unwrap();
        (OwnerId::from_bytes([1; 32]), server, tool.to_owned())
    }

    fn connection(n: usize) -> ConnectionId {
        ConnectionId::from_text(format!("c{n}"))
    }

    #[test]
    fn asking_ends_with_the_fourth_sign_in_in_a_row_and_begins_again_after_a_rest() {
        let asks = StepUps::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let ask = |n, now| asks.may_ask(operation("write"), &connection(n), at(now));
        for n in 0..3 {
            // Whoever does not sign in may be asked as often as they like.
            assert!((0..9).all(|_| ask(n, 10)));
        }
        assert!(!ask(3, 10));
        assert!(!ask(4, 609));
        assert!(asks.may_ask(operation("read"), &connection(3), at(10)));
        assert!(ask(5, 610));
        asks.worked(&operation("write"));
        assert!((6..9).all(|n| ask(n, 620)));
        assert!(!ask(9, 620));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_full_memory_asks() {
        let asks = StepUps::default();
        let at = Timestamp::from_millis;
        for n in 0..2 * MOST {
            assert!(asks.may_ask(operation(&n.to_string()), &connection(0), at(0)));
        }
        assert_eq!(asks.0.lock().unwrap().len(), MOST);
        assert!(asks.may_ask(operation("later"), &connection(0), at(601_000)));
        assert_eq!(asks.0.lock().unwrap().len(), 1);
    }
}
