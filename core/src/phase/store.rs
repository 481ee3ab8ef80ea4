//! How does the grant come from and go to the store?

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::action::Task;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, RecordError, Stage};
use crate::event::StoreResult;
use crate::grant::{Change, Grant, Tokens};
use crate::limits::{MAX_LOOKS, MAX_STORE_TRIES};
use crate::machine::Ignored;
use crate::phase::registration::Ready;
use crate::phase::start::{self, Lead, Trigger};
use crate::phase::{Attempt, BindingRedirect, Phase, Refreshing, SignIn, authorize, refresh};
use crate::shared::{Shared, store_failed};
use crate::store::StoreOp;
use crate::trace::Decision;
use crate::uri::{HttpUrl, Issuer, RedirectUri};

/// Reading the stored grant.
#[derive(Serialize, Deserialize)]
pub(crate) struct Loading {
    then: AfterLoading,
}

/// What the reading is for.
#[derive(Serialize, Deserialize)]
enum AfterLoading {
    /// To know where we stand, and what somebody has asked for in the meantime.
    Start(Option<Box<Trigger>>),
    /// Before a refresh token is sent: perhaps another process has sent it already (REF-06).
    Refresh(Box<Attempt>),
    /// The refresh token was refused: perhaps another process has a newer one (REF-06).
    Refused(Refused),
    /// To keep tokens that the host has brought.
    Keep(Box<Change>),
}

/// A refresh token that was refused.
#[derive(Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) issuer: Issuer,
    /// Of the tokens.
    pub(super) generation: u64,
    /// Whether the tokens are worth nothing any more.
    pub(super) drop: bool,
    /// The mark of the claim under which it was sent.
    #[serde(default)]
    pub(super) claim: Option<u32>,
    /// What goes on without them.
    pub(super) attempt: Box<Attempt>,
}

/// The action that reads the grant.
pub(super) fn load(shared: &Shared) -> Task {
    Task::Store(StoreOp::Load {
        key: shared.grant_key.clone(),
    })
}

/// What a stored grant turned out to be.
pub(super) fn loaded(result: StoreResult<'_>, shared: &mut Shared) -> Result<(), Failure> {
    match result {
        StoreResult::Loaded(None) => {
            shared.note(Decision::NothingStored);
            shared.hold(Grant::empty());
            Ok(())
        }
        StoreResult::Loaded(Some(record)) => {
            let grant =
                Grant::from_record(record, &shared.config, &shared.account).map_err(bad_record)?;
            shared.note(Decision::GrantLoaded);
            let held = shared.grant.as_ref().map(|held| held.generation);
            // The same record; but which issuer is in use, discovery may know better than the record.
            if held != Some(grant.generation) {
                shared.hold(grant);
            }
            Ok(())
        }
        StoreResult::Done | StoreResult::Conflict | StoreResult::Failed => Err(store_failed()),
    }
}

impl Loading {
    pub(crate) fn first() -> Self {
        Self {
            then: AfterLoading::Start(None),
        }
    }

    pub(crate) fn for_trigger(trigger: Box<Trigger>) -> Self {
        Self {
            then: AfterLoading::Start(Some(trigger)),
        }
    }

    pub(super) fn before_refresh(attempt: Attempt) -> Self {
        Self {
            then: AfterLoading::Refresh(Box::new(attempt)),
        }
    }

    pub(super) fn after_refusal(refused: Refused) -> Self {
        Self {
            then: AfterLoading::Refused(refused),
        }
    }

    pub(super) fn to_keep(change: Change) -> Self {
        Self {
            then: AfterLoading::Keep(Box::new(change)),
        }
    }

    /// Remembers what somebody asks for while the reading goes on. The first wins, but a challenge says more than the wish
    /// for a token.
    pub(crate) fn join(&mut self, trigger: Box<Trigger>) {
        if let AfterLoading::Start(waiting) = &mut self.then
            && waiting
                .as_ref()
                .is_none_or(|first| trigger.need.is_challenge() && !first.need.is_challenge())
        {
            *waiting = Some(trigger);
        }
    }

    pub(super) fn stored(
        self,
        result: StoreResult<'_>,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Phase {
        let held = shared.tokens().map(|tokens| tokens.generation);
        if let Err(failure) = loaded(result, shared) {
            return shared.fail(failure);
        }
        match self.then {
            AfterLoading::Start(None) => at_rest(shared),
            AfterLoading::Start(Some(trigger)) => match start::decide(*trigger, shared) {
                Ok(Lead::To(phase)) => phase,
                Ok(Lead::Refresh(attempt)) => {
                    let held = shared.tokens().map(|tokens| tokens.generation);
                    refresh::decide(held, attempt, shared, rng)
                }
                Err(_) => at_rest(shared),
            },
            AfterLoading::Refresh(attempt) => refresh::decide(held, *attempt, shared, rng),
            AfterLoading::Refused(refused) => {
                let Refused {
                    issuer,
                    generation,
                    drop,
                    claim,
                    attempt,
                } = refused;
                if adopts_newer(Some(generation), shared) {
                    return Phase::Authorized;
                }
                if shared.tokens().is_none() {
                    return start::sign_in(*attempt, shared);
                }
                let change = match claim {
                    _ if drop => {
                        shared.note(Decision::TokensDropped);
                        Change::DropTokens(issuer, generation)
                    }
                    Some(by) => Change::Release(issuer, by, false),
                    None => return start::sign_in(*attempt, shared),
                };
                SavingGrant::begin(change, AfterSaving::SignIn(attempt), shared)
            }
            AfterLoading::Keep(change) => {
                SavingGrant::begin(*change, AfterSaving::SignedIn, shared)
            }
        }
    }
}

/// Why what the store holds is not taken.
pub(super) enum NotAdopted {
    /// It is nothing new.
    Ignored(Ignored),
    /// It cannot be read.
    Failed(Failure),
}

/// What another process has left in the store, unless something newer is known; `None` where there is no record any more.
pub(super) fn news(record: Option<&[u8]>, shared: &Shared) -> Result<Option<Grant>, NotAdopted> {
    let seen = shared.memory.seen;
    let Some(record) = record else {
        return match seen {
            0 => Err(NotAdopted::Ignored(Ignored::NothingToDo)),
            _ => Ok(None),
        };
    };
    let grant = Grant::from_record(record, &shared.config, &shared.account)
        .map_err(|why| NotAdopted::Failed(bad_record(why)))?;
    match grant.generation.cmp(&seen) {
        Ordering::Less => Err(NotAdopted::Ignored(Ignored::Outdated)),
        Ordering::Equal if shared.grant.is_some() => Err(NotAdopted::Ignored(Ignored::NothingToDo)),
        Ordering::Equal | Ordering::Greater => Ok(Some(grant)),
    }
}

/// Takes what another process has left in the store, unless something newer is known.
pub(super) fn adopt(record: Option<&[u8]>, shared: &mut Shared) -> Result<(), NotAdopted> {
    match news(record, shared)? {
        Some(grant) => {
            shared.note(Decision::GrantLoaded);
            shared.hold(grant);
        }
        // Read before a record was written, or removed by hand: the next access to the store tells which.
        None => {
            shared.note(Decision::NothingStored);
            shared.grant = None;
        }
    }
    Ok(())
}

fn bad_record(why: RecordError) -> Failure {
    Failure::new(Code::BadRecord, Stage::Store).about(&why.to_string())
}

/// Whether the store holds other tokens than those of `generation`, put there by another process: in a record made anew the
/// numbers begin again.
pub(super) fn adopts_newer(generation: Option<u64>, shared: &mut Shared) -> bool {
    let newer = shared
        .tokens()
        .is_some_and(|tokens| Some(tokens.generation) != generation);
    if newer {
        shared.note(Decision::NewerGrantAdopted);
    }
    newer
}

/// At rest, with or without tokens.
pub(super) fn at_rest(shared: &Shared) -> Phase {
    if shared.tokens().is_some() {
        Phase::Authorized
    } else {
        Phase::Idle
    }
}

/// Writing a change of the grant. Nothing of it is used before the store has acknowledged it.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavingGrant {
    change: Change,
    then: AfterSaving,
    /// The generation that the change was first made on.
    base: u64,
    tries: u8,
    /// Whether it began in this life of the machine: a claim that an earlier one has written may have led to a request.
    #[serde(skip)]
    begun_here: bool,
}

/// What the writing is for.
#[derive(Serialize, Deserialize)]
pub(super) enum AfterSaving {
    /// The tokens can be used: a person has signed in for them, so that they yield to no others.
    SignedIn,
    /// The tokens can be used.
    Refreshed,
    /// The refresh token may be sent.
    Refresh(Box<Attempt>),
    /// The tokens in use stay as they are.
    Rest,
    /// The client can be used.
    Authorize(Box<Ready>),
    /// Another way to get tokens is needed.
    SignIn(Box<Attempt>),
    /// Another client is needed.
    Register(Box<SignIn>),
    /// That was all that could be done.
    Fail(Failure),
}

impl AfterSaving {
    /// The change is stored.
    fn go_on(self, shared: &mut Shared, rng: &mut dyn Entropy) -> Phase {
        match self {
            Self::SignedIn | Self::Refreshed => Phase::Authorized,
            Self::Rest => at_rest(shared),
            Self::Refresh(attempt) => Refreshing::begin(*attempt, shared),
            Self::Authorize(ready) => authorize::begin(*ready, shared, rng),
            Self::SignIn(attempt) => start::sign_in(*attempt, shared),
            Self::Register(sign_in) => BindingRedirect::begin(sign_in, shared),
            Self::Fail(failure) => shared.fail(failure),
        }
    }
}

impl SavingGrant {
    pub(super) fn begin(change: Change, then: AfterSaving, shared: &Shared) -> Phase {
        Phase::SavingGrant(Box::new(Self {
            change,
            then,
            base: shared.memory.seen,
            tries: 0,
            begun_here: true,
        }))
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        let Some(grant) = &shared.grant else {
            return load(shared);
        };
        let next = grant.clone().with(self.change.clone());
        Task::Store(StoreOp::Save {
            key: shared.grant_key.clone(),
            expected: (grant.generation > 0).then_some(grant.generation),
            generation: next.generation,
            record: next.to_record(&shared.config, &shared.account),
            expires_at: None,
        })
    }

    pub(super) fn stored(
        mut self: Box<Self>,
        result: StoreResult<'_>,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Phase {
        match (result, shared.grant.take()) {
            (StoreResult::Done, Some(grant)) => {
                shared.hold(grant.with(self.change));
                self.then.go_on(shared, rng)
            }
            (StoreResult::Conflict, Some(_)) if self.tries < MAX_STORE_TRIES => {
                // Someone wrote first: read, then adopt or try again.
                shared.note(Decision::StoreConflict);
                self.tries = self.tries.saturating_add(1);
                Phase::SavingGrant(self)
            }
            (result @ StoreResult::Loaded(_), None) => match loaded(result, shared) {
                Ok(()) if self.is_claim() => self.claim_again(shared, rng),
                Ok(()) if self.is_outdone(shared) => {
                    shared.note(Decision::NewerGrantAdopted);
                    Phase::Authorized
                }
                Ok(()) if self.is_released(shared) => self.then.go_on(shared, rng),
                // Written now, the tokens would undo the sign-out.
                Ok(()) if self.is_void(shared) => {
                    shared.fail(Failure::new(Code::FlowTaken, Stage::Store))
                }
                Ok(()) => Phase::SavingGrant(self),
                Err(failure) => self.give_up(failure, shared),
            },
            (StoreResult::Failed, grant) if self.tries < MAX_STORE_TRIES => {
                shared.grant = grant;
                self.tries = self.tries.saturating_add(1);
                Phase::SavingGrant(self)
            }
            (_, grant) => {
                shared.grant = grant;
                self.give_up(store_failed(), shared)
            }
        }
    }

    const fn is_claim(&self) -> bool {
        matches!(self.change, Change::Claim(..))
    }

    /// Whether the claim to be given back is gone already.
    fn is_released(&self, shared: &Shared) -> bool {
        let Change::Release(_, by, _) = &self.change else {
            return false;
        };
        let claim = shared.tokens().and_then(|tokens| tokens.claim);
        claim.is_none_or(|claim| claim.by != *by)
    }

    /// Another process has written before the claim could be, or the store did not tell that it had been. What that process
    /// has left decides.
    fn claim_again(self, shared: &mut Shared, rng: &mut dyn Entropy) -> Phase {
        let (Change::Claim(_, generation, claim), AfterSaving::Refresh(mut attempt)) =
            (self.change, self.then)
        else {
            return at_rest(shared);
        };
        let is_ours = |tokens: &Tokens| tokens.claim == Some(claim);
        if self.begun_here && shared.tokens().is_some_and(is_ours) {
            return Refreshing::begin(*attempt, shared);
        }
        attempt.looks = attempt.looks.saturating_add(1);
        if attempt.looks > MAX_LOOKS {
            return shared.fail(store_failed());
        }
        refresh::decide(Some(generation), *attempt, shared, rng)
    }

    fn give_up(mut self: Box<Self>, failure: Failure, shared: &mut Shared) -> Phase {
        match self.then {
            // What led here matters more than that it could not be noted.
            AfterSaving::Fail(first) => return shared.fail(first),
            // The claim runs out by itself.
            AfterSaving::Rest => return at_rest(shared),
            _ => {}
        }
        if matches!(self.change, Change::PutTokens(..)) {
            // A rotated refresh token exists nowhere else: it is written before anything else happens.
            self.tries = 0;
            start::unsaved(self, shared);
        }
        shared.fail(failure)
    }

    /// Whether another process has stored newer tokens in the meantime, which are as good as ours.
    fn is_outdone(&self, shared: &Shared) -> bool {
        let wants_tokens = matches!(self.then, AfterSaving::Refreshed | AfterSaving::SignIn(_))
            || matches!(self.change, Change::Release(..));
        // Fresh tokens do not yield to expired ones; but where none are left, these can perhaps be refreshed.
        let empty_handed = matches!(self.then, AfterSaving::SignIn(_));
        let newer = |tokens: &Tokens| {
            (tokens.generation > self.base && (empty_handed || tokens.is_good(shared.now(), 0)))
                || self.is_replaced(shared)
        };
        wants_tokens && shared.tokens().is_some_and(newer)
    }

    /// Whether the user has signed out elsewhere since the refreshed tokens were in use.
    fn is_void(&self, shared: &Shared) -> bool {
        let signed_out = |grant: &Grant| grant.signed_out > self.base;
        matches!(self.then, AfterSaving::Refreshed)
            && (shared.grant.as_ref().is_some_and(signed_out) || self.is_replaced(shared))
    }

    /// Whether the record was removed, or is one that was made after the removal.
    fn is_replaced(&self, shared: &Shared) -> bool {
        shared.memory.seen < self.base
    }

    /// Whether the redirect listener is needed once this is done.
    pub(crate) const fn awaits_redirect(&self) -> bool {
        matches!(self.then, AfterSaving::Authorize(_))
    }

    /// Whether the values could have come from here, whoever stored them (LOG-07).
    pub(crate) fn is_plausible(&self, config: &Config) -> bool {
        let reachable = |url: &HttpUrl| url.may_be_reached(config.reach);
        let sign_in = match &self.then {
            AfterSaving::Authorize(ready) => Some(&ready.sign_in),
            AfterSaving::Register(sign_in) => Some(sign_in),
            _ => None,
        };
        let tokens = match &self.change {
            Change::PutTokens(_, tokens) => Some(tokens),
            _ => None,
        };
        self.urls().into_iter().all(reachable)
            && sign_in.is_none_or(|sign_in| sign_in.resource.covers.contains(&config.server))
            && tokens.is_none_or(|tokens| tokens.is_plausible(config))
    }

    pub(super) fn redirect_uri(&self) -> Option<&RedirectUri> {
        match &self.then {
            AfterSaving::Authorize(ready) => Some(&ready.redirect_uri),
            _ => None,
        }
    }

    pub(super) fn urls(&self) -> Vec<&HttpUrl> {
        let mut urls = match &self.then {
            AfterSaving::Authorize(ready) => ready.sign_in.urls(),
            AfterSaving::Register(sign_in) => sign_in.urls(),
            AfterSaving::SignedIn
            | AfterSaving::Refreshed
            | AfterSaving::Refresh(_)
            | AfterSaving::Rest
            | AfterSaving::SignIn(_)
            | AfterSaving::Fail(_) => Vec::new(),
        };
        if let Change::PutTokens(issuer, tokens) = &self.change {
            urls.extend([issuer.url(), &tokens.token_endpoint]);
        }
        urls
    }
}
