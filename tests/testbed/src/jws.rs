//! What does a signed token say (RFC 7515 §3.1, RFC 7519)?

use crate::jwk::{Algorithm, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// A JWT in the compact serialization; nothing in it counts before [`Jws::signed_by`] says so.
#[derive(Clone, Debug)]
pub(crate) struct Jws {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) algorithm: Algorithm,
    input: String,
    signature: Vec<u8>,
}

impl Jws {
    /// Takes a token apart. The algorithm `none` and symmetric ones are not known here.
    pub(crate) fn read(token: &str) -> Result<Self, String> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            return Err("it has not three parts".into());
        };
        let input = format!("{header}.{claims}");
        let object = |part: &str, name: &str| {
            let octets = URL_SAFE_NO_PAD.decode(part).ok();
            let members = octets.and_then(|octets| serde_json::from_slice(&octets).ok());
            members.ok_or_else(|| format!("its {name} is no JSON object in base64url"))
        };
        let (header, claims) = (object(header, "header")?, object(claims, "claims")?);
        let algorithm: &Map<String, Value> = &header;
        let algorithm = algorithm.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.unwrap_or_default();
        Ok(Self {
            algorithm: Algorithm::named(algorithm)
                .ok_or_else(|| format!("its algorithm {algorithm:?} is not known here"))?,
            signature: URL_SAFE_NO_PAD
                .decode(signature)
                .map_err(|_| "its signature is not base64url".to_owned())?,
            header,
            claims,
            input,
        })
    }

    pub(crate) fn signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(self.algorithm, self.input.as_bytes(), &self.signature)
    }

    /// A member of the header that is a string.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// A claim that is a string.
    pub(crate) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A claim that is a point in time, in seconds since the Unix epoch (RFC 7519 §2, NumericDate).
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        self.claims.get(name).and_then(Value::as_i64)
    }

    /// A member of the header beyond the known ones; `crit` is never known (RFC 7515 §4.1.11).
    pub(crate) fn unknown_parameter(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.header.keys().map(String::as_str);
        names.find(|name| !known.contains(name))
    }
}
