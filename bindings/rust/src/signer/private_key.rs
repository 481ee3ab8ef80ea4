//! What can be done with a private key that this process holds?

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek as ed25519;
use getrandom::{SysRng, rand_core::UnwrapErr};
use mcp_oauth_core::{Algorithm, Secret};
use p256::ecdsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use p256::elliptic_curve::Generate as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, pkcs1v15, pss};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::encoding;

/// A private key and the one algorithm that it signs with. Wiped when dropped; never printed.
pub struct PrivateKey {
    material: Material,
    key_id: Option<Box<str>>,
    thumbprint: Box<str>,
}

/// A key for each algorithm of RFC 7518 §3 and RFC 8037 that is in use.
pub(super) enum Material {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519::SigningKey),
    Rs256(Box<pkcs1v15::SigningKey<Sha256>>),
    Ps256(Box<pss::SigningKey<Sha256>>),
}

/// What is wrong with a key. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither a private key in PEM (PKCS#8, SEC 1 or PKCS#1, not encrypted) nor a private JWK.
    #[error("not a private key in PEM or a private JWK, or one that is encrypted")]
    Unreadable,
    /// A key of another kind than EC on P-256, Ed25519 and RSA.
    #[error("a key of a kind that is not supported: EC on P-256, Ed25519 and RSA are")]
    Kind,
    /// An algorithm that does not go with this kind of key.
    #[error("the algorithm does not go with this kind of key")]
    Algorithm,
    /// RSA with less than 2048 bits (RFC 7518 §3.3, §3.5).
    #[error("an RSA key of less than 2048 bits")]
    TooShort,
    /// The public part of the JWK belongs to another key than the private part.
    #[error("the public and the private part of the key do not belong together")]
    Mismatch,
    /// The library could not sign with it, or not write it down.
    #[error("the key cannot be used")]
    Unusable,
}

/// NIST SP 800-57 Part 1 §5.6: good beyond 2030.
const NEW_RSA_BITS: usize = 3072;

/// RFC 7518 §3.3, §3.5.
const LEAST_RSA_BITS: u32 = 2048;

impl PrivateKey {
    /// A new key, of the operating system's randomness. RSA takes a second or more.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] if no RSA key could be made.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let rng = &mut UnwrapErr(SysRng);
        let mut rsa = || RsaPrivateKey::new(rng, NEW_RSA_BITS).map_err(|_| KeyError::Unusable);
        Ok(Self::new(match algorithm {
            Algorithm::Es256 => Material::Es256(p256::ecdsa::SigningKey::generate_from_rng(rng)),
            Algorithm::EdDsa => Material::EdDsa(ed25519::SigningKey::generate(rng)),
            Algorithm::Rs256 => Material::rs256(rsa()?),
            Algorithm::Ps256 => Material::ps256(rsa()?),
        }))
    }

    /// Reads a key: PEM as PKCS#8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`), or a private JWK
    /// (RFC 7517), whose `kid` is kept. An RSA key signs RS256 unless its `alg` says PS256.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        encoding::read(text)
    }

    pub(super) fn new(material: Material) -> Self {
        let thumbprint = Sha256::digest(material.public_members().to_string());
        Self {
            thumbprint: URL_SAFE_NO_PAD.encode(thumbprint).into(),
            key_id: None,
            material,
        }
    }

    /// The same key under this name (`kid`), by which a server finds it among others.
    #[must_use]
    pub fn with_key_id(mut self, key_id: &str) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// The same key for this algorithm: an RSA key can do RS256 or PS256.
    ///
    /// # Errors
    /// [`KeyError::Algorithm`] if it cannot do that.
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Result<Self, KeyError> {
        self.material = match (self.material, algorithm) {
            (material, wanted) if material.algorithm() == wanted => material,
            (Material::Rs256(key), Algorithm::Ps256) => {
                Material::ps256(RsaPrivateKey::clone((*key).as_ref()))
            }
            (Material::Ps256(key), Algorithm::Rs256) => {
                Material::rs256(RsaPrivateKey::clone((*key).as_ref()))
            }
            _ => return Err(KeyError::Algorithm),
        };
        Ok(self)
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.material.algorithm()
    }

    /// Which key it is: the SHA-256 of its public part (RFC 7638), base64url without padding.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The public part as a JWK (RFC 7517), for the settings of the core, a client ID metadata document or a registration.
    pub fn public_jwk(&self) -> String {
        let mut jwk = self.material.public_members();
        jwk["alg"] = self.algorithm().as_str().into();
        jwk["use"] = "sig".into();
        if let Some(key_id) = &self.key_id {
            jwk["kid"] = (&**key_id).into();
        }
        jwk.to_string()
    }

    /// The key as PEM (PKCS#8), to be kept where only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] if the library cannot write it.
    pub fn to_pem(&self) -> Result<Secret, KeyError> {
        encoding::to_pem(&self.material)
    }

    /// The signature of a JWS over this input, raw (RFC 7518 §3, RFC 8037 §3.1).
    ///
    /// # Errors
    /// [`KeyError::Unusable`] if the library refuses.
    pub fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = match &self.material {
            Material::Es256(key) => {
                let signature: Result<p256::ecdsa::Signature, _> = key.try_sign(input);
                signature.map(|signature| signature.to_vec())
            }
            Material::EdDsa(key) => key.try_sign(input).map(|signature| signature.to_vec()),
            // With randomness RSA is blinded: how long it takes tells nothing of the key.
            Material::Rs256(key) => key
                .try_sign_with_rng(&mut SysRng, input)
                .map(|signature| signature.to_vec()),
            Material::Ps256(key) => key
                .try_sign_with_rng(&mut SysRng, input)
                .map(|signature| signature.to_vec()),
        };
        signature.map_err(|_| KeyError::Unusable)
    }
}

/// Which key it is, and nothing of what is in it.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm())
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

impl Material {
    pub(super) fn rs256(key: RsaPrivateKey) -> Self {
        Self::Rs256(Box::new(pkcs1v15::SigningKey::new(key)))
    }

    fn ps256(key: RsaPrivateKey) -> Self {
        Self::Ps256(Box::new(pss::SigningKey::new(key)))
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Ps256(_) => Algorithm::Ps256,
        }
    }

    /// The members that make up the public key, in the order that a thumbprint takes them in (RFC 7638 §3.2, RFC 8037 §2).
    pub(super) fn public_members(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let rsa = |key: &RsaPrivateKey| json!({"e": text(&key.e_bytes()), "kty": "RSA", "n": text(&key.n_bytes())});
        match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                json!({"crv": "P-256", "kty": "EC", "x": text(x), "y": text(y)})
            }
            Self::EdDsa(key) => {
                let x = key.verifying_key().to_bytes();
                json!({"crv": "Ed25519", "kty": "OKP", "x": text(&x)})
            }
            Self::Rs256(key) => rsa((**key).as_ref()),
            Self::Ps256(key) => rsa((**key).as_ref()),
        }
    }
}

/// A key that is long enough.
pub(super) fn checked(key: RsaPrivateKey) -> Result<RsaPrivateKey, KeyError> {
    match key.n().bits() {
        bits if bits < LEAST_RSA_BITS => Err(KeyError::TooShort),
        _ => Ok(key),
    }
}
