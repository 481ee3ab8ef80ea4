//! How are credentials forgotten?

use serde::{Deserialize, Serialize};

use crate::action::Task;
use crate::event::StoreResult;
use crate::grant::{Change, Grant};
use crate::limits::MAX_STORE_TRIES;
use crate::phase::Phase;
use crate::phase::revoke::{self, Revocation, Revoking};
use crate::phase::store::{load, loaded};
use crate::shared::{Shared, store_failed};
use crate::store::StoreOp;
use crate::trace::Decision;
use crate::uri::HttpUrl;

/// How long an empty record tells other processes that everything was forgotten, in milliseconds: longer than any of them
/// goes without looking at the store while it uses tokens.
const FORGOTTEN_MS: u64 = 24 * 3600 * 1000;

/// Forgetting the tokens, and the clients if wished.
#[derive(Serialize, Deserialize)]
pub(crate) struct SigningOut {
    forget_client: bool,
    /// Whether somebody asked for that too, after the tokens alone were to go.
    then_forget_client: bool,
    tries: u8,
    /// What the authorization servers are told once all is forgotten here.
    #[serde(default)]
    revocations: Vec<Revocation>,
}

impl SigningOut {
    /// Begins. The tokens are not used from now on. Where nothing was stored, that is read again: a first record may have
    /// been written in the meantime, by another process or by an answer that is still on its way.
    pub(super) fn begin(forget_client: bool, shared: &mut Shared) -> Phase {
        Self::begin_with(Vec::new(), forget_client, shared)
    }

    /// Begins anew, with what an earlier sign-out has left to be revoked.
    pub(super) fn begin_with(
        revocations: Vec<Revocation>,
        forget_client: bool,
        shared: &mut Shared,
    ) -> Phase {
        shared.grant.take_if(|grant| grant.generation == 0);
        let mut revocations = revocations;
        if let Some(unsaved) = shared.memory.unsaved.take() {
            revocations.extend(unsaved.revocations(&shared.config));
        }
        let mut signing_out = Self {
            forget_client,
            then_forget_client: false,
            tries: 0,
            revocations,
        };
        signing_out.drop_tokens(shared);
        Phase::SigningOut(signing_out)
    }

    /// Forgets the tokens that are known by now, though not what their servers are to be told.
    fn drop_tokens(&mut self, shared: &mut Shared) {
        let Some(grant) = &mut shared.grant else {
            return;
        };
        for revocation in revoke::of_grant(grant, &shared.config) {
            // What could not be written is read again.
            if !self.revocations.contains(&revocation) {
                self.revocations.push(revocation);
            }
        }
        grant.drop_tokens();
    }

    /// Remembers that the clients are to go as well.
    pub(crate) fn join(&mut self, forget_client: bool) {
        self.then_forget_client |= forget_client;
    }

    pub(super) fn urls(&self) -> Vec<&HttpUrl> {
        let urls = self.revocations.iter();
        urls.map(|revocation| &revocation.url).collect()
    }

    pub(super) fn task(&self, shared: &Shared) -> Task {
        let Some(grant) = &shared.grant else {
            return load(shared);
        };
        let next = grant.clone().with(self.change());
        Task::Store(StoreOp::Save {
            key: shared.grant_key.clone(),
            expected: (grant.generation > 0).then_some(grant.generation),
            generation: next.generation,
            record: next.to_record(&shared.config, &shared.account),
            expires_at: self.forget_client.then(|| shared.now().after(FORGOTTEN_MS)),
        })
    }

    const fn change(&self) -> Change {
        if self.forget_client {
            Change::DropAll
        } else {
            Change::DropAllTokens
        }
    }

    pub(super) fn stored(mut self, result: StoreResult<'_>, shared: &mut Shared) -> Phase {
        match (result, shared.grant.take()) {
            (StoreResult::Done, Some(grant)) => {
                let next = grant.with(self.change());
                if self.then_forget_client && !self.forget_client {
                    shared.hold(next);
                    self.forget_client = true;
                    self.tries = 0;
                    return Phase::SigningOut(self);
                }
                signed_out(next, self.revocations, shared)
            }
            (StoreResult::Loaded(None), None) => {
                signed_out(Grant::empty(), self.revocations, shared)
            }
            (result @ StoreResult::Loaded(_), None) => match loaded(result, shared) {
                Ok(()) => {
                    self.drop_tokens(shared);
                    Phase::SigningOut(self)
                }
                Err(failure) => shared.fail(failure),
            },
            (StoreResult::Conflict | StoreResult::Failed, _) if self.tries < MAX_STORE_TRIES => {
                self.tries = self.tries.saturating_add(1);
                Phase::SigningOut(self)
            }
            _ => shared.fail(store_failed()),
        }
    }
}

fn signed_out(grant: Grant, revocations: Vec<Revocation>, shared: &mut Shared) -> Phase {
    shared.hold(grant);
    let memory = &mut shared.memory;
    memory.recovery = Default::default();
    memory.unsaved = None;
    shared.note(Decision::SignedOut);
    Revoking::begin(revocations)
}
