//! What does a request to the MCP server carry?

use crate::entropy::{Entropy, EntropyError};
use crate::jose::{self, ProofClaims, PublicKey, SignRequest};
use crate::time::Timestamp;
use crate::uri::Issuer;

/// What a request to the MCP server should carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RequestHeaders<'a> {
    /// Send this.
    Ready(Authorization<'a>),
    /// Send this, and a proof that the token's key is held: sign it first.
    Sign(Proof<'a>),
    /// The token has expired or soon will: give the machine `Refresh` and ask again.
    RefreshDue,
    /// Nothing: no token is held, or none for this URL. Send the request without.
    Absent,
}

/// The `Authorization` header of one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authorization<'a> {
    pub(crate) value: &'a str,
    pub(crate) generation: u64,
}

impl<'a> Authorization<'a> {
    /// The field value, `Bearer …` or `DPoP …`: a secret.
    pub const fn expose(&self) -> &'a str {
        self.value
    }

    /// The token's generation, to be given back with a [`Challenge`](crate::Challenge).
    pub const fn generation(&self) -> u64 {
        self.generation
    }
}

/// What proves, for one request, that the key is held that the token is bound to (RFC 9449 §7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proof<'a> {
    pub(crate) authorization: Authorization<'a>,
    pub(crate) key: &'a PublicKey,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) issuer: &'a Issuer,
    pub(crate) now: Timestamp,
}

impl<'a> Proof<'a> {
    /// The `Authorization` header of the request.
    pub const fn authorization(&self) -> Authorization<'a> {
        self.authorization
    }

    /// What is to be signed: [`SignRequest::compact`] then gives the value of the `DPoP` header. For one request: a
    /// repetition needs another one.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn draft(&self, rng: &mut dyn Entropy) -> Result<SignRequest, EntropyError> {
        let id = jose::draw_id(rng)?;
        let value = self.authorization.value;
        let claims = ProofClaims {
            method: self.method,
            url: self.url,
            token: value.split_once(' ').map(|(_, token)| token),
            nonce: self.nonce,
            issuer: self.issuer,
            now: self.now,
            id: &id,
        };
        Ok(claims.request(self.key))
    }
}
