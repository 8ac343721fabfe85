//! What all parts of an instance share.

use std::sync::{Arc, Mutex, MutexGuard};

use mcp_oauth_client::{Clock, Random, Timestamp};

use crate::{
    authorization_server::Ledger,
    behaviour::{Behaviour, Handle},
    mcp_server::Notes,
    record::{Record, lock},
    secrets,
};

/// Somebody who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
}

pub(crate) struct Shared {
    /// Scheme, host and port, without a trailing slash.
    pub(crate) origin: String,
    pub(crate) mcp_path: String,
    pub(crate) accounts: Vec<Account>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) behaviour: Handle,
    pub(crate) record: Record,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) notes: Mutex<Notes>,
}

pub(crate) type App = Arc<Shared>;

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn behaviour(&self) -> Arc<Behaviour> {
        self.behaviour.get()
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(crate) fn fresh(&self, prefix: &str) -> String {
        secrets::fresh(&*self.random, prefix)
    }

    /// The issuer identifier; metadata may claim another one.
    pub(crate) fn issuer(&self) -> String {
        format!("{}{}", self.origin, self.behaviour().metadata.issuer_path)
    }

    /// The resource identifier of the protected MCP server, as its metadata says.
    pub(crate) fn resource(&self) -> String {
        match self.behaviour().resource_metadata.replace.get("resource") {
            Some(serde_json::Value::String(resource)) => resource.clone(),
            _ => self.mcp_url(),
        }
    }

    pub(crate) fn mcp_url(&self) -> String {
        format!("{}{}", self.origin, self.mcp_path)
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }
}
