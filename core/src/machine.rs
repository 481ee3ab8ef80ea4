//! The machine: one event in, one action out.

use std::sync::Arc;

use crate::action::Action;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{Failure, Misuse, RecordError};
use crate::event::Event;
use crate::secret::SecretBytes;
use crate::time::Timestamp;
use crate::trace::TraceEntry;

/// What the machine cannot have by itself, given with every event.
pub struct Context<'a> {
    /// The host's wall clock. Time that goes backwards is clamped.
    pub now: Timestamp,
    /// The host's random source.
    pub rng: &'a mut dyn Entropy,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The machine moved on: look at [`Machine::next`].
    Advanced,
    /// A flow that serves the same need is under way: wait for it.
    Joined,
    /// Nothing changed, for this reason.
    Ignored(Ignored),
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// An answer to an action that was already answered or given up.
    Stale,
    /// No sign-in waits for a callback.
    NoPendingSignIn,
    /// The callback belongs to another sign-in, or is forged.
    OtherState,
    /// The request carried an older token, or none: repeat it with the current one.
    Superseded,
    /// The answer of the MCP server is nothing that authorization could mend: hand it to the caller.
    NotAuthorization,
    /// It is not time yet.
    NotDue,
    /// There is nothing to refresh or cancel.
    NothingToDo,
    /// Credentials are being written or exchanged: finishing is quick and loses nothing.
    TooLate,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// Carry this out and answer it. The same until it is answered.
    Do(&'a Action),
    /// Nothing, until something happens.
    Rest(Verdict<'a>),
}

/// Where the machine came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No tokens are held, and nobody has asked for any.
    Idle,
    /// Tokens are held.
    Authorized,
    /// The credentials were forgotten.
    SignedOut,
    /// The last flow ended without new tokens. Tokens held before may still be good: ask
    /// [`request_headers`](Machine::request_headers).
    Failed(&'a Failure),
}

/// What a request to the MCP server should carry.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestHeaders<'a> {
    /// Send this.
    Ready(Authorization<'a>),
    /// The token has expired or soon will: give the machine `Refresh` and ask again.
    RefreshDue,
    /// Nothing: no token is held, or none for this URL. Send the request without.
    Absent,
}

/// The `Authorization` header of one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    value: &'a str,
    generation: u64,
}

impl<'a> Authorization<'a> {
    /// The field value, `Bearer …`: a secret.
    pub const fn expose(&self) -> &'a str {
        self.value
    }

    /// The token's generation, to be given back with a [`Challenge`](crate::Challenge).
    pub const fn generation(&self) -> u64 {
        self.generation
    }
}

/// The client half of MCP authorization for one account at one MCP server.
pub struct Machine {
    _config: Arc<Config>,
}

impl Machine {
    /// A machine that knows nothing yet: its first action reads the stored grant. `account` tells apart several accounts
    /// at one server; empty for the only one.
    pub fn new(config: impl Into<Arc<Config>>, account: &str) -> Self {
        let _ = account;
        Self {
            _config: config.into(),
        }
    }

    /// The machine that [`snapshot`](Self::snapshot) described, or the sign-in of a flow record.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that are no snapshot, are too new, or belong to another account or server.
    pub fn resume(
        config: impl Into<Arc<Config>>,
        account: &str,
        snapshot: &[u8],
    ) -> Result<Self, RecordError> {
        let _ = snapshot;
        Ok(Self::new(config, account))
    }

    /// Takes one event.
    ///
    /// # Errors
    /// [`Misuse`] for a call that the host should not have made; nothing changes.
    pub fn handle(
        &mut self,
        event: Event<'_>,
        context: &mut Context<'_>,
    ) -> Result<Outcome, Misuse> {
        let _ = (event, context);
        Ok(Outcome::Ignored(Ignored::NothingToDo))
    }

    /// What to do now. Does not change anything: the same answer until an event advances the machine.
    pub fn next(&self) -> Next<'_> {
        Next::Rest(Verdict::Idle)
    }

    /// What a request to the MCP server with this method and URL should carry. The hot path: no allocation.
    pub fn request_headers(&self, method: &str, url: &str, now: Timestamp) -> RequestHeaders<'_> {
        let _ = (method, url, now);
        RequestHeaders::Absent
    }

    /// When a [`Event::Tick`] is due, if ever.
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Whether the redirect URI that was bound must be listened on.
    pub fn awaits_redirect(&self) -> bool {
        false
    }

    /// Everything, for [`resume`](Self::resume) in this or another process. Secret.
    pub fn snapshot(&self) -> SecretBytes {
        SecretBytes::new([])
    }

    /// The latest decisions, oldest first.
    pub fn trace(&self) -> &[TraceEntry] {
        &[]
    }

    /// Takes the decisions made since the last call.
    pub fn take_trace(&mut self) -> Vec<TraceEntry> {
        Vec::new()
    }
}
