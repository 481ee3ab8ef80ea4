"""What can be set?"""

from __future__ import annotations

from typing import TypedDict

from . import machine
from ._errors import ConfigError
from .machine import (
    ClientDocument,
    Config,
    Deviations,
    DpopKey,
    DpopUse,
    GrantType,
    IdentityProvider,
    Parameter,
    Preregistered,
    Reach,
    Settings,
)


class SettingsOptions(TypedDict, total=False):
    """The keyword arguments of ``OAuth`` that say how to authorize; ``machine.Settings`` describes each.

    All have a default that is right for a desktop program with a loopback listener.
    """

    reach: Reach | None
    grant: GrantType
    client_name: str
    client_uri: str | None
    logo_uri: str | None
    software_id: str | None
    software_version: str | None
    software_statement: str | None
    initial_access_token: str | None
    preregistered: Preregistered | None
    client_document: ClientDocument | None
    client_key: str | None
    assertion_typ: str
    dynamic_registration: bool
    ask_for_client: bool
    redirect_uri: str
    private_scheme_redirect: bool
    scopes: list[str] | None
    offline_access: bool
    authorize_parameters: list[Parameter]
    token_parameters: list[Parameter]
    pushed_authorization: bool
    dpop: DpopUse
    dpop_keys: list[DpopKey]
    identity_provider: IdentityProvider | None
    workload_audience: str | None
    revoke_on_sign_out: bool
    authorization_server: str | None
    require_issuer_identification: bool
    deviations: Deviations
    refresh_skew_ms: int
    sign_in_timeout_ms: int
    protocol_version: str
    user_agent: str | None


def checked(server_url: str, options: SettingsOptions) -> Config:
    """The settings, checked. Raises ``ConfigError``, or ``TypeError`` for a name that is none or a value of the wrong type."""
    try:
        return Config(Settings(server_url=server_url, **options))
    except machine.ConfigError.Refused as refused:
        raise ConfigError(refused.field, refused.problem) from None
