"""Has each request a proof of its own, with the nonces that both servers want?"""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from canned import SERVER, Canned
from conftest import LIST_TOOLS, Person, Testbed

from mcp_oauth_core import (
    AuthorizationError,
    DpopKey,
    DpopUse,
    MemoryStore,
    OAuth,
    Signer,
    SigningError,
    SignRequest,
)
from mcp_oauth_core.signing import LocalSigner, SigningKey

KEY = SigningKey.generate("ES256")


class Recorder:
    """A signer whose work can be looked at."""

    def __init__(self, takes: float = 0) -> None:
        self.asked: list[SignRequest] = []
        self.refuses = False
        self._takes = takes
        self._signer = LocalSigner([KEY])

    def sign(self, request: SignRequest) -> bytes:
        time.sleep(self._takes)
        if self.refuses:
            raise OSError("the token was pulled out")
        self.asked.append(request)
        return self._signer.sign(request)

    def claims(self) -> list[dict[str, Any]]:
        return [claims_of(asked.input.decode()) for asked in self.asked]


def claims_of(jws: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(jws.split(".")[1] + "=="))


@pytest.fixture
def signer() -> Recorder:
    return Recorder()


def bound(testbed: Testbed, person: Person, signer: Signer | None, **settings: Any) -> OAuth:
    keys = [DpopKey(key=KEY.public_jwk)]
    settings = {"dpop": DpopUse.ALWAYS, "dpop_keys": keys, **settings}
    return OAuth(testbed.url, store=MemoryStore(), open_url=person, signer=signer, **settings)


@pytest.mark.parametrize("http", [httpx, httpx2], ids=lambda http: http.__name__)
@pytest.mark.parametrize("nonce", ["never", "required", "rotating"])
def test_each_request_has_a_proof_of_its_own(
    testbed: Testbed, person: Person, signer: Recorder, http: Any, nonce: str
) -> None:
    testbed.behave(dpop={"offered": True, "required": True, "server_nonce": nonce, "resource_nonce": nonce})
    oauth = bound(testbed, person, signer)
    with http.Client(auth=oauth) as client:
        for _ in range(3):
            assert client.post(testbed.url, **LIST_TOOLS).status_code == 200
        testbed.tell("expire_access_tokens")
        assert client.post(testbed.url, **LIST_TOOLS).status_code == 200
    claims = signer.claims()
    assert len({claim["jti"] for claim in claims}) == len(claims)
    assert {claim["htu"] for claim in claims} == {testbed.url, f"{testbed.issuer}/token"}
    assert all(("ath" in claim) == (claim["htu"] == testbed.url) for claim in claims)
    assert len(person.pages) == 1
    assert testbed.counts()["refreshes"] == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_slow_signer_keeps_nobody_else_waiting(testbed: Testbed, person: Person, backend: str) -> None:
    testbed.behave(dpop={"offered": True, "required": True, "server_nonce": "required", "resource_nonce": "required"})
    signer = Recorder(takes=0.2)
    oauth = bound(testbed, person, signer)

    async def post(client: httpx2.AsyncClient) -> None:
        assert (await client.post(testbed.url, **LIST_TOOLS)).status_code == 200

    async def main() -> None:
        async with httpx2.AsyncClient(auth=oauth, timeout=30) as client:
            await post(client)
            start = time.monotonic()
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(post, client)
            assert time.monotonic() - start < 2
            with anyio.move_on_after(0.05) as scope:
                await post(client)
            assert scope.cancelled_caught and anyio.current_time() - scope.deadline < 0.1

    anyio.run(main, backend=backend)


def test_many_requests_at_once(testbed: Testbed, person: Person, signer: Recorder) -> None:
    testbed.behave(dpop={"offered": True, "required": True, "server_nonce": "required", "resource_nonce": "required"})
    oauth = bound(testbed, person, signer)
    with httpx2.Client(auth=oauth, timeout=30) as client, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.post(testbed.url, **LIST_TOOLS).status_code, range(50)))
    assert answers == [200] * 50
    assert len(person.pages) == 1


def test_a_redirect_is_followed_with_another_proof(signer: Recorder) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((str(request.url), claims_of(request.headers["dpop"])))
        if request.url == SERVER:
            return httpx2.Response(307, headers={"location": f"{SERVER}/"})
        good = seen[-1][1]["htu"] == f"{SERVER}/"
        return httpx2.Response(200 if good else 401, headers={"www-authenticate": "DPoP error=invalid_token"})

    keys = [DpopKey(key=KEY.public_jwk)]
    oauth = Canned(token_type="DPoP").oauth(dpop=DpopUse.ALWAYS, dpop_keys=keys, signer=signer)
    oauth.sign_in()
    with httpx2.Client(auth=oauth, follow_redirects=True, transport=httpx2.MockTransport(answer)) as client:
        assert client.post(SERVER).status_code == 200
    assert [url for url, _ in seen] == [SERVER, f"{SERVER}/", f"{SERVER}/"]
    assert len({claims["jti"] for _, claims in seen}) == 2


def test_a_bearer_token_is_taken_where_there_is_no_other(testbed: Testbed, person: Person, signer: Recorder) -> None:
    oauth = bound(testbed, person, signer, dpop=DpopUse.WHEN_SUPPORTED)
    assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
    assert signer.asked == []


def test_a_signer_that_refuses_ends_the_flow_or_the_request(testbed: Testbed, person: Person, signer: Recorder) -> None:
    testbed.behave(dpop={"offered": True, "required": True})
    for refusing in (None, Recorder()):
        if refusing is not None:
            refusing.refuses = True
        with pytest.raises(AuthorizationError) as caught:
            bound(testbed, person, refusing).sign_in()
        assert caught.value.code == "signing_failed"
        assert isinstance(caught.value.__cause__, OSError if refusing else type(None))
    oauth = bound(testbed, person, signer)
    oauth.sign_in()
    signer.refuses = True
    with pytest.raises(SigningError) as refused:
        httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS)
    assert isinstance(refused.value.__cause__, OSError)
    signer.refuses = False
    assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
