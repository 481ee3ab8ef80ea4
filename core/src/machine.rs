//! The machine: one event in, one action out.

use std::sync::Arc;

use crate::action::{Action, ActionId, Task};
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Misuse, RecordError, Stage};
use crate::event::{Event, StoreResult};
use crate::headers::{Authorization, Proof, RequestHeaders};
use crate::input::{self, Input};
use crate::limits::MAX_FLOW_REQUESTS;
use crate::phase::{self, Loading, Phase};
use crate::secret::SecretBytes;
use crate::shared::{Memory, Shared};
use crate::snapshot;
use crate::store::{StoreKey, StoreOp};
use crate::time::Timestamp;
use crate::tokens::Tokens;
use crate::trace::{Trace, TraceEntry};
use crate::transition::{PhaseKind, leads_to};
use crate::uri::HttpUrl;

/// What the machine cannot have by itself, given with every event.
pub struct Context<'a> {
    /// The host's wall clock. Time that goes backwards is clamped.
    pub now: Timestamp,
    /// The host's random source.
    pub rng: &'a mut dyn Entropy,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The machine moved on: look at [`Machine::next`].
    Advanced,
    /// A flow that serves the same need is under way: wait for it.
    Joined,
    /// Nothing changed, for this reason.
    Ignored(Ignored),
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// An answer to an action that was already answered or given up.
    Stale,
    /// No sign-in waits for a callback.
    NoPendingSignIn,
    /// The callback belongs to another sign-in, or is forged.
    OtherState,
    /// The request carried an older token, or none: repeat it with the current one.
    Superseded,
    /// The answer of the MCP server is nothing that authorization could mend: hand it to the caller.
    NotAuthorization,
    /// It is not time yet.
    NotDue,
    /// There is nothing to refresh or cancel.
    NothingToDo,
    /// Credentials are being written or exchanged: finishing is quick and loses nothing.
    TooLate,
    /// A flow is under way: cancel it first, or wait for its end.
    FlowUnderWay,
    /// The machine knows a newer grant than the one it is told of.
    Outdated,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Carry this out and answer it. The same until it is answered.
    Do(&'a Action),
    /// Nothing, until something happens.
    Rest(Verdict<'a>),
}

/// Where the machine came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No tokens are held, and nobody has asked for any.
    Idle,
    /// Tokens are held.
    Authorized,
    /// The credentials were forgotten.
    SignedOut,
    /// The last flow ended without new tokens. Tokens held before may still be good: ask
    /// [`request_headers`](Machine::request_headers).
    Failed(&'a Failure),
}

/// The client half of MCP authorization for one account at one MCP server.
///
/// Feed it events with [`handle`](Self::handle), carry out what [`next`](Self::next) says, answer, and go on until it
/// rests.
pub struct Machine {
    shared: Shared,
    phase: Phase,
    /// Of the outstanding action, or the last one.
    last_id: ActionId,
    /// Requests made since the machine last rested.
    requests: u8,
    action: Option<Action>,
}

impl Machine {
    /// A machine that knows nothing yet: its first action reads the stored grant. `account` tells apart several accounts
    /// at one server; empty for the only one.
    pub fn new(config: impl Into<Arc<Config>>, account: &str) -> Self {
        let config = config.into();
        let shared = Shared {
            grant_key: StoreKey::grant(account, config.server_url()),
            config,
            account: account.into(),
            grant: None,
            memory: Memory::default(),
            wall: Timestamp::default(),
            trace: Trace::default(),
        };
        let phase = Phase::Loading(Box::new(Loading::first()));
        Self::assemble(shared, phase, ActionId(1), 0)
    }

    /// The machine that [`snapshot`](Self::snapshot) described, or the pending sign-in of a flow record.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that are no snapshot, are too new, or belong to another account or server.
    pub fn resume(
        config: impl Into<Arc<Config>>,
        account: &str,
        snapshot: &[u8],
    ) -> Result<Self, RecordError> {
        let resumed = snapshot::read(snapshot, config.into(), account)?;
        Ok(Self::assemble(
            resumed.shared,
            resumed.phase,
            resumed.last_id,
            resumed.requests,
        ))
    }

    fn assemble(shared: Shared, phase: Phase, last_id: ActionId, requests: u8) -> Self {
        let task = phase.task(&shared, last_id);
        Self {
            action: task.map(|task| Action { id: last_id, task }),
            shared,
            phase,
            last_id,
            requests,
        }
    }

    /// Takes one event.
    ///
    /// # Errors
    /// [`Misuse`] for a call that the host should not have made; nothing changes.
    pub fn handle(
        &mut self,
        event: Event<'_>,
        context: &mut Context<'_>,
    ) -> Result<Outcome, Misuse> {
        let kind = event.kind();
        if let Some(outcome) = self.gate(&event)? {
            return Ok(outcome);
        }
        let Some(input) = input::read(event, &self.shared.config)? else {
            return Ok(Outcome::Ignored(Ignored::NotAuthorization));
        };
        self.check(&input)?;
        if leads_to(self.phase.kind(), kind).is_empty() {
            return Ok(self.bystander(input));
        }
        let before = self.shared.memory.now;
        self.shared.memory.now = before.max(context.now);
        self.shared.wall = context.now;
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        let (phase, outcome) = phase
            .handle(input, &mut self.shared, context.rng)
            .into_parts();
        self.phase = phase;
        if outcome == Outcome::Advanced {
            self.advance();
        } else {
            self.shared.memory.now = before;
        }
        Ok(outcome)
    }

    /// The one gate: answers must name the outstanding action and be of its kind.
    fn gate(&self, event: &Event<'_>) -> Result<Option<Outcome>, Misuse> {
        let Some(id) = event.answers() else {
            return Ok(None);
        };
        if id > self.last_id || id.get() == 0 {
            return Err(Misuse::UnknownAction);
        }
        match &self.action {
            Some(action) if action.id == id => {
                let fits = matches!(
                    (&action.task, event),
                    (
                        Task::Http(_),
                        Event::Reply { .. } | Event::Unreachable { .. }
                    ) | (
                        Task::BindRedirect { .. },
                        Event::RedirectBound { .. } | Event::Declined { .. }
                    ) | (Task::OpenUrl(_), Event::Declined { .. })
                        | (
                            Task::AskForClient { .. },
                            Event::ClientProvided { .. } | Event::Declined { .. }
                        )
                        | (Task::Sign(_), Event::Signed { .. } | Event::Declined { .. })
                        | (
                            Task::FetchAssertion(_),
                            Event::AssertionProvided { .. } | Event::Declined { .. }
                        )
                        | (Task::ShowCode(_), Event::Declined { .. })
                ) || match (&action.task, event) {
                    (Task::Store(StoreOp::Load { .. }), Event::Stored { result, .. }) => {
                        matches!(result, StoreResult::Loaded(_) | StoreResult::Failed)
                    }
                    (Task::Store(_), Event::Stored { result, .. }) => {
                        !matches!(result, StoreResult::Loaded(_))
                    }
                    _ => false,
                };
                if fits {
                    Ok(None)
                } else {
                    Err(Misuse::WrongAnswer)
                }
            }
            _ => Ok(Some(Outcome::Ignored(Ignored::Stale))),
        }
    }

    /// What is wrong with a host's answer, beyond its syntax.
    fn check(&self, input: &Input<'_>) -> Result<(), Misuse> {
        match (input, &self.phase) {
            (Input::RedirectBound(uri), Phase::BindingRedirect(phase))
                if phase.uses_document(&self.shared) && !self.shared.config.document_lists(uri) =>
            {
                Err(Misuse::RedirectNotInDocument)
            }
            (Input::Signed(signature), Phase::Signing(phase)) if !phase.fits(signature) => {
                Err(Misuse::Signature)
            }
            _ => Ok(()),
        }
    }

    /// An event that this phase has no use for.
    fn bystander(&mut self, input: Input<'_>) -> Outcome {
        let resting = self.phase.kind().is_rest();
        match input {
            Input::Trigger(trigger) if !resting => {
                if let Phase::Loading(phase) = &mut self.phase {
                    phase.join(Box::new(trigger));
                }
                Outcome::Joined
            }
            Input::Callback(_) => Outcome::Ignored(Ignored::NoPendingSignIn),
            Input::Tick => Outcome::Ignored(Ignored::NotDue),
            Input::Cancel if !resting => Outcome::Ignored(Ignored::TooLate),
            Input::Provided(_) => Outcome::Ignored(Ignored::FlowUnderWay),
            Input::SignOut { forget_client } => {
                if let Phase::SigningOut(phase) = &mut self.phase {
                    phase.join(forget_client);
                }
                Outcome::Joined
            }
            _ => Outcome::Ignored(Ignored::NothingToDo),
        }
    }

    /// Gives out the action of the phase just entered.
    fn advance(&mut self) {
        self.action = None;
        let id = ActionId(self.last_id.0.saturating_add(1));
        let mut task = self.phase.task(&self.shared, id);
        // How often a device code is asked for is bounded by its life, and revocations by what was held.
        let counts = !matches!(self.phase.kind(), PhaseKind::Polling | PhaseKind::Revoking);
        if counts && matches!(task, Some(Task::Http(_))) {
            self.requests = self.requests.saturating_add(1);
            if self.requests > MAX_FLOW_REQUESTS {
                let failure = Failure::new(Code::TooManySteps, Stage::Use);
                self.phase = self.shared.fail(failure);
                task = None;
            }
        }
        match task {
            Some(task) => {
                self.last_id = id;
                self.action = Some(Action { id, task });
            }
            None => self.requests = 0,
        }
    }

    /// What to do now. Does not change anything: the same answer until an event advances the machine.
    pub fn next(&self) -> Next<'_> {
        match (&self.action, &self.phase) {
            (Some(action), _) => Next::Do(action),
            (None, Phase::Authorized) => Next::Rest(Verdict::Authorized),
            (None, Phase::SignedOut) => Next::Rest(Verdict::SignedOut),
            (None, Phase::Failed(failure)) => Next::Rest(Verdict::Failed(failure)),
            (None, _) => Next::Rest(Verdict::Idle),
        }
    }

    /// What a request to the MCP server with this method and URL should carry. The hot path: no allocation.
    ///
    /// The token is given only for URLs within the resource that it was issued for (USE-03). A token that is bound to a key
    /// needs a proof for each request and each repetition of it: ask again for each.
    pub fn request_headers<'a>(
        &'a self,
        method: &'a str,
        url: &'a str,
        now: Timestamp,
    ) -> RequestHeaders<'a> {
        let Some((entry, tokens)) = self.shared.current_tokens() else {
            return RequestHeaders::Absent;
        };
        if !self.covers(tokens, url) {
            return RequestHeaders::Absent;
        }
        let wall = now;
        let now = now.max(self.shared.memory.now);
        let authorization = Authorization {
            value: tokens.authorization.expose(),
            generation: tokens.generation,
        };
        let key = tokens.bound_to.as_deref();
        let ready = match key.and_then(|key| self.shared.config.bound_key(key)) {
            None => RequestHeaders::Ready(authorization),
            Some(key) => RequestHeaders::Sign(Proof {
                authorization,
                key,
                method,
                url,
                nonce: self.shared.memory.nonces.of_resource(),
                issuer: &entry.issuer,
                now: wall,
            }),
        };
        let skew = self.shared.config.settings.refresh_skew_ms;
        if tokens.is_good(now, skew) {
            return ready;
        }
        let postponed = self.shared.memory.retry_at.is_some_and(|at| now < at);
        let usable = tokens.is_good(now, 0);
        match (usable, self.shared.can_renew()) {
            (true, can_renew) if postponed || !can_renew => ready,
            (_, true) => RequestHeaders::RefreshDue,
            _ => RequestHeaders::Absent,
        }
    }

    /// Takes the `DPoP-Nonce` of an answer of the MCP server, whatever its status: the next proofs name it (RFC 9449 §9).
    /// Give it before the challenge that it came with. One that is malformed is left out.
    pub fn take_nonce(&mut self, value: &[u8]) {
        self.shared.memory.nonces.take_resource(value);
    }

    /// Whether a URL lies within the resource of the tokens. The configured server URL itself is known to.
    fn covers(&self, tokens: &Tokens, url: &str) -> bool {
        let config = &self.shared.config;
        url == config.server_url()
            || HttpUrl::parse(url, config.reach)
                .is_ok_and(|url| tokens.resource.covers.contains(&url))
    }

    /// When a [`Event::Tick`] is due, if ever: while a sign-in waits for its user, when it is given up, or looked whether it
    /// is finished elsewhere; while a code is shown, when the server is asked about it; while another process refreshes, when to
    /// look again; at rest, when the tokens should be refreshed.
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::AwaitingCallback(pending) => Some(pending.expires_at),
            Phase::AwaitingRefresh(phase) => Some(phase.deadline()),
            Phase::AwaitingDevice(phase) => Some(phase.deadline()),
            Phase::Authorized => phase::refresh_deadline(&self.shared),
            _ => None,
        }
    }

    /// Where the grant is kept: what a host watches, to tell of a change with [`Event::StoreChanged`].
    pub fn grant_key(&self) -> &StoreKey {
        &self.shared.grant_key
    }

    /// Whether the redirect URI that was bound must be listened on.
    pub fn awaits_redirect(&self) -> bool {
        match self.phase.kind() {
            PhaseKind::Registering
            | PhaseKind::AskingClient
            | PhaseKind::Signing
            | PhaseKind::PushingRequest
            | PhaseKind::SavingFlow
            | PhaseKind::AwaitingCallback
            | PhaseKind::SavingGrant => self.phase.redirect_uri().is_some(),
            _ => false,
        }
    }

    /// What the machine is doing, without the data.
    pub fn phase(&self) -> PhaseKind {
        self.phase.kind()
    }

    /// Everything, for [`resume`](Self::resume) in this or another process. Secret.
    ///
    /// The resumed machine asks for the same action, with two exceptions. While a code is being exchanged nobody can tell
    /// whether it was sent, so that the resumed machine has failed with `outcome_unknown`. While tokens are being refreshed
    /// the resumed machine reads the grant first: another process may have refreshed them since. A third: assertions and
    /// signatures are in no snapshot, so that a machine that is about to send one has failed with advice to try again, or
    /// asks anew.
    pub fn snapshot(&self) -> SecretBytes {
        snapshot::write(&self.shared, &self.phase, self.last_id, self.requests)
    }

    /// The latest decisions, oldest first.
    pub fn trace(&self) -> &[TraceEntry] {
        self.shared.trace.entries()
    }

    /// Takes the decisions made since the last call.
    pub fn take_trace(&mut self) -> Vec<TraceEntry> {
        self.shared.trace.take()
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("phase", &self.phase.kind())
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}
