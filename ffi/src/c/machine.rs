//! What can be asked of a machine, besides giving it events?

use mcp_oauth_core as core;

use super::boundary::{guard, pointer};
use super::config::ConfigHandle;
use super::describe::Notes;
use super::exclusive::Exclusive;
use super::pending::PendingHandle;
use super::settings::SettingsHandle;
use super::slice::{Buffer, Slice, array};
use super::status::Status;
use super::step::Step;
use crate::entropy::Source;

/// The client half of MCP authorization for one account at one MCP server.
pub struct MachineHandle(pub(super) Exclusive<Inner>);

/// A machine, its randomness, and what the caller has borrowed.
pub(super) struct Inner {
    pub(super) machine: core::Machine,
    pub(super) random: Source,
    pub(super) notes: Notes,
    /// The proof that was drafted last.
    pub(super) draft: Option<core::SignRequest>,
    trace: Trace,
}

/// The decisions taken last.
#[derive(Default)]
struct Trace {
    entries: Vec<TraceEntry>,
    texts: Vec<String>,
}

// SAFETY: the entries point to the texts beside them, which move with them from thread to thread.
unsafe impl Send for Trace {}

/// What the header promises of threads, as far as the compiler can tell.
const _: () = {
    const fn for_every_thread<T: Send + Sync>() {}
    for_every_thread::<ConfigHandle>();
    for_every_thread::<MachineHandle>();
    for_every_thread::<PendingHandle>();
    for_every_thread::<SettingsHandle>();
};

impl Inner {
    fn boxed(machine: core::Machine) -> *mut MachineHandle {
        let mut notes = Notes::default();
        notes.take(&machine);
        Box::into_raw(Box::new(MachineHandle(Exclusive::new(Self {
            machine,
            random: Source::default(),
            notes,
            draft: None,
            trace: Trace::default(),
        }))))
    }
}

/// A decision of the machine, and why it was made. Without secrets.
#[repr(C)]
pub struct TraceEntry {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Its stable name.
    pub name: Slice,
    /// The clause that it rests on.
    pub clause: Slice,
    /// Which deviation or rule of kindness relaxed a check; absent if none did.
    pub deviation: Slice,
    /// In words.
    pub text: Slice,
}

/// A machine that knows nothing yet: its first action reads the stored grant. `account` tells apart several accounts at one
/// server, and is empty for the only one. Give the machine back with `mcp_oauth_machine_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_new(
    config: *const ConfigHandle,
    account: Slice,
    out: *mut *mut MachineHandle,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, config, account) = unsafe {
            (
                pointer::out(out)?,
                pointer::shared(config)?,
                account.utf8()?,
            )
        };
        *out = Inner::boxed(core::Machine::new(config.0.clone(), account));
        Ok(())
    })
}

/// The machine that a snapshot describes, or the pending sign-in of a flow record. The bytes stay yours. Give the machine
/// back with `mcp_oauth_machine_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_resume(
    config: *const ConfigHandle,
    account: Slice,
    snapshot: Slice,
    out: *mut *mut MachineHandle,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, config, account, snapshot) = unsafe {
            (
                pointer::out(out)?,
                pointer::shared(config)?,
                account.utf8()?,
                snapshot.bytes()?,
            )
        };
        *out = Inner::boxed(core::Machine::resume(config.0.clone(), account, snapshot)?);
        Ok(())
    })
}

/// Frees a machine and sets `*machine` to NULL; what was borrowed from it is gone, its secrets are overwritten.
/// `MCP_OAUTH_STATUS_BUSY`, and nothing happens, if another thread is inside a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_free(machine: *mut *mut MachineHandle) -> Status {
    // SAFETY: the head of the header.
    guard(|| unsafe { pointer::free(machine, |handle| handle.0.close()) })
}

/// What to do now, without an event: the same until an event advances the machine. Slices of earlier steps stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_next(
    machine: *const MachineHandle,
    out: *mut Step,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, machine) = unsafe { (pointer::out(out)?, pointer::shared(machine)?) };
        let inner = machine.0.enter()?;
        *out = inner.notes.step(&inner.machine);
        Ok(())
    })
}

/// The key of the record in which the grant is kept: what you watch, to tell of a change with
/// `mcp_oauth_machine_store_changed`. Not secret. Borrowed from the machine until its end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_grant_key(
    machine: *const MachineHandle,
    out: *mut Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, machine) = unsafe { (pointer::out(out)?, pointer::shared(machine)?) };
        *out = Slice::text(machine.0.enter()?.machine.grant_key().as_str());
        Ok(())
    })
}

/// Everything, for `mcp_oauth_machine_resume` in this or another process. Yours: free the buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_snapshot(
    machine: *const MachineHandle,
    out: *mut Buffer,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (out, machine) = unsafe { (pointer::out(out)?, pointer::shared(machine)?) };
        let snapshot = machine.0.enter()?.machine.snapshot();
        *out = Buffer::secret(&snapshot);
        Ok(())
    })
}

/// Takes the decisions made since the last call, oldest first. The array and its slices are borrowed from the machine until
/// the next call of this function; those of steps stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_take_trace(
    machine: *mut MachineHandle,
    entries: *mut *const TraceEntry,
    count: *mut usize,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (entries, count, machine) = unsafe {
            (
                pointer::out(entries)?,
                pointer::out(count)?,
                pointer::shared(machine)?,
            )
        };
        let mut inner = machine.0.enter()?;
        let taken = inner.machine.take_trace();
        let Trace {
            entries: kept,
            texts,
        } = &mut inner.trace;
        kept.clear();
        *texts = taken
            .iter()
            .map(|entry| entry.decision.to_string())
            .collect();
        kept.extend(taken.iter().zip(texts).map(|(entry, text)| TraceEntry {
            at_ms: entry.at.as_millis(),
            name: Slice::text(entry.decision.name()),
            clause: Slice::text(entry.decision.clause()),
            deviation: Slice::optional(entry.decision.deviation()),
            text: Slice::text(text),
        }));
        (*entries, *count) = (array(kept), kept.len());
        Ok(())
    })
}

/// Makes the randomness of a machine that of the transcripts, from the beginning. Only in builds for tests.
#[cfg(feature = "seeded")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_seed(
    machine: *mut MachineHandle,
    seed: Slice,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (machine, seed) = unsafe { (pointer::shared(machine)?, seed.utf8()?) };
        machine.0.enter()?.random = Source::seeded(seed);
        Ok(())
    })
}

/// Hands the randomness of one machine on to the one that takes its place. Only in builds for tests.
#[cfg(feature = "seeded")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_oauth_machine_inherit_seed(
    machine: *mut MachineHandle,
    earlier: *mut MachineHandle,
) -> Status {
    guard(|| {
        // SAFETY: the head of the header.
        let (machine, earlier) = unsafe { (pointer::shared(machine)?, pointer::shared(earlier)?) };
        let mut machine = machine.0.enter()?;
        machine.random = std::mem::take(&mut earlier.0.enter()?.random);
        Ok(())
    })
}
