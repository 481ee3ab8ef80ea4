//! How does a host write down a public key?

use mcp_oauth_core::{ConfigError, PublicKey};

/// Reads a JWK, the value of this setting.
pub(crate) fn public_key(field: &'static str, jwk: &str) -> Result<PublicKey, ConfigError> {
    PublicKey::from_jwk(jwk).map_err(|fault| ConfigError {
        field,
        problem: fault.text(),
    })
}
