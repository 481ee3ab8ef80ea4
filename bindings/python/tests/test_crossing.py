"""Do values cross as the generated code carries them, only faster?"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest
from canned import CHALLENGE, NOW, SERVER, Canned, drive

from mcp_oauth_core import _crossing, machine
from mcp_oauth_core.machine import mcp_oauth as generated


@pytest.fixture(scope="module")
def as_generated() -> ModuleType:
    spec = importlib.util.spec_from_file_location("as_generated", generated.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["as_generated"] = module
    spec.loader.exec_module(module)
    assert module._UniffiRustBuffer.consume_with_stream is not generated._UniffiRustBuffer.consume_with_stream
    return module


def plain(value: Any) -> Any:
    """A value of either interface, comparable with one of the other."""
    if hasattr(value, "name") and hasattr(value, "value"):
        return value.name
    if not hasattr(value, "__dict__"):
        return value
    return type(value).__name__, {name: plain(member) for name, member in vars(value).items()}


def test_every_kind_of_value(as_generated: ModuleType) -> None:
    for interface in (machine, as_generated):
        config = interface.Config(
            interface.Settings(
                server_url=SERVER,
                client_name="Nötes \N{GRINNING FACE}",
                scopes=["a", "b"],
                token_parameters=[interface.Parameter(name="tenant", value="")],
                preregistered=interface.Preregistered(
                    issuer="https://as.example.com", client_id="c", auth_method=interface.AuthMethod.PUBLIC
                ),
                refresh_skew_ms=2**64 - 1,
                reach=interface.Reach.PRIVATE,
            )
        )
        assert "Nötes \N{GRINNING FACE}" in repr(config)
        assert config.reach() is interface.Reach.PRIVATE
        assert config.server_url() == SERVER
    ours, theirs = (told(interface) for interface in (machine, as_generated))
    assert ours == theirs


def told(interface: Any) -> list[Any]:
    """All that a machine says whose answers do not depend on chance."""
    config = interface.Config(interface.Settings(server_url=SERVER))
    waiting = interface.Machine(config, "account \N{SNOWMAN}")
    said: list[Any] = [plain(waiting.next()), waiting.deadline(), waiting.awaits_redirect(), waiting.phase()]
    said.append(plain(waiting.nothing_stored(1, 0).next))
    said.append(plain(waiting.challenge(401, [CHALLENGE.encode(), b"", b"\xff"], 2**64 - 1, NOW)))
    said.append(plain(waiting.challenge(401, [], None, NOW)))
    said.append(plain(waiting.reply(2, 404, b"", b"", NOW)))
    said.append([plain(entry) for entry in waiting.take_trace()])
    said.append(plain(waiting.cancel(NOW)))
    said.append(waiting.snapshot())
    said.append(plain(waiting.request_headers("POST", SERVER, NOW)))
    return said


def test_records_read_the_same(as_generated: ModuleType) -> None:
    canned = Canned()
    for _ in drive(machine.Machine(machine.Config(machine.Settings(server_url=SERVER)), ""), canned):
        pass
    record = canned.records["grant"]
    summaries = [interface.describe_grant(record) for interface in (machine, as_generated)]
    ours, theirs = ([plain(issuer) for issuer in summary.issuers] for summary in summaries)
    assert ours == theirs
    assert ours[0][1]["scopes"] == "notes:read notes:write offline_access"


def test_errors_are_the_same(as_generated: ModuleType) -> None:
    for interface in (machine, as_generated):
        with pytest.raises(interface.ConfigError.Refused) as refused:
            interface.Config(interface.Settings(server_url=""))
        assert refused.value.field == "server_url"
        waiting = interface.Machine(interface.Config(interface.Settings(server_url=SERVER)), "")
        with pytest.raises(interface.Misuse.UnknownAction):
            waiting.stored(7, NOW)
        for number in (-1, 2**64):
            with pytest.raises(ValueError, match="u64"):
                waiting.tick(number)
        with pytest.raises(TypeError):
            waiting.tick("now")
        assert waiting.tick(True).outcome.name == "NOT_DUE"


def test_a_buffer_is_read_within_its_bounds_and_to_its_end() -> None:
    reading = object.__new__(_crossing._Reading)
    for data in (b"\x00\x00\x00\x05abc", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00"):
        reading.data, reading.offset = data, 0
        with pytest.raises(generated.InternalError):
            _crossing._read_text(reading)
    reading.data, reading.offset = b"\x00\x00\x00\x01ab", 0
    with pytest.raises(generated.InternalError), reading:
        assert _crossing._read_text(reading) == "a"


def test_a_name_that_the_generated_code_does_not_have_is_noticed() -> None:
    with pytest.raises(AttributeError):
        _crossing._replace(generated, "_uniffi_rust_call_with_a_new_name", None)
