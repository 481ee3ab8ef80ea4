//! The client half of MCP authorization as a pure state machine: events in, actions out.
//!
//! An MCP client that meets a protected server must discover the resource and its authorization server, register or
//! identify itself, send the user to a browser, validate what comes back, and exchange, store, refresh and step up tokens.
//! This crate decides all of that, for revision 2026-07-28 and the servers of 2025-11-25, 2025-06-18 and 2025-03-26, and
//! does none of the input and output: the host does.
//!
//! ```
//! use mcp_oauth_core::*;
//!
//! struct Os; // The host's random source; anything that is a `rand_core::TryCryptoRng` will do as well.
//! impl Entropy for Os {
//!     fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
//!         bytes.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n); // Not like this!
//!         Ok(())
//!     }
//! }
//!
//! let config = Config::new(Settings {
//!     server_url: "https://mcp.example/mcp".into(),
//!     ..Settings::default()
//! })?;
//! let mut machine = Machine::new(config, "");
//! let mut context = Context { now: Timestamp::from_seconds(1_800_000_000), rng: &mut Os };
//!
//! machine.handle(Event::Connect, &mut context)?; // Or `Event::Challenge`, after a 401.
//! while let Next::Do(action) = machine.next() {
//!     let id = action.id;
//!     let answer = match &action.task {
//!         Task::Store(StoreOp::Load { .. }) => Event::Stored { id, result: StoreResult::Loaded(None) },
//!         Task::Store(_) => Event::Stored { id, result: StoreResult::Done },
//!         Task::Http(_request) => Event::Unreachable { id, cause: Cause::Dns }, // Send it, give back the `Reply`.
//!         _ => Event::Declined { id, reason: Refusal::NeedsUser }, // Bind a listener, open a browser …
//!     };
//!     machine.handle(answer, &mut context)?;
//! }
//! match machine.next() {
//!     Next::Rest(Verdict::Failed(failure)) => assert_eq!(failure.code(), Code::DiscoveryUnavailable),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a host must know:
//!
//! - [`Machine::next`] says what to do: one action at a time, the same until it is answered. Each [`Task`] names its answer.
//! - [`Machine::request_headers`] is asked before each request to the MCP server; a 401 or 403 goes back as
//!   [`Event::Challenge`] with the generation of the token that was sent.
//! - Every record given to the store is secret, and is acknowledged only once it is durable.
//! - [`Failure`] says what went wrong, whose fault it is and what to do; [`Machine::trace`] says why the machine did what
//!   it did. Neither shows a secret, nor does the `Debug` of anything here.
#![forbid(unsafe_code)]

pub mod action;
mod arc_str;
pub mod client;
pub mod config;
pub mod entropy;
pub mod error;
pub mod event;
mod grant;
mod headers;
mod input;
pub mod jose;
pub mod limits;
pub mod machine;
pub mod pending;
mod phase;
mod provided;
pub mod scope;
pub mod secret;
pub mod settings;
mod shared;
mod snapshot;
pub mod store;
mod summary;
pub mod time;
mod tokens;
pub mod trace;
pub mod transition;
pub mod uri;
pub mod wire;

pub use action::*;
pub use client::{AuthMethod, ProvidedClient};
pub use config::Config;
pub use entropy::{Entropy, EntropyError};
pub use error::{Advice, Code, ConfigError, Failure, Fault, Misuse, RecordError, Stage};
pub use event::*;
pub use headers::*;
pub use jose::{Algorithm, KeyFault, PublicKey, SignRequest, SigningPurpose};
pub use machine::*;
pub use pending::{Full, Pending};
pub use provided::ProvidedTokens;
pub use scope::ScopeSet;
pub use secret::{Secret, SecretBytes};
pub use settings::{
    ClientDocument, Deviations, DpopKey, DpopUse, GivenEndpoints, GrantType, IdentityProvider,
    Preregistered, Settings,
};
pub use store::{Slot, StoreKey, StoreOp};
pub use summary::{FlowSummary, GrantSummary, IssuerSummary, describe_flow, describe_grant};
pub use time::Timestamp;
pub use trace::{Decision, TraceEntry};
pub use transition::{EventKind, PhaseKind};
pub use uri::{HttpUrl, Issuer, Reach, RedirectUri, UrlFault};
