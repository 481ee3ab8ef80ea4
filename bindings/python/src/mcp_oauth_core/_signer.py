"""Who signs what the machine has drafted?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, cast

from ._errors import Error
from .machine import Next, RequestHeaders

Algorithm: TypeAlias = Literal["ES256", "RS256", "PS256", "EdDSA"]
"""How it is signed (RFC 7518 §3.1, RFC 8037 §3.1)."""

SignPurpose: TypeAlias = Literal["client_assertion", "dpop_proof"]
"""What is signed: how the client authenticates (RFC 7523 §2.2), or a proof that it holds a key (RFC 9449 §4)."""


class SigningError(Error):
    """A key that cannot be used, or a signer that does not sign. Says nothing of what is secret."""


@dataclass(frozen=True)
class SignRequest:
    """What is to be signed, and with which key."""

    purpose: SignPurpose
    algorithm: Algorithm
    #: Which key: the SHA-256 thumbprint of its public half, as base64url (RFC 7638).
    thumbprint: str
    #: The ``kid`` of its public JWK, if that has one.
    key_id: str | None
    #: The authorization server that is to take the signature, or whose token it goes with.
    issuer: str
    #: The JWS signing input (RFC 7515 §5.1), ASCII. Worth as much as a password once it is signed.
    input: bytes = field(repr=False)


class Signer(Protocol):
    """Holds private keys, or knows who does: a hardware key, an agent, a key service. ``signing.LocalSigner`` keeps them in
    this process.

    Called from threads of its own, from several at once: it may block.
    """

    def sign(self, request: SignRequest) -> bytes:
        """The signature over ``request.input`` as a JWS carries it (RFC 7518 §3): for ES256 the 64 bytes R‖S, not DER. Raises
        where it has no such key, or does not sign this."""
        ...


def asked_by(wanted: Next.SIGN | RequestHeaders.SIGN) -> SignRequest:
    """What the machine wants to be signed; of request headers, the proof that they need."""
    return SignRequest(
        purpose=cast(SignPurpose, wanted.purpose) if isinstance(wanted, Next.SIGN) else "dpop_proof",
        algorithm=cast(Algorithm, wanted.algorithm),
        thumbprint=wanted.thumbprint,
        key_id=wanted.key_id,
        issuer=wanted.issuer,
        input=wanted.input.encode(),
    )
