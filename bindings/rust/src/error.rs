//! What does a caller learn when there is no token?

use mcp_oauth_core::{Advice, Failure, Misuse, OpenUrl};

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
    /// A person must sign in, and the user agent can show them nothing. The sign-in is pending: its callback can be given to
    /// [`Authorizer::finish`](crate::Authorizer::finish), in any process that shares the store. Until it is given up, who asks
    /// for a token gets this page again, and no server is asked.
    #[error("{failure}")]
    NeedsUser {
        /// The page on which the person is asked.
        page: Box<OpenUrl>,
        /// The same for all: code `needs_user`.
        failure: Failure,
    },
    /// No sign-in waits for this callback: it is unknown, was used before, has expired, or belongs to another account or server.
    #[error("no sign-in waits for this callback")]
    UnknownSignIn,
    /// The credential store could not be read.
    #[error("the store could not be read: {0}")]
    Unread(StoreError),
    /// The tokens that the caller brings cannot be kept.
    #[error("{0}")]
    Refused(Misuse),
    /// The token is bound to a key, and the proof that goes with it could not be signed: there is no [`Signer`](crate::Signer), or
    /// it has not got that key.
    #[error("the token is bound to a key, and nobody here can sign with it")]
    Unsigned,
    /// The credential store failed.
    #[error("{failure}: {cause}")]
    Store {
        /// What the store said.
        cause: StoreError,
        /// The failure that the flow ended with.
        failure: Failure,
    },
    /// The machine did not take what the user agent, the signer or one of the sources gave it.
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
    /// The failure that the flow ended with, where one did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::NeedsUser { failure, .. }
            | Self::Failed(failure)
            | Self::Store { failure, .. }
            | Self::Misuse { failure, .. } => Some(failure),
            Self::UnknownSignIn
            | Self::Unread(_)
            | Self::Refused(_)
            | Self::Unsigned
            | Self::Interrupted => None,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Refused(_) | Self::Unsigned => Advice::Reconfigure,
            other => other.failure().map_or(Advice::Restart, Failure::advice),
        }
    }
}
