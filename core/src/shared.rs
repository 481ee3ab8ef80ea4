//! What do all phases know?

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::arc_str::ArcStr;
use crate::config::Config;
use crate::error::{Advice, Code, Failure, Stage};
use crate::grant::{Entry, Grant};
use crate::limits::{MAX_STEP_UPS, MAX_UNKNOWN_REFRESHES, QUIET_MS, STEP_UP_HOLD_MS};
use crate::phase::{Need, Nonces, Phase, SavingGrant};
use crate::scope::ScopeSet;
use crate::settings::DpopUse;
use crate::store::StoreKey;
use crate::time::Timestamp;
use crate::tokens::{Claim, Tokens};
use crate::trace::{Decision, Trace};

/// Sets of scopes whose step-ups are remembered.
const MAX_STEP_UP_SETS: usize = 16;

/// How old a token is, at most, when its refusal counts as refusal of a new token: two minutes.
const NEW_TOKEN_MS: u64 = 120_000;

/// Everything that outlives a phase.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) account: Box<str>,
    /// Where the grant is kept.
    pub(crate) grant_key: StoreKey,
    /// `None`: not read yet, or no longer known.
    pub(crate) grant: Option<Grant>,
    pub(crate) memory: Memory,
    /// The host's clock as it is, for what others compare with theirs: unlike [`Memory::now`] it may go backwards.
    pub(crate) wall: Timestamp,
    pub(crate) trace: Trace,
}

/// The part of [`Shared`] that a snapshot keeps beside the grant.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The latest time that was seen.
    pub(crate) now: Timestamp,
    /// The generation of the grant when it was last read or written.
    pub(crate) seen: u64,
    /// No refresh before this time.
    pub(crate) retry_at: Option<Timestamp>,
    /// What the last refresh failed with, as long as `retry_at` holds; `None` where another process is refreshing.
    pub(crate) retry_code: Option<Code>,
    /// Whether the flow under way is to replace tokens that nobody has refused, by the grant that they came from.
    #[serde(default)]
    pub(crate) renewing: bool,
    /// The last claim that was made here.
    #[serde(default)]
    pub(crate) claimed: Option<Claim>,
    /// What was already tried about tokens that the server refuses.
    pub(crate) recovery: Recovery,
    step_ups: Vec<StepUps>,
    /// A digest of the last random bytes, to notice a source that repeats itself.
    pub(crate) last_draw: u64,
    /// The last `jti`, for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_id: Option<Box<str>>,
    /// Tokens that the store would not take: written before anything else.
    pub(crate) unsaved: Option<Box<SavingGrant>>,
    /// What the challenge said that began the last flow, as a number; 0 where none did.
    #[serde(default)]
    pub(crate) challenge: u64,
    #[serde(default)]
    quiet: Option<Box<Quiet>>,
    /// What proofs must name, as the servers have said last.
    #[serde(default, skip_serializing_if = "Nonces::is_empty")]
    pub(crate) nonces: Nonces,
}

/// A challenge that led nowhere, where trying again by itself cannot help.
#[derive(Serialize, Deserialize)]
struct Quiet {
    challenge: u64,
    /// Whether it would be the same whatever the challenge: the grant itself was refused.
    #[serde(default)]
    all: bool,
    until: Timestamp,
    failure: Failure,
}

/// After a 401 with a current token: refresh at most once, then authorize at most once, then fail (USE-06); at another server
/// anew, a few times at most.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    pub(crate) refreshed: bool,
    pub(crate) authorized: bool,
    /// How often the resource has named another server meanwhile.
    #[serde(default)]
    pub(crate) moves: u8,
}

/// How often a set of scopes was asked for because of a 403.
#[derive(Serialize, Deserialize)]
struct StepUps {
    scopes: u64,
    count: u8,
    last: Timestamp,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        self.memory.now
    }

    pub(crate) fn note(&mut self, decision: Decision) {
        self.trace.push(self.memory.now, decision);
    }

    /// Ends the flow.
    pub(crate) fn fail(&mut self, failure: Failure) -> Phase {
        self.note(Decision::Failed(failure.code()));
        let renewing = std::mem::take(&mut self.memory.renewing);
        let lasting = matches!(failure.code(), Code::NoMetadata | Code::NeedsUser)
            && self.memory.challenge != 0;
        let refused = self.renews_itself() && is_refusal(&failure);
        if lasting || refused {
            let until = self.now().after(QUIET_MS);
            self.memory.quiet = Some(Box::new(Quiet {
                challenge: self.memory.challenge,
                all: refused,
                until,
                failure: failure.clone(),
            }));
            if refused {
                self.memory.retry_at = Some(until);
                self.memory.retry_code = None;
            }
        }
        if self.renews_itself()
            && is_passing(&failure)
            && let Advice::RetryAfter(wait) = failure.advice()
        {
            // Nobody is asked before a grant is used again: each request would ask the servers.
            self.memory.retry_at = Some(self.now().after(wait));
            self.memory.retry_code = Some(failure.code());
            if renewing && self.holds_good_tokens() {
                // Nobody has to know yet.
                return Phase::Authorized;
            }
        }
        Phase::Failed(failure)
    }

    fn holds_good_tokens(&self) -> bool {
        let good = |tokens: &Tokens| tokens.is_good(self.now(), 0);
        self.tokens().is_some_and(good)
    }

    /// Ends a flow that has not begun, since it is too early for one.
    pub(crate) fn fail_again(&mut self, failure: Failure) -> Phase {
        self.note(Decision::Failed(failure.code()));
        Phase::Failed(failure)
    }

    /// The failure that the same challenge has just led to, where another try could not lead elsewhere: each of a hundred
    /// requests would make the same ones. A host that asks by itself gets a new try.
    pub(crate) fn still_refused(&self, need: &Need) -> Option<Failure> {
        let quiet = self.memory.quiet.as_ref()?;
        let same = match need {
            Need::Connect => false,
            // There is no hurry yet.
            Need::Refresh if self.holds_good_tokens() => false,
            need => quiet.all || need.mark() == quiet.challenge,
        };
        (same && self.now() < quiet.until).then(|| quiet.failure.clone())
    }

    /// The tokens in use. Those whose key is gone are as good as none (DPP-12).
    pub(crate) fn tokens(&self) -> Option<&Tokens> {
        self.current_tokens().map(|(_, tokens)| tokens)
    }

    /// The tokens in use, and what holds them.
    pub(crate) fn current_tokens(&self) -> Option<(&Entry, &Tokens)> {
        let entry = self.grant.as_ref()?.current()?;
        let tokens = entry.tokens.as_deref()?;
        let usable = match &tokens.bound_to {
            // With `always`, a token that anybody can use is none.
            None => self.config.settings.dpop != DpopUse::Always,
            Some(key) => self.config.bound_key(key).is_some(),
        };
        usable.then_some((entry, tokens))
    }

    /// Whether tokens are renewed by the grant that they came from, without asking anybody.
    pub(crate) fn renews_itself(&self) -> bool {
        self.config.settings.grant.needs_no_user()
    }

    /// Whether new tokens can be had in place of the ones in use, without a person.
    pub(crate) fn can_renew(&self) -> bool {
        self.can_refresh() || (self.renews_itself() && self.tokens().is_some())
    }

    /// Takes a grant that was read from or written to the store. What is known of refreshes does not concern newer tokens.
    pub(crate) fn hold(&mut self, grant: Grant) {
        if grant
            .tokens()
            .is_some_and(|tokens| tokens.generation > self.memory.seen)
        {
            self.memory.retry_at = None;
            self.memory.quiet = None;
        }
        self.memory.seen = grant.generation;
        self.memory.renewing = false;
        self.grant = Some(grant);
    }

    /// Whether a refresh token is held that may be sent: too many refreshes of unknown outcome, and sending it again looks
    /// like theft (REF-11).
    pub(crate) fn can_refresh(&self) -> bool {
        let known = |tokens: &Tokens| tokens.unknown_refreshes(self.now()) < MAX_UNKNOWN_REFRESHES;
        self.holds_refresh_token() && self.tokens().is_some_and(known)
    }

    /// Whether a refresh token is held together with the client that it was issued to, and the key that goes with it.
    pub(crate) fn holds_refresh_token(&self) -> bool {
        if self.renews_itself() {
            // What a person has granted once is not what a client acts on by itself.
            return false;
        }
        self.current_tokens().is_some_and(|(entry, tokens)| {
            let known = |key: &ArcStr| self.config.bound_key(key).is_some();
            tokens.refresh_token.is_some()
                && tokens.client.is_known(&entry.issuer, &self.config)
                && tokens.refresh_key().is_none_or(known)
        })
    }

    /// Whether good tokens are not refreshed yet: the last refresh has failed, or another process is at it.
    pub(crate) fn is_early(&self) -> bool {
        self.memory.retry_at.is_some_and(|at| at > self.now())
    }

    /// Why tokens may not be renewed now, if the server or the network has asked for patience.
    pub(crate) fn postponed(&self) -> Option<Failure> {
        let retry_at = self.memory.retry_at.filter(|_| self.is_early())?;
        let wait = retry_at.millis_since(self.now());
        let code = self.memory.retry_code?;
        let stage = if self.renews_itself() {
            Stage::Grant
        } else {
            Stage::Refresh
        };
        Some(Failure::new(code, stage).advising(Advice::RetryAfter(wait)))
    }

    /// Begins the count anew, if the refused token had been good for a while.
    pub(crate) fn token_refused(&mut self) {
        self.note(Decision::TokenRefused);
        let old = self
            .tokens()
            .is_some_and(|tokens| self.now().millis_since(tokens.issued_at) > NEW_TOKEN_MS);
        if old {
            self.memory.recovery = Recovery::default();
        }
    }

    /// What a step-up for these scopes is remembered by; `None` if there were enough (SCP-04).
    pub(crate) fn may_step_up(&mut self, scopes: &ScopeSet) -> Option<u64> {
        let key = scopes_key(scopes);
        let now = self.now();
        let sets = &mut self.memory.step_ups;
        sets.retain(|set| now.millis_since(set.last) < STEP_UP_HOLD_MS);
        let count = sets
            .iter()
            .find(|set| set.scopes == key)
            .map_or(0, |set| set.count);
        if count >= MAX_STEP_UPS {
            return None;
        }
        self.note(Decision::StepUp(count.saturating_add(1).into()));
        Some(key)
    }

    /// Counts a step-up for which the user is sent away, or on which a server has decided: one that a passing fault ended
    /// before is none.
    pub(crate) fn count_step_up(&mut self, key: Option<u64>) {
        if let Some(key) = key {
            self.remember_step_up(key, |count| count.saturating_add(1));
        }
    }

    /// Remembers that a person refused these scopes: they are not asked again for a while.
    pub(crate) fn refuse_step_up(&mut self, key: Option<u64>) {
        if let Some(key) = key {
            self.remember_step_up(key, |_| MAX_STEP_UPS);
        }
    }

    fn remember_step_up(&mut self, scopes: u64, count: impl FnOnce(u8) -> u8) {
        let last = self.now();
        let sets = &mut self.memory.step_ups;
        let known = sets.iter().position(|set| set.scopes == scopes);
        let before = known.map_or(0, |position| sets.remove(position).count);
        sets.truncate(MAX_STEP_UP_SETS.saturating_sub(1));
        sets.insert(
            0,
            StepUps {
                scopes,
                count: count(before),
                last,
            },
        );
    }
}

/// Whether a grant that asks nobody may be tried again soon.
fn is_passing(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        Code::DiscoveryUnavailable | Code::GrantUnavailable
    )
}

/// Whether a grant that asks nobody would fail again if it were tried at once.
fn is_refusal(failure: &Failure) -> bool {
    let in_grant = matches!(
        failure.stage(),
        Stage::ResourceDiscovery
            | Stage::ServerDiscovery
            | Stage::Registration
            | Stage::Grant
            | Stage::IdentityExchange
    );
    let by_host = matches!(failure.code(), Code::Cancelled | Code::EntropyFault);
    in_grant && !by_host && !is_passing(failure)
}

fn scopes_key(scopes: &ScopeSet) -> u64 {
    let digest = Sha256::digest(scopes.as_str().as_bytes());
    let mut first = [0_u8; 8];
    for (to, from) in first.iter_mut().zip(digest) {
        *to = from;
    }
    u64::from_be_bytes(first)
}

/// A failure of the host's store.
pub(crate) fn store_failed() -> Failure {
    Failure::new(Code::StoreFailed, Stage::Store)
}
