//! How is a private key written down? PEM (RFC 7468) around PKCS#8, SEC 1 or PKCS#1; or a JWK (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek as ed25519;
use mcp_oauth_core::{Algorithm, Secret};
use p256::SecretKey;
use p256::pkcs8::der::SecretDocument;
use p256::pkcs8::{EncodePrivateKey, LineEnding, ObjectIdentifier, PrivateKeyInfoRef};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::{BoxedUint, RsaPrivateKey};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::private_key::{KeyError, Material, PrivateKey, checked};

/// RFC 5480 §2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8410 §3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 8017 §A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A private key, whichever way it is written.
pub(super) fn read(text: &str) -> Result<PrivateKey, KeyError> {
    match text.trim_start().starts_with('{') {
        true => from_jwk(text),
        false => from_pem(text),
    }
}

/// As PKCS#8, which all the others read too.
pub(super) fn to_pem(material: &Material) -> Result<Secret, KeyError> {
    let ending = LineEnding::LF;
    let pem = match material {
        Material::Es256(key) => key.to_pkcs8_pem(ending),
        // Without the public part, which version 1 of PKCS#8 has no place for and OpenSSL 3.0 does not read.
        Material::EdDsa(key) => ed25519::pkcs8::KeypairBytes {
            secret_key: key.to_bytes(),
            public_key: None,
        }
        .to_pkcs8_pem(ending),
        Material::Rs256(key) => RsaPrivateKey::to_pkcs8_pem((**key).as_ref(), ending),
        Material::Ps256(key) => RsaPrivateKey::to_pkcs8_pem((**key).as_ref(), ending),
    };
    pem.map(|pem| Secret::new(pem.as_str()))
        .map_err(|_| KeyError::Unusable)
}

fn from_pem(text: &str) -> Result<PrivateKey, KeyError> {
    let unreadable = |_| KeyError::Unreadable;
    // What stands before the key, such as the curve's parameters, belongs to whoever wrote the file.
    let ends = text.find("PRIVATE KEY-----").ok_or(KeyError::Unreadable)?;
    let begins = text[..ends].rfind("-----BEGIN ");
    let text = &text[begins.ok_or(KeyError::Unreadable)?..];
    let (label, der) = SecretDocument::from_pem(text).map_err(|_| KeyError::Unreadable)?;
    let material = match label {
        "PRIVATE KEY" => from_pkcs8(der.as_bytes())?,
        "EC PRIVATE KEY" => {
            let key = SecretKey::from_sec1_der(der.as_bytes());
            Material::Es256(key.map_err(|_| KeyError::Kind)?.into())
        }
        "RSA PRIVATE KEY" => {
            let key = RsaPrivateKey::from_pkcs1_der(der.as_bytes()).map_err(unreadable)?;
            Material::rs256(checked(key)?)
        }
        _ => return Err(KeyError::Unreadable),
    };
    Ok(PrivateKey::new(material))
}

fn from_pkcs8(der: &[u8]) -> Result<Material, KeyError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Unreadable)?;
    match info.algorithm.oid {
        // The same structure with another curve is a key of another kind.
        EC => match SecretKey::try_from(info) {
            Ok(key) => Ok(Material::Es256(key.into())),
            Err(_) => Err(KeyError::Kind),
        },
        ED25519 => match ed25519::SigningKey::try_from(info) {
            Ok(key) => Ok(Material::EdDsa(key)),
            Err(_) => Err(KeyError::Unreadable),
        },
        RSA => match RsaPrivateKey::try_from(info) {
            Ok(key) => checked(key).map(Material::rs256),
            Err(_) => Err(KeyError::Unreadable),
        },
        _ => Err(KeyError::Kind),
    }
}

/// The members of RFC 7518 §6 and RFC 8037 §2. Borrowed: nothing of them is copied before it is decoded.
#[derive(Deserialize)]
struct Jwk<'a> {
    kty: &'a str,
    crv: Option<&'a str>,
    alg: Option<&'a str>,
    kid: Option<String>,
    x: Option<&'a str>,
    y: Option<&'a str>,
    n: Option<&'a str>,
    e: Option<&'a str>,
    d: &'a str,
    p: Option<&'a str>,
    q: Option<&'a str>,
}

fn from_jwk(text: &str) -> Result<PrivateKey, KeyError> {
    let jwk: Jwk<'_> = serde_json::from_str(text).map_err(|_| KeyError::Unreadable)?;
    let material = match (jwk.kty, jwk.crv) {
        ("EC", Some("P-256")) => {
            let key = SecretKey::from_slice(&bytes(Some(jwk.d))?);
            Material::Es256(key.map_err(|_| KeyError::Unreadable)?.into())
        }
        ("OKP", Some("Ed25519")) => {
            let key = ed25519::SigningKey::try_from(bytes(Some(jwk.d))?.as_slice());
            Material::EdDsa(key.map_err(|_| KeyError::Unreadable)?)
        }
        ("RSA", _) => Material::rs256(checked(rsa(&jwk)?)?),
        _ => return Err(KeyError::Kind),
    };
    let public = material.public_members();
    let fits = |name: &str, given: Option<&str>| public[name].as_str() == given;
    if !(fits("x", jwk.x) && fits("y", jwk.y)) {
        return Err(KeyError::Mismatch);
    }
    let mut key = PrivateKey::new(material);
    if let Some(name) = jwk.alg {
        let algorithm = Algorithm::from_name(name).ok_or(KeyError::Algorithm)?;
        key = key.with_algorithm(algorithm)?;
    }
    Ok(match &jwk.kid {
        Some(key_id) => key.with_key_id(key_id),
        None => key,
    })
}

/// RFC 7518 §6.3: without its primes a key is as good.
fn rsa(jwk: &Jwk<'_>) -> Result<RsaPrivateKey, KeyError> {
    let number = |text| Ok(BoxedUint::from_be_slice_vartime(&bytes(text)?));
    let primes = match (jwk.p, jwk.q) {
        (None, None) => Vec::new(),
        (p, q) => vec![number(p)?, number(q)?],
    };
    RsaPrivateKey::from_components(number(jwk.n)?, number(jwk.e)?, number(Some(jwk.d))?, primes)
        .map_err(|_| KeyError::Mismatch)
}

fn bytes(text: Option<&str>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = text.ok_or(KeyError::Unreadable)?;
    let bytes = URL_SAFE_NO_PAD.decode(text);
    bytes.map(Zeroizing::new).map_err(|_| KeyError::Unreadable)
}
