//! What is signed for us, with which key, and what do the tokens that others have signed say? (RFC 7515, RFC 7517, RFC 7519)
//!
//! Private keys stay with the host: the core writes what is to be signed, and puts the signature behind it.

mod claims;
mod key;
mod sign;

pub(crate) use claims::Claims;
pub(crate) use key::Algorithms;
pub use key::{Algorithm, KeyFault, PublicKey};
pub(crate) use sign::{AssertionClaims, ProofClaims, draw_id};
pub use sign::{SignRequest, SigningPurpose};
