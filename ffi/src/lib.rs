//! How do other languages drive `mcp-oauth-core`?
//!
//! Feature `c` exports the functions of `include/mcp_oauth.h`, which Go uses as well; feature `uniffi` the objects that
//! Python and Swift see. Both hold one [`Machine`](mcp_oauth_core::Machine) in each handle, take one event in each call and
//! hand the next action back in the same call. Neither does any input or output, but for asking the operating system for
//! randomness.

#[cfg(feature = "c")]
pub mod c;
#[cfg(any(feature = "c", feature = "uniffi"))]
mod entropy;
#[cfg(any(feature = "c", feature = "uniffi"))]
mod key;
#[cfg(feature = "uniffi")]
pub mod machine;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!("mcp_oauth");
