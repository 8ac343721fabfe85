//! Our side of the message layer: what servers may send us.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationCapability, FormElicitationCapability, Implementation, JsonObject,
        ProgressNotificationParam, ProgressToken, UrlElicitationCapability,
    },
    service::{NotificationContext, RequestContext},
};

use super::{ClientName, DPOP_EXTENSION, Progress, SessionOptions};
use crate::interaction::{Askers, Interaction};

/// Called with each step of progress.
pub(super) type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

pub(super) struct Handler {
    client: ClientName,
    extensions: Vec<&'static str>,
    interaction: Option<Arc<dyn Interaction>>,
    pub(super) askers: Arc<Askers>,
    progress: Arc<ProgressListeners>,
    tools_changed: AtomicBool,
}

#[derive(Default)]
pub(super) struct ProgressListeners(Mutex<HashMap<ProgressToken, OnProgress>>);

/// Listens while it lives.
pub(super) struct Listening {
    listeners: Arc<ProgressListeners>,
    token: ProgressToken,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = self
            .listeners
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.remove(&self.token);
    }
}

impl Handler {
    pub(super) fn new(options: &SessionOptions, askers: Arc<Askers>) -> Self {
        Self {
            client: options.client.clone(),
            extensions: options.extensions.clone(),
            interaction: options.interaction.clone(),
            askers,
            progress: Arc::default(),
            tools_changed: AtomicBool::new(false),
        }
    }

    pub(super) fn take_tools_changed(&self) -> bool {
        self.tools_changed.swap(false, Ordering::AcqRel)
    }

    pub(super) fn listen(&self, token: ProgressToken, listener: OnProgress) -> Listening {
        let mut listeners = self
            .progress
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.insert(token.clone(), listener);
        Listening {
            listeners: self.progress.clone(),
            token,
        }
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut name = Implementation::new(self.client.name.clone(), self.client.version.clone());
        name.title.clone_from(&self.client.title);
        let mut capabilities = ClientCapabilities::default();
        if let Some(interaction) = &self.interaction {
            let mut elicitation = ElicitationCapability::default();
            // A capability without members means forms; with pages, both are named.
            if interaction.opens_pages() {
                elicitation.form = Some(FormElicitationCapability::default());
                elicitation.url = Some(UrlElicitationCapability::default());
            }
            capabilities.elicitation = Some(elicitation);
        }
        let extensions = self.extensions.iter().chain([&DPOP_EXTENSION]);
        let extensions = extensions.map(|id| ((*id).to_owned(), JsonObject::default()));
        capabilities.extensions = Some(extensions.collect());
        ClientConfig::new(capabilities, name)
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if let Some(answer) = self.askers.ask(&context.id, request.clone()).await {
            return Ok(answer);
        }
        match &self.interaction {
            Some(interaction) => Ok(interaction.elicit(request).await),
            None => Ok(ElicitResult::new(ElicitationAction::Decline)),
        }
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let listener = {
            let listeners = self
                .progress
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            listeners.get(&params.progress_token).cloned()
        };
        if let Some(listener) = listener {
            listener(Progress {
                progress: params.progress,
                total: params.total,
                message: params
                    .message
                    .map(|message| crate::error::bounded(&message, 500)),
            });
        }
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.tools_changed.store(true, Ordering::Release);
    }
}
