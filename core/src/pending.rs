//! Which of many sign-ins does a callback belong to?
//!
//! For a process that waits for several at once: a loopback listener that serves them all, a deep-link handler, a gateway.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::event::CallbackText;
use crate::store;
use crate::time::Timestamp;

/// The sign-ins that wait for a callback in this process, each found by its `state`, once.
///
/// What it answers to a state that it does not know, to one that was used before and to one that has expired is the same:
/// nothing. It holds digests alone, so that how long a look-up takes tells nothing about a state.
pub struct Pending<T> {
    waiting: HashMap<Digest, Waiting<T>, BuildHasherDefault<Prefix>>,
    /// The same, in the order in which they are given up.
    by_end: BTreeSet<(Timestamp, Digest)>,
    capacity: usize,
}

type Digest = [u8; 32];

/// A digest needs no hashing: nobody can choose where it falls.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    // The length, which is the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Waiting<T> {
    expires_at: Timestamp,
    value: T,
}

/// There are as many sign-ins as may wait at once: the value is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> Pending<T> {
    /// For at most `capacity` sign-ins at once.
    pub fn new(capacity: usize) -> Self {
        Self {
            waiting: HashMap::default(),
            by_end: BTreeSet::new(),
            capacity,
        }
    }

    /// Remembers a sign-in by the `state` of its [`OpenUrl`](crate::OpenUrl), until `expires_at`. What was remembered by the
    /// same state before is given back.
    ///
    /// # Errors
    /// [`Full`], if none of those that wait has expired at `now`.
    pub fn insert(
        &mut self,
        state: &str,
        expires_at: Timestamp,
        value: T,
        now: Timestamp,
    ) -> Result<Option<T>, Full<T>> {
        self.expire(now);
        let digest = digest_of(state);
        let before = self.remove(&digest);
        if self.waiting.len() >= self.capacity {
            return Err(Full(value));
        }
        self.by_end.insert((expires_at, digest));
        self.waiting.insert(digest, Waiting { expires_at, value });
        Ok(before)
    }

    /// Takes the sign-in that a callback belongs to; the same callback finds nothing afterwards. Proves nothing but that the
    /// state is known: the machine checks the whole callback.
    pub fn take(&mut self, callback: CallbackText<'_>, now: Timestamp) -> Option<T> {
        self.expire(now);
        let state = store::state_of(callback)?;
        self.remove(&digest_of(&state))
    }

    /// Forgets a sign-in that has ended otherwise.
    pub fn forget(&mut self, state: &str) -> Option<T> {
        self.remove(&digest_of(state))
    }

    /// Drops what has expired at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        while self.take_expired(now).is_some() {}
    }

    /// Takes one that has expired at `now`, before it is dropped: for who keeps more about it elsewhere.
    pub fn take_expired(&mut self, now: Timestamp) -> Option<T> {
        let (at, digest) = self.by_end.first().copied()?;
        if at <= now {
            self.remove(&digest)
        } else {
            None
        }
    }

    /// How many wait, those that have expired since the last call included.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn remove(&mut self, digest: &Digest) -> Option<T> {
        let (known, _) = self.waiting.get_key_value(digest)?;
        if !bool::from(known.ct_eq(digest)) {
            return None;
        }
        let waiting = self.waiting.remove(digest)?;
        self.by_end.remove(&(waiting.expires_at, *digest));
        Some(waiting.value)
    }
}

fn digest_of(state: &str) -> Digest {
    Sha256::digest(state.as_bytes()).into()
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("len", &self.waiting.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const LATER: Timestamp = Timestamp::from_millis(2_000);

    fn waiting(states: &[&str]) -> Pending<usize> {
        let mut pending = Pending::new(2);
        for (n, state) in states.iter().enumerate() {
            assert_eq!(pending.insert(state, LATER, n, NOW), Ok(None));
        }
        pending
    }

    fn query(text: &str) -> CallbackText<'_> {
        CallbackText::Query(text)
    }

    // RSP-02
    #[test]
    fn a_callback_finds_its_sign_in_once() {
        let mut pending = waiting(&["one", "two"]);
        assert_eq!(pending.take(query("code=c&state=two"), NOW), Some(1));
        assert_eq!(pending.take(query("code=c&state=two"), NOW), None);
        assert_eq!(pending.len(), 1);
        let url = "http://127.0.0.1:1/cb?error=access_denied&state=one#x";
        assert_eq!(pending.take(CallbackText::Url(url), NOW), Some(0));
        assert!(pending.is_empty());
    }

    #[test]
    fn what_is_unknown_changes_nothing() {
        let mut pending = waiting(&["one"]);
        for text in ["", "code=c", "state=", "state=other"] {
            assert_eq!(pending.take(query(text), NOW), None, "{text}");
        }
        assert_eq!(pending.len(), 1);
    }

    #[test]
    fn it_is_bounded_and_expires() {
        let mut pending = waiting(&["one", "two"]);
        assert_eq!(pending.insert("three", LATER, 3, NOW), Err(Full(3)));
        assert_eq!(pending.take(query("state=one"), LATER), None);
        assert!(pending.is_empty());
        assert_eq!(pending.insert("three", LATER.after(1), 3, LATER), Ok(None));
    }

    #[test]
    fn what_has_expired_is_handed_over_before_it_is_dropped() {
        let mut pending = waiting(&["one", "two"]);
        assert_eq!(pending.take_expired(NOW), None);
        let mut expired = [pending.take_expired(LATER), pending.take_expired(LATER)];
        expired.sort_unstable();
        assert_eq!(expired, [Some(0), Some(1)]);
        assert_eq!(pending.take_expired(LATER), None);
        assert!(pending.is_empty());
    }

    #[test]
    fn the_same_state_replaces_and_can_be_forgotten() {
        let mut pending = waiting(&["one", "two"]);
        assert_eq!(pending.insert("two", LATER.after(9), 7, NOW), Ok(Some(1)));
        assert_eq!(pending.forget("one"), Some(0));
        assert_eq!(pending.take(query("state=two"), LATER), Some(7));
    }
}
