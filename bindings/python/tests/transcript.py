"""How is a transcript replayed? See ``tests/transcripts/README.md``."""

from __future__ import annotations

import json
from typing import Any

from mcp_oauth_core.machine import (
    AuthMethod,
    Cause,
    ClientDocument,
    Config,
    ConfigError,
    Deviations,
    GivenEndpoints,
    IssuerPair,
    Machine,
    Misuse,
    Next,
    Outcome,
    Parameter,
    Preregistered,
    ProvidedTokens,
    Reach,
    RecordError,
    Refusal,
    RequestHeaders,
    Settings,
    Step,
)

START = 1_800_000_000_000

AUTH_METHODS = {
    "none": AuthMethod.PUBLIC,
    "client_secret_basic": AuthMethod.CLIENT_SECRET_BASIC,
    "client_secret_post": AuthMethod.CLIENT_SECRET_POST,
}


class Difference(Exception):
    """The machine did something else."""


def replay(text: str) -> None:
    """Raises ``Difference``."""
    file: dict[str, Any] = json.loads(text)
    for member in ("proves", "requirements", "settings", "steps"):
        if member not in file:
            raise Difference(f"has no {member!r}")
    try:
        config = Config(settings(file["settings"]))
    except ConfigError.Refused as refused:
        told = f"{refused.field}: {refused.problem}"
        if file.get("refused") != told:
            raise Difference(f"the settings are refused: {told!r}") from None
        return
    if "refused" in file:
        raise Difference("the settings are accepted")
    machine = Replay(config, file.get("account", ""), file.get("seed", ""))
    for number, step in enumerate(file["steps"], 1):
        observed = machine.step(step)
        for member in ("outcome", "trace", "next"):
            # `next` may be null, which is not the same as not being there.
            expected, got = ([found[member]] if member in found else [] for found in (step, observed))
            if expected != got:
                raise Difference(
                    f"step {number}: {step['event']}\n{member} should be\n{json.dumps(expected, indent=2)}\n"
                    f"but is\n{json.dumps(got, indent=2)}"
                )


def settings(given: dict[str, Any]) -> Settings:
    read: dict[str, Any] = {"user_agent": "transcript", **given}
    if read.get("reach"):
        read["reach"] = Reach[read["reach"].upper()]
    if read.get("preregistered"):
        client = dict(read["preregistered"])
        if client.get("auth_method"):
            client["auth_method"] = AUTH_METHODS[client["auth_method"]]
        if client.get("endpoints"):
            client["endpoints"] = GivenEndpoints(**client["endpoints"])
        read["preregistered"] = Preregistered(**client)
    if read.get("client_document"):
        read["client_document"] = ClientDocument(**read["client_document"])
    if "deviations" in read:
        deviations = dict(read["deviations"])
        if deviations.get("pinned_issuer"):
            asked, published = deviations["pinned_issuer"]
            deviations["pinned_issuer"] = IssuerPair(asked=asked, published=published)
        read["deviations"] = Deviations(**deviations)
    for name in ("authorize_parameters", "token_parameters"):
        if name in read:
            read[name] = [Parameter(name=key, value=value) for key, value in read[name]]
    return Settings(**read)


class Replay:
    def __init__(self, config: Config, account: str, seed: str) -> None:
        self.config = config
        self.account = account
        self.machine = Machine(config, account)
        self.machine.seed(seed)  # type: ignore[attr-defined] # Where the wheel is made for transcripts.
        self.now = START
        self.state = ""
        self.saved: dict[str, bytes] = {}

    def step(self, step: dict[str, Any]) -> dict[str, Any]:
        observed: dict[str, Any] = {}
        self.now = min(self.now + step.get("after", 0), 2**64 - 1)
        event = self.with_state(step["event"])
        name, body = (event, None) if isinstance(event, str) else next(iter(event.items()))
        if name == "request_headers":
            return {"next": self.request_headers(body)}
        if name == "deadline":
            return {"next": self.machine.deadline()}
        if name == "restart":
            self.replace(Machine(self.config, self.account))
        elif name == "resume":
            self.replace(Machine.resume(self.config, self.account, self.saved["flow"]))
        elif name != "start":
            observed["outcome"] = self.feed(name, body, step.get("id"))
            trace = [entry.name for entry in self.machine.take_trace()]
            if trace:
                observed["trace"] = trace
        self.remember()
        observed["next"] = shown(self.machine.next())
        self.resume_and_compare()
        return observed

    def replace(self, machine: Machine) -> None:
        machine.seed_from(self.machine)  # type: ignore[attr-defined]
        self.machine = machine

    def remember(self) -> None:
        """Keeps what a later step may refer to."""
        state = self.machine.next()
        if isinstance(state, Next.OPEN_URL):
            self.state = state.state
        elif isinstance(state, Next.SAVE):
            self.saved[state.key.split("/")[0]] = state.record

    def resume_and_compare(self) -> None:
        """Snapshot → resume → the same ``next``."""
        snapshot = self.machine.snapshot()
        try:
            resumed = Machine.resume(self.config, self.account, snapshot)
        except RecordError as error:
            raise Difference(f"the snapshot cannot be resumed: {error}") from None
        state = resumed.next()
        if self.machine.phase() == "Exchanging":
            if not (isinstance(state, Next.FAILED) and state.failure.code == "outcome_unknown"):
                raise Difference(f"an exchange was resumed as {state}")
        elif self.machine.phase() == "Refreshing":
            if not (isinstance(state, Next.LOAD) and state.key == self.machine.grant_key()):
                raise Difference(f"a refresh was resumed as {state}")
        elif state != self.machine.next() or resumed.snapshot() != snapshot:
            raise Difference(f"resumed as {state} instead of {self.machine.next()}")

    def request_headers(self, question: dict[str, str]) -> Any:
        headers = self.machine.request_headers(question["method"], question["url"], self.now)
        if isinstance(headers, RequestHeaders.READY):
            return {"ready": {"authorization": headers.authorization, "generation": headers.generation}}
        return "refresh_due" if headers.is_REFRESH_DUE() else "absent"

    def with_state(self, value: Any) -> Any:
        """Replaces ``{state}`` in every string."""
        if isinstance(value, str):
            return value.replace("{state}", self.state)
        if isinstance(value, list):
            return [self.with_state(item) for item in value]
        if isinstance(value, dict):
            return {name: self.with_state(item) for name, item in value.items()}
        return value

    def feed(self, name: str, body: Any, given_id: int | None) -> Any:
        machine, now = self.machine, self.now
        id = getattr(machine.next(), "id", 0) if given_id is None else given_id
        if name in ("connect", "refresh", "tick", "cancel"):
            return self.give(lambda: getattr(machine, name)(now))
        if name == "sign_out":
            return self.give(lambda: machine.sign_out(body.get("forget_client", False), now))
        if name == "challenge":
            lines = [line.encode() for line in body.get("www_authenticate", [])]
            return self.give(lambda: machine.challenge(body["status"], lines, body.get("generation"), now))
        if name == "reply":
            document = compact(body["json"]) if "json" in body else body.get("body", "")
            fields = "\n".join(f"{key}: {value}" for key, value in body.get("headers", {}).items())
            return self.twice(lambda: machine.reply(id, body["status"], fields.encode(), document.encode(), now))
        if name == "unreachable":
            return self.twice(lambda: machine.unreachable(id, Cause[body.upper()], now))
        if name == "redirect_bound":
            return self.give(lambda: machine.redirect_bound(id, body, now))
        if name == "callback":
            return self.give(lambda: machine.callback(body, now))
        if name == "callback_url":
            return self.give(lambda: machine.callback_url(body, now))
        if name == "client_provided":
            method = AUTH_METHODS.get(body.get("auth_method", ""))
            return self.give(
                lambda: machine.client_provided(id, body["client_id"], body.get("client_secret"), method, now)
            )
        if name == "declined":
            return self.give(lambda: machine.declined(id, Refusal[body.upper()], now))
        if name == "stored":
            return self.twice(lambda: self.stored(id, body))
        if name == "store_changed":
            record = None if body == "nothing" else self.record(body)
            return self.give(lambda: machine.store_changed(record, now))
        if name == "tokens_provided":
            tokens = dict(body)
            tokens["expires_at_ms"] = tokens.pop("expires_at", None)
            tokens["auth_method"] = AUTH_METHODS.get(tokens.get("auth_method", ""))
            return self.give(lambda: machine.tokens_provided(ProvidedTokens(**tokens), now))
        raise Difference(f"unknown event {name!r}")

    def stored(self, id: int, body: Any) -> Step:
        machine, now = self.machine, self.now
        if isinstance(body, str):
            names = {
                "nothing": machine.nothing_stored,
                "done": machine.stored,
                "conflict": machine.store_conflict,
                "failed": machine.store_failed,
            }
            return names[body](id, now)
        return machine.loaded(id, self.record(body), now)

    def record(self, body: dict[str, Any]) -> bytes:
        """The record that an event carries: one that was saved before, or its own."""
        if "saved" in body:
            return self.saved[body["saved"]]
        record = body["record"]
        return (record if isinstance(record, str) else compact(record)).encode()

    def give(self, event: Any) -> Any:
        try:
            outcome: Outcome = event().outcome
        except Misuse as misuse:
            return {"misuse": snake(type(misuse).__name__.rpartition(".")[2])}
        name = outcome.name.lower()
        return name if outcome in (Outcome.ADVANCED, Outcome.JOINED) else {"ignored": name}

    def twice(self, event: Any) -> Any:
        """An answer given again changes nothing."""
        outcome = self.give(event)
        before = self.machine.snapshot()
        again = self.give(event)
        if isinstance(again, str) or self.machine.snapshot() != before:
            raise Difference(f"an answer given twice led to {again}")
        return outcome


def compact(document: Any) -> str:
    """As a server would send it; words of servers are compared with their blanks."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def snake(name: str) -> str:
    """``CamelCase`` as ``snake_case``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def shown(state: Next) -> dict[str, Any]:
    """What the machine wants, as it is written down."""
    if isinstance(state, Next.FAILED):
        failure = state.failure
        told: dict[str, Any] = {
            "code": failure.code,
            "stage": failure.stage.name.lower(),
            "advice": failure.advice.name.lower(),
            "text": failure.text,
        }
        if failure.retry_after_ms is not None:
            told["retry_after_ms"] = failure.retry_after_ms
        return {"rest": {"failed": told}}
    if not hasattr(state, "id"):
        return {"rest": snake(type(state).__name__.rpartition(".")[2].lower())}
    return {**action(state), "id": state.id}  # type: ignore[attr-defined]


def action(state: Next) -> dict[str, Any]:
    if isinstance(state, Next.HTTP):
        request: dict[str, Any] = {
            "purpose": state.purpose,
            "method": state.method,
            "url": state.url,
            "headers": dict(line.split(": ", 1) for line in state.headers.splitlines()),
            "reach": state.reach.name.lower(),
        }
        if state.body is not None:
            request["body"] = state.body.decode()
        return {"http": request}
    if isinstance(state, Next.BIND_REDIRECT):
        return {"bind_redirect": state.preferred}
    if isinstance(state, Next.OPEN_URL):
        return {"open_url": members(state, "url", "redirect_uri", "issuer", "scopes", "new_scopes")}
    if isinstance(state, Next.ASK_FOR_CLIENT):
        return {"ask_for_client": members(state, "issuer", "redirect_uri")}
    if isinstance(state, Next.WAIT):
        return {"wait": state.until_ms}
    if isinstance(state, Next.LOAD):
        return {"load": state.key}
    if isinstance(state, Next.DELETE):
        return {"delete": members(state, "key", "expected")}
    if isinstance(state, Next.SAVE):
        save = members(state, "key", "expected", "generation")
        if state.expires_at_ms is not None:
            save["expires_at"] = state.expires_at_ms
        if state.key.startswith("grant/"):
            save["record"] = json.loads(state.record)
        return {"save": save}
    raise Difference(f"unknown action {state}")


def members(state: Next, *names: str) -> dict[str, Any]:
    return {name: getattr(state, name) for name in names}
