//! What is to be signed?

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::key::{Algorithm, PublicKey};
use crate::entropy::{Entropy, EntropyError};
use crate::error::Misuse;
use crate::limits::ASSERTION_LIFE_MS;
use crate::secret::{self, Secret};
use crate::time::Timestamp;
use crate::uri::Issuer;

/// Random bytes of a `jti`: no two are alike (RFC 7519 §4.1.7).
const ID_BYTES: usize = 16;

impl Algorithm {
    /// A signed token: what was signed, a dot, and the signature in base64url (RFC 7515 §7.1).
    ///
    /// # Errors
    /// [`Misuse::Signature`] for a signature that the algorithm cannot have made.
    pub fn compact(self, input: &str, signature: &[u8]) -> Result<Secret, Misuse> {
        if !self.fits(signature) {
            return Err(Misuse::Signature);
        }
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(signature));
        Ok(Secret::new([input, ".", &encoded].concat()))
    }
}

/// What a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningPurpose {
    /// A client assertion: the client proves to an authorization server who it is (RFC 7523 §2.2).
    ClientAssertion,
    /// A proof that whoever sends a request holds the key that the token is bound to (RFC 9449 §4.2).
    DpopProof,
}

impl SigningPurpose {
    /// A stable name, for logs and other languages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientAssertion => "client_assertion",
            Self::DpopProof => "dpop_proof",
        }
    }
}

/// What is to be signed, and with which key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignRequest {
    /// What the signature is for.
    pub purpose: SigningPurpose,
    /// How to sign.
    pub algorithm: Algorithm,
    /// Which key: its SHA-256 thumbprint in base64url (RFC 7638).
    pub thumbprint: Arc<str>,
    /// The key's own name, if it has one.
    pub key_id: Option<Arc<str>>,
    /// The authorization server that the key is used with, or whose token it is used for.
    pub issuer: Issuer,
    /// The bytes to sign: ASCII (RFC 7515 §5.1).
    #[serde(serialize_with = "secret::exposed")]
    pub input: Secret,
}

impl SignRequest {
    /// The signed token: the input, a dot, and the signature in base64url (RFC 7515 §7.1).
    ///
    /// # Errors
    /// [`Misuse::Signature`] for a signature that the algorithm cannot have made.
    pub fn compact(&self, signature: &[u8]) -> Result<Secret, Misuse> {
        self.algorithm.compact(self.input.expose(), signature)
    }

    fn new<H: Serialize, C: Serialize>(
        purpose: SigningPurpose,
        key: &PublicKey,
        issuer: &Issuer,
        header: &H,
        claims: &C,
    ) -> Self {
        // Plain strings and numbers always serialise.
        let part = |json: serde_json::Result<Vec<u8>>| {
            URL_SAFE_NO_PAD.encode(Zeroizing::new(json.unwrap_or_default()))
        };
        let header = part(serde_json::to_vec(header));
        let claims = Zeroizing::new(part(serde_json::to_vec(claims)));
        Self {
            purpose,
            algorithm: key.algorithm(),
            thumbprint: key.thumbprint().clone(),
            key_id: key.key_id().cloned(),
            issuer: issuer.clone(),
            input: Secret::new([&*header, ".", &claims].concat()),
        }
    }
}

impl fmt::Debug for SignRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignRequest")
            .field("purpose", &self.purpose)
            .field("algorithm", &self.algorithm)
            .field("thumbprint", &self.thumbprint)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Draws a `jti`. A source that fails or gives nothing but one value is not used (LOG-05).
pub(crate) fn draw_id(rng: &mut dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0_u8; ID_BYTES];
    rng.fill(&mut bytes)?;
    if bytes.windows(2).all(|pair| pair.first() == pair.last()) {
        return Err(EntropyError);
    }
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What a client assertion says (RFC 7523 §3, OpenID Connect Core §9).
pub(crate) struct AssertionClaims<'a> {
    pub(crate) typ: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) issuer: &'a Issuer,
    /// The issuer as its metadata publishes it.
    pub(crate) audience: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) id: &'a str,
}

impl AssertionClaims<'_> {
    pub(crate) fn request(&self, key: &PublicKey) -> SignRequest {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'a str,
            alg: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            kid: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Claims<'a> {
            iss: &'a str,
            sub: &'a str,
            /// The issuer, alone: not an endpoint, which another server may name as its own (rfc7523bis §4).
            aud: &'a str,
            iat: u64,
            exp: u64,
            jti: &'a str,
        }
        let header = Header {
            typ: self.typ,
            alg: key.algorithm().as_str(),
            kid: key.key_id().map(|id| &**id),
        };
        let claims = Claims {
            iss: self.client_id,
            sub: self.client_id,
            aud: self.audience,
            iat: seconds(self.now),
            exp: seconds(self.now.after(ASSERTION_LIFE_MS)),
            jti: self.id,
        };
        let purpose = SigningPurpose::ClientAssertion;
        SignRequest::new(purpose, key, self.issuer, &header, &claims)
    }
}

/// What a proof of possession says (RFC 9449 §4.2).
pub(crate) struct ProofClaims<'a> {
    pub(crate) method: &'a str,
    /// Of the request; its query and fragment are left out.
    pub(crate) url: &'a str,
    /// The access token that the request presents, if it does.
    pub(crate) token: Option<&'a str>,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) issuer: &'a Issuer,
    pub(crate) now: Timestamp,
    pub(crate) id: &'a str,
}

impl ProofClaims<'_> {
    pub(crate) fn request(&self, key: &PublicKey) -> SignRequest {
        #[derive(Serialize)]
        struct Claims<'a> {
            jti: &'a str,
            htm: &'a str,
            htu: &'a str,
            iat: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            ath: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nonce: Option<&'a str>,
        }
        let url = self.url;
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let claims = Claims {
            jti: self.id,
            htm: self.method,
            htu: url.get(..end).unwrap_or(url),
            iat: seconds(self.now),
            ath: self
                .token
                .map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))),
            nonce: self.nonce,
        };
        let header = ProofHeader(key);
        SignRequest::new(
            SigningPurpose::DpopProof,
            key,
            self.issuer,
            &header,
            &claims,
        )
    }
}

/// The header of a proof: the key is in it, with what it needs and nothing more.
struct ProofHeader<'a>(&'a PublicKey);

impl Serialize for ProofHeader<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut header = serializer.serialize_map(None)?;
        header.serialize_entry("typ", "dpop+jwt")?;
        header.serialize_entry("alg", self.0.algorithm().as_str())?;
        header.serialize_entry("jwk", &self.0.members())?;
        header.end()
    }
}

const fn seconds(at: Timestamp) -> u64 {
    at.as_millis() / 1000
}
