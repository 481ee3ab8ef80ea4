"""Does the memory stay flat over ten thousand sign-ins?"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from canned import REDIRECT_URI, SERVER, Canned, callback_query, drive

from mcp_oauth_core import DpopKey, DpopUse, MemoryStore, machine
from mcp_oauth_core.signing import LocalSigner, SigningKey

FLOWS = 10_000


def grown(flow: Callable[[], None]) -> int:
    """By how many bytes the process grows over the flows after the first tenth of them."""
    for _ in range(FLOWS // 10):
        flow()
    before = resident()
    for _ in range(FLOWS - FLOWS // 10):
        flow()
    return resident() - before


def resident() -> int:
    gc.collect()
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("this platform does not tell how much memory a process has")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_machines() -> None:
    config = machine.Config(machine.Settings(server_url=SERVER))
    canned = Canned()

    def flow() -> None:
        waiting = machine.Machine(config, "")
        *_, last = drive(waiting, canned)
        assert last.next.is_AUTHORIZED()
        repr(last)

    assert grown(flow) < 2_000_000


def test_whole_sign_ins_with_their_threads() -> None:
    canned = Canned()
    threads = threading.active_count()

    def flow() -> None:
        oauth = canned.oauth(store=MemoryStore())
        url = oauth.begin()
        assert url is not None
        state = url.split("state=")[1].split("&")[0]
        oauth.finish("?" + callback_query(state, "code"))
        assert oauth.begin() is None
        oauth.close()

    assert grown(flow) < 4_000_000
    assert threading.active_count() <= threads + 1


def test_requests_with_proofs() -> None:
    key = SigningKey.generate("EdDSA")
    oauth = Canned(token_type="DPoP").oauth(
        dpop=DpopUse.ALWAYS, dpop_keys=[DpopKey(key=key.public_jwk)], signer=LocalSigner([key])
    )
    oauth.sign_in()
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, headers={"dpop-nonce": "nonce"}))
    with httpx2.Client(auth=oauth, transport=answer) as client:
        assert grown(lambda: client.post(SERVER)) < 2_000_000


def test_failures_and_refusals() -> None:
    config = machine.Config(machine.Settings(server_url=SERVER))

    def flow() -> None:
        waiting = machine.Machine(config, "")
        with pytest.raises(machine.Misuse):
            waiting.redirect_bound(1, REDIRECT_URI, 0)
        with pytest.raises(machine.RecordError):  # type: ignore[arg-type]
            machine.Machine.resume(config, "", b"{}")
        with pytest.raises(TypeError):
            waiting.callback(None, 0)  # type: ignore[arg-type]
        waiting.store_failed(1, 0)
        assert isinstance(waiting.next(), machine.Next.FAILED)

    assert grown(flow) < 2_000_000
