//! How does the grant come from the store, and what is made of what another process has left there?

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::action::Task;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, RecordError, Stage};
use crate::event::StoreResult;
use crate::grant::{Change, Grant};
use crate::machine::Ignored;
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::start::{self, Lead, Trigger};
use crate::phase::{Attempt, Phase, claim};
use crate::shared::{Shared, store_failed};
use crate::store::StoreOp;
use crate::trace::Decision;
use crate::uri::Issuer;

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
                    claim::decide(held, attempt, shared, rng)
                }
                Err(_) => at_rest(shared),
            },
            AfterLoading::Refresh(attempt) => claim::decide(held, *attempt, shared, rng),
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
