//! To which keys are tokens bound, and how does a signature become a proof?

use std::fmt;

use mcp_oauth_core as core;
use mcp_oauth_core::Algorithm;

use super::{ConfigError, Misuse};
use crate::key::public_key;

/// Whether tokens are bound to a key of the host, so that a thief cannot use them (RFC 9449).
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DpopUse {
    /// No.
    Never,
    /// Where the authorization server says that it can, or the resource demands it.
    WhenSupported,
    /// Always: a token that is not bound is refused.
    Always,
}

impl From<DpopUse> for core::DpopUse {
    fn from(wish: DpopUse) -> Self {
        match wish {
            DpopUse::Never => Self::Never,
            DpopUse::WhenSupported => Self::WhenSupported,
            DpopUse::Always => Self::Always,
        }
    }
}

/// The public half of a key that tokens are bound to.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug, Display)]
pub struct DpopKey {
    /// The key, as a JWK. The private one stays with the host.
    pub key: String,
    /// The authorization server that the key is for. Default: all for which no other key is.
    #[uniffi(default)]
    pub issuer: Option<String>,
}

impl TryFrom<DpopKey> for core::DpopKey {
    type Error = ConfigError;

    fn try_from(written: DpopKey) -> Result<Self, ConfigError> {
        Ok(Self {
            key: public_key("dpop_keys", &written.key)?,
            issuer: written.issuer,
        })
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What cannot be read may be a private key.
        match core::DpopKey::try_from(self.clone()) {
            Ok(key) => key.fmt(f),
            Err(error) => write!(f, "DpopKey({error})"),
        }
    }
}

impl fmt::Display for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The value of the `DPoP` header field: what `request_headers` gave as `input`, with the signature that `algorithm` made of
/// it (RFC 7518 §3; for ES256 R and S, and no DER). Secret. Good for one request; a repetition needs another one.
#[uniffi::export]
pub fn dpop_proof(algorithm: &str, input: &str, signature: &[u8]) -> Result<String, Misuse> {
    let algorithm = Algorithm::from_name(algorithm).ok_or(Misuse::Signature)?;
    let proof = algorithm.compact(input, signature)?;
    Ok(proof.expose().to_owned())
}
