//! How does a change of the grant get into the store?

use serde::{Deserialize, Serialize};

use crate::action::Task;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::event::StoreResult;
use crate::grant::{Change, Grant};
use crate::limits::{MAX_LOOKS, MAX_STORE_TRIES};
use crate::phase::client::Ready;
use crate::phase::revoke::{self, Revocation};
use crate::phase::store::{at_rest, load, loaded};
use crate::phase::{Attempt, Phase, Refreshing, SignIn, claim, client, start};
use crate::shared::{Shared, store_failed};
use crate::store::StoreOp;
use crate::tokens::Tokens;
use crate::trace::Decision;
use crate::uri::{HttpUrl, RedirectUri};

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
            Self::Authorize(ready) => ready.go(shared, rng),
            Self::SignIn(attempt) => start::sign_in(*attempt, shared),
            Self::Register(sign_in) => client::begin(sign_in, shared),
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

    /// The tokens that are in no store yet, as what their server is told when they are forgotten.
    pub(super) fn revocations(&self, config: &Config) -> Vec<Revocation> {
        match &self.change {
            Change::PutTokens(issuer, tokens) => revoke::of_tokens(issuer, tokens, config),
            _ => Vec::new(),
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
        claim::decide(Some(generation), *attempt, shared, rng)
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
            AfterSaving::Authorize(ready) => ready.redirect_uri.as_ref(),
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
