"""What a user does, at a gateway whose replicas are killed: signs in, and calls a tool."""

import concurrent.futures
import json
import random
import threading
import time
import urllib.parse

from fleet import Broken, browse

#: Kills that hit one sign-in after another. Beyond that, something else is wrong.
MOST_SIGN_INS = 10
#: The library lets the outcome of so many refreshes in a row be unknown before it asks the user (MAX_UNKNOWN_REFRESHES).
UNKNOWN_REFRESHES = 2
#: A claim keeps everybody else from refreshing for a minute, and its owner was not killed later than this before its end.
CLAIM_SECONDS = 45
#: Longer than a replica that was killed can keep others from refreshing (CLAIM_MS), twice in a row.
PATIENCE_SECONDS = 150


class Lost(Exception):
    """A sign-in or a session is gone that no kill excuses."""


class Tally:
    """What happened to all users of a gateway."""

    NAMES = ("begun", "finished", "repeated", "asked_again", "calls", "refused_for_now")

    def __init__(self):
        self.counts = dict.fromkeys(self.NAMES, 0)
        self.longest = 0.0
        self.lost = []
        self._lock = threading.Lock()

    def count(self, name):
        with self._lock:
            self.counts[name] += 1

    def lose(self, what):
        with self._lock:
            self.lost.append(what)

    def waited(self, seconds):
        with self._lock:
            self.longest = max(self.longest, seconds)


class User:
    """One user of one server behind the gateway."""

    def __init__(self, name, gateway, server, tally):
        self.name, self.gateway, self.tally = name, gateway, tally
        self._server = "server=" + urllib.parse.quote(server, safe="")
        # When replicas were killed that had a call of this user, since the last one that was answered.
        self._kills = []

    def sign_in(self, after_connect=None, during_callback=None):
        """Signs in, once more where a replica was killed that had sent the code. What is given is called at that step, with the
        replica that has begun, or that has the callback."""
        url = self.connect(after_connect)
        for _ in range(MOST_SIGN_INS):
            if url is None:
                return
            self.tally.count("begun")
            signed_in, url = self.come_back(browse(url, self.name), during_callback)
            if signed_in:
                self.tally.count("finished")
                return
            during_callback = None
            self.tally.count("repeated")
        raise Lost(f"{self.name} cannot sign in")

    def connect(self, afterwards=None):
        """The URL to open; None if there is a token."""
        replica = self.gateway.next()
        answer, _ = self._ask("POST", f"/connect?{self._server}", replica)
        if answer.status not in (200, 202):
            raise Lost(f"{self.name} cannot begin: {answer}")
        if afterwards:
            afterwards(replica)
        return answer.body.get("url")

    def come_back(self, callback, kill_during=None):
        """Whether that was the end of the sign-in; otherwise where to begin another one."""
        answer, kills = self._ask("GET", callback, kill_during=kill_during)
        if answer.status == 200:
            return True, None
        if not kills:
            raise Lost(f"{self.name} came back in vain: {answer}")
        # Whoever was killed had taken the sign-in, and may have finished it.
        url = self.connect()
        return url is None, url

    def call(self, at=None, kill_during=None):
        """Calls the tool. Asked to sign in again, the user does, which is a loss unless kills explain it."""
        began = time.monotonic()
        answer, kills = self._ask("GET", f"/whoami?{self._server}", at, kill_during)
        self._kills += kills
        self.tally.waited(time.monotonic() - began)
        if answer.status == 401:
            if self._unknown_refreshes() < UNKNOWN_REFRESHES:
                raise Lost(f"{self.name} is asked to sign in again")
            self._kills = []
            self.tally.count("asked_again")
            self.sign_in()
            self.call()
            return
        if answer.status != 200:
            raise Lost(f"{self.name} cannot call the tool: {answer}")
        self._kills = []
        self.tally.count("calls")
        who = json.loads(answer.body["tool"][0]["text"])["subject"]
        if who != self.name:
            raise Lost(f"{self.name} acts as {who}")

    def _unknown_refreshes(self):
        """How many refreshes of this user the kills can have hit at most."""
        hit = []
        for at in self._kills:
            if not hit or at - hit[-1] > CLAIM_SECONDS:
                hit.append(at)
        return len(hit)

    def _ask(self, method, target, at=None, kill_during=None):
        """The answer, from the other replica where a connection breaks, and when those were killed that had the request."""
        replica = at or self.gateway.next()
        if kill_during is None:
            return self._insist(method, target, replica)
        with concurrent.futures.ThreadPoolExecutor(1) as beside:
            asking = beside.submit(self._insist, method, target, replica)
            kill_during(replica)
            return asking.result()

    def _insist(self, method, target, replica):
        kills = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self.gateway.ask(self.name, method, target, replica)
                if answer.status != 503 or time.monotonic() > deadline:
                    return answer, kills
                self.tally.count("refused_for_now")
                time.sleep(max(1, int(answer.headers["Retry-After"])))
            except Broken as error:
                if error.sent:
                    kills.append(time.monotonic())
                replica = self.gateway.other(replica)
                time.sleep(random.uniform(0.02, 0.1))
