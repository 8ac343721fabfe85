//! One round: the model is asked and its answer streamed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio_util::sync::CancellationToken;

use super::{Turn, toolbox::Toolbox};
use crate::{
    model::{Delta, ModelError},
    part::Part,
};

/// What a round gave.
pub(super) struct Round {
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
}

/// A tool call with the id it has in this conversation.
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

/// Why a round gave nothing.
pub(super) enum Stop {
    Cancelled,
    Failed(ModelError),
}

type Emit<'a> = &'a (dyn Fn(Part) + Send + Sync);

/// Asks the model once.
pub(super) async fn ask(
    turn: &Turn,
    tools: &Toolbox,
    cancel: &CancellationToken,
    emit: Emit<'_>,
) -> Result<Round, Stop> {
    let definitions = tools.definitions();
    let answer = turn
        .client
        .answer(&turn.endpoint, &turn.model, &turn.messages, &definitions);
    let mut stream = match cancel.run_until_cancelled(answer).await {
        None => return Err(Stop::Cancelled),
        Some(answer) => answer.map_err(Stop::Failed)?,
    };
    let mut open = Open::new(turn, emit);
    let mut text = String::new();
    let mut ids: Vec<String> = Vec::new();
    loop {
        let delta = match cancel.run_until_cancelled(stream.next()).await {
            None => {
                open.close();
                return Err(Stop::Cancelled);
            }
            Some(Ok(delta)) => delta,
            Some(Err(error)) => {
                open.close();
                return Err(Stop::Failed(error));
            }
        };
        match delta {
            None => break,
            Some(Delta::Text(delta)) => {
                text.push_str(&delta);
                open.write(Kind::Text, delta);
            }
            Some(Delta::Reasoning(delta)) => open.write(Kind::Reasoning, delta),
            Some(Delta::Call { at, name }) => {
                open.close();
                while ids.len() <= at {
                    ids.push(format!("call_{}", turn.name()));
                }
                emit(Part::ToolInputStart {
                    tool_call_id: ids[at].clone(),
                    tool_name: name,
                    dynamic: true,
                });
            }
            Some(Delta::Arguments { at, fragment }) => {
                if let Some(id) = ids.get(at) {
                    emit(Part::ToolInputDelta {
                        tool_call_id: id.clone(),
                        input_text_delta: fragment,
                    });
                }
            }
        }
    }
    open.close();
    let truncated = stream.is_truncated();
    let requests = stream.into_calls();
    if truncated && requests.is_empty() {
        say(
            "\n\n[The answer was cut off at the model's limit of length.]",
            emit,
        );
    }
    // Every endpoint names calls its own way, some the same name in every turn: ours are unique.
    let calls = requests
        .into_iter()
        .zip(ids)
        .map(|(request, id)| Call {
            id,
            name: request.name,
            arguments: request.arguments,
        })
        .collect();
    Ok(Round { text, calls })
}

/// Says something that the model did not.
pub(super) fn say(text: &str, emit: Emit<'_>) {
    let id = "host".to_owned();
    emit(Part::TextStart { id: id.clone() });
    emit(Part::TextDelta {
        id: id.clone(),
        delta: text.to_owned(),
    });
    emit(Part::TextEnd { id });
}

impl Turn {
    fn name(&self) -> String {
        let mut bytes = [0; 12];
        self.random.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
}

/// The piece of text that is being written, if one is.
struct Open<'a> {
    turn: &'a Turn,
    emit: Emit<'a>,
    now: Option<(Kind, String)>,
}

impl<'a> Open<'a> {
    fn new(turn: &'a Turn, emit: Emit<'a>) -> Self {
        Self {
            turn,
            emit,
            now: None,
        }
    }

    fn write(&mut self, kind: Kind, delta: String) {
        if self.now.as_ref().is_none_or(|(open, _)| *open != kind) {
            self.close();
            let id = self.turn.name();
            self.now = Some((kind, id.clone()));
            (self.emit)(match kind {
                Kind::Text => Part::TextStart { id },
                Kind::Reasoning => Part::ReasoningStart { id },
            });
        }
        if let Some((_, id)) = &self.now {
            let id = id.clone();
            (self.emit)(match kind {
                Kind::Text => Part::TextDelta { id, delta },
                Kind::Reasoning => Part::ReasoningDelta { id, delta },
            });
        }
    }

    fn close(&mut self) {
        if let Some((kind, id)) = self.now.take() {
            (self.emit)(match kind {
                Kind::Text => Part::TextEnd { id },
                Kind::Reasoning => Part::ReasoningEnd { id },
            });
        }
    }
}
