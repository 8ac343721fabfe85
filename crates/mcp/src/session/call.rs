//! Calling a tool: progress, cancelling, questions in the middle, a bounded result.

use std::{collections::BTreeMap, sync::Arc};

use rmcp::{
    Peer, RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, CallToolResult, CancelledNotificationParam,
        ClientRequest, ErrorCode, InputRequest, InputRequiredResult, RequestId, ServerResult,
    },
    service::{PeerRequestOptions, ServiceError},
};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::{Session, handler::OnProgress};
use crate::{
    error::McpError,
    interaction::{Activity, Inquiry, Interaction, Resumption},
    token_source::TokenSource,
    tool::ToolResult,
};

/// Most rounds of questions within one call.
const MOST_ROUNDS: usize = 10;

/// A step of a call, as the server reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How far it is; grows.
    pub progress: f64,
    /// How far it will go, if that is known.
    pub total: Option<f64>,
    /// What it does right now.
    pub message: Option<String>,
}

/// A tool to call.
#[derive(Clone, Default)]
pub struct ToolCall {
    /// The tool's name at its server.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Called with each step of progress.
    pub on_progress: Option<OnProgress>,
    /// Stops the call, at the server too.
    pub cancel: CancellationToken,
    /// Who answers the server's questions during the call, instead of the session's own. What the
    /// server asks by ending the call comes back as [`McpError::Asks`].
    pub interaction: Option<Arc<dyn Interaction>>,
    /// Where the call goes on, if the server ended it with questions before.
    pub resuming: Option<Resumption>,
}

impl ToolCall {
    /// A call without a listener for progress.
    pub fn new(name: impl Into<String>, arguments: Map<String, Value>) -> Self {
        Self {
            name: name.into(),
            arguments,
            ..Self::default()
        }
    }

    /// The same, stopped by a token.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// The same, asking the user through `interaction`; `resuming` holds their answers to what
    /// was asked before.
    #[must_use]
    pub fn asking(
        mut self,
        interaction: Arc<dyn Interaction>,
        resuming: Option<Resumption>,
    ) -> Self {
        self.interaction = Some(interaction);
        self.resuming = resuming;
        self
    }

    /// The same, with a listener for progress.
    #[must_use]
    pub fn on_progress(mut self, listener: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.on_progress = Some(Arc::new(listener));
        self
    }
}

impl Session {
    /// Calls a tool. A result in which the tool says that it failed is a result; an error means
    /// that there is none.
    pub async fn call_tool(
        &self,
        call: &ToolCall,
        tokens: Option<&Arc<dyn TokenSource>>,
    ) -> Result<ToolResult, McpError> {
        let mut params = CallToolRequestParams::new(call.name.clone());
        params.arguments = Some(call.arguments.clone());
        if let Some(resuming) = &call.resuming {
            params.input_responses = Some(resuming.responses.clone());
            params.request_state.clone_from(&resuming.state);
        }
        let mut listed_again = false;
        for _ in 0..MOST_ROUNDS {
            let asked = match self.round(params.clone(), call, tokens).await {
                Ok(Round::Done(result)) => return Ok(result),
                Ok(Round::Asked(asked)) => asked,
                Err(McpError::Reported { code, .. })
                    if code == ErrorCode::HEADER_MISMATCH.0 && !listed_again =>
                {
                    // The server wants arguments repeated in headers, as only a fresh list of
                    // its tools tells (MCP Streamable HTTP, Client Behavior).
                    listed_again = true;
                    self.list_tools(tokens).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let questions = asked
                .input_requests
                .filter(|questions| !questions.is_empty());
            if let (Some(_), Some(questions)) = (&call.interaction, &questions) {
                return Err(inquiry(questions, asked.request_state));
            }
            params.input_responses = self.answers(questions).await?;
            params.request_state = asked.request_state;
        }
        Err(McpError::InputRequired)
    }

    async fn round(
        &self,
        params: CallToolRequestParams,
        call: &ToolCall,
        tokens: Option<&Arc<dyn TokenSource>>,
    ) -> Result<Round, McpError> {
        if call.cancel.is_cancelled() {
            return Err(McpError::Cancelled);
        }
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        // Silence is measured here and not by the message layer: while the user is asked, nobody
        // expects a sign of life from the server.
        let options = PeerRequestOptions::with_timeout(self.limits.call);
        let handle = self.request(request, tokens, options).await?;
        let activity = Arc::new(Activity::default());
        let (listener, signs) = (call.on_progress.clone(), Arc::clone(&activity));
        let on_progress = Arc::new(move |progress| {
            signs.sign();
            if let Some(listener) = &listener {
                listener(progress);
            }
        });
        let service = self.running.service();
        let listening = service.listen(handle.progress_token.clone(), on_progress);
        let id = handle.id.clone();
        let asking = call.interaction.clone().map(|interaction| {
            service
                .askers
                .register(&id, interaction, Arc::clone(&activity))
        });
        let mut guard = Abandoned::new(self.running.peer(), &id);
        let result = tokio::select! {
            result = handle.await_response() => result,
            () = call.cancel.cancelled() => return Err(McpError::Cancelled),
            () = activity.silence(self.limits.silence) => {
                let (host, after) = (self.wire.host(), self.limits.silence);
                return Err(McpError::Timeout { host, after });
            }
        };
        guard.disarm();
        drop((listening, asking));
        self.result(&id, result)
    }

    fn result(
        &self,
        id: &RequestId,
        result: Result<ServerResult, ServiceError>,
    ) -> Result<Round, McpError> {
        let result = match result {
            Ok(ServerResult::CallToolResult(result)) => plain(result),
            Ok(ServerResult::InputRequiredResult(asked)) => return Ok(Round::Asked(asked)),
            Ok(ServerResult::CustomResult(result)) => ToolResult::from_value(result.0.clone())
                .ok_or_else(|| self.unexpected(&ServerResult::CustomResult(result)))?,
            // A tool with nothing to say.
            Ok(ServerResult::EmptyResult(_) | ServerResult::TaskAckResult(_)) => ToolResult {
                content: Vec::new(),
                structured_content: None,
                is_error: false,
            },
            Ok(other) => return Err(self.unexpected(&other)),
            Err(error) => return Err(self.failed(Some(id), error)),
        };
        Ok(Round::Done(result))
    }

    /// The user's answers to a server's questions (MCP Multi Round-Trip Requests).
    async fn answers(
        &self,
        requests: Option<BTreeMap<String, InputRequest>>,
    ) -> Result<Option<BTreeMap<String, Value>>, McpError> {
        let mut answers = BTreeMap::new();
        for (key, request) in requests.unwrap_or_default() {
            let (InputRequest::Elicitation(request), Some(interaction)) =
                (request, &self.interaction)
            else {
                return Err(McpError::InputRequired);
            };
            let answer = interaction.elicit(request.params).await;
            let answer = serde_json::to_value(answer).map_err(|_| McpError::InputRequired)?;
            answers.insert(key, answer);
        }
        Ok((!answers.is_empty()).then_some(answers))
    }
}

/// What a call was ended with, for its caller to ask.
fn inquiry(questions: &BTreeMap<String, InputRequest>, state: Option<String>) -> McpError {
    let mut asked = BTreeMap::new();
    for (key, question) in questions {
        let InputRequest::Elicitation(question) = question else {
            return McpError::InputRequired;
        };
        asked.insert(key.clone(), question.params.clone());
    }
    McpError::Asks(Inquiry {
        questions: asked,
        state,
    })
}

enum Round {
    Done(ToolResult),
    Asked(InputRequiredResult),
}

fn plain(result: CallToolResult) -> ToolResult {
    let content = result.content.into_iter();
    ToolResult {
        content: content
            .filter_map(|block| serde_json::to_value(block).ok())
            .collect(),
        structured_content: result.structured_content,
        is_error: result.is_error.unwrap_or(false),
    }
}

/// Tells the server that nobody waits any more, if a call ends without its answer: stopped, or
/// its caller gone.
struct Abandoned<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl<'a> Abandoned<'a> {
    fn new(peer: &'a Peer<RoleClient>, id: &RequestId) -> Self {
        Self {
            peer,
            id: Some(id.clone()),
        }
    }

    fn disarm(&mut self) {
        self.id = None;
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let peer = self.peer.clone();
        runtime.spawn(async move {
            let reason = "nobody waits for the result any more".to_owned();
            let params = CancelledNotificationParam::new(Some(id), Some(reason));
            let _ = peer.notify_cancelled(params).await;
        });
    }
}
