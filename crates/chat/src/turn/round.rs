//! One round: the model is asked and its answer streamed.

use std::collections::BTreeMap;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Emit, Turn, toolbox::Toolbox};
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
    /// Why its arguments cannot be used, if they cannot.
    pub(super) fault: Option<&'static str>,
}

/// Why a round gave nothing.
pub(super) enum Stop {
    Cancelled,
    Failed(ModelError),
}

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
    // Every endpoint names calls its own way, some the same name in every turn: ours are unique.
    let mut begun: BTreeMap<usize, (String, String)> = BTreeMap::new();
    loop {
        let delta = match cancel.run_until_cancelled(stream.next()).await {
            None => {
                open.close();
                unfinished(&begun, crate::open::STOPPED, emit);
                return Err(Stop::Cancelled);
            }
            Some(Ok(delta)) => delta,
            Some(Err(error)) => {
                open.close();
                unfinished(&begun, "The model broke off while it wrote the call.", emit);
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
                let id = format!("call_{}", turn.name());
                emit(Part::ToolInputStart {
                    tool_call_id: id.clone(),
                    tool_name: name.clone(),
                    dynamic: true,
                });
                begun.insert(at, (id, name));
            }
            Some(Delta::Arguments { at, fragment }) => {
                if let Some((id, _)) = begun.get(&at) {
                    emit(Part::ToolInputDelta {
                        tool_call_id: id.clone(),
                        input_text_delta: fragment,
                    });
                }
            }
        }
    }
    open.close();
    let (truncated, filtered) = (stream.is_truncated(), stream.is_filtered());
    let requests = stream.into_calls();
    if requests.is_empty() {
        let word = match (filtered, truncated, text.trim().is_empty()) {
            (true, _, _) => Some("[The rest of the answer was held back by the model's filter.]"),
            (_, true, _) => Some("[The answer was cut off at the model's limit of length.]"),
            (_, _, true) => Some("[The model gave no answer.]"),
            _ => None,
        };
        if let Some(word) = word {
            let gap = if text.is_empty() { "" } else { "\n\n" };
            say(&format!("{gap}{word}"), emit);
        }
    }
    let last = requests.last().map(|(at, _)| *at);
    let calls = requests
        .into_iter()
        .filter_map(|(at, request)| {
            let cut = truncated && last == Some(at) && request.arguments.trim().is_empty();
            Some(Call {
                id: begun.remove(&at)?.0,
                name: request.name,
                arguments: request.arguments,
                fault: match (request.overlong, cut) {
                    (true, _) => Some("The arguments are longer than 256 KiB."),
                    (_, true) => Some("The call was cut off before its arguments."),
                    _ => None,
                },
            })
        })
        .collect();
    Ok(Round { text, calls })
}

/// Ends the calls that were begun and will never be made.
fn unfinished(begun: &BTreeMap<usize, (String, String)>, why: &str, emit: Emit<'_>) {
    for (id, name) in begun.values() {
        // Front ends take an error only of a call whose arguments are known.
        emit(Part::ToolInputAvailable {
            tool_call_id: id.clone(),
            tool_name: name.clone(),
            input: json!({}),
            dynamic: true,
            provider_metadata: json!({}),
        });
        emit(Part::ToolOutputError {
            tool_call_id: id.clone(),
            error_text: why.to_owned(),
            dynamic: true,
        });
    }
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
