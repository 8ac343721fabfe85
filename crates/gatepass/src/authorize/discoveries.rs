//! Discoveries, remembered for a few minutes so that starting a flow right after looking at a
//! server asks nothing twice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::HeaderMap;
use mcp_oauth_client::{
    AuthClient, AuthorizationServer, Challenges, Clock, Discovery, DiscoveryError, Failed, Issuer,
    Observer, ProtectedServer, ServerUrl, Timestamp,
};

/// How long a discovery is remembered: a person reads and clicks, metadata rarely changes.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Most remembered at once; each is a few kilobytes.
const MOST: usize = 512;

/// Discovers servers and remembers those that can be signed in to.
pub struct Discoveries {
    auth: AuthClient,
    clock: Arc<dyn Clock>,
    servers: Remembered<ServerUrl, ProtectedServer>,
    issuers: Remembered<Issuer, AuthorizationServer>,
}

impl Discoveries {
    /// Nothing remembered yet.
    pub fn new(auth: AuthClient, clock: Arc<dyn Clock>) -> Self {
        Self {
            auth,
            clock,
            servers: Remembered::default(),
            issuers: Remembered::default(),
        }
    }

    /// Looks at a server now, and remembers what it asks for.
    pub async fn look(&self, server: &ServerUrl) -> Result<Discovery, Failed<DiscoveryError>> {
        self.look_with(&self.auth, server).await
    }

    /// As [`look`](Self::look), while somebody watches.
    pub async fn look_watched(
        &self,
        server: &ServerUrl,
        observer: Arc<dyn Observer>,
    ) -> Result<Discovery, Failed<DiscoveryError>> {
        self.look_with(&self.auth.observed_by(observer), server)
            .await
    }

    async fn look_with(
        &self,
        auth: &AuthClient,
        server: &ServerUrl,
    ) -> Result<Discovery, Failed<DiscoveryError>> {
        let discovery = auth.discover(server).await;
        match &discovery {
            Ok(Discovery::Protected(protected)) => {
                let protected = Arc::new(ProtectedServer::clone(protected));
                self.servers
                    .keep(server.clone(), protected, self.clock.now());
            }
            Ok(Discovery::Open(_)) | Err(_) => self.servers.forget(server),
        }
        discovery
    }

    /// What is remembered of a server, else what it says now, for a sign-in. A server that answers
    /// the probe may still want one for its tools, and is then asked where.
    pub async fn to_sign_in(
        &self,
        server: &ServerUrl,
    ) -> Result<Arc<ProtectedServer>, Failed<DiscoveryError>> {
        if let Some(known) = self.servers.find(server, self.clock.now()) {
            return Ok(known);
        }
        let protected = match self.look(server).await? {
            Discovery::Protected(protected) => Arc::new(*protected),
            Discovery::Open(_) => {
                let unasked = Challenges::from_headers(&HeaderMap::new());
                let protected = self.auth.discover_challenged(server, &unasked).await?;
                let protected = Arc::new(protected);
                let now = self.clock.now();
                self.servers
                    .keep(server.clone(), Arc::clone(&protected), now);
                protected
            }
        };
        Ok(protected)
    }

    /// The metadata of an authorization server that a server names besides its first.
    pub async fn authorization_server(
        &self,
        issuer: &Issuer,
    ) -> Result<Arc<AuthorizationServer>, Failed<DiscoveryError>> {
        if let Some(known) = self.issuers.find(issuer, self.clock.now()) {
            return Ok(known);
        }
        let server = Arc::new(self.auth.authorization_server(issuer).await?);
        self.issuers
            .keep(issuer.clone(), Arc::clone(&server), self.clock.now());
        Ok(server)
    }
}

/// A bounded map whose entries end.
struct Remembered<K, V>(Mutex<HashMap<K, (Timestamp, Arc<V>)>>);

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: std::hash::Hash + Eq, V> Remembered<K, V> {
    fn find(&self, key: &K, now: Timestamp) -> Option<Arc<V>> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, value) = map.get(key)?;
        (*until > now).then(|| Arc::clone(value))
    }

    fn keep(&self, key: K, value: Arc<V>, now: Timestamp) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MOST && !map.contains_key(&key) {
            map.retain(|_, (until, _)| *until > now);
        }
        if map.len() >= MOST && !map.contains_key(&key) {
            // Whoever is pushed out is looked at again, which costs a second and loses nothing.
            map.clear();
        }
        map.insert(key, (now.after(LIFETIME), value));
    }

    fn forget(&self, key: &K) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_ends_and_is_bounded() {
        let remembered = Remembered::default();
        let at = Timestamp::from_millis;
        remembered.keep(0, Arc::new("first"), at(0));
        assert_eq!(remembered.find(&0, at(299_999)).as_deref(), Some(&"first"));
        assert_eq!(remembered.find(&0, at(300_000)), None);
        for key in 1..=1000 {
            remembered.keep(key, Arc::new("other"), at(1));
        }
        assert!(remembered.0.lock().unwrap().len() <= MOST);
        assert!(remembered.find(&1000, at(2)).is_some());
    }
}
