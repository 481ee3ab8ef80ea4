//! How do the issuers of the testbed sign (RFC 7515 §5.1)?

use crate::jwk::PublicKey;
use crate::state::{now, random};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// An issuer of JWTs with a P-256 key of its own.
#[derive(Debug)]
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    public: PublicKey,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let (kind, source) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pair = EcdsaKeyPair::generate_pkcs8(kind, &source)
            .ok()
            .and_then(|key| EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &source).ok())
            .expect("the operating system provides randomness");
        let point = pair.public_key().as_ref();
        let public = json!({
            "kty": "EC", "crv": "P-256",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
            "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        });
        let public = PublicKey::read(&public).expect("the key is a P-256 point");
        Self { pair, public }
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A signed JWT with fresh `iat` and `jti`.
    pub(crate) fn sign(&self, kind: &str, mut claims: Value) -> String {
        claims["iat"] = now().into();
        claims["jti"] = random().into();
        let header = json!({"alg": "ES256", "typ": kind});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes());
        let signature = signature.expect("the operating system provides randomness");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
