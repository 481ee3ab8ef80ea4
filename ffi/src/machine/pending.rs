//! Which of the sign-ins of this process does a callback belong to?

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_oauth_core as core;
use mcp_oauth_core::{CallbackText, Timestamp};

/// The sign-ins that wait for a callback in this process, each found by its `state`, once. With each it keeps a number of the
/// host's. What it answers to a state that it does not know, to one that was used before and to one that has expired is the
/// same: nothing.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct PendingSignIns(Mutex<core::Pending<u64>>);

#[uniffi::export]
impl PendingSignIns {
    /// For at most `capacity` sign-ins at once.
    #[uniffi::constructor]
    pub fn new(capacity: u32) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Self(Mutex::new(core::Pending::new(capacity)))
    }

    /// Remembers a sign-in by the `state` of its `OpenUrl`, until it expires. What was remembered by the same state before is
    /// handed out. Those that have expired are dropped: ask for them first, with `take_expired`.
    pub fn insert(
        &self,
        state: &str,
        expires_at_ms: u64,
        value: u64,
        now_ms: u64,
    ) -> Result<Option<u64>, NoRoom> {
        let (end, now) = (
            Timestamp::from_millis(expires_at_ms),
            Timestamp::from_millis(now_ms),
        );
        let inserted = self.inner().insert(state, end, value, now);
        inserted.map_err(|core::pending::Full(_)| NoRoom::Full)
    }

    /// Takes the sign-in that a callback belongs to, by what stood after the `?`; the same callback finds nothing afterwards.
    /// Proves nothing but that the state is known: the machine checks the whole callback.
    pub fn take(&self, query: &str, now_ms: u64) -> Option<u64> {
        let now = Timestamp::from_millis(now_ms);
        self.inner().take(CallbackText::Query(query), now)
    }

    /// As `take`, by the whole URL.
    pub fn take_url(&self, url: &str, now_ms: u64) -> Option<u64> {
        let now = Timestamp::from_millis(now_ms);
        self.inner().take(CallbackText::Url(url), now)
    }

    /// Takes one that has expired: call it until it finds none.
    pub fn take_expired(&self, now_ms: u64) -> Option<u64> {
        self.inner().take_expired(Timestamp::from_millis(now_ms))
    }

    /// Forgets a sign-in that has ended otherwise, and hands it out.
    pub fn forget(&self, state: &str) -> Option<u64> {
        self.inner().forget(state)
    }

    /// How many wait, those that have expired since the last call included.
    pub fn count(&self) -> u64 {
        self.inner().len() as u64
    }
}

impl PendingSignIns {
    fn inner(&self) -> MutexGuard<'_, core::Pending<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is no room for another sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
#[uniffi(flat_error)]
pub enum NoRoom {
    /// As many wait as may.
    #[error("there are as many sign-ins as may wait at once")]
    Full,
}
