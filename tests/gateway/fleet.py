"""What runs: two replicas behind the address that browsers know, and the servers that they are gateways to."""

import http.client
import itertools
import json
import os
import pathlib
import secrets
import socket
import subprocess
import threading
import time
import typing
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
ORIGIN = "https://gateway.example.com"
START_SECONDS = 60
#: Beyond the longest wait for a claim whose owner was killed.
ANSWER_SECONDS = 120


class Broken(Exception):
    """The connection ended without an answer. `sent`: a replica had the request, and may have acted."""

    def __init__(self, sent):
        super().__init__()
        self.sent = sent


class Answer(typing.NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: object

    def __str__(self):
        return f"{self.status} {self.body}"


def ask(port, method, target, headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    sent = False
    try:
        connection.connect()
        sent = True
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException):
        raise Broken(sent) from None
    finally:
        connection.close()


class Testbed:
    """An MCP server and its authorization server, in a process of their own."""

    def __init__(self, program, behaviour):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        urls = json.loads(self.process.stdout.readline())
        self.url = urls["mcp_url"]
        self.admin = urllib.parse.urlsplit(urls["admin_url"]).port
        self.behaviour = self.tell("behaviour")
        self.behave(**behaviour)

    def tell(self, what):
        return json.loads(ask(self.admin, "GET", f"/{what}").body)

    def behave(self, **changes):
        """Changes members of the behaviour, group by group."""
        for group, members in changes.items():
            self.behaviour[group] = {**self.behaviour[group], **members} if isinstance(members, dict) else members
        answer = ask(self.admin, "PUT", "/behaviour", body=json.dumps(self.behaviour))
        assert answer.status == 204, answer

    def control(self, what):
        """Does one of the things that the controls are there for."""
        answer = ask(self.admin, "POST", f"/{what}")
        assert answer.status == 204, answer

    def close(self):
        self.process.communicate()


def browse(url, user):
    """Where a browser is sent back to in which a user is signed in at the authorization server, and consents."""
    page = urllib.parse.urlsplit(url)
    answer = ask(page.port, "GET", f"{page.path}?{page.query}", {"Cookie": f"subject={user}"})
    location = answer.headers["Location"] or ""
    assert location.startswith(f"{ORIGIN}/callback?"), answer.status
    return location.removeprefix(ORIGIN)


class Replica:
    """One process of the example, which is killed and started again at the same port."""

    def __init__(self, host, environment):
        self.command = [HERE / "replicas" / host]
        self.environment = environment
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.command, str(self.port)], env=self.environment)

    def wait_until_up(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return json.loads(ask(self.port, "GET", "/oauth-client.json").body)
            except Broken:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("a replica does not start") from None
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.process.terminate()
        self.process.wait()


class Gateway:
    """Two replicas, asked in turn as behind a load balancer without sticky sessions."""

    def __init__(self, host, database, servers):
        environment = os.environ | {
            "GATEWAY_DATABASE": database,
            "GATEWAY_KEYS": secrets.token_hex(32),
            "GATEWAY_ORIGIN": ORIGIN,
            "GATEWAY_SERVERS": " ".join(servers),
        }
        self.replicas = [Replica(host, environment) for _ in range(2)]
        self.turns = itertools.cycle(self.replicas)
        self.kills = 0
        # One at a time: the other replica is up meanwhile.
        self.killing = threading.Lock()
        self.document, _ = (replica.wait_until_up() for replica in self.replicas)

    def next(self):
        """The replica whose turn it is."""
        return next(self.turns)

    def ask(self, user, method, target, replica):
        answer = ask(replica.port, method, target, {"X-Forwarded-User": user})
        return answer._replace(body=json.loads(answer.body))

    def other(self, replica):
        return next(other for other in self.replicas if other is not replica)

    def kill(self, replica):
        """With SIGKILL. It is back when this returns."""
        with self.killing:
            replica.kill()
            self.kills += 1
            replica.start()
            replica.wait_until_up()

    def close(self):
        for replica in self.replicas:
            replica.close()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
