//! The models on offer: those of the configuration, else those that the endpoint lists, and the
//! demo's.

use std::{sync::Arc, time::Duration};

use gatepass_chat::{AttachmentKind, ModelClient, ModelEndpoint, ModelError};
use mcp_oauth_client::{Clock, Timestamp};
use tokio::sync::Mutex;

use crate::{
    config::ModelEntry,
    problem::{Kind, Problem, map},
};

/// How long a list is good.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long a failure is remembered, so that a page that loads does not wait for it every time.
const FAILED_LIFETIME: Duration = Duration::from_secs(15);
/// How long a page waits for a list.
const PATIENCE: Duration = Duration::from_secs(3);

/// A model.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its id at its endpoint.
    pub id: String,
    /// Its name for people.
    pub label: String,
    /// Whether it is the demo's, which is no LLM.
    pub demo: bool,
    /// What may be attached to a message for it.
    pub attachments: Vec<AttachmentKind>,
    /// Where it is.
    pub endpoint: ModelEndpoint,
}

/// The models on offer, and why there are none.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The models.
    pub models: Vec<Model>,
    /// What is wrong with the endpoint, if something is.
    pub problem: Option<String>,
}

/// Knows the models.
pub struct Models {
    client: ModelClient,
    clock: Arc<dyn Clock>,
    /// Models that need no asking.
    known: Vec<Model>,
    /// An endpoint to ask.
    asked: Option<ModelEndpoint>,
    list: Mutex<Option<List>>,
}

struct List {
    until: Timestamp,
    outcome: Result<Vec<String>, ModelError>,
}

impl Models {
    /// Models of an endpoint: `entries`, or whatever it lists if there are none.
    pub fn new(
        client: ModelClient,
        clock: Arc<dyn Clock>,
        endpoint: Option<ModelEndpoint>,
        entries: &[ModelEntry],
    ) -> Self {
        let known = entries
            .iter()
            .zip(endpoint.iter().cycle())
            .map(|(entry, endpoint)| Model {
                id: entry.id.clone(),
                label: entry.label.clone().unwrap_or_else(|| entry.id.clone()),
                demo: false,
                attachments: entry.attachments.clone(),
                endpoint: endpoint.clone(),
            });
        Self {
            known: known.collect(),
            asked: endpoint.filter(|_| entries.is_empty()),
            list: Mutex::default(),
            client,
            clock,
        }
    }

    /// Adds a model of another endpoint.
    pub fn add(&mut self, model: Model) {
        self.known.push(model);
    }

    /// The client to ask a model with.
    pub fn client(&self) -> &ModelClient {
        &self.client
    }

    /// The models on offer.
    pub async fn offer(&self) -> Offer {
        let mut models = Vec::new();
        let mut problem = None;
        if let Some(endpoint) = &self.asked {
            match self.listed(endpoint).await {
                Ok(ids) => models.extend(ids.into_iter().map(|id| Model {
                    label: id.clone(),
                    id,
                    demo: false,
                    attachments: vec![AttachmentKind::Text],
                    endpoint: endpoint.clone(),
                })),
                Err(error) => problem = Some(error.to_string()),
            }
        }
        models.extend(self.known.iter().cloned());
        Offer { models, problem }
    }

    /// The model of an id.
    pub async fn find(&self, id: &str) -> Result<Model, Problem> {
        if let Some(model) = self.known.iter().find(|model| model.id == id) {
            return Ok(model.clone());
        }
        let missing = || {
            Problem::new(
                Kind::ModelRequired,
                format!(
                    "There is no model “{}” here.",
                    id.chars().take(80).collect::<String>()
                ),
            )
        };
        let endpoint = self.asked.as_ref().ok_or_else(missing)?;
        let ids = self
            .listed(endpoint)
            .await
            .map_err(|error| map::model(&error))?;
        if !ids.iter().any(|own| own == id) {
            return Err(missing());
        }
        Ok(Model {
            id: id.to_owned(),
            label: id.to_owned(),
            demo: false,
            attachments: vec![AttachmentKind::Text],
            endpoint: endpoint.clone(),
        })
    }

    async fn listed(&self, endpoint: &ModelEndpoint) -> Result<Vec<String>, ModelError> {
        // Whoever comes second waits for the first one's answer.
        let mut list = self.list.lock().await;
        if let Some(known) = list.as_ref().filter(|list| list.until > self.clock.now()) {
            return known.outcome.clone();
        }
        let asked = tokio::time::timeout(PATIENCE, self.client.models(endpoint)).await;
        let outcome = asked.unwrap_or_else(|_| {
            Err(ModelError::Silent {
                host: endpoint.host(),
            })
        });
        let lifetime = match outcome {
            Ok(_) => LIFETIME,
            Err(_) => FAILED_LIFETIME,
        };
        let until = self.clock.now().after(lifetime);
        *list = Some(List {
            until,
            outcome: outcome.clone(),
        });
        outcome
    }
}
