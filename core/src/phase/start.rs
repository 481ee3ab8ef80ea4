//! What to do when somebody needs a token?

use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde::{Deserialize, Serialize};

use crate::error::{Code, Failure, Stage};
use crate::grant::Change;
use crate::machine::Ignored;
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::store::{self, Loading, NotAdopted};
use crate::phase::{Attempt, Phase, Reason, ResourceDiscovery, Step, claim};
use crate::scope::ScopeSet;
use crate::shared::Shared;
use crate::trace::Decision;
use crate::uri::HttpUrl;

/// Somebody needs a token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) need: Need,
    /// The generation of the token that the request carried.
    pub(crate) generation: Option<u64>,
}

/// What for.
#[derive(Clone, Hash, Serialize, Deserialize)]
pub(crate) enum Need {
    /// The host says so.
    Connect,
    /// The host says that the token is about to expire.
    Refresh,
    /// A 401.
    Token(Hint),
    /// A 403 with `insufficient_scope`.
    Scopes(Hint),
    /// A 401 whose challenges are more than is accepted.
    TooLarge,
    /// A 401 for a proof without the server's nonce.
    Nonce,
    /// A 401 for a proof that the server refuses.
    Proof,
}

/// What a challenge says beside its status.
#[derive(Clone, Default, Hash, Serialize, Deserialize)]
pub(crate) struct Hint {
    pub(crate) metadata_url: Option<Box<str>>,
    pub(crate) scope: Option<Box<str>>,
    /// Whether there was something in it that cannot be read, or is there twice: nothing was taken from that (PRM-06).
    pub(crate) malformed: bool,
}

impl Need {
    /// Whether it says more than that a token is wanted.
    pub(crate) const fn is_challenge(&self) -> bool {
        !matches!(self, Self::Connect | Self::Refresh)
    }

    /// A number by which the same challenge is known again; 0 for what is none.
    pub(crate) fn mark(&self) -> u64 {
        if !self.is_challenge() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish().max(1)
    }
}

/// Begins a flow from rest, or says why not.
pub(crate) fn from_rest(phase: Phase, trigger: Trigger, shared: &mut Shared) -> Step {
    if let Some(saving) = shared.memory.unsaved.take() {
        return Step::Go(Phase::SavingGrant(saving));
    }
    if let Some(failure) = shared.still_refused(&trigger.need) {
        shared.note(Decision::StillRefused);
        return Step::Go(Phase::Failed(failure));
    }
    let before = std::mem::replace(&mut shared.memory.challenge, trigger.need.mark());
    if shared.grant.is_none() {
        if let Need::Refresh = trigger.need {
            shared.memory.challenge = before;
            return Step::Stay(phase, Ignored::NothingToDo);
        }
        return Step::Go(Phase::Loading(Box::new(Loading::for_trigger(Box::new(
            trigger,
        )))));
    }
    match decide(trigger, shared) {
        Ok(Lead::To(next)) => Step::Go(next),
        Ok(Lead::Refresh(attempt)) => Step::Go(claim::begin(attempt, shared)),
        Err(why) => {
            shared.memory.challenge = before;
            Step::Stay(phase, why)
        }
    }
}

/// Another process has written the grant: adopts it.
pub(crate) fn changed(phase: Phase, record: Option<&[u8]>, shared: &mut Shared) -> Step {
    if let Some(saving) = shared.memory.unsaved.take() {
        return Step::Go(Phase::SavingGrant(saving));
    }
    let held = shared.tokens().map(|tokens| tokens.generation);
    match store::adopt(record, shared) {
        Ok(()) => {
            store::adopts_newer(held, shared);
            Step::Go(store::at_rest(shared))
        }
        Err(NotAdopted::Ignored(why)) => Step::Stay(phase, why),
        Err(NotAdopted::Failed(failure)) => Step::Go(shared.fail(failure)),
    }
}

/// The host brings tokens: they are written like others, and yield to none.
pub(crate) fn provided(change: Change, shared: &mut Shared) -> Phase {
    shared.note(Decision::TokensProvided);
    let mut change = change;
    if let Change::PutTokens(_, tokens) = &mut change {
        tokens.issued_at = shared.now();
    }
    // Tokens that could not be written are of no use any more.
    shared.memory.unsaved = None;
    if shared.grant.is_none() {
        return Phase::Loading(Box::new(Loading::to_keep(change)));
    }
    SavingGrant::begin(change, AfterSaving::SignedIn, shared)
}

/// A deadline has come: refreshes ahead of expiry.
pub(crate) fn tick(phase: Phase, shared: &mut Shared) -> Step {
    let due = refresh_deadline(shared).is_some_and(|at| at <= shared.now());
    if due {
        Step::Go(claim::begin(Attempt::renewal(), shared))
    } else {
        Step::Stay(phase, Ignored::NotDue)
    }
}

/// When the tokens in use are due for refresh.
pub(crate) fn refresh_deadline(shared: &Shared) -> Option<crate::time::Timestamp> {
    if !shared.can_renew() {
        return None;
    }
    let at = shared
        .tokens()?
        .refresh_at(shared.config.settings.refresh_skew_ms)?;
    Some(shared.memory.retry_at.map_or(at, |retry| retry.max(at)))
}

/// What a trigger leads to.
pub(super) enum Lead {
    To(Phase),
    /// A refresh, which begins with reading the grant, unless that has just been done.
    Refresh(Attempt),
}

/// What a trigger leads to, now that the grant is known.
pub(super) fn decide(trigger: Trigger, shared: &mut Shared) -> Result<Lead, Ignored> {
    let now = shared.now();
    let skew = shared.config.settings.refresh_skew_ms;
    let held = shared.tokens().map(|tokens| {
        (
            tokens.generation,
            tokens.is_good(now, 0),
            tokens.is_good(now, skew),
        )
    });
    let usable = held.is_some_and(|(_, usable, _)| usable);
    if shared.renews_itself()
        && !usable
        && let Some(failure) = shared.postponed()
    {
        return Ok(Lead::To(shared.fail_again(failure)));
    }
    match trigger.need {
        Need::Connect => match held {
            Some((_, _, true)) => Ok(Lead::To(Phase::Authorized)),
            Some((_, true, _)) if !shared.can_renew() || shared.is_early() => {
                Ok(Lead::To(Phase::Authorized))
            }
            Some(_) if shared.renews_itself() => Ok(Lead::Refresh(Attempt::default())),
            _ if shared.holds_refresh_token() => Ok(Lead::Refresh(Attempt::default())),
            _ => {
                shared.note(Decision::StartedWithoutChallenge);
                Ok(Lead::To(sign_in(Attempt::default(), shared)))
            }
        },
        Need::Refresh => match held {
            _ if !shared.can_renew() => Err(Ignored::NothingToDo),
            // Several requests may have found the same token due; one refresh serves them all (REF-05).
            Some((_, _, true)) => Err(Ignored::NotDue),
            Some((_, true, _)) if shared.is_early() => Err(Ignored::NotDue),
            _ => Ok(Lead::Refresh(Attempt::renewal())),
        },
        Need::TooLarge => {
            let failure = Failure::new(Code::BadChallenge, Stage::ResourceDiscovery);
            Ok(Lead::To(shared.fail(failure)))
        }
        // The proof was good but for the nonce: what the host has handed over since goes into the next one (RFC 9449 §9).
        Need::Nonce if usable && shared.memory.nonces.of_resource().is_some() => {
            Err(Ignored::Superseded)
        }
        // Of a token that has gone meanwhile, no proof would have been good.
        Need::Nonce | Need::Proof if !usable => {
            let need = Need::Token(Hint::default());
            decide(Trigger { need, ..trigger }, shared)
        }
        Need::Nonce | Need::Proof => {
            let current =
                held.is_some_and(|(generation, ..)| trigger.generation == Some(generation));
            if !current {
                return Err(Ignored::Superseded);
            }
            let failure = Failure::new(Code::ProofRejected, Stage::Use);
            Ok(Lead::To(shared.fail(failure)))
        }
        Need::Token(hint) => {
            let current =
                held.is_some_and(|(generation, ..)| trigger.generation == Some(generation));
            if let Some((_, true, _)) = held
                && !current
            {
                return Err(Ignored::Superseded);
            }
            shared.note(Decision::ChallengeRead(401));
            let mut attempt = match attempt(&hint, shared) {
                Ok(attempt) => attempt,
                Err(failure) => return Ok(Lead::To(shared.fail(failure))),
            };
            match held {
                // Refused while it should be good: the resource may have moved (PRM-23), so ask it first.
                Some((_, true, _)) => {
                    shared.token_refused();
                    attempt.reason = Reason::TokenRefused;
                    Ok(Lead::To(sign_in(attempt, shared)))
                }
                Some(_) if shared.holds_refresh_token() || shared.renews_itself() => {
                    Ok(Lead::Refresh(attempt))
                }
                _ => Ok(Lead::To(sign_in(attempt, shared))),
            }
        }
        Need::Scopes(hint) => {
            let Some((generation, ..)) = held else {
                let need = Need::Token(hint);
                return decide(Trigger { need, ..trigger }, shared);
            };
            if trigger.generation != Some(generation) {
                return Err(Ignored::Superseded);
            }
            shared.note(Decision::ChallengeRead(403));
            Ok(Lead::To(match step_up(&hint, shared) {
                Ok(attempt) => sign_in(attempt, shared),
                Err(failure) => shared.fail(failure),
            }))
        }
    }
}

/// Begins a sign-in, with discovery where that is needed.
pub(crate) fn sign_in(attempt: Attempt, shared: &mut Shared) -> Phase {
    ResourceDiscovery::begin(attempt, shared)
}

/// A flow for what a challenge names.
fn attempt(hint: &Hint, shared: &mut Shared) -> Result<Attempt, Failure> {
    if hint.malformed {
        shared.note(Decision::ChallengeMalformed);
    }
    let metadata_url = hint.metadata_url.as_deref();
    Ok(Attempt {
        demanded: demanded(hint.scope.as_deref())?,
        metadata_url: metadata_url.and_then(|raw| challenge_url(raw, shared)),
        ..Attempt::default()
    })
}

/// A flow for more scopes than the tokens in use were asked for, within bounds.
fn step_up(hint: &Hint, shared: &mut Shared) -> Result<Attempt, Failure> {
    let mut attempt = attempt(hint, shared)?;
    attempt.reason = Reason::StepUp;
    if let Some(tokens) = shared.tokens() {
        attempt.earlier = tokens.requested.clone();
    }
    let wanted = match &attempt.demanded {
        Some(demanded) => attempt.earlier.union(demanded).map_err(too_many)?,
        None => attempt.earlier.clone(),
    };
    let Some(key) = shared.may_step_up(&wanted) else {
        let failure = Failure::new(Code::StepUpExhausted, Stage::Use);
        return Err(failure.about(wanted.as_str()));
    };
    attempt.step_up = Some(key);
    Ok(attempt)
}

/// The scopes of a challenge; an empty list names none.
fn demanded(scope: Option<&str>) -> Result<Option<ScopeSet>, Failure> {
    let Some(list) = scope else {
        return Ok(None);
    };
    let set = ScopeSet::parse(list).map_err(too_many)?;
    Ok((!set.is_empty()).then_some(set))
}

pub(super) fn too_many(_: crate::scope::TooManyScopes) -> Failure {
    Failure::new(Code::TooManyScopes, Stage::Authorization)
}

/// The metadata URL of a challenge, if it may be asked: absolute, and within the URL policy (RFC 9728 §5.1).
fn challenge_url(raw: &str, shared: &mut Shared) -> Option<HttpUrl> {
    match HttpUrl::parse(raw, shared.config.reach) {
        Err(fault) => {
            shared.note(Decision::MetadataUrlRefused(fault));
            None
        }
        Ok(url) => {
            let config = &shared.config;
            if config.deviations().same_origin_metadata && !url.same_origin(&config.server) {
                shared.note(Decision::MetadataUrlElsewhere);
                return None;
            }
            Some(url)
        }
    }
}

/// After tokens were written that the store would not take at first: back to rest.
pub(crate) fn unsaved(saving: Box<SavingGrant>, shared: &mut Shared) {
    shared.memory.unsaved = Some(saving);
}
