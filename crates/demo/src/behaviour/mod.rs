//! How an instance behaves: one tree of plain data. The default is a well-behaved server; every
//! deviation is something a real server or network does. It can be given as JSON and changed
//! while the instance runs.

mod authorization;
mod fault;
mod mcp;
mod model;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};

pub(crate) use self::fault::CloseConnection;
pub use self::{
    authorization::{
        AuthMethod, AuthorizeBehaviour, AutoDecision, ClientMetadataDocuments, ExpiresIn, Iss,
        MetadataBehaviour, MetadataLocation, PreregisteredClient, RefreshTokens,
        RegistrationBehaviour, RegistrationPolicy, ResourceRule, RevocationBehaviour, Secrets,
        StateAnswer, TokenBehaviour, UnknownClient,
    },
    fault::{Fault, Plan, When},
    mcp::{
        Access, Challenge, McpBehaviour, Published, ResourceMetadataBehaviour, Revisions, Streams,
    },
    model::{ModelBehaviour, ModelStream},
};
use crate::record::Endpoint;

/// Everything that can differ from a well-behaved authorization server, MCP server and model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The protected resource metadata (RFC 9728).
    pub resource_metadata: ResourceMetadataBehaviour,
    /// The authorization server metadata (RFC 8414, OpenID Connect Discovery).
    pub metadata: MetadataBehaviour,
    /// Registration: dynamic (RFC 7591), by metadata document, and in advance.
    pub registration: RegistrationBehaviour,
    /// The authorization endpoint and its pages.
    pub authorize: AuthorizeBehaviour,
    /// The token endpoint.
    pub token: TokenBehaviour,
    /// The revocation endpoint (RFC 7009).
    pub revocation: RevocationBehaviour,
    /// The protected MCP server.
    pub mcp: McpBehaviour,
    /// The rule-based model.
    pub model: ModelBehaviour,
}

impl Behaviour {
    /// Reads a behaviour from JSON; members left out keep their default.
    ///
    /// # Errors
    /// Says which member is unknown or malformed.
    pub fn from_json(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| anyhow::anyhow!("the behaviour is not valid: {error}"))
    }

    fn plan(&self, endpoint: Endpoint) -> Option<&Plan> {
        Some(match endpoint {
            Endpoint::ResourceMetadata => &self.resource_metadata.fault,
            Endpoint::ServerMetadata => &self.metadata.fault,
            Endpoint::Registration => &self.registration.fault,
            Endpoint::Authorize => &self.authorize.fault,
            Endpoint::Token => &self.token.fault,
            Endpoint::Revocation => &self.revocation.fault,
            Endpoint::Mcp => &self.mcp.fault,
            Endpoint::Model => &self.model.fault,
            Endpoint::SignIn | Endpoint::Consent | Endpoint::Other => return None,
        })
    }
}

/// Reads and changes the behaviour of a running instance. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Handle {
    current: Arc<RwLock<Arc<Behaviour>>>,
    /// Requests per endpoint since the last change: what `When` counts.
    seen: Arc<Mutex<HashMap<Endpoint, u64>>>,
}

impl Handle {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(behaviour))),
            seen: Arc::default(),
        }
    }

    /// The behaviour in force.
    pub fn get(&self) -> Arc<Behaviour> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the behaviour from the next request on; fault plans start counting anew.
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Behaviour::clone(&current);
        change(&mut next);
        *current = Arc::new(next);
        self.counters().clear();
    }

    /// Goes back to a well-behaved server.
    pub fn reset(&self) {
        self.set(|behaviour| *behaviour = Behaviour::default());
    }

    /// The fault the request that arrived now meets, by the endpoint's plan.
    pub(crate) fn next_fault(&self, endpoint: Endpoint) -> Fault {
        let behaviour = self.get();
        let Some(plan) = behaviour.plan(endpoint) else {
            return Fault::None;
        };
        let mut counters = self.counters();
        let seen = counters.entry(endpoint).or_default();
        *seen += 1;
        plan.for_request(*seen)
    }

    fn counters(&self) -> std::sync::MutexGuard<'_, HashMap<Endpoint, u64>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
