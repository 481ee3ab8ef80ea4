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
//!
//! # Without a browser, and with keys
//!
//! | `Settings::grant` | What the builder needs beside it |
//! |---|---|
//! | `AuthorizationCode` | a [`UserAgent`] that opens pages |
//! | `DeviceCode` | a [`UserAgent`] that shows codes: [`SystemBrowser`] writes them to stderr unless told otherwise |
//! | `ClientCredentials` | for `private_key_jwt`, a [`Signer`] |
//! | `WorkloadIdentity` | an [`AssertionSource`]: [`FileAssertion`] reads a projected service account token afresh each time |
//! | `EnterpriseManaged` | an [`AssertionSource`] with the ID token of the user |
//!
//! Private keys stay with a [`Signer`]. The ready-made one (feature `local-keys`) has them in this process; one of your own may ask
//! a hardware module or a remote service. The settings name the public halves: `client_key` for client assertions, `dpop_keys`
//! for tokens that are bound to a key. A [`Token`] then comes with a [`proof`](Token::proof) for its one request; give the server's
//! nonces to [`Authorizer::take_nonce`]. The [plug for `rmcp`](crate::rmcp) does both.
#![cfg_attr(
    feature = "local-keys",
    doc = "
```no_run
use std::sync::Arc;
use mcp_oauth_core::{Algorithm, Config, DpopKey, DpopUse, GrantType, Preregistered, PublicKey, Settings};
use mcp_oauth_host::signer::{LocalSigner, PrivateKey};
use mcp_oauth_host::{Authorizer, NeedsUser, store};

# async fn example() -> Result<(), Box<dyn std::error::Error>> {
let client = PrivateKey::read(&std::fs::read_to_string(\"client-key.pem\")?)?;
let bound = PrivateKey::generate(Algorithm::Es256)?; // `to_pem` to keep it
let config = Config::new(Settings {
    server_url: \"https://mcp.example.com/mcp\".into(),
    grant: GrantType::ClientCredentials,
    preregistered: Some(Preregistered {
        issuer: \"https://auth.example.com\".into(),
        client_id: \"nightly-job\".into(),
        client_secret: None,
        auth_method: Some(mcp_oauth_core::AuthMethod::PrivateKeyJwt),
        endpoints: None,
    }),
    client_key: Some(PublicKey::from_jwk(&client.public_jwk())?),
    dpop: DpopUse::WhenSupported,
    dpop_keys: vec![DpopKey { issuer: None, key: PublicKey::from_jwk(&bound.public_jwk())? }],
    ..Settings::default()
})?;
let authorizer = Authorizer::builder(config)
    .store(store::default_store().await?)
    .user_agent(Arc::new(NeedsUser))
    .signer(Arc::new(LocalSigner::new([client, bound])))
    .build()?;
authorizer.sign_in().await?;
# Ok(())
# }
```"
)]
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
