//! Dynamic registrations: one per issuer and redirect URI, secret included, made once and reused
//! by everybody.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_oauth_client::{Clock, Issuer, Random, Registration};
use zeroize::Zeroizing;

use crate::{
    keyring::KeyRing,
    seal::ServerPurpose,
    store::{RegistrationRow, Store, StoreError},
};

type Key = (String, String);

/// The keeper of registrations. Cheap to clone.
#[derive(Clone)]
pub struct Registrations {
    store: Arc<dyn Store>,
    keys: Arc<KeyRing>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// One registration at a time per issuer and redirect URI in this process.
    turns: Arc<Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>>,
    /// What this process has registered where the store's row is sealed by a key that it lacks.
    own: Arc<Mutex<HashMap<Key, Registration>>>,
}

/// Most registrations that a process keeps to itself.
const MOST_OWN: usize = 256;

/// Why there is no registration.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationsError<E> {
    /// The store failed.
    #[error("{0}. Try again.")]
    Store(#[from] StoreError),
    /// Registering failed.
    #[error("{0}")]
    Register(E),
}

impl Registrations {
    /// A keeper over a store and the master keys.
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<KeyRing>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            keys,
            clock,
            random,
            turns: Arc::default(),
            own: Arc::default(),
        }
    }

    /// The registration kept for an issuer and a redirect URI. One whose secret has expired is
    /// forgotten. One that does not open stays: another replica may have the key.
    pub async fn kept(
        &self,
        issuer: &Issuer,
        redirect_uri: &str,
    ) -> Result<Option<Registration>, StoreError> {
        let row = self
            .store
            .registration(issuer.as_str(), redirect_uri)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let now = self.clock.now();
        let Some(kept) = self.open(&row) else {
            let mut own = self.own();
            let key = (row.issuer, row.redirect_uri);
            if own.get(&key).is_some_and(|kept| kept.secret_expired(now)) {
                own.remove(&key);
            }
            return Ok(own.get(&key).cloned());
        };
        if kept.secret_expired(now) {
            self.store
                .forget_registration(&row.issuer, &row.redirect_uri, &row.version)
                .await?;
            return Ok(None);
        }
        Ok(Some(kept))
    }

    /// The registration kept, or the one that `register` makes. Starts at the same time wait for
    /// one another; if another replica was faster, its registration is taken.
    pub async fn get_or_register<E, F>(
        &self,
        issuer: &Issuer,
        redirect_uri: &str,
        register: impl FnOnce() -> F,
    ) -> Result<Registration, RegistrationsError<E>>
    where
        F: Future<Output = Result<Registration, E>>,
    {
        if let Some(kept) = self.kept(issuer, redirect_uri).await? {
            return Ok(kept);
        }
        let turn = Turn::new(self, (issuer.to_string(), redirect_uri.to_owned()));
        let _held = turn.lock.lock().await;
        if let Some(kept) = self.kept(issuer, redirect_uri).await? {
            return Ok(kept);
        }
        let made = register().await.map_err(RegistrationsError::Register)?;
        let row = self.store.add_registration(&self.seal(&made)).await?;
        Ok(self.open(&row).unwrap_or_else(|| {
            tracing::warn!(
                %issuer,
                "the registration kept for this issuer is sealed by a key that is not in the key \
                 file here: registered once more, for this process alone. Replicas need the same \
                 key file"
            );
            let mut own = self.own();
            if own.len() < MOST_OWN {
                own.insert((row.issuer, row.redirect_uri), made.clone());
            }
            made
        }))
    }

    /// Keeps a registration in the place of the one that is kept, once it has proved to work. Who
    /// has connected with the other one keeps it inside the connection.
    pub async fn replace(&self, registration: &Registration) -> Result<(), StoreError> {
        let issuer = registration.issuer.as_str();
        let redirect_uri = &registration.redirect_uri;
        if let Some(row) = self.store.registration(issuer, redirect_uri).await? {
            self.store
                .forget_registration(issuer, redirect_uri, &row.version)
                .await?;
        }
        // If somebody else was faster, theirs works as well.
        self.store
            .add_registration(&self.seal(registration))
            .await?;
        Ok(())
    }

    /// Forgets a dynamic registration that the authorization server does not know any more, unless
    /// another has taken its place. Other kinds are not ours to forget.
    pub async fn forget(&self, registration: &Registration) -> Result<bool, StoreError> {
        let issuer = registration.issuer.as_str();
        let redirect_uri = &registration.redirect_uri;
        let is_dead = |kept: &Registration| kept.client_id == registration.client_id;
        let key = (issuer.to_owned(), redirect_uri.clone());
        let mut forgotten = {
            let mut own = self.own();
            own.get(&key).is_some_and(is_dead) && own.remove(&key).is_some()
        };
        if let Some(row) = self.store.registration(issuer, redirect_uri).await?
            && self.open(&row).as_ref().is_some_and(is_dead)
        {
            forgotten |= self
                .store
                .forget_registration(issuer, redirect_uri, &row.version)
                .await?;
        }
        Ok(forgotten)
    }

    fn seal(&self, registration: &Registration) -> RegistrationRow {
        let issuer = registration.issuer.to_string();
        let redirect_uri = registration.redirect_uri.clone();
        let plain = Zeroizing::new(serde_json::to_vec(registration).unwrap_or_default());
        let binding = binding(&issuer, &redirect_uri);
        let purpose = ServerPurpose::Registration;
        let mut version = [0; 16];
        self.random.fill(&mut version);
        RegistrationRow {
            sealed: self
                .keys
                .seal_for_server(purpose, &binding, &*self.random, &plain),
            version: URL_SAFE_NO_PAD.encode(version),
            created_at: self.clock.now(),
            issuer,
            redirect_uri,
        }
    }

    fn open(&self, row: &RegistrationRow) -> Option<Registration> {
        let binding = binding(&row.issuer, &row.redirect_uri);
        let purpose = ServerPurpose::Registration;
        let plain = self.keys.open_for_server(purpose, &binding, &row.sealed);
        serde_json::from_slice(&plain.ok()?).ok()
    }

    fn own(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Registration>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn board(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<tokio::sync::Mutex<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn to register; whoever leaves last takes it off the board, also by going away.
struct Turn<'a> {
    registrations: &'a Registrations,
    key: Key,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl<'a> Turn<'a> {
    fn new(registrations: &'a Registrations, key: Key) -> Self {
        let lock = registrations
            .board()
            .entry(key.clone())
            .or_default()
            .clone();
        Self {
            registrations,
            key,
            lock,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut board = self.registrations.board();
        // The board's own copy and ours.
        if Arc::strong_count(&self.lock) <= 2 {
            board.remove(&self.key);
        }
    }
}

fn binding(issuer: &str, redirect_uri: &str) -> String {
    format!("{issuer} {redirect_uri}")
}
