//! A key whose private half a host keeps, and whose public half the servers know.

use std::sync::Arc;

use mcp_oauth_core::{Algorithm, DpopKey, PublicKey};
use mcp_oauth_host::signer::{LocalSigner, PrivateKey};
use serde_json::{Value, json};

/// The key of RFC 7515 §A.2.1, known to everybody.
const RSA: &str = include_str!("../../../bindings/rust/tests/keys/rsa-pkcs8.pem");

pub(crate) const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Es256,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Ps256,
];

pub(crate) struct Key {
    pub(crate) public: PublicKey,
    pub(crate) jwk: Value,
    /// What must never be told.
    pub(crate) pem: String,
    pub(crate) signer: Arc<LocalSigner>,
}

impl Key {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            // To make one takes long.
            Algorithm::Rs256 | Algorithm::Ps256 => {
                PrivateKey::read(RSA).and_then(|key| key.with_algorithm(algorithm))
            }
            _ => PrivateKey::generate(algorithm),
        };
        let key = key.unwrap().with_key_id("2026-07");
        let jwk = key.public_jwk();
        Self {
            public: PublicKey::from_jwk(&jwk).unwrap(),
            jwk: serde_json::from_str(&jwk).unwrap(),
            pem: key.to_pem().unwrap().expose().into(),
            signer: Arc::new(LocalSigner::new([key])),
        }
    }

    pub(crate) fn es256() -> Self {
        Self::new(Algorithm::Es256)
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    pub(crate) fn to_bind(&self) -> Vec<DpopKey> {
        vec![DpopKey {
            issuer: None,
            key: self.public.clone(),
        }]
    }
}
