//! Which public key does a JWK give, and what may it verify (RFC 7517, RFC 7518 §6, RFC 8037 §2)?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The signature algorithms that the testbed verifies (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Rs256,
    Ps256,
    EdDsa,
}

impl Algorithm {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// What is secret in a key of any type (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    pub(crate) id: Option<String>,
    /// RFC 7638, with SHA-256, in base64url.
    pub(crate) thumbprint: String,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    /// An uncompressed point.
    P256(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// Reads a key that has no private member and is for signatures.
    pub(crate) fn read(jwk: &Value) -> Result<Self, String> {
        let Some(members) = jwk.as_object() else {
            return Err("the key is not a JSON object".into());
        };
        if let Some(name) = PRIVATE.iter().find(|name| members.contains_key(**name)) {
            return Err(format!("the key has the private member {name}"));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return Err("the key is not for signatures".into());
        }
        let octets = |name: &str| {
            let value = text(name).ok_or_else(|| format!("the key lacks {name}"))?;
            let octets = URL_SAFE_NO_PAD.decode(value);
            octets.map_err(|_| format!("{name} of the key is not base64url"))
        };
        let sized = |name: &str| {
            let octets = octets(name)?;
            match octets.len() {
                32 => Ok(octets),
                _ => Err(format!("{name} of the key has not 32 octets")),
            }
        };
        let (material, required) = match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => {
                let point = [vec![4], sized("x")?, sized("y")?].concat();
                let required = json!({
                    "crv": "P-256", "kty": "EC", "x": members["x"], "y": members["y"],
                });
                (Material::P256(point), required)
            }
            (Some("OKP"), Some("Ed25519")) => {
                let required = json!({"crv": "Ed25519", "kty": "OKP", "x": members["x"]});
                (Material::Ed25519(sized("x")?), required)
            }
            (Some("RSA"), _) => {
                let (n, e) = (octets("n")?, octets("e")?);
                if n.len() < 256 || n[0] == 0 || e.first().is_none_or(|first| *first == 0) {
                    return Err("the RSA key is too short, or padded".into());
                }
                let required = json!({"e": members["e"], "kty": "RSA", "n": members["n"]});
                (Material::Rsa { n, e }, required)
            }
            _ => return Err("the key is of no type that is known here".into()),
        };
        Ok(Self {
            id: text("kid").map(str::to_owned),
            thumbprint: thumbprint(&required),
            algorithm: text("alg").map(str::to_owned),
            material,
        })
    }

    /// Whether this key made a signature over an input.
    pub(crate) fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        let only = self.algorithm.as_deref();
        if only.is_some_and(|only| Algorithm::named(only) != Some(algorithm)) {
            return false;
        }
        let verified = match (&self.material, algorithm) {
            (Material::P256(point), Algorithm::Es256) => {
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(input, signature)
            }
            (Material::Ed25519(point), Algorithm::EdDsa) => {
                UnparsedPublicKey::new(&ED25519, point).verify(input, signature)
            }
            (Material::Rsa { n, e }, Algorithm::Rs256) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, input, signature)
            }
            (Material::Rsa { n, e }, Algorithm::Ps256) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PSS_2048_8192_SHA256, input, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

/// The digest of the members that make a key, in their lexicographic order and without blanks (RFC 7638 §3).
fn thumbprint(required: &Value) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(required.to_string()))
}

/// The usable keys of a JWK set. An unusable one spoils the set, since the client wrote it.
pub(crate) fn key_set(jwks: &Value) -> Result<Vec<PublicKey>, String> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.filter(|keys| !keys.is_empty());
    let keys = keys.ok_or("the JWK set has no keys")?;
    keys.iter().map(PublicKey::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.2.
    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4\
                     d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re\
                     xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX\
                     FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

    fn signed(key: &Value, algorithm: Algorithm, input: &str, signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = PublicKey::read(key).unwrap();
        key.verifies(algorithm, input.as_bytes(), &signature)
    }

    #[test]
    fn rsa_as_in_rfc_7515() {
        let key = json!({"kty": "RSA", "n": N, "e": "AQAB"});
        let input = format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}");
        let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
                         jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb\
                         1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO\
                         YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        assert!(signed(&key, Algorithm::Rs256, &input, signature));
        assert!(!signed(&key, Algorithm::Ps256, &input, signature));
        assert!(!signed(&key, Algorithm::Rs256, CLAIMS, signature));
        let mut other = key.clone();
        other["alg"] = "PS256".into();
        assert!(!signed(&other, Algorithm::Rs256, &input, signature));
    }

    #[test]
    fn p_256_as_in_rfc_7515() {
        let key = json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        let input = format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}");
        let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert!(signed(&key, Algorithm::Es256, &input, signature));
        assert!(!signed(&key, Algorithm::EdDsa, &input, signature));
    }

    #[test]
    fn ed25519_as_in_rfc_8037() {
        let key = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert!(signed(&key, Algorithm::EdDsa, input, signature));
        assert_eq!(
            PublicKey::read(&key).unwrap().thumbprint,
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_thumbprint_as_in_rfc_9449() {
        let key = json!({
            "use": "sig", "kty": "EC",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
            "crv": "P-256",
        });
        assert_eq!(
            PublicKey::read(&key).unwrap().thumbprint,
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
        );
    }

    #[test]
    fn keys_that_are_private_short_or_strange() {
        let point = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
        for (key, part) in [
            (json!("key"), "object"),
            (json!({"kty": "oct", "k": "AQAB"}), "private member k"),
            (
                json!({"kty": "EC", "crv": "P-256", "x": point, "y": point, "d": point}),
                "private member d",
            ),
            (json!({"kty": "EC", "crv": "P-256", "x": point}), "lacks y"),
            (
                json!({"kty": "EC", "crv": "P-256", "x": point, "y": "AQAB"}),
                "32 octets",
            ),
            (
                json!({"kty": "EC", "crv": "P-384", "x": point, "y": point}),
                "no type",
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": format!("{point}=")}),
                "base64url",
            ),
            (json!({"kty": "RSA", "n": point, "e": "AQAB"}), "too short"),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": point, "use": "enc"}),
                "signatures",
            ),
        ] {
            let refused = PublicKey::read(&key).unwrap_err();
            assert!(refused.contains(part), "{refused} lacks {part}");
        }
        assert!(key_set(&json!({"keys": []})).is_err());
    }
}
