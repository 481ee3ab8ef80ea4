"""How is a transcript replayed? See ``tests/transcripts/README.md``."""

from __future__ import annotations

import base64
import json
from typing import Any

from mcp_oauth_core.machine import (
    AssertionKind,
    AuthMethod,
    Cause,
    ClientDocument,
    Config,
    ConfigError,
    Deviations,
    DpopKey,
    DpopUse,
    GivenEndpoints,
    GrantType,
    IdentityProvider,
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
    "private_key_jwt": AuthMethod.PRIVATE_KEY_JWT,
}

# Of which signatures consist.
SIGNATURE = b"\x2a"


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
        client = with_method(read["preregistered"])
        if client.get("endpoints"):
            client["endpoints"] = GivenEndpoints(**client["endpoints"])
        read["preregistered"] = Preregistered(**client)
    if read.get("client_document"):
        read["client_document"] = ClientDocument(**with_method(read["client_document"]))
    if read.get("identity_provider"):
        read["identity_provider"] = IdentityProvider(**with_method(read["identity_provider"]))
    if read.get("client_key"):
        read["client_key"] = json.dumps(read["client_key"])
    if "grant" in read:
        read["grant"] = GrantType[read["grant"].upper()]
    if "dpop" in read:
        read["dpop"] = DpopUse[read["dpop"].upper()]
    if "dpop_keys" in read:
        read["dpop_keys"] = [DpopKey(**{**key, "key": json.dumps(key["key"])}) for key in read["dpop_keys"]]
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


def with_method(client: dict[str, Any]) -> dict[str, Any]:
    method = client.get("auth_method")
    return {**client, "auth_method": AUTH_METHODS[method]} if method else dict(client)


class Replay:
    def __init__(self, config: Config, account: str, seed: str) -> None:
        self.config = config
        self.account = account
        self.machine = Machine(config, account)
        self.machine.seed(seed)  # type: ignore[attr-defined] # Where the wheel is made for transcripts.
        self.now = START
        self.state = ""
        self.saved: dict[str, bytes] = {}
        # Which no snapshot may hold: whatever was signed, and assertions.
        self.fleeting = [encoded(SIGNATURE * 12)]

    def step(self, step: dict[str, Any]) -> dict[str, Any]:
        observed: dict[str, Any] = {}
        self.now = min(self.now + step.get("after", 0), 2**64 - 1)
        event = self.with_state(step["event"])
        name, body = (event, None) if isinstance(event, str) else next(iter(event.items()))
        if name == "request_headers":
            return {"next": self.request_headers(body)}
        if name == "deadline":
            return {"next": self.machine.deadline()}
        if name == "nonce":
            self.machine.take_nonce(body.encode())
            return {"next": shown(self.machine.next())}
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
        machine, snapshot = self.machine, self.machine.snapshot()
        for kept in self.fleeting:
            if kept and kept.encode() in snapshot:
                raise Difference(f"the snapshot holds {kept}")
        try:
            resumed = Machine.resume(self.config, self.account, snapshot)
        except RecordError as error:
            raise Difference(f"the snapshot cannot be resumed: {error}") from None
        state, phase = resumed.next(), machine.phase()
        code = state.failure.code if isinstance(state, Next.FAILED) else None
        if phase == "Exchanging":
            same = code == "outcome_unknown"
        elif phase == "Refreshing" or (phase == "Signing" and resumed.phase() == "Loading"):
            same = isinstance(state, Next.LOAD) and state.key == machine.grant_key()
        elif resumed.snapshot() != snapshot:
            raise Difference("the resumed machine has another snapshot")
        elif phase == "Polling" or (phase == "Signing" and resumed.phase() == "AwaitingDevice"):
            same = isinstance(state, Next.SHOW_CODE)
        elif not self.is_fleeting(resumed):
            same = state == machine.next()
        elif phase == "Revoking":
            same = isinstance(state, Next.SIGNED_OUT)
        else:
            same = code in ("grant_unavailable", "authorization_unavailable", "outcome_unknown")
        if not same:
            raise Difference(f"resumed as {state} instead of {machine.next()}")

    def is_fleeting(self, resumed: Machine) -> bool:
        """Whether the request that is to be sent carries what may be sent once: an assertion or a proof."""
        state = self.machine.next()
        if isinstance(state, Next.HTTP):
            carried = [pair.partition(b"=")[0] for pair in (state.body or b"").split(b"&")]
            names = [line.partition(":")[0] for line in state.headers.splitlines()]
            return "dpop" in names or not {b"assertion", b"client_assertion", b"subject_token"}.isdisjoint(carried)
        # The request that it is for has an assertion already.
        return isinstance(state, Next.SIGN) and resumed.phase() == "Failed"

    def request_headers(self, question: dict[str, str]) -> Any:
        headers = self.machine.request_headers(question["method"], question["url"], self.now)
        if isinstance(headers, RequestHeaders.READY):
            return {"ready": {"authorization": headers.authorization, "generation": headers.generation}}
        if isinstance(headers, RequestHeaders.SIGN):
            proof = members(headers, "authorization", "generation")
            return {"sign": {**proof, "proof": signing(headers)}}
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
        if name == "signed":
            return self.twice(lambda: machine.signed(id, SIGNATURE * body, now))
        if name == "assertion_provided":
            self.fleeting.append(body["token"])
            kind = AssertionKind[body["kind"].upper()]
            return self.give(lambda: machine.assertion_provided(id, body["token"], kind, now))
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
    if isinstance(state, Next.SIGN):
        return {"sign": signing(state)}
    if isinstance(state, Next.FETCH_ASSERTION):
        asked = members(state, "issuer", "audience", "renew")
        return {"fetch_assertion": {"purpose": state.purpose, **asked}}
    if isinstance(state, Next.SHOW_CODE):
        code = members(state, "user_code", "verification_uri", "issuer", "scopes")
        if state.verification_uri_complete is not None:
            code["verification_uri_complete"] = state.verification_uri_complete
        return {"show_code": {**code, "expires_at": state.expires_at_ms, "until": state.until_ms}}
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


def signing(request: Any) -> dict[str, Any]:
    """What is to be signed, with both parts of the input as the JSON that they are."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in request.input.split("."))
    shown = {"purpose": "dpop_proof", **members(request, "algorithm", "thumbprint", "issuer")}
    if isinstance(request, Next.SIGN):
        shown["purpose"] = request.purpose
    if request.key_id is not None:
        shown["key_id"] = request.key_id
    return {**shown, "header": header, "claims": claims}


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def members(state: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(state, name) for name in names}
