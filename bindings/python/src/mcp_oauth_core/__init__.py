"""MCP authorization for Python: sign in to protected MCP servers from ``httpx``, ``httpx2`` and the ``mcp`` SDK.

    import httpx2
    from mcp_oauth_core import OAuth

    with httpx2.Client(auth=OAuth("https://mcp.example.com/mcp")) as client:
        client.post("https://mcp.example.com/mcp", json=...)

``machine`` is the state machine itself, for hosts that do everything else on their own.
"""

from . import _crossing as _crossing  # Before anything crosses.
from . import machine, stores
from ._assertion import Assertion, AssertionFile, AssertionPurpose, AssertionRequest, AssertionSource
from ._errors import AuthorizationError, Closed, ConfigError, Error, NeedsUser, NoPendingSignIn, TooManySignIns
from ._oauth import OAuth
from ._pending import Pending, find_sign_in
from ._run import ClientSource, ProvidedClient
from ._settings import SettingsOptions
from ._sign_in import DeviceCode, OpenUrl, ShowCode, SignIn, open_browser, print_code
from ._signer import Algorithm, Signer, SigningError, SignPurpose, SignRequest
from .machine import (
    Advice,
    AssertionKind,
    AuthMethod,
    ClientDocument,
    Deviations,
    DpopKey,
    DpopUse,
    Failure,
    Fault,
    FlowSummary,
    GivenEndpoints,
    GrantSummary,
    GrantType,
    IdentityProvider,
    IssuerPair,
    IssuerSummary,
    Parameter,
    Preregistered,
    ProvidedTokens,
    Reach,
    Stage,
)
from .stores import FileStore, KeyringStore, MemoryStore, Store, StoreError, default_store

__version__ = machine.version()

__all__ = [
    "Advice",
    "Algorithm",
    "Assertion",
    "AssertionFile",
    "AssertionKind",
    "AssertionPurpose",
    "AssertionRequest",
    "AssertionSource",
    "AuthMethod",
    "AuthorizationError",
    "ClientDocument",
    "ClientSource",
    "Closed",
    "ConfigError",
    "Deviations",
    "DeviceCode",
    "DpopKey",
    "DpopUse",
    "Error",
    "Failure",
    "Fault",
    "FileStore",
    "FlowSummary",
    "GivenEndpoints",
    "GrantSummary",
    "GrantType",
    "IdentityProvider",
    "IssuerPair",
    "IssuerSummary",
    "KeyringStore",
    "MemoryStore",
    "NeedsUser",
    "NoPendingSignIn",
    "OAuth",
    "OpenUrl",
    "Parameter",
    "Pending",
    "Preregistered",
    "ProvidedClient",
    "ProvidedTokens",
    "Reach",
    "SettingsOptions",
    "ShowCode",
    "SignIn",
    "SignPurpose",
    "SignRequest",
    "Signer",
    "SigningError",
    "Stage",
    "Store",
    "StoreError",
    "TooManySignIns",
    "default_store",
    "find_sign_in",
    "machine",
    "open_browser",
    "print_code",
    "stores",
]
