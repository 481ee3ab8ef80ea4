//! How is each action of the machine carried out, one flow at a time?

mod answer;
mod apart;
mod errand;
mod token;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use mcp_oauth_core::{
    Action, ActionId, Cause, Code, Config, Context, Event, Failure, HttpRequest, Machine, Method,
    Misuse, Next, OpenUrl, Outcome, Reach, Refusal, ShowCode, SignRequest, StoreOp, Task,
    Timestamp, Verdict,
};
use tokio::sync::watch;

use crate::agent::{Opened, Redirect, UserAgent};
use crate::assertion::AssertionSource;
use crate::authorizer::{Builder, ClientSource, Observer};
use crate::error::{BuildError, Error};
use crate::http::Network;
use crate::signer::Signer;
use crate::store::{Store, StoreError};

use answer::Answer;
pub(crate) use errand::{Errand, Settled};
pub(crate) use token::Held;

/// A machine and all that it needs.
pub(crate) struct Driver {
    /// Held for moments, never while something is carried out.
    machine: Mutex<Machine>,
    /// Held by whoever carries out actions.
    flow: tokio::sync::Mutex<Flow>,
    /// How many flows have ended.
    ended: AtomicU64,
    calls: watch::Sender<Calls>,
    agent: Arc<dyn UserAgent>,
    surroundings: Arc<Surroundings>,
}

/// What machines of the same account and server share.
struct Surroundings {
    config: Arc<Config>,
    account: String,
    store: Arc<dyn Store>,
    networks: [Network; 3],
    observer: Box<Observer>,
    client: Box<ClientSource>,
    signer: Option<Arc<dyn Signer>>,
    assertions: Option<Arc<dyn AssertionSource>>,
}

/// What reaches a flow from outside while it waits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    /// Counts the cancellations.
    cancels: u64,
    /// Counts the times that the machine was told something elsewhere.
    changes: u64,
}

impl Calls {
    /// What happened after `seen`.
    fn since(self, seen: Self) -> Call {
        if self.cancels == seen.cancels {
            Call::Changed
        } else {
            Call::Cancelled
        }
    }
}

enum Call {
    Cancelled,
    Changed,
}

/// What outlives a single action.
struct Flow {
    /// The listener, while it is needed.
    redirect: Option<Redirect>,
    /// The action that was begun last.
    begun: Option<ActionId>,
    /// The code that the person has been shown.
    shown: Option<Box<str>>,
    /// Of the requests so far, and so of the pages to come.
    reach: Reach,
    /// The page that a person must see, and that nobody here can show them: its sign-in goes on wherever its callback arrives.
    page: Option<OpenUrl>,
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
        let machine = Machine::new(Arc::clone(&builder.config), &builder.account);
        let agent = builder.user_agent.ok_or(BuildError::NoUserAgent)?;
        let surroundings = Surroundings {
            config: builder.config,
            account: builder.account,
            store: builder.store.ok_or(BuildError::NoStore)?,
            networks: [Reach::Public, Reach::Private, Reach::Loopback].map(Network::new),
            observer: builder.observer,
            client: builder.client,
            signer: builder.signer,
            assertions: builder.assertions,
        };
        Ok(Self::over(machine, agent, Arc::new(surroundings)))
    }

    fn over(machine: Machine, agent: Arc<dyn UserAgent>, surroundings: Arc<Surroundings>) -> Self {
        Self {
            machine: Mutex::new(machine),
            flow: tokio::sync::Mutex::new(Flow {
                redirect: None,
                begun: None,
                shown: None,
                reach: surroundings.config.reach(),
                page: None,
                trouble: None,
                last: Ok(()),
            }),
            ended: AtomicU64::new(0),
            calls: watch::Sender::default(),
            agent,
            surroundings,
        }
    }

    pub(crate) fn cancel(&self) {
        self.calls.send_modify(|calls| calls.cancels += 1);
        // Nobody drives a flow that was left behind when its runtime ended.
        if let Ok(mut flow) = self.flow.try_lock()
            && flow.begun.is_some_and(|id| self.waits_for(id))
        {
            let _ = self.tell(Event::Cancel);
            self.close_redirect(&mut flow);
        }
    }

    /// Carries out actions until the machine rests.
    async fn run(&self, flow: &mut Flow, calls: &mut watch::Receiver<Calls>) -> Result<(), Error> {
        flow.trouble = None;
        loop {
            self.close_redirect(flow);
            if let Some(page) = self.page_nobody_sees(flow) {
                let failure = Failure::needs_user();
                flow.last = Err(Error::NeedsUser { page, failure });
                break;
            }
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
            self.carry_out(&action, flow, calls).await;
        }
        self.ended.fetch_add(1, Ordering::Release);
        flow.last.clone()
    }

    /// Gives up the machine for one that knows nothing yet. What the other left in the store is as good as ever.
    fn begin_anew(&self, flow: &mut Flow) {
        let surroundings = &self.surroundings;
        let config = Arc::clone(&surroundings.config);
        *self.machine() = Machine::new(config, &surroundings.account);
        (flow.page, flow.begun) = (None, None);
    }

    /// The page of a pending sign-in that this user agent could not show, as long as the sign-in is not given up.
    fn page_nobody_sees(&self, flow: &mut Flow) -> Option<Box<OpenUrl>> {
        let page = flow.page.take()?;
        let _ = self.tell(Event::Tick);
        if !flow.begun.is_some_and(|id| self.waits_for(id)) {
            return None;
        }
        flow.page = Some(page.clone());
        Some(Box::new(page))
    }

    /// Carries out one action, unless the machine gives it up meanwhile.
    async fn carry_out(
        &self,
        action: &Action,
        flow: &mut Flow,
        calls: &mut watch::Receiver<Calls>,
    ) {
        let mut pause = Duration::ZERO;
        let answer = {
            let mut work = pin!(self.work(action, flow));
            loop {
                let seen = *calls.borrow();
                let event = tokio::select! {
                    answer = &mut work => break answer,
                    Ok(()) = calls.changed() => match calls.borrow().since(seen) {
                        Call::Cancelled => Some(Event::Cancel),
                        Call::Changed => None,
                    },
                    () = self.deadline(pause) => {
                        pause = TICK;
                        Some(Event::Tick)
                    }
                };
                if let Some(event) = event {
                    let _ = self.tell(event);
                }
                if !self.waits_for(action.id) {
                    return;
                }
            }
        };
        let Some(answer) = answer else {
            return;
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

    /// `None`: somebody else will answer.
    async fn work(&self, action: &Action, flow: &mut Flow) -> Option<Answer> {
        let again = flow.begun.replace(action.id) == Some(action.id);
        Some(match &action.task {
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
            Task::OpenUrl(request) => return self.visit(request, flow, again).await,
            Task::Store(operation) => self.keep(operation).await,
            // The deadline ends it.
            Task::Wait { .. } => std::future::pending().await,
            Task::AskForClient {
                issuer,
                redirect_uri,
            } => match (self.surroundings.client)(issuer, redirect_uri) {
                Some(client) => Answer::Client(client),
                None => Answer::Declined(Refusal::Unable),
            },
            Task::Sign(request) => match self.sign(request).await {
                Ok(signature) => Answer::Signature(signature),
                Err(refusal) => Answer::Declined(refusal),
            },
            Task::FetchAssertion(request) => {
                let fetched = match &self.surroundings.assertions {
                    Some(source) => source.fetch(request).await,
                    None => Err(Refusal::Unable),
                };
                fetched.map_or_else(Answer::Declined, Answer::Assertion)
            }
            Task::ShowCode(code) => self.show_code(code, flow).await,
        })
    }

    async fn sign(&self, request: &SignRequest) -> Result<Vec<u8>, Refusal> {
        match &self.surroundings.signer {
            Some(signer) => signer.sign(request).await,
            None => Err(Refusal::Unable),
        }
    }

    /// The code is asked to be shown again after each poll: a person needs to see it once.
    async fn show_code(&self, code: &ShowCode, flow: &mut Flow) -> Answer {
        if flow.shown.as_ref() != Some(&code.user_code) {
            if let Err(refusal) = self.agent.show_code(code).await {
                return Answer::Declined(refusal);
            }
            flow.shown = Some(code.user_code.clone());
        }
        // The deadline ends it.
        std::future::pending().await
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

    async fn visit(&self, request: &OpenUrl, flow: &mut Flow, again: bool) -> Option<Answer> {
        if !again {
            let network = self.network(flow.reach);
            match self.agent.open(request, network).await {
                Ok(Opened::Shown) => {}
                Ok(Opened::CameBack(callback)) => return Some(Answer::CameBack(callback)),
                Err(Refusal::NeedsUser) => {
                    // The sign-in stays pending: the page is good for as long as its machine waits.
                    flow.page = Some(request.clone());
                    return None;
                }
                Err(refusal) => return Some(Answer::Declined(refusal)),
            }
        }
        let callback = match &mut flow.redirect {
            Some(redirect) => redirect.next().await,
            None => None,
        };
        Some(callback.map_or(Answer::Declined(Refusal::Unable), Answer::Callback))
    }

    async fn keep(&self, operation: &StoreOp) -> Answer {
        let store = &self.surroundings.store;
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
        let observer = &self.surroundings.observer;
        decisions.iter().for_each(observer);
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
        &self.surroundings.networks[match reach {
            Reach::Public => 0,
            Reach::Private => 1,
            Reach::Loopback => 2,
        }]
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explain(failure: Failure, flow: &mut Flow) -> Error {
    match (failure.code(), flow.trouble.take()) {
        (Code::StoreFailed, Some(Trouble::Store(cause))) => Error::Store { cause, failure },
        (_, Some(Trouble::Misuse(cause))) => Error::Misuse { cause, failure },
        _ => Error::Failed(failure),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as u64))
}
