//! Static headers of a server, such as an API key: sealed for the owner who typed them and bound
//! to the server's URL, so that the page can carry them and nobody can send them elsewhere.

use std::{collections::BTreeMap, sync::Arc};

use mcp_oauth_client::{Random, Secret, ServerUrl};
use zeroize::Zeroizing;

use crate::{
    keyring::KeyRing,
    owner::Owner,
    seal::{OwnerPurpose, Sealed, Unreadable},
};

/// Seals and opens static headers. Cheap to clone.
#[derive(Clone)]
pub struct HeaderSeals {
    keys: Arc<KeyRing>,
    random: Arc<dyn Random>,
}

impl HeaderSeals {
    /// Seals by the master keys.
    pub fn new(keys: Arc<KeyRing>, random: Arc<dyn Random>) -> Self {
        Self { keys, random }
    }

    /// Seals headers that go to `server` and to no other.
    pub fn seal(
        &self,
        owner: &Owner,
        server: &ServerUrl,
        headers: &BTreeMap<String, Secret>,
    ) -> Sealed {
        let plain = Zeroizing::new(serde_json::to_vec(headers).unwrap_or_default());
        let purpose = OwnerPurpose::Headers;
        self.keys
            .seal_for(owner, purpose, server.as_str(), &*self.random, &plain)
    }

    /// Opens headers that were sealed for this owner and this server.
    pub fn open(
        &self,
        owner: &Owner,
        server: &ServerUrl,
        sealed: &Sealed,
    ) -> Result<BTreeMap<String, Secret>, Unreadable> {
        let purpose = OwnerPurpose::Headers;
        let plain = self
            .keys
            .open_for(owner, purpose, server.as_str(), sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Unreadable)
    }
}
