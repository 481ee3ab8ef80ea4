//! MCP authorization for Rust programs: the driver that carries out what [`mcp_oauth_core`] asks for.
//!
//! An [`Authorizer`] owns one account at one MCP server. It brings the network (reqwest, checked addresses, no
//! redirects, no proxy), the redirect listener, the system browser and a credential store; every decision is the core's.
//!
//! ```no_run
//! use std::sync::Arc;
//! use mcp_oauth_core::{Config, Settings};
//! use mcp_oauth_host::{Authorizer, Challenged, Recovery, SystemBrowser, store};
//!
//! # async fn example(send: impl AsyncFn(Option<&str>) -> Challenged) -> Result<(), Box<dyn std::error::Error>> {
//! let url = "https://mcp.example.com/mcp";
//! let config = Config::new(Settings { server_url: url.into(), ..Settings::default() })?;
//! let authorizer = Authorizer::builder(config)
//!     .store(store::default_store().await?)
//!     .user_agent(Arc::new(SystemBrowser::new()))
//!     .build()?;
//!
//! loop {
//!     let token = authorizer.token("POST", url).await?;
//!     let answer = send(token.as_ref().map(|token| token.header().expose())).await;
//!     match answer.status {
//!         401 | 403 => match authorizer.recover(answer).await? {
//!             Recovery::Retry => continue,
//!             Recovery::NotAuthorization => break,
//!         },
//!         _ => break,
//!     }
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod agent;
mod assertion;
mod authorizer;
mod drive;
mod error;
mod http;
#[cfg(feature = "rmcp")]
pub mod rmcp;
pub mod signer;
pub mod store;

pub use agent::{Headless, NeedsUser, SystemBrowser, UserAgent};
pub use assertion::{AssertionSource, FileAssertion};
pub use authorizer::{Authorizer, Builder, Challenged, Recovery, Token};
pub use error::{BuildError, Error};
pub use http::{Network, NetworkReply};
pub use signer::Signer;
pub use store::Store;

/// The example of the document, compiled.
#[cfg(all(doctest, feature = "aes-gcm", feature = "postgres"))]
#[doc = include_str!("../../../docs/stores.md")]
struct Stores;

/// The example of the README, compiled.
#[cfg(all(doctest, feature = "rmcp"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
