//! What does a request to the MCP server carry?

use std::fmt;

use mcp_oauth_core as core;

use super::NoRandomness;

/// What a request to the MCP server should carry.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug, Display)]
pub enum RequestHeaders {
    /// Send this.
    Ready {
        /// The value of the `Authorization` header, `Bearer …`. Secret.
        authorization: String,
        /// The token's generation, to be given back with a `challenge`.
        generation: u64,
    },
    /// Send this, and the `DPoP` header field that `dpop_proof` makes of `input` and its signature: for this request alone. A
    /// repetition asks again.
    Sign {
        /// The value of the `Authorization` header, `DPoP …`. Secret.
        authorization: String,
        /// The token's generation, to be given back with a `challenge`.
        generation: u64,
        /// How to sign: `ES256`, `RS256`, `PS256` or `EdDSA` (RFC 7518 §3.1, RFC 8037 §3.1).
        algorithm: String,
        /// Which key: the SHA-256 thumbprint of the public one, in base64url (RFC 7638).
        thumbprint: String,
        /// The key's own name, if it has one.
        key_id: Option<String>,
        /// The authorization server whose token it is.
        issuer: String,
        /// What to sign: the ASCII bytes of it. Secret.
        input: String,
    },
    /// The token has expired or soon will: `refresh`, and ask again.
    RefreshDue,
    /// Nothing: no token is held, or none for this URL. Send the request without.
    Absent,
}

impl RequestHeaders {
    /// The answer in full: a proof is drafted for it.
    pub(super) fn of(
        headers: core::RequestHeaders<'_>,
        random: &mut dyn core::Entropy,
    ) -> Result<Self, NoRandomness> {
        Ok(match headers {
            core::RequestHeaders::Ready(authorization) => Self::Ready {
                authorization: authorization.expose().to_owned(),
                generation: authorization.generation(),
            },
            core::RequestHeaders::Sign(proof) => {
                let authorization = proof.authorization();
                let draft = proof.draft(random)?;
                Self::Sign {
                    authorization: authorization.expose().to_owned(),
                    generation: authorization.generation(),
                    algorithm: draft.algorithm.as_str().to_owned(),
                    thumbprint: draft.thumbprint.to_string(),
                    key_id: draft.key_id.as_deref().map(str::to_owned),
                    issuer: draft.issuer.as_str().to_owned(),
                    input: draft.input.expose().to_owned(),
                }
            }
            core::RequestHeaders::RefreshDue => Self::RefreshDue,
            core::RequestHeaders::Absent => Self::Absent,
        })
    }
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { generation, .. } => f
                .debug_struct("Ready")
                .field("generation", generation)
                .finish_non_exhaustive(),
            Self::Sign {
                generation,
                algorithm,
                thumbprint,
                issuer,
                ..
            } => f
                .debug_struct("Sign")
                .field("generation", generation)
                .field("algorithm", algorithm)
                .field("thumbprint", thumbprint)
                .field("issuer", issuer)
                .finish_non_exhaustive(),
            Self::RefreshDue => f.write_str("RefreshDue"),
            Self::Absent => f.write_str("Absent"),
        }
    }
}

impl fmt::Display for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
