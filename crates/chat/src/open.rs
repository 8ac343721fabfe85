//! What of a turn is still open while it waits for a person: the record that the store keeps, so
//! that any replica can go on with it, also after a restart. It holds no connection, header or
//! token: those come again with the answer. What was said and what is done is in the message.

use std::collections::BTreeMap;

use mcp_oauth_client::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ask::{Action, Answer, Ask, State},
    host::{Resuming, ServerRef},
    part::Part,
};

/// What is said of a call that was stopped.
pub const STOPPED: &str = "The call was stopped.";
/// What is said of a call that was sent by a process that is gone.
pub const BROKEN_OFF: &str = "The call was under way when Gatepass was restarted, and its result \
    is lost. It may have been carried out; it was not sent again.";

/// What of a turn is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// The model that answers.
    pub model: String,
    /// How often it was asked already.
    pub rounds: u32,
    /// What was asked of the person in this step.
    pub asks: Vec<Ask>,
    /// The calls of this step that have no result yet.
    pub calls: Vec<OpenCall>,
    /// What the person did not want to connect in this turn.
    pub declined: Vec<Declined>,
    /// How often each server asked for consent in this turn.
    pub consents: BTreeMap<String, u32>,
}

/// Consent that was not given: it is not asked for again in the same turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// The server's URL.
    pub url: String,
    /// The scopes that were asked for.
    pub scopes: Vec<String>,
}

/// A call without a result yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenCall {
    /// Its id in the conversation.
    pub id: String,
    /// The server.
    pub server: ServerRef,
    /// The tool's name at its server.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Where it is.
    pub stage: Stage,
    /// Where it goes on, if its server has asked a question and waits for the call to come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resuming: Option<Resuming>,
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It can be sent: it never was, or its server refused to carry it out.
    Ready,
    /// It was sent, and what came of it is not known.
    Sent,
    /// It waits for the person.
    Waiting,
}

impl Open {
    /// The first moment at which something is to be done without an answer.
    pub fn deadline(&self, otherwise: Timestamp) -> Timestamp {
        let waiting = self.asks.iter().filter(|ask| ask.is_waiting());
        waiting.map(|ask| ask.deadline).min().unwrap_or(otherwise)
    }

    /// Whether the person did not want to connect, for these scopes at least.
    pub fn is_declined(&self, server: &ServerRef, scopes: &[String]) -> bool {
        self.declined.iter().any(|declined| {
            declined.url == server.url && scopes.iter().all(|own| declined.scopes.contains(own))
        })
    }

    pub(crate) fn decline(&mut self, server: &ServerRef, scopes: Vec<String>) {
        let url = server.url.clone();
        self.declined.push(Declined { url, scopes });
    }

    /// Whether a person is asked for something.
    pub fn is_waiting(&self) -> bool {
        self.asks.iter().any(Ask::is_waiting)
    }

    /// Whether answers can be given now. Those to asks that are settled already are none any
    /// more, so that answering twice does no harm; what does not fit at all is an error.
    pub fn check(&self, answers: &[(String, Answer)]) -> Result<(), String> {
        for (id, answer) in answers {
            let ask = self.asks.iter().find(|ask| ask.id == *id);
            let ask = ask.ok_or("This turn asks nothing of that name now.")?;
            if ask.is_waiting() {
                ask.check(answer)?;
            }
        }
        Ok(())
    }

    /// What a record of a process that is gone really says: nobody knows what came of the calls
    /// it had sent, and nobody holds the calls any more whose servers wait for an answer.
    pub fn orphaned(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        for ask in &mut self.asks {
            if ask.is_live() && ask.is_waiting() {
                ask.state = State::Expired;
            }
        }
        self.calls.retain(|call| {
            if call.stage == Stage::Sent {
                parts.push(failed(&call.id, BROKEN_OFF));
            }
            call.stage != Stage::Sent
        });
        parts
    }

    /// The parts that end everything open without anybody going on with it.
    pub fn settle(mut self, run: &str, state: State) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut said = BTreeMap::new();
        for ask in &mut self.asks {
            if ask.is_waiting() {
                ask.state = state;
                ask.answer = (state == State::Skipped)
                    .then_some(Action::Skip)
                    .filter(|_| matches!(ask.wants, crate::ask::Wants::Authorization { .. }));
                parts.push(ask.part(run));
                for call in &ask.calls {
                    said.insert(call.clone(), ask.refusal());
                }
            }
        }
        for call in &self.calls {
            let why = match (said.get(&call.id), call.stage, state) {
                (_, _, State::Stopped) => STOPPED,
                (Some(why), _, _) => why,
                (None, Stage::Sent, _) => BROKEN_OFF,
                (None, _, _) => "The call was not made.",
            };
            parts.push(failed(&call.id, why));
        }
        if state == State::Stopped {
            parts.push(Part::Abort);
        }
        parts
    }
}

/// The part that ends a call without a result.
pub(crate) fn failed(call: &str, why: &str) -> Part {
    Part::ToolOutputError {
        tool_call_id: call.to_owned(),
        error_text: why.to_owned(),
        dynamic: true,
    }
}
