//! Which of the sign-ins of this process does a callback belong to?

use mcp_oauth_core::pending::Full;
use mcp_oauth_core::{Pending, Timestamp};

use super::boundary::{guard, pointer};
use super::events::CallbackForm;
use super::exclusive::{Entered, Exclusive};
use super::slice::Slice;
use super::status::Status;

/// The sign-ins that wait for a callback in this process, each found by its `state`, once: for a listener that serves several,
/// a deep-link handler or a gateway. What it answers to a state that it does not know, to one that was used before and to one
/// that has expired is the same: nothing.
///
/// With each of them it keeps a number of yours, the place of the sign-in in a table for instance.
pub struct PendingHandle(Exclusive<Pending<u64>>);

/// A sign-in that waited.
#[repr(C)]
#[derive(Default)]
pub struct Waiting {
    /// Your number.
    pub value: u64,
    /// Whether there was one: 1, or 0.
    pub found: u32,
    /// Always 0.
    pub reserved: u32,
}

impl From<Option<u64>> for Waiting {
    fn from(value: Option<u64>) -> Self {
        Self {
            value: value.unwrap_or(0),
            found: value.is_some().into(),
            reserved: 0,
        }
    }
}

/// For at most `capacity` sign-ins at once. Give it back with `mcp_oauth_pending_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_new(
    capacity: usize,
    out: *mut *mut PendingHandle,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let out = unsafe { pointer::out(out)? };
        let handle = PendingHandle(Exclusive::new(Pending::new(capacity)));
        *out = Box::into_raw(Box::new(handle));
        Ok(())
    })
}

/// Forgets all that wait and sets `*pending` to NULL. `MCP_OAUTH_STATUS_BUSY`, and nothing happens, if another thread is
/// inside a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_free(pending: *mut *mut PendingHandle) -> Status {
    // SAFETY: the head of the header.
    guard(|| unsafe { pointer::free(pending, |handle| handle.0.close()) })
}

/// One call, from entering the handle to the sign-in that it is about.
unsafe fn find(
    pending: *mut PendingHandle,
    out: *mut Waiting,
    find: impl FnOnce(&mut Entered<'_, Pending<u64>>) -> Result<Option<u64>, Status>,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, pending) = unsafe { (pointer::out(out)?, pointer::shared(pending)?) };
        *out = find(&mut pending.0.enter()?)?.into();
        Ok(())
    })
}

/// Remembers a sign-in by the `state` of its `MCP_OAUTH_KIND_OPEN_URL`, until `expires_at_ms`: the `deadline_ms` of that step.
/// What was remembered by the same state before is handed out. `MCP_OAUTH_STATUS_FULL` if none of those that wait has expired;
/// those that have are dropped, so that you ask for them first with `mcp_oauth_pending_take_expired` if you must know.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_insert(
    pending: *mut PendingHandle,
    state: Slice,
    expires_at_ms: u64,
    value: u64,
    now_ms: u64,
    before: *mut Waiting,
) -> Status {
    let (end, now) = (
        Timestamp::from_millis(expires_at_ms),
        Timestamp::from_millis(now_ms),
    );
    // SAFETY: the head of the header.
    unsafe {
        find(pending, before, |pending| {
            let inserted = pending.insert(state.utf8()?, end, value, now);
            inserted.map_err(|Full(_)| Status::Full)
        })
    }
}

/// Takes the sign-in that a callback belongs to, given as the `mcp_oauth_callback_form` says; the same callback finds nothing
/// afterwards. Proves nothing but that the state is known: the machine checks the whole callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_take(
    pending: *mut PendingHandle,
    form: i32,
    text: Slice,
    now_ms: u64,
    out: *mut Waiting,
) -> Status {
    // SAFETY: the head of the header.
    unsafe {
        find(pending, out, |pending| {
            let callback = CallbackForm::of(form, text.utf8()?)?;
            Ok(pending.take(callback, Timestamp::from_millis(now_ms)))
        })
    }
}

/// Takes one that has expired: call it until it finds none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_take_expired(
    pending: *mut PendingHandle,
    now_ms: u64,
    out: *mut Waiting,
) -> Status {
    let now = Timestamp::from_millis(now_ms);
    // SAFETY: the head of the header.
    unsafe { find(pending, out, |pending| Ok(pending.take_expired(now))) }
}

/// Forgets a sign-in that has ended otherwise, and hands it out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_forget(
    pending: *mut PendingHandle,
    state: Slice,
    out: *mut Waiting,
) -> Status {
    // SAFETY: the head of the header.
    unsafe { find(pending, out, |pending| Ok(pending.forget(state.utf8()?))) }
}

/// How many wait, those that have expired since the last call included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_pending_len(
    pending: *const PendingHandle,
    out: *mut usize,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, pending) = unsafe { (pointer::out(out)?, pointer::shared(pending)?) };
        *out = pending.0.enter()?.len();
        Ok(())
    })
}
