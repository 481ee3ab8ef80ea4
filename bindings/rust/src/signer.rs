//! Who signs for the machine, which never sees a private key?

#[cfg(feature = "local-keys")]
mod encoding;
#[cfg(feature = "local-keys")]
mod local;
#[cfg(feature = "local-keys")]
mod private_key;
#[cfg(all(test, feature = "local-keys"))]
mod tests;

use mcp_oauth_core::SignRequest;

use crate::agent::AgentFuture;

#[cfg(feature = "local-keys")]
pub use local::LocalSigner;
#[cfg(feature = "local-keys")]
pub use private_key::{KeyError, PrivateKey};

/// Signs client assertions and proofs of possession, with keys that it keeps: in this process, in hardware or at a remote
/// service. Proofs are signed for every request to the MCP server, and many at once.
pub trait Signer: Send + Sync {
    /// The raw signature of a JWS (RFC 7518 §3; for ES256 the 64 bytes of R and S, never DER) over the bytes of the request's
    /// `input`, with the key that its `thumbprint` names.
    ///
    /// # Errors
    /// The refusal that the flow then ends with, [`Unable`](mcp_oauth_core::Refusal::Unable) where there is no such key.
    fn sign<'a>(&'a self, request: &'a SignRequest) -> AgentFuture<'a, Vec<u8>>;
}
