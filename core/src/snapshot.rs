//! How does a machine get from one process to another?

use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::action::ActionId;
use crate::config::Config;
use crate::error::{Failure, RecordError};
use crate::grant::Grant;
use crate::phase::{AwaitingDevice, Kept, Pending, Phase};
use crate::secret::SecretBytes;
use crate::shared::{Memory, Shared};
use crate::store::{self, FLOW_FORMAT, StoreKey};
use crate::summary::FlowSummary;
use crate::trace::Trace;
use crate::wire::json::Text;

/// The generation of every snapshot and flow record: each is written once.
pub(crate) const GENERATION: u64 = 1;

/// What is written; `S` is always borrowed, the others on the way out only.
#[derive(Serialize, Deserialize)]
struct Body<S, M, G, P> {
    server_url: S,
    account: S,
    last_id: u64,
    requests: u8,
    memory: M,
    /// The grant record, as it would be stored; absent in a flow record, which is of no use to a thief of tokens.
    #[serde(default = "Option::default")]
    grant: Option<G>,
    phase: P,
}

/// A phase by reference, written as [`Phase`] is.
#[derive(Serialize)]
enum PhaseRef<'a> {
    AwaitingCallback(&'a Pending),
    AwaitingDevice(&'a AwaitingDevice),
    SignedOut,
    Failed(&'a Failure),
}

/// A machine, put together again.
pub(crate) struct Resumed {
    pub(crate) shared: Shared,
    pub(crate) phase: Phase,
    pub(crate) last_id: ActionId,
    pub(crate) requests: u8,
}

/// Writes a whole machine.
pub(crate) fn write(
    shared: &Shared,
    phase: &Phase,
    last_id: ActionId,
    requests: u8,
) -> SecretBytes {
    let interrupted;
    let phase = match phase.without_proofs() {
        Kept::Whole => return seal(shared, phase, last_id, requests, true),
        Kept::SignedOut => PhaseRef::SignedOut,
        Kept::Waiting(waiting) => PhaseRef::AwaitingDevice(waiting),
        Kept::Nothing(failure) => {
            interrupted = failure;
            PhaseRef::Failed(&interrupted)
        }
    };
    seal(shared, phase, last_id, requests, true)
}

/// Writes the flow record of a pending sign-in: the machine as it will be when the user has been sent away.
pub(crate) fn write_pending(shared: &Shared, pending: &Pending, id: ActionId) -> SecretBytes {
    seal(shared, PhaseRef::AwaitingCallback(pending), id, 0, false)
}

fn seal(
    shared: &Shared,
    phase: impl Serialize,
    last_id: ActionId,
    requests: u8,
    with_grant: bool,
) -> SecretBytes {
    let body = Body {
        server_url: shared.config.server_url(),
        account: &*shared.account,
        last_id: last_id.get(),
        requests,
        memory: &shared.memory,
        grant: shared.grant.as_ref().filter(|_| with_grant),
        phase,
    };
    store::seal(FLOW_FORMAT, GENERATION, &body)
}

/// Describes the record of a pending sign-in, whosoever's it is.
pub(crate) fn describe(record: &[u8]) -> Result<FlowSummary, RecordError> {
    type Read<'a> = Body<Text<'a>, IgnoredAny, IgnoredAny, Phase>;
    let (_, body): (u64, Read<'_>) = store::open(FLOW_FORMAT, record)?;
    match body.phase {
        Phase::AwaitingCallback(pending) => Ok(FlowSummary {
            server_url: body.server_url.0.into(),
            account: body.account.0.into(),
            expires_at: pending.expires_at,
        }),
        _ => Err(RecordError::Malformed),
    }
}

/// Reads a snapshot or flow record; its values are checked like any input (LOG-07).
pub(crate) fn read(
    bytes: &[u8],
    config: Arc<Config>,
    account: &str,
) -> Result<Resumed, RecordError> {
    type Read<'a> = Body<Text<'a>, Memory, Grant, Phase>;
    let (_, body): (u64, Read<'_>) = store::open(FLOW_FORMAT, bytes)?;
    let ours = body.server_url.0 == config.server_url() && body.account.0 == account;
    if !ours || body.last_id == 0 {
        return Err(RecordError::Foreign);
    }
    if let Some(grant) = &body.grant {
        grant.check(&config)?;
    }
    let resumed = Resumed {
        shared: Shared {
            grant_key: StoreKey::grant(account, config.server_url()),
            config,
            account: account.into(),
            grant: body.grant,
            wall: body.memory.now,
            memory: body.memory,
            trace: Trace::default(),
        },
        phase: match body.phase {
            Phase::Refreshing(phase) => phase.interrupted(),
            Phase::Signing(phase) => phase.interrupted(),
            phase => phase,
        },
        last_id: ActionId(body.last_id),
        requests: body.requests,
    };
    let Resumed { shared, phase, .. } = &resumed;
    let unsaved = shared.memory.unsaved.as_ref();
    let plausible = phase.is_plausible(shared)
        && unsaved.is_none_or(|saving| saving.is_plausible(&shared.config));
    plausible.then_some(resumed).ok_or(RecordError::Foreign)
}
