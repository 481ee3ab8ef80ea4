"""Does one of several processes that share tokens get them when it is told to? The contract is in ``tests/races/run``."""

from __future__ import annotations

import asyncio
import collections
import json
import sys
import threading
from typing import Any

import httpx2

from mcp_oauth_core import AuthorizationError, FileStore, OAuth, SignIn, Store
from mcp_oauth_core.stores import PostgresStore

# Every so many accounts one token is tried at the MCP server.
TRIED = 10

PING = {
    "json": {"jsonrpc": "2.0", "id": 1, "method": "ping"},
    "headers": {"accept": "application/json, text/event-stream"},
}


def main() -> None:
    store, url, accounts = sys.argv[1:]
    racer = Racer(opened(store), url, int(accounts))
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(racer.all(line.strip()))), flush=True)


def opened(store: str) -> Store:
    kind, _, place = store.partition(":")
    return {"file": FileStore, "postgres": PostgresStore}[kind](place)


class Racer:
    def __init__(self, store: Store, url: str, accounts: int) -> None:
        self.url = url
        # Nobody refreshes ahead of expiry, so that all of them notice it together.
        self.accounts = [
            OAuth(url, account=str(number), store=store, open_url=follow, refresh_skew_ms=0)
            for number in range(accounts)
        ]

    async def all(self, what: str) -> dict[str, Any]:
        """Does for all accounts at once what a line says, and tells what came of it."""
        # In place of the server, for those whose tokens are not tried there.
        believing = httpx2.MockTransport(
            lambda request: httpx2.Response(200 if "authorization" in request.headers else 401)
        )
        async with httpx2.AsyncClient(timeout=60) as server, httpx2.AsyncClient(transport=believing) as believer:
            outcomes = await asyncio.gather(
                *(
                    self.one(account, believer if number % TRIED else server, what == "sign-in")
                    for number, account in enumerate(self.accounts)
                )
            )
        lost = collections.Counter(code for code in outcomes if code is not None)
        return {"held": outcomes.count(None), "lost": lost}

    async def one(self, account: OAuth, client: httpx2.AsyncClient, sign_in: bool) -> str | None:
        """Gets one token, or says why there is none."""
        try:
            if sign_in:
                await account.asign_in()
            answer = await client.post(self.url, auth=account, **PING)
        except AuthorizationError as error:
            return error.code
        except httpx2.HTTPError as error:
            return type(error).__name__
        # Whatever the server makes of the call, it has let it in.
        return "refused" if answer.status_code == 401 else None


def follow(sign_in: SignIn) -> None:
    """The testbed asks nobody: it redirects to where the user comes back."""
    threading.Thread(target=httpx2.get, args=(sign_in.url,), kwargs={"follow_redirects": True}, daemon=True).start()


if __name__ == "__main__":
    main()
