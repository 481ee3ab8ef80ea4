//! Does the router of callbacks do what a plain list would?

use mcp_oauth_core::pending::Full;
use mcp_oauth_core::*;

use crate::interleavings::seeded;

/// The same by looking through a list.
struct List {
    waiting: Vec<(String, u64, usize)>,
    capacity: usize,
}

impl List {
    fn expire(&mut self, now: u64) {
        self.waiting.retain(|(_, end, _)| *end > now);
    }

    fn take(&mut self, state: &str) -> Option<usize> {
        let at = self.waiting.iter().position(|(known, ..)| known == state)?;
        Some(self.waiting.remove(at).2)
    }

    fn insert(
        &mut self,
        state: &str,
        end: u64,
        value: usize,
    ) -> Result<Option<usize>, Full<usize>> {
        let before = self.take(state);
        if self.waiting.len() == self.capacity {
            return Err(Full(value));
        }
        self.waiting.push((state.to_owned(), end, value));
        Ok(before)
    }
}

// RSP-02, RSP-20, ROB-02
#[test]
fn callbacks_find_what_a_plain_list_would_find() {
    for seed in 0..50 {
        let mut choose = seeded(seed);
        let capacity = choose(5);
        let mut pending = Pending::new(capacity);
        let mut list = List {
            waiting: Vec::new(),
            capacity,
        };
        let mut now = 0;
        for value in 0..200 {
            now += choose(3) as u64;
            let at = Timestamp::from_millis(now);
            let state = format!("state-{}", choose(8));
            match choose(4) {
                0 | 1 => {
                    list.expire(now);
                    let end = now + choose(20) as u64;
                    let got = pending.insert(&state, Timestamp::from_millis(end), value, at);
                    assert_eq!(got, list.insert(&state, end, value), "{seed} {value}");
                }
                2 => {
                    list.expire(now);
                    let query = format!("code=c&state={state}");
                    let got = pending.take(CallbackText::Query(&query), at);
                    assert_eq!(got, list.take(&state), "{seed} {value}");
                }
                _ => assert_eq!(pending.forget(&state), list.take(&state), "{seed} {value}"),
            }
            assert_eq!(pending.len(), list.waiting.len(), "{seed} {value}");
        }
    }
}
