//! What became of an event?

use std::fmt;

use mcp_oauth_core as core;

use super::Next;

/// What one event led to.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct Step {
    /// What became of the event.
    pub outcome: Outcome,
    /// What to do now.
    pub next: Next,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What became of an event: it advanced the machine, joined a flow, or was ignored, for the reason that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// The machine moved on.
    Advanced,
    /// A flow that serves the same need is under way: wait for it.
    Joined,
    /// Ignored: an answer to an action that was already answered or given up.
    Stale,
    /// Ignored: no sign-in waits for a callback.
    NoPendingSignIn,
    /// Ignored: the callback belongs to another sign-in, or is forged.
    OtherState,
    /// Ignored: the request carried an older token, or none. Repeat it with the current one.
    Superseded,
    /// Ignored: the answer of the MCP server is nothing that authorization could mend. Hand it to the caller.
    NotAuthorization,
    /// Ignored: it is not time yet.
    NotDue,
    /// Ignored: there is nothing to refresh or cancel.
    NothingToDo,
    /// Ignored: credentials are being written or exchanged. Finishing is quick and loses nothing.
    TooLate,
    /// Ignored: a flow is under way. Cancel it first, or wait for its end.
    FlowUnderWay,
    /// Ignored: the machine knows a newer grant than the one it is told of.
    Outdated,
}

impl From<core::Outcome> for Outcome {
    fn from(outcome: core::Outcome) -> Self {
        match outcome {
            core::Outcome::Advanced => Self::Advanced,
            core::Outcome::Joined => Self::Joined,
            core::Outcome::Ignored(why) => match why {
                core::Ignored::Stale => Self::Stale,
                core::Ignored::NoPendingSignIn => Self::NoPendingSignIn,
                core::Ignored::OtherState => Self::OtherState,
                core::Ignored::Superseded => Self::Superseded,
                core::Ignored::NotAuthorization => Self::NotAuthorization,
                core::Ignored::NotDue => Self::NotDue,
                core::Ignored::NothingToDo => Self::NothingToDo,
                core::Ignored::TooLate => Self::TooLate,
                core::Ignored::FlowUnderWay => Self::FlowUnderWay,
                core::Ignored::Outdated => Self::Outdated,
            },
        }
    }
}
