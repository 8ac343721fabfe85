//! What authorization servers asked us to wait for (`Retry-After`, RFC 9110 §10.2.3), and which
//! refreshes ahead of time have just failed. Nobody is asked again before that, so that a server in
//! trouble is left alone and nobody waits for what has just not worked.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_oauth_client::{Connection, Failed, Recovery, Timestamp, TokenError};

use crate::{error::CustodyError, owner::OwnerId, wire::ConnectionId};

/// How long nobody tries again to refresh a token ahead of its end, after that has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// Most of a kind that are remembered.
const MOST: usize = 4096;

/// The waits under way in this process.
#[derive(Default)]
pub(crate) struct Waits {
    asked: Remembered<Client, Arc<Failed<TokenError>>>,
    failed: Remembered<(OwnerId, ConnectionId), ()>,
}

/// Limits are counted per client: one token endpoint, one client id.
type Client = (String, String);

fn client(connection: &Connection) -> Client {
    (
        connection.token_endpoint.to_string(),
        connection.registration.client_id.as_str().to_owned(),
    )
}

impl Waits {
    /// Remembers what a failed refresh asks for.
    pub(crate) fn note(
        &self,
        connection: &Connection,
        failed: &Arc<Failed<TokenError>>,
        now: Timestamp,
    ) {
        if let Recovery::Retry { after: Some(after) } = failed.recovery() {
            self.asked
                .keep(client(connection), now, after, failed.clone());
        }
    }

    /// Why nothing may be sent yet for a connection, if so.
    pub(crate) fn hold(&self, connection: &Connection, now: Timestamp) -> Option<CustodyError> {
        let (rest, cause) = self.asked.find(&client(connection), now)?;
        Some(CustodyError::Temporary {
            cause,
            after: Some(rest),
        })
    }

    /// Remembers that a connection could not be refreshed ahead of its end, or not soon enough.
    pub(crate) fn failed_ahead(&self, owner: &OwnerId, id: &ConnectionId, now: Timestamp) {
        self.failed.keep((*owner, id.clone()), now, PAUSE, ());
    }

    /// Whether that was just now.
    pub(crate) fn just_failed(&self, owner: &OwnerId, id: &ConnectionId, now: Timestamp) -> bool {
        self.failed.find(&(*owner, id.clone()), now).is_some()
    }
}

/// A bounded map whose entries end.
struct Remembered<K, V>(Mutex<HashMap<K, Entry<V>>>);

struct Entry<V> {
    from: Timestamp,
    lasts: Duration,
    value: V,
}

impl<V> Entry<V> {
    /// How much of it is left. Nothing if the clock was set back meanwhile: no wait may grow.
    fn rest(&self, now: Timestamp) -> Option<Duration> {
        let rest = now.until(self.from.after(self.lasts));
        (now >= self.from && !rest.is_zero()).then_some(rest)
    }
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    fn keep(&self, key: K, from: Timestamp, lasts: Duration, value: V) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MOST {
            map.retain(|_, entry| entry.rest(from).is_some());
        }
        // Whoever finds no room asks once too often, which is what happened before.
        if map.len() < MOST || map.contains_key(&key) {
            map.insert(key, Entry { from, lasts, value });
        }
    }

    fn find(&self, key: &K, now: Timestamp) -> Option<(Duration, V)> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = map
            .get(key)
            .map(|entry| entry.rest(now).map(|rest| (rest, entry.value.clone())))?;
        if found.is_none() {
            map.remove(key);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_never_grows_and_is_bounded() {
        let at = Timestamp::from_millis;
        let waits = Remembered::default();
        let lasts = Duration::from_millis(100);
        waits.keep(0, at(1_000), lasts, "why");
        let left = |now| waits.find(&0, at(now)).map(|(rest, _)| rest.as_millis());
        assert_eq!(left(1_000), Some(100));
        assert_eq!(left(1_099), Some(1));
        assert_eq!(left(1_100), None);
        waits.keep(0, at(1_000), lasts, "why");
        assert_eq!(left(999), None, "the clock was set back");
        for key in 0..2 * MOST {
            waits.keep(key, at(1_000), lasts, "why");
        }
        assert_eq!(waits.0.lock().unwrap().len(), MOST);
        waits.keep(usize::MAX, at(2_000), lasts, "why");
        assert_eq!(waits.0.lock().unwrap().len(), 1);
    }
}
