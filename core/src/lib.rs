//! Client half of MCP authorization as a pure state machine.
#![forbid(unsafe_code)]

pub mod action;
pub mod client;
pub mod config;
pub mod entropy;
pub mod error;
pub mod event;
pub mod machine;
pub mod scope;
pub mod secret;
pub mod store;
pub mod time;
pub mod trace;
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
pub use time::Timestamp;
pub use trace::{Decision, TraceEntry};
pub use uri::{HttpUrl, Issuer, Reach, RedirectUri, UrlFault};
