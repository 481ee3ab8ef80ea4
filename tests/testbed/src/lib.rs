//! A protected MCP server and a strict OAuth 2.1 authorization server to test clients against.
//!
//! The testbed is an independent judge: it shares no code with the client it looks at. By default
//! its servers are modern and correct, refuse whatever a specification does not allow, and write
//! down each breach. A [`Behaviour`] bends them into what is met in the field, and [`quirks`] names
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
mod discovery;
mod dpop;
mod form;
mod http;
mod jwk;
mod jws;
mod log;
mod mcp;
mod pairs;
mod place;
mod quirks;
mod refusal;
mod registration;
mod resource_server;
mod revocation;
mod state;
mod token;

pub use admin::Admin;
pub use bed::Testbed;
pub use behaviour::{
    Authorization, Behaviour, Challenge, ClientCredentials, Consent, Dpop, Endpoint, ErrorForm,
    Fault, FaultRule, GrantTypes, Guards, Issued, LoopbackPort, Mcp, Members, Miss, Nonce,
    PreRegistered, RedirectError, Refresh, Registration, ResourceMetadata, ResourceRule, Rotation,
    ScopeForm, Secret, ServerMetadata, Token, TokenForm, Verdict, WellKnown,
};
pub use breach::{Breach, Rule};
pub use log::{Counts, Entry};
pub use place::Server;
pub use quirks::{Deviation, Expected, Quirk, Then, quirk, quirks};
