"""A world that tests break: its database, its servers, its commands, and what must hold after."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from fhir.resources.STU3.operationoutcome import OperationOutcome

from tests.chaos import world as worlds
from tests.chaos.clock import Clock
from workbench import roles, servers
from workbench.bodies import appointment_body
from workbench.cluster import Cluster
from workbench.consumer import Consumer
from workbench.paths import ROOT
from workbench.postgresql import binaries

CHAOS = [
    pytest.mark.chaos,
    pytest.mark.skipif(binaries() is None, reason="PostgreSQL server binaries are not installed"),
]

SERVED = {"GPCONNECT_REQUIRE_CLIENT_CERTIFICATE": "0", "DJANGO_LOG_LEVEL": "ERROR"}


class Broken:
    """A database with a world in it, and what a test does to it.

    ``clock`` is that of all its processes, by default the machine's.
    """

    def __init__(
        self, database: Cluster, say: Callable[[str], None], clock: Clock | None = None
    ) -> None:
        self.database, self.say, self.clock = database, say, clock
        self.stores = {
            "DATABASE_URL": database.url,
            "AUDIT_SPOOL": str(database.data.parent / "audit"),
        }
        self.world: SimpleNamespace

    def fill(self, **options: Any) -> None:
        arguments = [f"--{name}={value}" for name, value in options.items()]
        self.world = worlds.read(self.run("tests/chaos/world.py", *arguments).stdout)
        # From here on everything runs with the rights of production.
        self.database.tell(*roles.making())
        self.stores["DATABASE_URL"] = roles.served(self.database.url)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **(self.clock.environment if self.clock else {}),
            **self.stores,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.chaos.clock", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout} {done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.clock", *arguments],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @contextmanager
    def served(self, **options: Any) -> Iterator[servers.Gunicorn]:
        environment = {**SERVED, **self.stores}
        if self.clock:
            environment |= self.clock.environment
        environment |= options.pop("environment", {})
        with servers.gunicorn(environment=environment, **options) as running:
            wait_for(lambda: answered(self.search(running.address)) == 200)
            yield running

    def now(self) -> datetime:
        return self.clock.now() if self.clock else datetime.now(UTC)

    # -------------------------------------------------------- requests

    def consumer(self, address: servers.Address, **headers: str) -> Consumer:
        client = servers.NetworkClient(address)
        issued_at = int(self.now().timestamp())
        claims = {"iat": issued_at, "exp": issued_at + 300}
        return Consumer(self.world.organisation, client=client, headers=headers, claims=claims)

    def book(self, address: servers.Address, slot: Any, **headers: str) -> Any:
        """The answer, or None when the connection broke."""
        body = appointment_body(slots=[slot], patient=self.world.patients[0])
        return try_to(lambda: self.consumer(address, **headers).book(body))

    def search(self, address: servers.Address) -> Any:
        today = self.now().date()
        span = {"start": f"ge{today}", "end": f"le{today + timedelta(days=6)}", "status": "free"}
        query = {**span, "_include": "Slot:schedule"}
        return try_to(lambda: self.consumer(address).search_slots(query))

    def open_page(self, address: servers.Address) -> Any:
        """The answer to the browser of somebody who was signed in."""
        headers = {"Cookie": "sessionid=of-somebody"}
        client = servers.NetworkClient(address)
        return client.generic(
            "GET", "/admin/", data=b"", content_type="text/plain", headers=headers
        )

    def knock(self, address: servers.Address) -> tuple[Any, Any]:
        """The answers to two strangers, of whom neither makes us ask the database for anything.

        One opens the sign-in page; one sends its form without a cookie.
        """

        def ask(verb: str) -> Any:
            client = servers.NetworkClient(address)
            form = "application/x-www-form-urlencoded"
            return client.generic(verb, "/admin/login/", data=b"", content_type=form, headers={})

        return try_to(lambda: ask("GET")), try_to(lambda: ask("POST"))

    # -------------------------------------------------------- what must hold

    def booked(self) -> dict[int, int]:
        """The slots that are held, and how often."""
        return Counter(
            self.database.ask("SELECT slot_id FROM practice_appointmentslot WHERE NOT released")
        )

    def check(self) -> None:
        """The diary and the trail are whole."""
        sealed = self.run("manage.py", "seal_audit")
        diary = self.run("manage.py", "check_diary", check=False)
        trail = self.run("manage.py", "verify_audit", check=False)
        assert diary.returncode == 0, diary.stdout + diary.stderr
        assert trail.returncode == 0, trail.stdout + trail.stderr
        words = diary.stdout.strip().splitlines()[-1]
        trails = "; ".join(map(str.strip, trail.stdout.splitlines()))
        self.say(f"held: check_diary ({words}); verify_audit ({trails})")
        if "kept aside" in sealed.stdout:
            self.say(f"held: {sealed.stdout.splitlines()[0]}")

    def check_all_are_recorded(self, answers: Iterable[Any]) -> None:
        """After ``check``: there is a record for every answer that was given, whatever it said."""
        told = Counter(str(each.status_code) for each in answers if each is not None)
        recorded = Counter(
            self.database.ask("SELECT outcome FROM practice_auditevent WHERE door = 'gp-connect'")
        )
        assert told <= recorded, f"answered {told}, recorded {recorded}"
        self.say(f"held: {told.total()} answers {dict(told)}, and a record of each in the trail")


def try_to(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (OSError, http.client.HTTPException):
        return None


def answered(answer: Any) -> int | None:
    return None if answer is None else answer.status_code


def assert_clean(answer: Any) -> None:
    """Whatever was refused was refused as FHIR, and says when to try again if that may help."""
    if answer is None or answer.status_code < 400:
        return
    OperationOutcome.model_validate_json(answer.content)
    if answer.status_code == 503:
        assert answer.headers["Retry-After"]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.monotonic()
    answer = call()
    return time.monotonic() - begun, answer


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> float:
    """Wait until a condition holds; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it never came about"
        time.sleep(0.1)
    return time.monotonic() - begun


class Load:
    """Consumers that search and book without a pause, each slot by two; then they search."""

    def __init__(self, broken: Broken, address: servers.Address, consumers: int = 6) -> None:
        self.broken, self.address = broken, address
        self.answers: list[tuple[float, float, Any]] = []  # when, after how many seconds, what
        self.booked: list[int] = []
        self.ended = threading.Event()
        slots = broken.world.slots
        self.threads = [
            threading.Thread(target=self.work, args=(slots[number // 2 :: consumers // 2],))
            for number in range(consumers)
        ]
        for thread in self.threads:
            thread.start()

    def work(self, slots: list[Any]) -> None:
        for slot in slots:
            while not self.ended.is_set():
                self.note(lambda: self.broken.search(self.address))
                answer = self.note(partial(self.broken.book, self.address, slot))
                if answered(answer) == 201:
                    self.booked.append(slot.pk)
                if answered(answer) in {201, 409}:
                    break
                time.sleep(0.05)
            time.sleep(0.05)
        while not self.ended.is_set():  # a fast machine has no slot left to book
            self.note(lambda: self.broken.search(self.address))
            time.sleep(0.05)

    def note(self, call: Callable[[], Any]) -> Any:
        seconds, answer = timed(call)
        self.answers.append((time.monotonic(), seconds, answer))
        return answer

    def end(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(60)

    def told(self, since: float = 0, until: float = float("inf")) -> Counter[Any]:
        return Counter(answered(answer) for at, _, answer in self.answers if since <= at < until)

    def seconds(self, since: float, until: float) -> list[float]:
        """How long the answers took that were begun and given in that time, in order."""
        return sorted(
            seconds for at, seconds, _ in self.answers if since <= at - seconds and at < until
        )
