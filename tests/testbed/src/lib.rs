//! A protected MCP server and a strict OAuth 2.1 authorization server to test clients against.
//!
//! The testbed is an independent judge: it shares no code with the client it looks at. By default
//! its servers are modern and correct, refuse whatever a specification does not allow, and write
//! down each breach. The extensions wait until they are offered: [`ClientCredentials`], [`Workload`], [`Enterprise`],
//! [`Device`], [`Pushed`], [`Dpop`]. A [`Behaviour`] bends them into what is met in the field, and [`quirks`] names
//! a behaviour for each known class of peculiarity.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use mcp_oauth_testbed::{Behaviour, Testbed};
//!
//! let bed = Testbed::start(Behaviour::default()).await?;
//! // … let a client call the tools at `bed.mcp_url()` …
//! assert!(bed.breaches().is_empty());
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

mod addresses;
mod admin;
mod asked;
mod authorize;
mod bed;
mod behaviour;
mod bench;
mod breach;
mod client_assertion;
mod client_auth;
mod clients;
mod device;
mod discovery;
mod dpop;
mod fallback;
mod form;
mod http;
mod identity_provider;
mod jwk;
mod jws;
mod log;
mod mcp;
mod mint;
mod pairs;
mod place;
mod pushed;
mod quirks;
mod refusal;
mod registration;
mod resource_server;
mod revocation;
mod signer;
mod state;
mod token;

pub use admin::Admin;
pub use bed::Testbed;
pub use behaviour::{
    Audience, Authorization, Behaviour, Challenge, ClientCredentials, Consent, Device, Dpop,
    Endpoint, Enterprise, ErrorForm, Fault, FaultRule, GrantTypes, Guards, Issued, LoopbackPort,
    Mcp, Members, Miss, Nonce, PreRegistered, Pushed, RedirectError, Refresh, Registration,
    ResourceMetadata, ResourceRule, Revocation, Rotation, ScopeForm, Secret, ServerMetadata, Token,
    TokenForm, Verdict, WellKnown, Workload,
};
pub use breach::{Breach, Rule};
pub use log::{Counts, Entry};
pub use mint::Flaw;
pub use place::Server;
pub use quirks::{Deviation, Expected, Quirk, Then, quirk, quirks};
