//! Client half of MCP authorization as a pure state machine.
#![forbid(unsafe_code)]

pub mod action;
pub mod client;
pub mod config;
pub mod entropy;
pub mod error;
pub mod event;
mod grant;
mod input;
pub mod limits;
pub mod machine;
mod phase;
pub mod scope;
pub mod secret;
mod shared;
mod snapshot;
pub mod store;
mod summary;
pub mod time;
pub mod trace;
pub mod transition;
pub mod uri;
pub mod wire;

pub use action::*;
pub use client::{AuthMethod, ProvidedClient};
pub use config::{ClientDocument, Config, Deviations, GivenEndpoints, Preregistered, Settings};
pub use entropy::{Entropy, EntropyError};
pub use error::{Advice, Code, ConfigError, Failure, Fault, Misuse, RecordError, Stage};
pub use event::*;
pub use machine::*;
pub use scope::ScopeSet;
pub use secret::{Secret, SecretBytes};
pub use store::{Slot, StoreKey, StoreOp};
pub use summary::{GrantSummary, IssuerSummary, describe_grant};
pub use time::Timestamp;
pub use trace::{Decision, TraceEntry};
pub use transition::{EventKind, PhaseKind};
pub use uri::{HttpUrl, Issuer, Reach, RedirectUri, UrlFault};
