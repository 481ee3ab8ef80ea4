//! Which key signs, and how? (RFC 7517, RFC 7518)

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error as _, IgnoredAny};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::wire::json::{self, FromTexts, Text};

/// A signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1): asymmetric ones alone (RFC 8725 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256. The signature is R and S, 32 bytes each.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this registered name, if it is one that keys can have here.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether a signature can be so long, in bytes: what a host mixes up most easily is the form of ECDSA signatures.
    pub(super) const fn fits(self, signature: &[u8]) -> bool {
        match self {
            Self::Es256 | Self::EdDsa => signature.len() == 64,
            Self::Rs256 | Self::Ps256 => matches!(signature.len(), 256..=1024),
        }
    }
}

/// The algorithms that a server lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Algorithms {
    /// Whether the server says anything at all.
    pub(crate) listed: bool,
    es256: bool,
    rs256: bool,
    ps256: bool,
    eddsa: bool,
}

impl Algorithms {
    pub(crate) const fn contains(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Es256 => self.es256,
            Algorithm::Rs256 => self.rs256,
            Algorithm::Ps256 => self.ps256,
            Algorithm::EdDsa => self.eddsa,
        }
    }

    /// Whether a server that lists these, or nothing, may take the algorithm.
    pub(crate) const fn allows(self, algorithm: Algorithm) -> bool {
        !self.listed || self.contains(algorithm)
    }
}

impl FromTexts for Algorithms {
    fn take(&mut self, name: &str) {
        self.listed = true;
        match name {
            "ES256" => self.es256 = true,
            "RS256" => self.rs256 = true,
            "PS256" => self.ps256 = true,
            // RFC 9864 names the curve: a server that lists this one takes such signatures too.
            "EdDSA" | "Ed25519" => self.eddsa = true,
            _ => {}
        }
    }
}

/// A public key, as a JWK: P-256 (ES256), RSA of at least 2048 bits (RS256, or what `alg` says) or Ed25519 (EdDSA).
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    key_id: Option<Arc<str>>,
    material: Material,
    thumbprint: Arc<str>,
}

/// The members that make the key what it is, in base64url.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    Ec { x: Arc<str>, y: Arc<str> },
    Rsa { e: Arc<str>, n: Arc<str> },
    Okp { x: Arc<str> },
}

/// Why a JWK cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub enum KeyFault {
    /// Not a JSON object with `kty`, or a member is there twice or of the wrong type.
    NotAKey,
    /// It has members of a private or symmetric key: they must not leave the host's keeping.
    Private,
    /// Another kind of key, curve or algorithm than those that are done here.
    Unsupported,
    /// A member is missing, is not base64url, or has the wrong length.
    Malformed,
}

impl KeyFault {
    /// The fault in words, as a [`ConfigError`](crate::ConfigError) tells it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotAKey => "not a JSON Web Key",
            Self::Private => "the key has private members: give the public key alone",
            Self::Unsupported => "not a key for ES256, RS256, PS256 or EdDSA",
            Self::Malformed => "a member of the key is missing or malformed",
        }
    }
}

#[derive(Deserialize)]
struct Jwk<'a> {
    #[serde(borrow, default)]
    kty: Option<Text<'a>>,
    #[serde(borrow, default)]
    crv: Option<Text<'a>>,
    #[serde(borrow, default)]
    alg: Option<Text<'a>>,
    #[serde(borrow, default)]
    kid: Option<Text<'a>>,
    #[serde(borrow, default)]
    x: Option<Text<'a>>,
    #[serde(borrow, default)]
    y: Option<Text<'a>>,
    #[serde(borrow, default)]
    e: Option<Text<'a>>,
    #[serde(borrow, default)]
    n: Option<Text<'a>>,
    #[serde(default)]
    d: Option<IgnoredAny>,
    #[serde(default)]
    p: Option<IgnoredAny>,
    #[serde(default)]
    q: Option<IgnoredAny>,
    #[serde(default)]
    k: Option<IgnoredAny>,
}

impl PublicKey {
    /// Reads a JWK.
    ///
    /// # Errors
    /// [`KeyFault`], which shows nothing of the key.
    pub fn from_jwk(jwk: &str) -> Result<Self, KeyFault> {
        let jwk: Jwk<'_> = json::object(jwk.as_bytes()).ok_or(KeyFault::NotAKey)?;
        Self::read(&jwk)
    }

    fn read(jwk: &Jwk<'_>) -> Result<Self, KeyFault> {
        if [&jwk.d, &jwk.p, &jwk.q, &jwk.k]
            .into_iter()
            .any(Option::is_some)
        {
            return Err(KeyFault::Private);
        }
        let named = json::present(jwk.alg.as_ref());
        let kind = json::present(jwk.kty.as_ref()).ok_or(KeyFault::NotAKey)?;
        let curve = json::present(jwk.crv.as_ref());
        let (material, algorithms): (_, &[Algorithm]) = match (kind, curve) {
            ("EC", Some("P-256")) => {
                let x = coordinate(jwk.x.as_ref())?;
                let y = coordinate(jwk.y.as_ref())?;
                (Material::Ec { x, y }, &[Algorithm::Es256])
            }
            ("OKP", Some("Ed25519")) => {
                let x = coordinate(jwk.x.as_ref())?;
                (Material::Okp { x }, &[Algorithm::EdDsa])
            }
            ("RSA", None) => {
                let e = integer(jwk.e.as_ref(), 1..=8)?;
                // RFC 7518 §3.3: at least 2048 bits.
                let n = integer(jwk.n.as_ref(), 256..=1024)?;
                (
                    Material::Rsa { e, n },
                    &[Algorithm::Rs256, Algorithm::Ps256],
                )
            }
            _ => return Err(KeyFault::Unsupported),
        };
        let algorithm = match named {
            Some("Ed25519") => Some(Algorithm::EdDsa),
            Some(name) => Algorithm::from_name(name),
            None => algorithms.first().copied(),
        };
        let algorithm = algorithm
            .filter(|algorithm| algorithms.contains(algorithm))
            .ok_or(KeyFault::Unsupported)?;
        // Plain strings always serialise.
        let canonical = serde_json::to_vec(&material).unwrap_or_default();
        let digest = Sha256::digest(canonical);
        Ok(Self {
            algorithm,
            key_id: json::present(jwk.kid.as_ref()).map(Into::into),
            material,
            thumbprint: URL_SAFE_NO_PAD.encode(digest).into(),
        })
    }

    /// What the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's own name (`kid`), if it has one.
    pub fn key_id(&self) -> Option<&Arc<str>> {
        self.key_id.as_ref()
    }

    /// The SHA-256 thumbprint, in base64url (RFC 7638): by which a host finds the private key.
    pub fn thumbprint(&self) -> &Arc<str> {
        &self.thumbprint
    }

    /// The members that make the key what it is, and no others.
    pub(crate) fn members(&self) -> impl Serialize + '_ {
        &self.material
    }
}

impl Material {
    /// In the order of their names (RFC 7638 §3.2).
    fn members(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Ec { x, y } => vec![("crv", "P-256"), ("kty", "EC"), ("x", x), ("y", y)],
            Self::Rsa { e, n } => vec![("e", e), ("kty", "RSA"), ("n", n)],
            Self::Okp { x } => vec![("crv", "Ed25519"), ("kty", "OKP"), ("x", x)],
        }
    }
}

impl Serialize for Material {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members())
    }
}

/// A number of 32 bytes.
fn coordinate(member: Option<&Text<'_>>) -> Result<Arc<str>, KeyFault> {
    integer(member, 32..=32)
}

fn integer(
    member: Option<&Text<'_>>,
    length: std::ops::RangeInclusive<usize>,
) -> Result<Arc<str>, KeyFault> {
    let text = json::present(member).ok_or(KeyFault::Malformed)?;
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| KeyFault::Malformed)?;
    if length.contains(&bytes.len()) {
        Ok(text.into())
    } else {
        Err(KeyFault::Malformed)
    }
}

/// As a JWK for others to verify with: in a registration, or in a client ID metadata document.
impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut jwk = serializer.serialize_map(None)?;
        for (name, value) in self.material.members() {
            jwk.serialize_entry(name, value)?;
        }
        jwk.serialize_entry("alg", self.algorithm.as_str())?;
        jwk.serialize_entry("use", "sig")?;
        if let Some(key_id) = &self.key_id {
            jwk.serialize_entry("kid", &**key_id)?;
        }
        jwk.end()
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jwk = Jwk::deserialize(deserializer)?;
        Self::read(&jwk).map_err(D::Error::custom)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    const ED: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn rsa(further: &str) -> String {
        let n = URL_SAFE_NO_PAD.encode([0xc1; 256]);
        format!(r#"{{"kty":"RSA","e":"AQAB","n":"{n}"{further}}}"#)
    }

    // DPP-02, DPP-11, CCR-06
    #[test]
    fn keys_say_how_they_sign() {
        for (jwk, algorithm) in [
            (EC.to_owned(), Algorithm::Es256),
            (ED.to_owned(), Algorithm::EdDsa),
            (rsa(""), Algorithm::Rs256),
            (rsa(r#","alg":"PS256","kid":"k""#), Algorithm::Ps256),
        ] {
            let key = PublicKey::from_jwk(&jwk).unwrap();
            assert_eq!(key.algorithm(), algorithm, "{jwk}");
            let again = serde_json::to_string(&key).unwrap();
            assert_eq!(PublicKey::from_jwk(&again), Ok(key), "{again}");
        }
        // RFC 8037 Appendix A.3.
        let key = PublicKey::from_jwk(ED).unwrap();
        assert_eq!(
            &**key.thumbprint(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    // DPP-02, DPP-13, CCR-06, CCR-13
    #[test]
    fn private_weak_and_unknown_keys_are_refused() {
        for (jwk, fault) in [
            ("[]".to_owned(), KeyFault::NotAKey),
            ("{}".to_owned(), KeyFault::NotAKey),
            (EC.replace("{", r#"{"d":"AA","#), KeyFault::Private),
            (
                r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(),
                KeyFault::Private,
            ),
            (EC.replace("P-256", "P-521"), KeyFault::Unsupported),
            (EC.replace("{", r#"{"alg":"none","#), KeyFault::Unsupported),
            (EC.replace("{", r#"{"alg":"HS256","#), KeyFault::Unsupported),
            (ED.replace("{", r#"{"alg":"ES256","#), KeyFault::Unsupported),
            (EC.replace("f83", "f8"), KeyFault::Malformed),
            (EC.replace("f83O", "f8=O"), KeyFault::Malformed),
            (rsa("").replace("AQAB", ""), KeyFault::Malformed),
            (
                format!(
                    r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#,
                    URL_SAFE_NO_PAD.encode([1; 128])
                ),
                KeyFault::Malformed,
            ),
        ] {
            assert_eq!(PublicKey::from_jwk(&jwk).err(), Some(fault), "{jwk}");
        }
    }
}
