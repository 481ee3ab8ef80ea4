//! What does a caller learn when there is no token?

use mcp_oauth_core::{Advice, Failure, Misuse, Secret};

use crate::store::StoreError;

/// An [`Authorizer`](crate::Authorizer) that cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No store was given: say [`MemoryStore`](crate::store::MemoryStore) where nothing shall be kept.
    #[error("no credential store was given")]
    NoStore,
    /// No user agent was given: say [`NeedsUser`](crate::NeedsUser) where no person is at hand.
    #[error("no user agent was given")]
    NoUserAgent,
}

/// Why there is no token. Safe to print in each of its forms.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The flow failed: the code, whose fault it is, the clause and what to do about it are in here.
    #[error("{0}")]
    Failed(Failure),
    /// A person must sign in, and the user agent can bring none.
    #[error("{failure}")]
    NeedsUser {
        /// The page on which the person would have been asked. The sign-in that it belonged to is over: start another with
        /// a user agent that can show a page.
        url: Secret,
        /// The failure that the flow ended with.
        failure: Failure,
    },
    /// The credential store failed.
    #[error("{failure}: {cause}")]
    Store {
        /// What the store said.
        cause: StoreError,
        /// The failure that the flow ended with.
        failure: Failure,
    },
    /// The machine did not take what the user agent or the client source gave it.
    #[error("{failure}: {cause}")]
    Misuse {
        /// What was wrong with it.
        cause: Misuse,
        /// The failure that the flow ended with.
        failure: Failure,
    },
    /// The runtime was shut down while the flow was under way.
    #[error("the runtime was shut down before the flow ended")]
    Interrupted,
}

impl Error {
    /// The failure that the flow ended with; `None` for [`Interrupted`](Self::Interrupted).
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure)
            | Self::NeedsUser { failure, .. }
            | Self::Store { failure, .. }
            | Self::Misuse { failure, .. } => Some(failure),
            Self::Interrupted => None,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> Advice {
        self.failure().map_or(Advice::Restart, Failure::advice)
    }
}
