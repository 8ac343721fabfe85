//! Putting a streamed answer together: text, reasoning and tool calls that arrive in fragments,
//! from endpoints that agree on little.

use serde_json::Value;

/// Most bytes of one tool call's arguments.
const MOST_ARGUMENTS: usize = 256 * 1024;
/// Most tool calls of one answer.
const MOST_CALLS: usize = 32;

/// What a fragment adds.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// Text of the answer.
    Text(String),
    /// Text of the model's reasoning.
    Reasoning(String),
    /// A tool call begins.
    Call {
        /// Its place among the calls of this answer.
        at: usize,
        /// The tool's name for the model.
        name: String,
    },
    /// More of a call's arguments.
    Arguments {
        /// The call's place.
        at: usize,
        /// A fragment of JSON text.
        fragment: String,
    },
}

/// A tool call as the model asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolRequest {
    /// The id the endpoint gave it; may be missing.
    pub id: Option<String>,
    /// The tool's name for the model.
    pub name: String,
    /// The arguments as JSON text.
    pub arguments: String,
    /// Whether the arguments were longer than the bound, and are not all there.
    pub overlong: bool,
}

#[derive(Default)]
struct Call {
    request: ToolRequest,
    /// The endpoint's own number for it.
    index: Option<u64>,
    announced: bool,
}

/// Puts an answer together, chunk by chunk.
#[derive(Default)]
pub struct Assembler {
    calls: Vec<Call>,
    finish_reason: Option<String>,
    any: bool,
}

impl Assembler {
    /// Takes one chunk of a stream, or a whole answer of an endpoint that does not stream, and
    /// tells what it adds.
    pub fn push(&mut self, chunk: &Value) -> Vec<Delta> {
        let mut deltas = Vec::new();
        let Some(choice) = chunk.get("choices").and_then(|choices| choices.get(0)) else {
            return deltas;
        };
        self.any = true;
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish_reason = Some(reason.to_owned());
        }
        let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) else {
            return deltas;
        };
        if let Some(text) = delta.get("refusal").and_then(Value::as_str)
            && !text.is_empty()
        {
            deltas.push(Delta::Text(text.to_owned()));
        }
        let reasoning = ["reasoning_content", "reasoning"]
            .iter()
            .find_map(|name| delta.get(name)?.as_str());
        if let Some(text) = reasoning.filter(|text| !text.is_empty()) {
            deltas.push(Delta::Reasoning(text.to_owned()));
        }
        if let Some(text) = content(delta).filter(|text| !text.is_empty()) {
            deltas.push(Delta::Text(text));
        }
        let calls = delta.get("tool_calls").and_then(Value::as_array);
        for call in calls.into_iter().flatten() {
            self.call(call, &mut deltas);
        }
        deltas
    }

    fn call(&mut self, call: &Value, deltas: &mut Vec<Delta>) {
        let index = call.get("index").and_then(Value::as_u64);
        let text = |value: Option<&Value>| {
            let text = value?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        let id = text(call.get("id"));
        let function = call.get("function");
        let name = text(function.and_then(|function| function.get("name")));
        let arguments = function.and_then(|function| function.get("arguments"));
        let fragment = match arguments {
            Some(Value::String(text)) => text.clone(),
            // Whole objects instead of text.
            Some(object @ Value::Object(_)) => object.to_string(),
            _ => String::new(),
        };
        let Some(at) = self.place(index, id.as_deref(), name.is_some()) else {
            return;
        };
        let own = &mut self.calls[at];
        if own.request.id.is_none() {
            own.request.id = id;
        }
        if let Some(name) = name.filter(|_| own.request.name.is_empty()) {
            own.request.name = name;
        }
        let fits = own.request.arguments.len() + fragment.len() <= MOST_ARGUMENTS;
        // What comes after a piece that was left out would make other arguments of them.
        own.request.overlong |= !fits;
        let mut fresh = if own.request.overlong {
            String::new()
        } else {
            own.request.arguments.push_str(&fragment);
            fragment
        };
        if !own.announced {
            if own.request.name.is_empty() {
                // Kept until the name comes: nobody knows yet whose arguments they are.
                return;
            }
            own.announced = true;
            deltas.push(Delta::Call {
                at,
                name: own.request.name.clone(),
            });
            fresh.clone_from(&own.request.arguments);
        }
        if !fresh.is_empty() {
            deltas.push(Delta::Arguments {
                at,
                fragment: fresh,
            });
        }
    }

    /// Which call a fragment belongs to: by number, else by id, else a named one is new and an
    /// unnamed one goes on with the last.
    fn place(&mut self, index: Option<u64>, id: Option<&str>, named: bool) -> Option<usize> {
        let known = match (index, id) {
            (Some(_), _) => self.calls.iter().rposition(|call| {
                // Some endpoints number every call 0; another id with a name is another call.
                let other = named
                    && id.is_some()
                    && call.request.id.is_some()
                    && call.request.id.as_deref() != id;
                call.index == index && !other
            }),
            (None, Some(id)) => self
                .calls
                .iter()
                .position(|call| call.request.id.as_deref() == Some(id)),
            (None, None) if named => None,
            (None, None) => self.calls.len().checked_sub(1),
        };
        if known.is_some() {
            return known;
        }
        if self.calls.len() == MOST_CALLS {
            return None;
        }
        self.calls.push(Call {
            index,
            ..Call::default()
        });
        Some(self.calls.len() - 1)
    }

    /// Why the answer ended, in the endpoint's word.
    pub fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_deref()
    }

    /// Whether anything like an answer came at all.
    pub fn is_answer(&self) -> bool {
        self.any
    }

    /// The tool calls of the answer with their places, in order; nameless ones are dropped.
    pub fn into_calls(self) -> Vec<(usize, ToolRequest)> {
        self.calls
            .into_iter()
            .map(|call| call.request)
            .enumerate()
            .filter(|(_, request)| !request.name.is_empty())
            .collect()
    }
}

/// The text of a message: a string, or a list of parts with text.
fn content(message: &Value) -> Option<String> {
    match message.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(
            parts
                .iter()
                .filter_map(|part| part.get("text")?.as_str())
                .collect(),
        ),
        _ => None,
    }
}
