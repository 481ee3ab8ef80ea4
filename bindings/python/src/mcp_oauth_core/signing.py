"""What keys can a program keep in its own memory, and sign with?

    from mcp_oauth_core.signing import LocalSigner, SigningKey

    key = SigningKey.from_pem(Path("client-key.pem").read_bytes())
    signer = LocalSigner([key])

Needs the package ``cryptography`` (the extra ``signing``). Python cannot wipe memory: a key that must never be read from it
belongs behind a ``Signer`` of another kind.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

from ._signer import Algorithm, SigningError, SignRequest

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
except ImportError:
    raise ImportError("mcp_oauth_core.signing needs the package cryptography: the extra 'signing'") from None

__all__ = ["LocalSigner", "SigningKey"]

_Private: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey

_RSA: tuple[Algorithm, ...] = ("RS256", "PS256")

# RFC 7518 §3.3 asks for 2048 bits at least; new keys get what lasts beyond 2030 (NIST SP 800-57 part 1, table 2).
_LEAST_RSA_BITS = 2048
_NEW_RSA_BITS = 3072

_SCALAR = 32


class SigningKey:
    """A private key, for one algorithm: EC P-256 for ES256, RSA for RS256 or PS256, Ed25519 for EdDSA."""

    def __init__(self, private: _Private, *, algorithm: Algorithm | None = None, key_id: str | None = None) -> None:
        """A key of the package ``cryptography``. Without an ``algorithm`` it is the one of its kind, RS256 for RSA.

        Raises ``SigningError`` for a key that will not do, as all that make one here.
        """
        allowed = _algorithms(private)
        if algorithm is not None and algorithm not in allowed:
            raise SigningError(f"this key signs {' or '.join(allowed)}")
        self._private = private
        #: What it signs with.
        self.algorithm: Algorithm = algorithm or allowed[0]
        #: Its name in a key set, if it has one.
        self.key_id = key_id
        public = _public_members(private)
        #: The SHA-256 thumbprint, as base64url (RFC 7638).
        self.thumbprint = _encoded(hashlib.sha256(_json(public).encode()).digest())
        named = {} if key_id is None else {"kid": key_id}
        #: The public half as a JWK: for the settings, and for the key set of a client ID metadata document.
        self.public_jwk = _json({**public, "alg": self.algorithm, **named})

    @classmethod
    def generate(cls, algorithm: Algorithm = "ES256", *, key_id: str | None = None) -> SigningKey:
        """A new key. It is lost with the process unless you keep ``to_pem()``."""
        private: _Private
        if algorithm == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "EdDSA":
            private = Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(65537, _NEW_RSA_BITS)
        return cls(private, algorithm=algorithm, key_id=key_id)

    @classmethod
    def from_pem(
        cls,
        pem: bytes,
        *,
        password: bytes | None = None,
        algorithm: Algorithm | None = None,
        key_id: str | None = None,
    ) -> SigningKey:
        """A private key in PEM: PKCS#8, SEC 1 or PKCS#1."""
        try:
            private = serialization.load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # Its own words may tell of the content.
            raise SigningError("this is no private key in PEM, or it needs another password") from None
        return cls(_suitable(private), algorithm=algorithm, key_id=key_id)

    @classmethod
    def from_jwk(cls, jwk: str) -> SigningKey:
        """A private JWK, as text (RFC 7517); its ``alg`` and ``kid`` hold."""
        try:
            members: dict[str, Any] = json.loads(jwk)
            private = _private_of(members)
            algorithm, key_id = members.get("alg"), members.get("kid")
        except (AttributeError, KeyError, TypeError, ValueError, UnsupportedAlgorithm):
            raise SigningError("this is no private JWK for EC P-256, RSA or Ed25519") from None
        if not isinstance(key_id, str | None):
            raise SigningError("the kid of a JWK is text")
        return cls(private, algorithm=algorithm, key_id=key_id)

    def to_pem(self, *, password: bytes | None = None) -> bytes:
        """The private key in PKCS#8, encrypted if there is a password: to be kept where nobody else can read it."""
        encryption = (
            serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
        )
        return self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    def sign(self, input: bytes) -> bytes:
        """The signature of a JWS over these bytes (RFC 7518 §3, RFC 8037 §3.1)."""
        private = self._private
        if isinstance(private, Ed25519PrivateKey):
            return private.sign(input)
        if isinstance(private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(private.sign(input, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(_SCALAR, "big") + s.to_bytes(_SCALAR, "big")
        if self.algorithm == "PS256":
            # RFC 7518 §3.5: the salt is as long as the digest.
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return private.sign(input, pss, hashes.SHA256())
        return private.sign(input, padding.PKCS1v15(), hashes.SHA256())

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm}, {self.thumbprint})"


class LocalSigner:
    """Signs with keys in this process, each for one algorithm (RFC 8725 §3.1)."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys: dict[str, SigningKey] = {}
        for key in keys:
            if self._keys.setdefault(key.thumbprint, key).algorithm != key.algorithm:
                raise SigningError(f"the key {key.thumbprint} is there twice, with different algorithms")

    def sign(self, request: SignRequest) -> bytes:
        key = self._keys.get(request.thumbprint)
        if key is None:
            raise SigningError(f"the key {request.thumbprint} is not at hand")
        if key.algorithm != request.algorithm:
            raise SigningError(f"the key {request.thumbprint} signs {key.algorithm}, not {request.algorithm}")
        return key.sign(request.input)

    def __repr__(self) -> str:
        return f"LocalSigner({list(self._keys.values())})"


def _suitable(private: object) -> _Private:
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey):
        raise SigningError("the key is neither EC P-256, RSA nor Ed25519")
    return private


def _algorithms(private: _Private) -> tuple[Algorithm, ...]:
    if isinstance(private, Ed25519PrivateKey):
        return ("EdDSA",)
    if isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < _LEAST_RSA_BITS:
            raise SigningError(f"an RSA key has {_LEAST_RSA_BITS} bits at least")
        return _RSA
    if private.curve.name != "secp256r1":
        raise SigningError("an EC key is one of P-256")
    return ("ES256",)


def _public_members(private: _Private) -> dict[str, str]:
    """Those that a thumbprint is made of (RFC 7638 §3.2, RFC 8037 §2), in its order."""
    if isinstance(private, Ed25519PrivateKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": _encoded(private.public_key().public_bytes_raw())}
    if isinstance(private, rsa.RSAPrivateKey):
        public = private.public_key().public_numbers()
        return {"e": _number(public.e), "kty": "RSA", "n": _number(public.n)}
    point = private.public_key().public_numbers()
    x, y = (_encoded(coordinate.to_bytes(_SCALAR, "big")) for coordinate in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _private_of(members: dict[str, Any]) -> _Private:
    """The key in a JWK, once its parts belong together. Raises about anything else."""

    def number(name: str) -> int:
        return int.from_bytes(_decoded(members[name]), "big")

    kind = members["kty"], members.get("crv")
    if kind == ("OKP", "Ed25519"):
        private = Ed25519PrivateKey.from_private_bytes(_decoded(members["d"]))
        if private.public_key().public_bytes_raw() == _decoded(members["x"]):
            return private
    elif kind == ("EC", "P-256"):
        point = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1())
        return ec.EllipticCurvePrivateNumbers(number("d"), point).private_key()
    elif kind == ("RSA", None) and "oth" not in members:
        public = rsa.RSAPublicNumbers(number("e"), number("n"))
        p, q, d, dp, dq, qi = (number(name) for name in ("p", "q", "d", "dp", "dq", "qi"))
        return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public).private_key()
    raise ValueError


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _json(members: dict[str, str]) -> str:
    return json.dumps(members, separators=(",", ":"))
