//! Who of all who share a store refreshes the tokens, and what do the others do?

use serde::{Deserialize, Serialize};

use crate::action::Task;
use crate::entropy::Entropy;
use crate::error::{Code, Failure, Stage};
use crate::grant::Change;
use crate::limits::{CLAIM_MS, MAX_LOOKS, MAX_UNKNOWN_REFRESHES};
use crate::machine::Ignored;
use crate::phase::saving::{AfterSaving, SavingGrant};
use crate::phase::store::{self, Loading, NotAdopted};
use crate::phase::{Attempt, Phase, Reason, Step, start};
use crate::shared::Shared;
use crate::time::Timestamp;
use crate::tokens::{Claim, Tokens};
use crate::trace::Decision;

/// The pause before the first look whether another process has refreshed, in milliseconds. Each one is twice as long as the
/// one before it: nobody waits much longer than the refresh takes.
const FIRST_PAUSE_MS: u64 = 250;

/// How soon tokens that are still good are looked at again while another process refreshes them, in milliseconds.
const NO_HURRY_MS: u64 = 5_000;

/// Begins a refresh, unless the server or the network has asked for patience, and not before the store was read: another
/// process may have tokens.
pub(super) fn begin(attempt: Attempt, shared: &mut Shared) -> Phase {
    if shared.can_renew()
        && let Some(failure) = shared.postponed()
    {
        return shared.fail(failure);
    }
    Phase::Loading(Box::new(Loading::before_refresh(attempt)))
}

/// The grant was read: adopts what another process has stored since tokens of the generation `held` were in use, waits for one
/// that is about to, or claims the refresh. Where nothing can be refreshed, a sign-in begins instead.
pub(super) fn decide(
    held: Option<u64>,
    attempt: Attempt,
    shared: &mut Shared,
    rng: &mut dyn Entropy,
) -> Phase {
    let newer = store::adopts_newer(held, shared);
    let now = shared.now();
    let usable = shared.tokens().is_some_and(|tokens| tokens.is_good(now, 0));
    if newer && usable {
        return Phase::Authorized;
    }
    if shared.tokens().is_none() && attempt.reason == Reason::Renewal {
        // Another process has signed out, and nobody has asked for a token since.
        return Phase::Idle;
    }
    if shared.can_refresh()
        && let Some(failure) = shared.postponed()
    {
        return shared.fail(failure);
    }
    if !may_claim(shared) {
        let attempt = match shared.tokens() {
            // The scopes that a step-up has added are not lost.
            Some(tokens) if shared.renews_itself() => {
                let earlier = tokens.requested.clone();
                shared.memory.renewing = true;
                Attempt {
                    reason: Reason::Renewal,
                    earlier,
                    ..attempt
                }
            }
            _ => Attempt {
                reason: Reason::RefreshRejected,
                ..attempt
            },
        };
        return start::sign_in(attempt, shared);
    }
    if let Some(claim) = claim_of_another(shared) {
        shared.note(Decision::RefreshAwaited);
        if usable && attempt.reason != Reason::TokenRefused {
            let soon = claim.until.min(now.after(NO_HURRY_MS));
            let end = shared.tokens().and_then(|tokens| tokens.expires_at);
            shared.memory.retry_at = Some(end.map_or(soon, |end| soon.min(end)));
            shared.memory.retry_code = None;
            return Phase::Authorized;
        }
        return AwaitingRefresh::begin(attempt, claim.until, shared);
    }
    claim(attempt, shared, rng)
}

/// Whether the refresh token may be sent once more. A claim of our own that is still there may have led to a request whose
/// answer was lost (REF-11).
fn may_claim(shared: &Shared) -> bool {
    let own = |claim: Claim| claim.is_live(shared.now()) && shared.memory.claimed == Some(claim);
    let lost = |tokens: &Tokens| {
        let unknown = tokens.unknown_refreshes(shared.now());
        unknown.saturating_add(tokens.claim.is_some_and(own).into())
    };
    shared.can_refresh() && shared.tokens().map_or(0, lost) < MAX_UNKNOWN_REFRESHES
}

/// The claim of another process, if one holds.
fn claim_of_another(shared: &Shared) -> Option<Claim> {
    let claim = shared.tokens()?.claim?;
    (claim.is_live(shared.now()) && shared.memory.claimed != Some(claim)).then_some(claim)
}

/// Claims the refresh in the store: of all who share it, one alone may send the refresh token.
fn claim(attempt: Attempt, shared: &mut Shared, rng: &mut dyn Entropy) -> Phase {
    let Some(by) = draw(shared, rng) else {
        return shared.fail(Failure::new(Code::EntropyFault, Stage::Refresh));
    };
    let claim = Claim {
        by,
        until: shared.now().after(CLAIM_MS),
    };
    let Some((entry, tokens)) = shared.current_tokens() else {
        return shared.fail(crate::shared::store_failed());
    };
    let change = Change::Claim(entry.issuer.clone(), tokens.generation, claim);
    shared.memory.claimed = Some(claim);
    SavingGrant::begin(change, AfterSaving::Refresh(Box::new(attempt)), shared)
}

/// Draws the mark of a claim. A source that fails, gives nothing but one value, or repeats its last mark is not used (LOG-05).
fn draw(shared: &Shared, rng: &mut dyn Entropy) -> Option<u32> {
    let mut bytes = [0_u8; 8];
    rng.fill(&mut bytes).ok()?;
    let [a, b, c, d, rest @ ..] = bytes;
    let constant = [b, c, d].iter().chain(&rest).all(|byte| *byte == a);
    let mark = u32::from_be_bytes([a, b, c, d]);
    let repeated = shared.memory.claimed.is_some_and(|last| last.by == mark);
    (!constant && !repeated).then_some(mark)
}

/// Waiting for another process's refresh.
#[derive(Serialize, Deserialize)]
pub(crate) struct AwaitingRefresh {
    attempt: Attempt,
    until: Timestamp,
}

impl AwaitingRefresh {
    /// Waits a while, though not beyond `end`, and not for ever.
    fn begin(mut attempt: Attempt, end: Timestamp, shared: &mut Shared) -> Phase {
        if attempt.looks >= MAX_LOOKS {
            return shared.fail(Failure::new(Code::RefreshUnavailable, Stage::Refresh));
        }
        let pause = FIRST_PAUSE_MS << attempt.looks;
        attempt.looks = attempt.looks.saturating_add(1);
        let until = end.min(shared.now().after(pause));
        Phase::AwaitingRefresh(Box::new(Self { attempt, until }))
    }

    pub(super) const fn task(&self) -> Task {
        Task::Wait { until: self.until }
    }

    pub(crate) const fn deadline(&self) -> Timestamp {
        self.until
    }

    pub(super) fn tick(self: Box<Self>, shared: &Shared) -> Step {
        if shared.now() < self.until {
            return Step::Stay(Phase::AwaitingRefresh(self), Ignored::NotDue);
        }
        let mut attempt = self.attempt;
        let claim = shared.tokens().and_then(|tokens| tokens.claim);
        if claim.is_some_and(|claim| claim.until <= shared.now())
            && attempt.outwaited < MAX_UNKNOWN_REFRESHES
        {
            // Of all who have waited for its end, one takes it over: the others wait for that one.
            attempt.outwaited = attempt.outwaited.saturating_add(1);
            attempt.looks = 0;
        }
        Step::Go(Phase::Loading(Box::new(Loading::before_refresh(attempt))))
    }

    /// The store has changed: perhaps there is no need to wait any longer.
    pub(super) fn changed(
        self: Box<Self>,
        record: Option<&[u8]>,
        shared: &mut Shared,
        rng: &mut dyn Entropy,
    ) -> Step {
        let held = shared.tokens().map(|tokens| tokens.generation);
        match store::adopt(record, shared) {
            Ok(()) => Step::Go(decide(held, self.attempt, shared, rng)),
            Err(NotAdopted::Ignored(why)) => Step::Stay(Phase::AwaitingRefresh(self), why),
            Err(NotAdopted::Failed(failure)) => Step::Go(shared.fail(failure)),
        }
    }
}
