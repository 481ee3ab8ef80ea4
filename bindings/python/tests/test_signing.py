"""Are signatures those that a JWS carries, and stay private keys private?"""

from __future__ import annotations

import base64
import json
import logging
import pickle
import subprocess
import sys
import traceback
from typing import Any, get_args

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from mcp_oauth_core import Algorithm, SigningError, SignRequest
from mcp_oauth_core.signing import LocalSigner, SigningKey

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
INPUT = b"eyJhbGciOiJFUzI1NiJ9.e30"

# RFC 7515 §A.3.1.
P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}

# RFC 8037 §A.1.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}

# RFC 7517 §A.2: the private half of the key of RFC 7638 §3.1.
RSA = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
    "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
    "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "d": "X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_Y"
    "Sfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu"
    "4sbg1U2jx4IBTNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcKoAC8Q",
    "p": "83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOu"
    "VIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfs",
    "q": "3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBcOfW5r370AFXjiWft_NGEiovonizhKpo9VVS"
    "78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxk",
    "dp": "G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dpgFGyBJ4c8tQ2VF402XRugKDTP8akYhFo5tAA77"
    "Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob8YeiKkTiBj0",
    "dq": "s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznYY5SSQF7pMdC_agI3nG8Ibp1BUb0JUiraRNqUfL"
    "hcQb_d9GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jvWrX-L18txXw494Q_cgk",
    "qi": "GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa-Bk0KWNGDjJHZDdDmFhW3AN7lI-puxk_mH"
    "ZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6Ia6zTKhAVRU",
}


def of(members: dict[str, Any], **changes: Any) -> SigningKey:
    return SigningKey.from_jwk(json.dumps({**members, **changes}))


KEYS: dict[Algorithm, SigningKey] = {
    "ES256": of(P256),
    "RS256": of(RSA),
    "PS256": of(RSA, alg="PS256"),
    "EdDSA": of(ED25519),
}


def asked(key: SigningKey, **changes: Any) -> SignRequest:
    members = {"algorithm": key.algorithm, "thumbprint": key.thumbprint, "key_id": key.key_id, **changes}
    return SignRequest(purpose="dpop_proof", issuer="https://auth.example.com", input=INPUT, **members)


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(jwk: str, signature: bytes, signed: bytes = INPUT) -> None:
    """As whoever has been given no more than the public JWK does it."""
    members = json.loads(jwk)
    if members["alg"] == "EdDSA":
        ed25519.Ed25519PublicKey.from_public_bytes(unpadded(members["x"])).verify(signature, signed)
    elif members["alg"] == "ES256":
        assert len(signature) == 64
        x, y, r, s = (
            int.from_bytes(part, "big")
            for part in (unpadded(members["x"]), unpadded(members["y"]), signature[:32], signature[32:])
        )
        point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        point.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    else:
        n, e = (int.from_bytes(unpadded(members[name]), "big") for name in ("n", "e"))
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        how = pss if members["alg"] == "PS256" else padding.PKCS1v15()
        rsa.RSAPublicNumbers(e, n).public_key().verify(signature, signed, how, hashes.SHA256())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_is_one_of_the_public_key(algorithm: Algorithm) -> None:
    for key in (KEYS[algorithm], SigningKey.generate(algorithm)):
        assert key.algorithm == algorithm
        # Numbers that begin with zeros now and then have to be filled up.
        for _ in range(600 if algorithm == "ES256" else 2):
            verify(key.public_jwk, LocalSigner([key]).sign(asked(key)))
        with pytest.raises(InvalidSignature):
            verify(key.public_jwk, key.sign(INPUT), INPUT + b"x")


def test_the_signature_of_rfc_7515() -> None:
    signed = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    verify(KEYS["ES256"].public_jwk, unpadded(signature), signed)
    verify(KEYS["ES256"].public_jwk, KEYS["ES256"].sign(signed), signed)


def test_the_signature_of_rfc_8037() -> None:
    signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert KEYS["EdDSA"].sign(signed) == unpadded(signature)


def test_thumbprints() -> None:
    # RFC 7638 §3.1, and RFC 8037 §A.3.
    assert KEYS["RS256"].thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert KEYS["EdDSA"].thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert of(RSA, kid="2011-04-29").thumbprint == KEYS["RS256"].thumbprint


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_public_key_tells_nothing_private(algorithm: Algorithm) -> None:
    public = json.loads(KEYS[algorithm].public_jwk)
    assert {"d", "p", "q", "dp", "dq", "qi"}.isdisjoint(public)
    assert public["alg"] == algorithm and "kid" not in public
    named = SigningKey.generate(algorithm, key_id="2027")
    assert json.loads(named.public_jwk)["kid"] == named.key_id == "2027"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("password", [None, b"a password"])
def test_a_key_that_was_kept_is_the_same_key(algorithm: Algorithm, password: bytes | None) -> None:
    key = KEYS[algorithm]
    pem = key.to_pem(password=password)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY" if password else b"-----BEGIN PRIVATE KEY")
    again = SigningKey.from_pem(pem, password=password, algorithm=algorithm, key_id=key.key_id)
    assert (again.public_jwk, again.thumbprint) == (key.public_jwk, key.thumbprint)
    for wrong in (b"another", None if password else b"a password"):
        with pytest.raises(SigningError, match="password"):
            SigningKey.from_pem(pem, password=wrong)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_keys_in_older_forms(algorithm: Algorithm) -> None:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = KEYS[algorithm]._private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    assert (b"EC" if algorithm == "ES256" else b"RSA") in pem.splitlines()[0]
    assert SigningKey.from_pem(pem).public_jwk == KEYS[algorithm].public_jwk


def test_a_signer_finds_each_of_its_keys_and_no_other() -> None:
    keys = [SigningKey.generate("ES256"), SigningKey.generate("EdDSA"), SigningKey.generate("ES256")]
    signer = LocalSigner(keys)
    for key in keys:
        verify(key.public_jwk, signer.sign(asked(key)))
    other = SigningKey.generate("ES256")
    with pytest.raises(SigningError, match=f"the key {other.thumbprint} is not at hand"):
        signer.sign(asked(other))
    with pytest.raises(SigningError, match="signs ES256, not RS256"):
        signer.sign(asked(keys[0], algorithm="RS256"))
    with pytest.raises(SigningError, match="twice"):
        LocalSigner([KEYS["RS256"], KEYS["PS256"]])


@pytest.mark.parametrize(
    "jwk",
    [
        "",
        "[]",
        "null",
        "{}",
        json.dumps({**P256, "d": None}),
        json.dumps({**P256, "d": P256["x"]}),
        json.dumps({**P256, "x": P256["y"]}),
        json.dumps({**P256, "d": P256["d"][:-1] + "="}),
        json.dumps({**P256, "crv": "P-384"}),
        json.dumps({**P256, "crv": "secp256k1"}),
        json.dumps({**P256, "alg": "ES384"}),
        json.dumps({**P256, "alg": ["ES256"]}),
        json.dumps({**P256, "kid": 7}),
        json.dumps({name: value for name, value in P256.items() if name != "d"}),
        json.dumps({**ED25519, "x": P256["x"]}),
        json.dumps({**ED25519, "d": "AAAA"}),
        json.dumps({**ED25519, "alg": "ES256"}),
        json.dumps({**RSA, "p": RSA["q"]}),
        json.dumps({**RSA, "oth": []}),
        json.dumps({**RSA, "alg": "none"}),
        json.dumps({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ", "alg": "HS256"}),
    ],
)
def test_a_jwk_that_is_no_key_to_sign_with(jwk: str) -> None:
    with pytest.raises(SigningError) as caught:
        SigningKey.from_jwk(jwk)
    text = "".join(traceback.format_exception(caught.value))
    assert P256["d"] not in text and caught.value.__cause__ is None


def test_a_pem_that_is_no_key_to_sign_with() -> None:
    def pem(key: Any) -> bytes:
        form = serialization.PrivateFormat.PKCS8
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    public = (
        KEYS["ES256"]
        ._private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    others = {
        b"": "no private key",
        public: "no private key",
        KEYS["ES256"].to_pem()[:80]: "no private key",
        pem(ec.generate_private_key(ec.SECP384R1())): "P-256",
        pem(rsa.generate_private_key(65537, 1024)): "2048 bits",
    }
    for text, why in others.items():
        with pytest.raises(SigningError, match=why):
            SigningKey.from_pem(text)
    with pytest.raises(SigningError, match="this key signs ES256"):
        SigningKey.from_pem(KEYS["ES256"].to_pem(), algorithm="EdDSA")


def test_nothing_that_can_be_printed_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for members in (P256, ED25519, RSA):
        key = of(members, kid="2027")
        signer = LocalSigner([key])
        shown = f"{key} {key!r} {[key]} {vars(key)} {signer} {signer!r} {vars(signer)} {asked(key)} {asked(key)!r}"
        assert key.thumbprint in shown and INPUT.decode() not in shown
        private = unpadded(members["d"])
        forms = [members["d"], private.hex(), str(int.from_bytes(private, "big")), repr(private), "PRIVATE"]
        assert not [form for form in forms if form in shown + caplog.text]
        with pytest.raises(TypeError):
            pickle.dumps(key)


def test_the_package_is_needed_by_nobody_else() -> None:
    program = """
import sys
sys.modules["cryptography"] = None
import mcp_oauth_core
try:
    import mcp_oauth_core.signing
except ImportError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told == "mcp_oauth_core.signing needs the package cryptography: the extra 'signing'\n"
