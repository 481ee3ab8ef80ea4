//! How do the servers treat proofs of possession?

use super::strings;
use serde::{Deserialize, Serialize};

/// DPoP (RFC 9449), at the authorization servers and at the MCP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dpop {
    /// Proofs are taken, and both metadata documents say so. Where they are not, they are overlooked.
    pub offered: bool,
    /// There are no tokens without a proof, and the protected resource metadata says so.
    pub required: bool,
    /// The algorithms of proofs that both servers list and take.
    pub algorithms: Vec<String>,
    /// Seconds by which the time of a proof may differ.
    pub window: u64,
    /// The nonces of the authorization servers.
    pub server_nonce: Nonce,
    /// The nonces of the MCP server.
    pub resource_nonce: Nonce,
    /// Proofs are checked, and the tokens are `Bearer` all the same.
    pub downgraded: bool,
}

impl Default for Dpop {
    fn default() -> Self {
        Self {
            offered: false,
            required: false,
            algorithms: strings(&["ES256", "PS256", "RS256", "EdDSA"]),
            window: 60,
            server_nonce: Nonce::Never,
            resource_nonce: Nonce::Never,
            downgraded: false,
        }
    }
}

/// Which nonce proofs must have (RFC 9449 §8, §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nonce {
    /// None; one that the server never gave is a breach all the same.
    #[default]
    Never,
    /// The server's own, which it gives with `use_dpop_nonce` and does not change.
    Required,
    /// The newest: each answer of the server has another one, whatever the request was.
    Rotating,
    /// One that nobody can send: what the server gives has the wrong syntax (RFC 9449 §8.1).
    Malformed,
}
