"""What does the Python host cost, beside the MCP SDK's own provider? See ``make bench``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

import httpx2
import ours
import theirs
from canned import NOW, SERVER, Canned

from mcp_oauth_core import machine

ROUNDS = 15
ROUND_SECONDS = 0.15

Figures = dict[str, float]


def main() -> None:
    flows, generated = ours.Flows(), ours.Flows(ours.as_generated())
    calls = asyncio.run(fastest({**crossings("", flows), **crossings("generated: ", generated)}))
    print(f"\nacross the boundary, in µs{'here':>31}{'as generated':>15}{'ratio':>8}")
    for what in crossings("", flows):
        row(what, calls[what], calls[f"generated: {what}"])

    print(f"\na sign-in in memory, in µs{'here':>31}{'mcp ' + version('mcp'):>15}{'ratio':>8}   goal")
    figures = asyncio.run(against_the_sdk(flows))
    row("bytes in and out", figures["bare"], figures["provider"], 0.25)
    row("with request and response objects", figures["own objects"], figures["provider"], 0.5)
    row("with those of httpx2 in their place", figures["httpx2 objects"], figures["provider"], 0.5)
    row("one request with a token", figures["request"], figures["provider's request"])

    library = next(Path(machine.__file__).parent.glob("*mcp_oauth_ffi.*"))
    print(f"\nthe library in the wheel: {library.stat().st_size / 1024:.0f} KiB\n")


def row(what: str, here: float, there: float, goal: float | None = None) -> None:
    ratio = here / there
    verdict = "" if goal is None else f"   {goal} {'met' if ratio <= goal else 'missed'}"
    print(f"  {what:<38}{here:>17.1f}{there:>15.1f}{ratio:>8.2f}{verdict}")


def crossings(prefix: str, flows: ours.Flows) -> dict[str, Callable[[], object]]:
    """Single calls, by what crosses."""
    signed_in = flows.bare()
    waiting, action = flows.looking()
    _, document = flows.canned.answer(action.url)

    def documents_in_and_a_request_out() -> None:
        waiting, action = flows.looking()
        waiting.reply(action.id, 200, b"content-type: application/json", document, NOW)

    return {
        f"{prefix}a flag (awaits_redirect)": signed_in.awaits_redirect,
        f"{prefix}an event that is ignored (tick)": lambda: signed_in.tick(NOW),
        f"{prefix}a request to make (next)": waiting.next,
        f"{prefix}a token (request_headers)": lambda: signed_in.request_headers("POST", SERVER, NOW),
        f"{prefix}new, 2 events, a document, 2 requests": documents_in_and_a_request_out,
    }


async def against_the_sdk(flows: ours.Flows) -> Figures:
    canned = Canned(token="a" * 200)
    provider = await theirs.flow(canned)
    oauth = ours.signed_in()
    request = httpx2.Request("POST", SERVER, content=b"{}")
    response = httpx2.Response(200, request=request)
    return await fastest(
        {
            "bare": flows.bare,
            "own objects": flows.with_own_objects,
            "httpx2 objects": flows.with_httpx2_objects,
            "provider": lambda: theirs.flow(canned),
            "request": lambda: ours.one_request(oauth, request, response),
            "provider's request": lambda: theirs.one_request(provider, request, response),
        }
    )


async def fastest(measured: dict[str, Callable[[], object]]) -> Figures:
    """Microseconds of processor time, each by turns: noise only adds, so the fastest round counts."""
    figures: Figures = {}
    for _ in range(ROUNDS):
        for what, work in measured.items():
            figures[what] = min(figures.get(what, float("inf")), await once(work))
    return figures


async def once(work: Callable[[], object]) -> float:
    times, start, end = 0, time.process_time(), 0.0
    while end - start < ROUND_SECONDS / 2:
        for _ in range(20):
            done = work()
            if isinstance(done, Awaitable):
                await done
        times += 20
        end = time.process_time()
    return (end - start) / times * 1e6


if __name__ == "__main__":
    main()
