//! How is each action of the machine carried out, one flow at a time?

mod answer;
mod errand;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use mcp_oauth_core::{
    Action, ActionId, Cause, Code, Context, Event, Failure, HttpRequest, Machine, Method, Misuse,
    Next, OpenUrl, Outcome, Purpose, Reach, Refusal, RequestHeaders, Secret, StoreOp, Task,
    Timestamp, TraceEntry, Verdict,
};
use tokio::sync::watch;

use crate::agent::{Opened, Redirect, UserAgent};
use crate::authorizer::{Builder, ClientSource, Token};
use crate::error::{BuildError, Error};
use crate::http::Network;
use crate::store::{Hold, Store, StoreError};

use answer::Answer;
pub(crate) use errand::{Errand, Settled};

/// A machine and all that it needs.
pub(crate) struct Driver {
    /// Held for moments, never while something is carried out.
    machine: Mutex<Machine>,
    /// Held by whoever carries out actions.
    flow: tokio::sync::Mutex<Flow>,
    /// How many flows have ended.
    ended: AtomicU64,
    /// Counts the cancellations.
    cancels: watch::Sender<u64>,
    store: Arc<dyn Store>,
    agent: Arc<dyn UserAgent>,
    networks: [Network; 3],
    observer: Box<dyn Fn(&TraceEntry) + Send + Sync>,
    client: Box<ClientSource>,
}

/// What outlives a single action.
struct Flow {
    /// The listener, while it is needed.
    redirect: Option<Redirect>,
    /// The action that was begun last.
    begun: Option<ActionId>,
    /// Of the requests so far, and so of the pages to come.
    reach: Reach,
    /// The page that a person would have to see.
    page: Option<Secret>,
    /// What went wrong on our side, behind the failure of the flow.
    trouble: Option<Trouble>,
    /// What the last flow ended with.
    last: Result<(), Error>,
}

enum Trouble {
    Store(StoreError),
    Misuse(Misuse),
}

/// The least time between two ticks, should the clock be set back.
const TICK: Duration = Duration::from_secs(1);

/// A machine that slept for the night wakes up late: the clock is looked at this often.
const NAP_MS: u64 = 20_000;

impl Driver {
    pub(crate) fn new(builder: Builder) -> Result<Self, BuildError> {
        let reach = builder.config.reach();
        Ok(Self {
            machine: Mutex::new(Machine::new(builder.config, &builder.account)),
            flow: tokio::sync::Mutex::new(Flow {
                redirect: None,
                begun: None,
                reach,
                page: None,
                trouble: None,
                last: Ok(()),
            }),
            ended: AtomicU64::new(0),
            cancels: watch::Sender::new(0),
            store: builder.store.ok_or(BuildError::NoStore)?,
            agent: builder.user_agent.ok_or(BuildError::NoUserAgent)?,
            networks: [Reach::Public, Reach::Private, Reach::Loopback].map(Network::new),
            observer: builder.observer,
            client: builder.client,
        })
    }

    /// The token, if it can be had without doing anything.
    pub(crate) fn ready_token(&self, method: &str, url: &str) -> Option<Token> {
        match self.machine().request_headers(method, url, now()) {
            RequestHeaders::Ready(authorization) => Some(Token::new(
                authorization.expose(),
                authorization.generation(),
            )),
            _ => None,
        }
    }

    pub(crate) fn cancel(&self) {
        self.cancels.send_modify(|count| *count += 1);
        // Nobody drives a flow that was left behind when its runtime ended.
        if let Ok(mut flow) = self.flow.try_lock()
            && flow.begun.is_some_and(|id| self.waits_for(id))
        {
            let _ = self.tell(Event::Cancel);
            self.close_redirect(&mut flow);
        }
    }

    /// Carries out actions until the machine rests.
    async fn run(&self, flow: &mut Flow, cancels: &mut watch::Receiver<u64>) -> Result<(), Error> {
        flow.page = None;
        flow.trouble = None;
        // Keeps other processes from refreshing what this one is about to refresh.
        let mut hold = None;
        loop {
            self.close_redirect(flow);
            let action = match self.machine().next() {
                Next::Do(action) => action.clone(),
                Next::Rest(Verdict::Failed(failure)) => {
                    flow.last = Err(explain(failure.clone(), flow));
                    break;
                }
                Next::Rest(_) => {
                    flow.last = Ok(());
                    break;
                }
            };
            if !leads_to_refresh(&action.task) {
                hold = None;
            }
            self.carry_out(&action, flow, &mut hold, cancels).await;
        }
        self.ended.fetch_add(1, Ordering::Release);
        flow.last.clone()
    }

    /// Carries out one action, unless the machine gives it up meanwhile.
    async fn carry_out(
        &self,
        action: &Action,
        flow: &mut Flow,
        hold: &mut Option<Hold>,
        cancels: &mut watch::Receiver<u64>,
    ) {
        let mut pause = Duration::ZERO;
        let answer = {
            let mut work = pin!(self.work(action, flow, hold));
            loop {
                let event = tokio::select! {
                    answer = &mut work => break answer,
                    Ok(()) = cancels.changed() => Event::Cancel,
                    () = self.deadline(pause) => {
                        pause = TICK;
                        Event::Tick
                    }
                };
                let _ = self.tell(event);
                if !self.waits_for(action.id) {
                    return;
                }
            }
        };
        if let Answer::StoreFailed(error) = &answer {
            flow.trouble = Some(Trouble::Store(error.clone()));
        }
        match self.answer(action.id, &answer) {
            Ok(Outcome::Ignored(_)) if matches!(answer, Answer::CameBack(_)) => {
                // No other callback will come, since nobody was sent anywhere.
                let _ = self.answer(action.id, &Answer::Declined(Refusal::Unable));
            }
            Ok(_) => {}
            Err(misuse) => {
                flow.trouble = Some(Trouble::Misuse(misuse));
                self.give_up(action.id);
            }
        }
    }

    /// The machine did not take the answer, and there is no other.
    fn give_up(&self, id: ActionId) {
        let declined = Answer::Declined(Refusal::Unable);
        if self.answer(id, &declined).is_err() {
            let _ = self.tell(Event::Cancel);
        }
    }

    async fn work(&self, action: &Action, flow: &mut Flow, hold: &mut Option<Hold>) -> Answer {
        let again = flow.begun.replace(action.id) == Some(action.id);
        match &action.task {
            Task::Http(request) => {
                flow.reach = request.reach;
                self.send(request, again).await
            }
            Task::BindRedirect { preferred } => {
                flow.redirect = None;
                match self.agent.bind(preferred).await {
                    Ok(redirect) => {
                        let uri = redirect.uri().into();
                        flow.redirect = Some(redirect);
                        Answer::Bound(uri)
                    }
                    Err(refusal) => Answer::Declined(refusal),
                }
            }
            Task::OpenUrl(request) => self.visit(request, flow, again).await,
            Task::Store(operation) => {
                if let (StoreOp::Load { key }, None) = (operation, &*hold) {
                    // Without it writes are as safe, and only a refresh may be made twice.
                    *hold = self.store.hold(key).await.ok();
                }
                self.keep(operation).await
            }
            Task::AskForClient {
                issuer,
                redirect_uri,
            } => match (self.client)(issuer, redirect_uri) {
                Some(client) => Answer::Client(client),
                None => Answer::Declined(Refusal::Unable),
            },
        }
    }

    async fn send(&self, request: &HttpRequest, again: bool) -> Answer {
        if again && request.method == Method::Post {
            // It went out in a runtime that is gone. What became of it nobody knows, and it must not go out twice.
            return Answer::Unreachable(Cause::Interrupted);
        }
        match self.network(request.reach).send(request).await {
            Ok(reply) => Answer::Reply(reply),
            Err(cause) => Answer::Unreachable(cause),
        }
    }

    async fn visit(&self, request: &OpenUrl, flow: &mut Flow, again: bool) -> Answer {
        if !again {
            let network = self.network(flow.reach);
            match self.agent.open(request, network).await {
                Ok(Opened::Shown) => {}
                Ok(Opened::CameBack(callback)) => return Answer::CameBack(callback),
                Err(refusal) => {
                    flow.page = Some(request.url.clone());
                    return Answer::Declined(refusal);
                }
            }
        }
        let callback = match &mut flow.redirect {
            Some(redirect) => redirect.next().await,
            None => None,
        };
        callback.map_or(Answer::Declined(Refusal::Unable), Answer::Callback)
    }

    async fn keep(&self, operation: &StoreOp) -> Answer {
        let store = &self.store;
        let done = match operation {
            StoreOp::Load { key } => {
                let loaded = store.load(key).await;
                loaded.map(|record| Answer::Loaded(record.map(|record| record.body)))
            }
            StoreOp::Save {
                key,
                expected,
                generation,
                record,
                expires_at,
            } => store
                .save(key, *expected, *generation, record, *expires_at)
                .await
                .map(Answer::Written),
            StoreOp::Delete { key, expected } => {
                store.delete(key, *expected).await.map(Answer::Written)
            }
        };
        done.unwrap_or_else(Answer::StoreFailed)
    }

    /// Hands an event to the machine, and what it decided to the observer.
    fn tell(&self, event: Event<'_>) -> Result<Outcome, Misuse> {
        let (outcome, decisions) = {
            let mut machine = self.machine();
            let mut context = Context {
                now: now(),
                rng: &mut SysRng,
            };
            let outcome = machine.handle(event, &mut context);
            (outcome, machine.take_trace())
        };
        decisions.iter().for_each(|entry| (self.observer)(entry));
        outcome
    }

    fn answer(&self, id: ActionId, answer: &Answer) -> Result<Outcome, Misuse> {
        answer.tell(id, |event| self.tell(event))
    }

    /// RFC 8252 §8.3: not a moment longer than it is needed.
    fn close_redirect(&self, flow: &mut Flow) {
        if flow.redirect.is_some() && !self.machine().awaits_redirect() {
            flow.redirect = None;
        }
    }

    /// Comes back when a tick is due, and not before `pause` has passed.
    async fn deadline(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
        loop {
            let deadline = self.machine().deadline();
            let left = match deadline.map(|deadline| deadline.millis_since(now())) {
                Some(0) => return,
                Some(left) => left.min(NAP_MS),
                None => NAP_MS,
            };
            tokio::time::sleep(Duration::from_millis(left)).await;
        }
    }

    fn waits_for(&self, id: ActionId) -> bool {
        matches!(self.machine().next(), Next::Do(action) if action.id == id)
    }

    fn network(&self, reach: Reach) -> &Network {
        &self.networks[match reach {
            Reach::Public => 0,
            Reach::Private => 1,
            Reach::Loopback => 2,
        }]
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the reading of the grant to the writing of its new tokens, nothing else is done.
fn leads_to_refresh(task: &Task) -> bool {
    match task {
        Task::Store(_) => true,
        Task::Http(request) => request.purpose == Purpose::Refresh,
        _ => false,
    }
}

fn explain(failure: Failure, flow: &mut Flow) -> Error {
    match (failure.code(), flow.trouble.take(), flow.page.take()) {
        (Code::StoreFailed, Some(Trouble::Store(cause)), _) => Error::Store { cause, failure },
        (_, Some(Trouble::Misuse(cause)), _) => Error::Misuse { cause, failure },
        (Code::NeedsUser, _, Some(url)) => Error::NeedsUser { url, failure },
        _ => Error::Failed(failure),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as u64))
}
