//! What a step asks of a person, and what becomes of the answers.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::oneshot;

use super::{MOST_CONSENTS, MOST_INQUIRIES, PATIENCE, Step};
use crate::{
    ask::{Action, Answer, Ask, Question, State, Wants},
    host::{Inquiry, NeedsAuthorization, Resuming, ServerRef},
    inbox::Delivery,
    keeper::NotKept,
    open::{OpenCall, STOPPED, Stage},
};

impl Step<'_, '_> {
    /// Asks for consent, once for all calls to a server.
    pub(in crate::turn) async fn ask_for_consent(
        &mut self,
        server: &ServerRef,
        needs: &NeedsAuthorization,
        call: Option<&str>,
    ) -> Result<(), NotKept> {
        let wanted: Vec<String> = needs.scopes.iter().map(str::to_owned).collect();
        let wait_for = |step: &mut Self| {
            if let Some(call) = call {
                step.stage(call, Stage::Waiting);
            }
        };
        let same = |ask: &&mut Ask| ask.is_waiting() && ask.server == *server;
        for ask in self.open.asks.iter_mut().filter(same) {
            if let Wants::Authorization { scopes, .. } = &mut ask.wants {
                scopes.extend(
                    wanted
                        .into_iter()
                        .filter(|own| !scopes.contains(own))
                        .collect::<Vec<_>>(),
                );
                ask.calls.extend(call.map(str::to_owned));
                (self.emit)(ask.part(&self.going.turn.run));
                wait_for(self);
                return self.save().await;
            }
        }
        if self.open.is_declined(server, &wanted) {
            let why = format!(
                "The user chose not to connect to “{}”. Go on without it.",
                server.name
            );
            self.without(server, call, why);
            return Ok(());
        }
        let asked = self.open.consents.entry(server.url.clone()).or_default();
        *asked += 1;
        if *asked > MOST_CONSENTS {
            let why = format!(
                "{} It was asked for {MOST_CONSENTS} times already, and the server asks again.",
                needs.reason
            );
            self.without(server, call, why);
            return Ok(());
        }
        wait_for(self);
        let wants = Wants::Authorization {
            reason: needs.reason.clone(),
            scopes: wanted.clone(),
        };
        if let Err(why) = self.ask(server, call, wants).await? {
            self.open.decline(server, wanted);
            self.without(server, call, format!("{} {why}", needs.reason));
        }
        Ok(())
    }

    /// Puts something to the person, after it is written down. If it cannot be, what is asked is
    /// shown without waiting for it, and the reason comes back.
    async fn ask(
        &mut self,
        server: &ServerRef,
        call: Option<&str>,
        wants: Wants,
    ) -> Result<Result<String, String>, NotKept> {
        let mut ask = Ask {
            id: format!("ask_{}", self.going.turn.name()),
            server: server.clone(),
            calls: call.map(str::to_owned).into_iter().collect(),
            wants,
            deadline: self.going.turn.clock.now().after(PATIENCE),
            state: State::Waiting,
            answer: None,
        };
        self.open.asks.push(ask.clone());
        let asked = match self.keeper.keep(&self.open).await {
            Ok(()) => {
                self.kept = true;
                Ok(ask.id.clone())
            }
            Err(NotKept::Lost) => return Err(NotKept::Lost),
            Err(why) => {
                self.open.asks.pop();
                ask.state = State::Skipped;
                Err(format!("The user could not be asked: {why}."))
            }
        };
        self.keeper.inbox().show(&self.open);
        (self.emit)(ask.part(&self.going.turn.run));
        Ok(asked)
    }

    /// Asks whether a call may be made.
    pub(in crate::turn) async fn ask_for_approval(
        &mut self,
        call: &OpenCall,
        wants: Wants,
    ) -> Result<(), NotKept> {
        if let Err(why) = self.ask(&call.server, Some(&call.id), wants).await? {
            self.fail(&call.id, why);
        }
        Ok(())
    }

    /// A server ended its call with questions.
    pub(super) async fn inquiry(
        &mut self,
        call: &OpenCall,
        inquiry: Inquiry,
    ) -> Result<(), NotKept> {
        let asked = self.open.consents.entry(call.id.clone()).or_default();
        *asked += 1;
        if *asked > MOST_INQUIRIES || inquiry.questions.is_empty() {
            let why = format!("“{}” asks again and again.", call.server.name);
            self.fail(&call.id, why);
            return Ok(());
        }
        let Some(own) = self.open.calls.iter_mut().find(|own| own.id == call.id) else {
            return Ok(());
        };
        own.stage = Stage::Waiting;
        own.resuming = Some(Resuming {
            responses: BTreeMap::new(),
            state: inquiry.state,
        });
        for (key, question) in inquiry.questions {
            let wants = Wants::Elicitation {
                question,
                key: Some(key),
            };
            if let Err(why) = self.ask(&call.server, Some(&call.id), wants).await? {
                self.fail(&call.id, why);
            }
        }
        Ok(())
    }

    /// A server asks while it holds its call open.
    pub(super) async fn question(
        &mut self,
        call: String,
        question: Question,
        answer: oneshot::Sender<Answer>,
    ) -> Result<(), NotKept> {
        let own = self.open.calls.iter().find(|own| own.id == call);
        let Some(server) = own.map(|own| own.server.clone()) else {
            return Ok(());
        };
        let wants = Wants::Elicitation {
            question,
            key: None,
        };
        // Without its sender the call is told that nobody answers.
        if let Ok(ask) = self.ask(&server, Some(&call), wants).await? {
            self.held.insert(ask, answer);
        }
        Ok(())
    }

    /// Takes answers.
    pub(super) async fn take(&mut self, delivery: Delivery) -> Result<(), NotKept> {
        self.going.turn.host = delivery.host;
        self.going.memory.stale = true;
        for (id, answer) in delivery.answers {
            let at = self.open.asks.iter().position(|ask| ask.id == id);
            let Some(at) = at.filter(|at| self.open.asks[*at].is_waiting()) else {
                continue;
            };
            if self.open.asks[at].check(&answer).is_ok() {
                self.answered(at, answer);
            }
        }
        self.save().await
    }

    fn answered(&mut self, at: usize, answer: Answer) {
        let ask = &mut self.open.asks[at];
        ask.answer = Some(answer.action);
        ask.state = match answer.action {
            Action::Skip => State::Skipped,
            _ => State::Answered,
        };
        let ask = ask.clone();
        (self.emit)(ask.part(&self.going.turn.run));
        match (&ask.wants, answer.action) {
            (_, Action::Connect) => {
                let count = self.connected.entry(ask.server.url.clone()).or_default();
                *count += 1;
                for call in &ask.calls {
                    self.stage(call, Stage::Ready);
                }
            }
            (_, Action::Approve) => {
                for call in &ask.calls {
                    self.stage(call, Stage::Ready);
                }
            }
            (Wants::Elicitation { key: None, .. }, _) => {
                if let Some(held) = self.held.remove(&ask.id) {
                    let _ = held.send(answer);
                }
            }
            (Wants::Elicitation { key: Some(key), .. }, _) => self.respond(&ask, key, &answer),
            _ => self.refuse(&ask),
        }
    }

    /// Keeps an answer for its call, which goes on once it has all of them.
    fn respond(&mut self, ask: &Ask, key: &str, answer: &Answer) {
        let waits = |call: &str| {
            let asks = self.open.asks.iter();
            let mut own = asks.filter(|own| own.calls.iter().any(|id| id == call));
            own.any(Ask::is_waiting)
        };
        for id in &ask.calls {
            let more = waits(id);
            let Some(call) = self.open.calls.iter_mut().find(|call| call.id == *id) else {
                continue;
            };
            let mut response = json!({ "action": answer.action });
            if let Some(content) = &answer.content {
                response["content"] = json!(content);
            }
            let resuming = call.resuming.get_or_insert_default();
            resuming.responses.insert(key.to_owned(), response);
            if !more {
                call.stage = Stage::Ready;
            }
        }
    }

    /// Ends what waited for an ask that was not granted.
    fn refuse(&mut self, ask: &Ask) {
        if let Wants::Authorization { scopes, .. } = &ask.wants {
            self.open.decline(&ask.server, scopes.clone());
        }
        for call in &ask.calls {
            self.fail(call, ask.refusal());
        }
    }

    /// Goes on without what nobody answered in time.
    pub(super) fn expire(&mut self) {
        let now = self.going.turn.clock.now();
        self.end_asks(State::Expired, |ask| ask.deadline <= now);
    }

    pub(super) fn end_asks(&mut self, state: State, which: impl Fn(&Ask) -> bool) {
        for at in 0..self.open.asks.len() {
            let ask = &mut self.open.asks[at];
            if !ask.is_waiting() || !which(ask) {
                continue;
            }
            ask.state = state;
            let ask = ask.clone();
            (self.emit)(ask.part(&self.going.turn.run));
            match self.held.remove(&ask.id) {
                // The server ends its call itself.
                Some(held) => drop(held.send(Answer::of(Action::Cancel))),
                None => self.refuse(&ask),
            }
        }
    }

    /// Ends what waits, because the turn was stopped. What is under way ends by itself.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.end_asks(State::Stopped, |_| true);
        let unsent: Vec<String> = self
            .open
            .calls
            .iter()
            .filter(|call| call.stage != Stage::Sent)
            .map(|call| call.id.clone())
            .collect();
        for call in unsent {
            self.fail(&call, STOPPED.to_owned());
        }
    }

    /// Questions that a call held open and that nobody answered before it ended.
    pub(super) fn let_go(&mut self, call: &str) {
        if self.open.calls.iter().any(|own| own.id == call) {
            return;
        }
        let ended = |ask: &Ask| ask.is_live() && ask.calls.iter().any(|own| own == call);
        for at in 0..self.open.asks.len() {
            let ask = &mut self.open.asks[at];
            if ask.is_waiting() && ended(ask) {
                ask.state = State::Expired;
                let ask = ask.clone();
                self.held.remove(&ask.id);
                (self.emit)(ask.part(&self.going.turn.run));
            }
        }
    }

    fn without(&mut self, server: &ServerRef, call: Option<&str>, why: String) {
        match call {
            Some(call) => self.fail(call, why),
            None => self.going.note(server, &why),
        }
    }
}
