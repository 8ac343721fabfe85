//! A step of a turn: its calls run side by side; those that need a person wait for one.
//!
//! What waits is written down before anybody is asked, and a call is written down as sent before
//! it is sent. So whoever goes on with the step, here or elsewhere, knows what may be sent.

mod asking;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use mcp_oauth_client::{BoxFuture, Timestamp};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Emit, Going};
use crate::{
    ask::{Action, Answer, Question, State},
    history::call_failed,
    host::{Asker, HostCall, HostError, HostResult, Hosted, ServerRef},
    inbox::Delivery,
    keeper::{Keeper, NotKept},
    open::{Open, OpenCall, STOPPED, Stage, failed},
    part::Part,
    result_text::result_text,
};

/// How many calls run at once.
const AT_ONCE: usize = 8;
/// How long a person has.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How often a server may ask for consent in one turn.
pub(super) const MOST_CONSENTS: u32 = 3;
/// How often one call may ask questions.
const MOST_INQUIRIES: u32 = 10;
/// How often the time is looked at while a person is asked.
const TICK: Duration = Duration::from_secs(1);

/// Why a step ended before every call had its result.
pub(super) enum StepEnd {
    /// It waits for a person until then, and is in the store.
    Waiting(Timestamp),
    /// It was stopped.
    Cancelled,
    /// Another replica goes on with it.
    Lost,
}

type Running<'a> = FuturesUnordered<BoxFuture<'a, (OpenCall, u32, Hosted<HostResult>)>>;
/// A question of a call that its server holds open, and where its answer goes.
type Held = (String, Question, oneshot::Sender<Answer>);
type Questions = mpsc::Sender<Held>;

pub(super) struct Step<'g, 'a> {
    going: &'g mut Going<'a>,
    keeper: &'a dyn Keeper,
    cancel: &'a CancellationToken,
    emit: Emit<'a>,
    open: Open,
    /// What the model is told of each call.
    results: HashMap<String, String>,
    running: Running<'a>,
    /// Whether there is a record in the store.
    kept: bool,
    /// How often the person connected to each server during this step.
    connected: BTreeMap<String, u32>,
    questions: (Questions, mpsc::Receiver<Held>),
    /// Calls whose servers hold them open for an answer.
    held: HashMap<String, oneshot::Sender<Answer>>,
    stopped: bool,
}

impl<'g, 'a> Step<'g, 'a> {
    pub(super) fn new(going: &'g mut Going<'a>, open: Open, kept: bool) -> Self {
        Self {
            keeper: going.keeper,
            cancel: going.cancel,
            emit: going.emit,
            going,
            open,
            results: HashMap::new(),
            running: FuturesUnordered::new(),
            kept,
            connected: BTreeMap::new(),
            questions: mpsc::channel(AT_ONCE),
            held: HashMap::new(),
            stopped: false,
        }
    }

    /// Runs it until every call has its result, or only a person can help. The results, as the
    /// model is told.
    pub(super) async fn run(&mut self) -> Result<HashMap<String, String>, StepEnd> {
        let end = self.work().await;
        self.going.memory.declined = std::mem::take(&mut self.open.declined);
        self.going.memory.consents = std::mem::take(&mut self.open.consents);
        match end {
            Ok(()) if self.cancel.is_cancelled() => Err(StepEnd::Cancelled),
            Ok(()) => Ok(std::mem::take(&mut self.results)),
            Err(end) => Err(end),
        }
    }

    async fn work(&mut self) -> Result<(), StepEnd> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        if self.open.is_waiting() {
            self.keeper.inbox().show(&self.open);
        }
        loop {
            if self.cancel.is_cancelled() {
                self.stop();
            }
            // Answers that come late are better than none.
            while let Some(delivery) = self.keeper.inbox().take() {
                self.take(delivery).await?;
            }
            self.expire();
            self.start().await?;
            if self.running.is_empty() {
                if !self.open.is_waiting() {
                    break;
                }
                if self.keeper.inbox().close_if_empty() {
                    self.park().await?;
                    continue;
                }
            } else if self.kept && self.keeper.inbox().leaving().is_cancelled() {
                // The process ends. What was sent is written down as sent.
                match self.open.is_waiting() {
                    true => self.park().await?,
                    false => self.cancel.cancel(),
                }
            }
            tokio::select! {
                Some((call, epoch, hosted)) = self.running.next() => {
                    self.came_back(call, epoch, hosted).await?;
                }
                Some((call, question, answer)) = self.questions.1.recv() => {
                    self.question(call, question, answer).await?;
                }
                delivery = self.keeper.inbox().next(), if self.open.is_waiting() => {
                    self.take(delivery).await?;
                }
                _ = tick.tick(), if self.kept => {
                    let answers = match self.keeper.renew().await {
                        Err(NotKept::Lost) => return Err(StepEnd::Lost),
                        answers => answers.unwrap_or_default(),
                    };
                    if !answers.is_empty() {
                        let host = self.going.turn.host.clone();
                        self.take(Delivery { answers, host }).await?;
                    }
                }
                () = self.cancel.cancelled(), if !self.stopped => {}
                () = self.keeper.inbox().leaving().cancelled(), if !self.cancel.is_cancelled() => {}
            }
        }
        self.keeper.inbox().clear();
        if self.kept {
            match self.keeper.release().await {
                Err(NotKept::Lost) => return Err(StepEnd::Lost),
                Err(error) => tracing::warn!(%error, "what a turn waited for could not be removed"),
                Ok(()) => self.kept = false,
            }
        }
        Ok(())
    }

    /// Lets go of what is open, for whoever gets the answers.
    async fn park(&mut self) -> Result<(), StepEnd> {
        let deadline = self.open.deadline(self.going.turn.clock.now());
        match self.keeper.park(&self.open).await {
            Ok(()) => Err(StepEnd::Waiting(deadline)),
            Err(NotKept::Lost) => Err(StepEnd::Lost),
            Err(why) => {
                tracing::warn!(error = %why, "a turn could not be parked");
                self.end_asks(State::Skipped, |_| true);
                Ok(())
            }
        }
    }

    /// Sends the calls that can be sent.
    async fn start(&mut self) -> Result<(), NotKept> {
        while self.running.len() < AT_ONCE {
            let ready = |call: &&mut OpenCall| call.stage == Stage::Ready;
            let Some(call) = self.open.calls.iter_mut().find(ready) else {
                break;
            };
            call.stage = Stage::Sent;
            let call = call.clone();
            let servers = self.going.turn.host.servers();
            let Some(at) = place(&servers, &call.server) else {
                let gone = format!(
                    "“{}” is not among the servers that can be reached now.",
                    call.server.name
                );
                self.fail(&call.id, gone);
                continue;
            };
            if self.kept {
                match self.keeper.keep(&self.open).await {
                    Ok(()) => {}
                    Err(NotKept::Lost) => return Err(NotKept::Lost),
                    Err(why) => {
                        self.fail(&call.id, format!("The call was not made: {why}."));
                        continue;
                    }
                }
            }
            let epoch = self.connected.get(&call.server.url).copied();
            let (host, cancel) = (self.going.turn.host.clone(), self.cancel);
            let sent = HostCall {
                tool: call.tool.clone(),
                arguments: call.arguments.clone(),
                resuming: call.resuming.clone(),
                asker: Some(Arc::new(Line {
                    call: call.id.clone(),
                    to: self.questions.0.clone(),
                })),
            };
            self.running.push(Box::pin(async move {
                let hosted = host.call(at, sent, cancel).await;
                (call, epoch.unwrap_or_default(), hosted)
            }));
        }
        Ok(())
    }

    /// What came of a call.
    async fn came_back(
        &mut self,
        call: OpenCall,
        epoch: u32,
        hosted: Hosted<HostResult>,
    ) -> Result<(), NotKept> {
        if let Some(newer) = &hosted.newer {
            (self.emit)(Part::connection(&call.server, newer));
        }
        match hosted.outcome {
            Ok(result) => self.done(&call.id, result),
            Err(HostError::Failed(why)) => self.fail(&call.id, why),
            Err(HostError::Cancelled) => self.fail(&call.id, STOPPED.to_owned()),
            Err(HostError::NeedsAuthorization(needs)) => {
                let now = self.connected.get(&call.server.url).copied();
                if now.unwrap_or_default() > epoch {
                    // It was sent before the person connected.
                    self.stage(&call.id, Stage::Ready);
                } else {
                    self.ask_for_consent(&call.server, &needs, Some(&call.id))
                        .await?;
                }
            }
            Err(HostError::Asks(inquiry)) => self.inquiry(&call, inquiry).await?,
        }
        self.let_go(&call.id);
        self.save().await
    }

    fn stage(&mut self, call: &str, stage: Stage) {
        if let Some(call) = self.open.calls.iter_mut().find(|own| own.id == call) {
            call.stage = stage;
        }
    }

    fn done(&mut self, id: &str, result: HostResult) {
        let content = result_text(&result.output, result.is_error);
        let mut output = result.output;
        if result.is_error {
            output["isError"] = json!(true);
        }
        let part = Part::ToolOutputAvailable {
            tool_call_id: id.to_owned(),
            output,
            dynamic: true,
        };
        self.end(id, part, content);
    }

    pub(super) fn fail(&mut self, id: &str, why: String) {
        self.end(id, failed(id, &why), call_failed(&why));
    }

    fn end(&mut self, id: &str, part: Part, content: String) {
        let before = self.open.calls.len();
        self.open.calls.retain(|call| call.id != id);
        if self.open.calls.len() < before {
            (self.emit)(part);
            self.results.insert(id.to_owned(), content);
        }
    }

    /// Writes down how things are, if there is anything to come back to.
    async fn save(&mut self) -> Result<(), NotKept> {
        if !self.kept {
            return Ok(());
        }
        self.keeper.inbox().show(&self.open);
        match self.keeper.keep(&self.open).await {
            Err(NotKept::Lost) => Err(NotKept::Lost),
            Err(error) => {
                tracing::warn!(%error, "what a turn waits for could not be written yet");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

impl From<NotKept> for StepEnd {
    /// Everything but the loss of the turn has become a call's result before.
    fn from(_: NotKept) -> Self {
        Self::Lost
    }
}

/// The place of a server among those of now: by name and URL, else by URL alone.
fn place(servers: &[ServerRef], own: &ServerRef) -> Option<usize> {
    let exact = servers.iter().position(|server| server == own);
    exact.or_else(|| servers.iter().position(|server| server.url == own.url))
}

/// The way from a call that its server holds open to the person.
struct Line {
    call: String,
    to: Questions,
}

impl Asker for Line {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let sent = self.to.send((self.call.clone(), question, answer)).await;
            let nobody = Answer::of(Action::Cancel);
            match sent {
                Ok(()) => answered.await.unwrap_or(nobody),
                Err(_) => nobody,
            }
        })
    }
}
