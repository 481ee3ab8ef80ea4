//! Which exit code says what went wrong?

use mcp_oauth_core::{Advice, ConfigError, Failure};
use mcp_oauth_host::store::StoreError;
use mcp_oauth_host::{BuildError, Error};

/// The codes, for `--help`.
pub(crate) const CODES: &str = "\
Exit codes:
  0  done
  1  something else went wrong
  2  wrong usage of the command line
  3  a person is needed: sign in, or decide
  4  refused: the server is wrong or hostile, trying again is of no use
  5  misconfigured: trying again as it is will fail again
  6  a passing fault: try again";

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) exit: u8,
    pub(crate) message: String,
    /// What the flow ended with, if that is what failed.
    pub(crate) failure: Option<Failure>,
    /// Whether stdout has its JSON object already.
    pub(crate) reported: bool,
}

impl Fault {
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(1, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(2, message)
    }

    pub(crate) fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(5, message)
    }

    /// After a result that says so itself.
    pub(crate) fn reported(message: impl Into<String>) -> Self {
        Self {
            reported: true,
            ..Self::other(message)
        }
    }

    fn new(exit: u8, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            failure: None,
            reported: false,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let exit = match error.advice() {
            Advice::AskUser => 3,
            Advice::Stop => 4,
            Advice::Reconfigure => 5,
            Advice::RetryAfter(_) | Advice::Restart => 6,
        };
        let message = match &error {
            Error::NeedsUser { .. } => {
                format!("{error}: run this again without --headless")
            }
            _ => error.to_string(),
        };
        Self {
            exit,
            message,
            failure: error.failure().cloned(),
            reported: false,
        }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Self::misconfigured(error.to_string())
    }
}

impl From<BuildError> for Fault {
    fn from(error: BuildError) -> Self {
        Self::misconfigured(error.to_string())
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::other(error.to_string())
    }
}
