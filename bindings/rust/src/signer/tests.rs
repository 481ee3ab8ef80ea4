//! Does a key sign what others can verify, is it read and written as others do, and is it never told?

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek as ed25519;
use mcp_oauth_core::Algorithm;
use p256::ecdsa::signature::Verifier as _;
use rsa::{BoxedUint, RsaPublicKey, pkcs1v15, pss};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{KeyError, PrivateKey};

/// RFC 7515 §A.2.1.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const RSA_D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const RSA_P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const RSA_Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";
const RS256_INPUT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RS256_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// RFC 7515 §A.3.1.
const EC_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const ES256_INPUT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const ES256_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 8037 §A.1, §A.3, §A.4.
const ED_JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED_THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
const EDDSA_INPUT: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const EDDSA_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn rsa_jwk() -> Value {
    json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "d": RSA_D, "p": RSA_P, "q": RSA_Q})
}

fn read(jwk: impl ToString) -> PrivateKey {
    PrivateKey::read(&jwk.to_string()).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Verified with nothing but what the public JWK says.
fn verifies(public_jwk: &str, input: &[u8], signature: &[u8]) -> bool {
    let jwk: Value = serde_json::from_str(public_jwk).unwrap();
    let member = |name: &str| bytes(jwk[name].as_str().unwrap());
    let rsa = || {
        let number = |name| BoxedUint::from_be_slice_vartime(&member(name));
        RsaPublicKey::new(number("n"), number("e")).unwrap()
    };
    match jwk["alg"].as_str().unwrap() {
        "ES256" => {
            let point = [vec![4], member("x"), member("y")].concat();
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
            // Of 64 bytes exactly: DER is not read.
            p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(input, &signature).is_ok())
        }
        "EdDSA" => {
            let key = ed25519::VerifyingKey::from_bytes(&member("x").try_into().unwrap()).unwrap();
            ed25519::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(input, &signature).is_ok())
        }
        "RS256" => pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
            let key = pkcs1v15::VerifyingKey::<Sha256>::new(rsa());
            key.verify(input, &signature).is_ok()
        }),
        "PS256" => pss::Signature::try_from(signature).is_ok_and(|signature| {
            let key = pss::VerifyingKey::<Sha256>::new(rsa());
            key.verify(input, &signature).is_ok()
        }),
        other => panic!("{other}"),
    }
}

#[test]
fn the_examples_of_the_standards_come_out() {
    let rsa = read(rsa_jwk());
    let signature = rsa.sign(RS256_INPUT.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(signature), RS256_SIGNATURE);

    let ed = read(ED_JWK);
    let signature = ed.sign(EDDSA_INPUT.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(signature), EDDSA_SIGNATURE);
    assert_eq!(ed.thumbprint(), ED_THUMBPRINT);

    // Of ECDSA there are many: theirs is verified with what is said of the key, and so is ours.
    let public = read(EC_JWK).public_jwk();
    let theirs = bytes(ES256_SIGNATURE);
    assert!(verifies(&public, ES256_INPUT.as_bytes(), &theirs));
    let ours = read(EC_JWK).sign(ES256_INPUT.as_bytes()).unwrap();
    assert!(verifies(&public, ES256_INPUT.as_bytes(), &ours));
}

#[test]
fn each_algorithm_signs_what_its_public_key_verifies() {
    let keys = [
        PrivateKey::generate(Algorithm::Es256).unwrap(),
        PrivateKey::generate(Algorithm::EdDsa).unwrap(),
        read(rsa_jwk()),
        read(rsa_jwk()).with_algorithm(Algorithm::Ps256).unwrap(),
    ];
    for key in &keys {
        let signature = key.sign(b"input").unwrap();
        let public = key.public_jwk();
        assert!(verifies(&public, b"input", &signature), "{key:?}");
        assert!(!verifies(&public, b"other", &signature), "{key:?}");
        let again = PrivateKey::generate(Algorithm::Es256).unwrap();
        assert!(!verifies(&again.public_jwk(), b"input", &signature));
        assert!(!public.contains("\"d\""));
    }
    assert_eq!(keys[0].sign(b"input").unwrap().len(), 64);
}

#[test]
fn a_new_rsa_key_is_good_beyond_2030() {
    let key = PrivateKey::generate(Algorithm::Ps256).unwrap();
    let public: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    assert_eq!(bytes(public["n"].as_str().unwrap()).len() * 8, 3072);
    let signature = key.sign(b"input").unwrap();
    assert!(verifies(&key.public_jwk(), b"input", &signature));
}

#[test]
fn a_key_that_is_written_down_is_the_same_key() {
    for key in [read(rsa_jwk()), read(EC_JWK), read(ED_JWK)] {
        let pem = key.to_pem().unwrap();
        let again = PrivateKey::read(pem.expose()).unwrap();
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert_eq!(again.public_jwk(), key.public_jwk());
    }
}

#[test]
fn keys_of_openssl_are_read() {
    // The keys of the standards, as `openssl` writes them.
    for (pem, algorithm) in [
        (
            include_str!("../../tests/keys/ec-pkcs8.pem"),
            Algorithm::Es256,
        ),
        (
            include_str!("../../tests/keys/ec-sec1.pem"),
            Algorithm::Es256,
        ),
        (
            include_str!("../../tests/keys/ed25519-pkcs8.pem"),
            Algorithm::EdDsa,
        ),
        (
            include_str!("../../tests/keys/rsa-pkcs8.pem"),
            Algorithm::Rs256,
        ),
        (
            include_str!("../../tests/keys/rsa-pkcs1.pem"),
            Algorithm::Rs256,
        ),
    ] {
        let key = PrivateKey::read(pem).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let signature = key.sign(b"input").unwrap();
        assert!(verifies(&key.public_jwk(), b"input", &signature));
    }
}

#[test]
fn the_public_key_says_what_a_server_needs_to_know() {
    let mut jwk = rsa_jwk();
    jwk["alg"] = "PS256".into();
    jwk["kid"] = "2026".into();
    let key = read(&jwk);
    assert_eq!(key.algorithm(), Algorithm::Ps256);
    let public: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    assert_eq!(
        public,
        json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "PS256", "kid": "2026", "use": "sig"})
    );
    // Which key it is does not depend on what is said about it (RFC 7638 §3.2).
    assert_eq!(key.thumbprint(), read(rsa_jwk()).thumbprint());
}

#[test]
fn an_rsa_key_without_its_primes_is_as_good() {
    let jwk = json!({"kty": "RSA", "n": RSA_N, "e": "AQAB", "d": RSA_D});
    let signature = read(jwk).sign(RS256_INPUT.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(signature), RS256_SIGNATURE);
}

#[test]
fn what_is_no_key_or_the_wrong_one_is_refused() {
    let changed = |jwk: &str, from: &str, to: &str| jwk.replace(from, to);
    let cases = [
        (String::new(), KeyError::Unreadable),
        ("-----BEGIN PRIVATE KEY-----\n".into(), KeyError::Unreadable),
        ("{}".into(), KeyError::Unreadable),
        (read(EC_JWK).public_jwk(), KeyError::Unreadable),
        (
            include_str!("../../tests/keys/encrypted.pem").into(),
            KeyError::Unreadable,
        ),
        (
            include_str!("../../tests/keys/p384-pkcs8.pem").into(),
            KeyError::Kind,
        ),
        (
            include_str!("../../tests/keys/rsa-1024-pkcs8.pem").into(),
            KeyError::TooShort,
        ),
        (changed(EC_JWK, "P-256", "P-384"), KeyError::Kind),
        (changed(ED_JWK, "Ed25519", "X25519"), KeyError::Kind),
        (changed(EC_JWK, "f83OJ3D2", "f83OJ3D3"), KeyError::Mismatch),
        (changed(ED_JWK, "11qYAYKx", "11qYAYKy"), KeyError::Mismatch),
        (
            changed(ED_JWK, "\"kty\"", "\"alg\":\"ES256\",\"kty\""),
            KeyError::Algorithm,
        ),
        (
            changed(EC_JWK, "\"kty\"", "\"alg\":\"none\",\"kty\""),
            KeyError::Algorithm,
        ),
        (
            changed(&rsa_jwk().to_string(), "AQAB", "AQAD"),
            KeyError::Mismatch,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(PrivateKey::read(&text).err(), Some(expected), "{text}");
    }
    let wrong = read(EC_JWK).with_algorithm(Algorithm::Rs256);
    assert_eq!(wrong.err(), Some(KeyError::Algorithm));
}

#[test]
fn a_private_key_is_never_printed() {
    for (key, private) in [
        (read(rsa_jwk()), RSA_D),
        (read(EC_JWK), "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"),
        (read(ED_JWK), "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"),
    ] {
        let pem = key.to_pem().unwrap();
        let shown = format!("{key:?} {:#?} {pem:?} {}", key, key.public_jwk());
        let body = pem.expose().lines().nth(1).unwrap();
        let numbers = format!("{:?}", bytes(private));
        for told in [private, body, numbers.trim_matches(['[', ']'])] {
            assert!(!shown.contains(told), "{shown}");
        }
    }
    let error = PrivateKey::read(&EC_JWK.replace("f83OJ3D2", "f83OJ3D3")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("jpsQ"));
}
