//! What if two threads enter one handle at once?

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, Ordering};

use super::status::Status;

const FREE: u8 = 0;
const ENTERED: u8 = 1;
/// A call panicked inside: what it left behind is good for nothing.
const BROKEN: u8 = 2;

/// A value that one call at a time may enter. The others are told so and do not wait: a host that needs to wait has a lock
/// of its own, with its own rules of fairness and cancelling.
pub(super) struct Exclusive<T> {
    state: AtomicU8,
    value: UnsafeCell<T>,
}

// SAFETY: only the one call that has set `ENTERED` reaches the value.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    pub(super) const fn new(value: T) -> Self {
        Self {
            state: AtomicU8::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    pub(super) fn enter(&self) -> Result<Entered<'_, T>, Status> {
        match self
            .state
            .compare_exchange(FREE, ENTERED, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => Ok(Entered(self)),
            Err(BROKEN) => Err(Status::Panicked),
            Err(_) => Err(Status::Busy),
        }
    }

    /// Whether nobody is inside, and so the value may be dropped; from then on nobody gets in.
    pub(super) fn close(&self) -> Result<(), Status> {
        match self.state.swap(ENTERED, Ordering::Acquire) {
            ENTERED => Err(Status::Busy),
            _ => Ok(()),
        }
    }
}

/// The call that is inside.
pub(super) struct Entered<'a, T>(&'a Exclusive<T>);

impl<T> Deref for Entered<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this call alone is inside.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Entered<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this call alone is inside.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        let state = if std::thread::panicking() {
            BROKEN
        } else {
            FREE
        };
        self.0.state.store(state, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c::boundary::guard;

    // ROB-09
    #[test]
    fn one_call_at_a_time_gets_in() {
        let handle = Exclusive::new(1);
        let inside = handle.enter().ok();
        assert!(inside.is_some());
        assert_eq!(handle.enter().err(), Some(Status::Busy));
        assert_eq!(handle.close(), Err(Status::Busy));
        drop(inside);
        assert_eq!(handle.enter().map(|value| *value), Ok(1));
        assert_eq!(handle.close(), Ok(()));
        assert_eq!(handle.enter().err(), Some(Status::Busy));
    }

    // ROB-09
    #[test]
    fn a_handle_in_which_a_call_panicked_can_only_be_freed() {
        let handle = Exclusive::new(1);
        let status = guard(|| {
            let _inside = handle.enter()?;
            panic!("a defect, for this test")
        });
        assert_eq!(status, Status::Panicked);
        assert_eq!(handle.enter().err(), Some(Status::Panicked));
        assert_eq!(handle.close(), Ok(()));
    }
}
