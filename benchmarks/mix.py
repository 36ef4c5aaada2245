"""Who sends which requests in a realistic mix, and what each sender learns from the answers.

The shares are those of docs/load-model.md. ``benchmarks.load`` drives the whole stack with it.
"""

import json
import random
import re
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from benchmarks import consumers, dates
from benchmarks.consumers import Systems, booking, search, service_root

CONSUMERS = 50  # organisations that ask
COMMANDS = {"book", "amend", "cancel"}
# (name, share of all requests in thousandths)
MIX = {
    **{"search": 800, "book": 80, "read": 40, "retrieve": 30, "find": 15, "read patient": 15},
    **{"amend": 10, "cancel": 10},
}
DAYS_SEARCHED = {1: 50, 3: 30, 7: 15, 14: 5}

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SLOT = re.compile(
    rb'"resourceType":"Slot","id":"(\d+)".*?"start":"([^"]+)","end":"([^"]+)"', re.DOTALL
)


@dataclass
class Practice:
    """A practice, and what consumers have come to know of it."""

    ods_code: str
    asid: str
    location: int
    patients: list[tuple[int, str]]
    seen: deque[tuple[str, str, str]] = field(default_factory=lambda: deque(maxlen=200))
    booked: list[tuple[dict[str, Any], str]] = field(default_factory=list)

    @property
    def base(self) -> str:
        return service_root(self.ods_code)


@dataclass
class Asked:
    """A request; ``memory`` is what its sender has to know when the answer comes."""

    path: str
    verb: str = "GET"
    body: Any = None
    etag: str = ""
    memory: Any = None


class Consumers:
    """Many organisations' systems: what each of them sends next."""

    def __init__(self, practices: list[Practice], host: str, seed: int) -> None:
        self.practices, self.systems = practices, Systems(host, CONSUMERS)
        self.chance = random.Random(seed)
        self.names, self.weights = list(MIX), list(MIX.values())
        self.confirmed: dict[str, str] = {}  # slot by appointment, for as long as it is booked
        self.unsure: set[str] = set()  # slots of bookings whose answer never came

    def next(self) -> tuple[str, Practice, bytes, Any]:
        """Name, practice, bytes and what to remember, of the next request."""
        chance = self.chance
        name = chance.choices(self.names, self.weights)[0]
        practice = chance.choice(self.practices)
        if name == "book" and not practice.seen:
            name = "search"  # nobody has seen a slot there yet
        if name in {"read", "amend", "cancel"} and not practice.booked:
            name = "retrieve"
        asked = self.asked(name, practice)
        request = self.systems.request(
            name,
            asked.path,
            asid=practice.asid,
            system=chance.randrange(CONSUMERS),
            verb=asked.verb,
            body=asked.body,
            etag=asked.etag,
        )
        return name, practice, request, asked.memory

    def asked(self, name: str, practice: Practice) -> Asked:
        """What a request of this name asks a practice for."""
        if name == "search":
            days = self.chance.choices(list(DAYS_SEARCHED), list(DAYS_SEARCHED.values()))[0]
            first = dates.today() + timedelta(days=1 + self.chance.randrange(14))
            return Asked(search(practice.ods_code, first, first + timedelta(days=days - 1)))
        if name == "book":
            return self.booking(practice)
        if name in {"read", "amend", "cancel"}:
            return self.appointment(name, practice)
        patient, number = self.chance.choice(practice.patients)
        if name == "find":
            return Asked(f"{practice.base}/Patient?identifier={NHS_NUMBER}%7C{number}")
        if name == "read patient":
            return Asked(f"{practice.base}/Patient/{patient}")
        first = dates.today()
        last = first + timedelta(days=28)
        return Asked(consumers.appointments(practice.ods_code, patient, first, last))

    def booking(self, practice: Practice) -> Asked:
        """Book a slot that somebody has seen."""
        slot, start, end = practice.seen.pop()
        body = booking(
            slot=slot,
            start=start,
            end=end,
            patient=self.chance.choice(practice.patients)[0],
            location=practice.location,
        )
        return Asked(f"{practice.base}/Appointment", "POST", body, memory=slot)

    def appointment(self, name: str, practice: Practice) -> Asked:
        """Read, amend or cancel one that somebody has booked."""
        index = self.chance.randrange(len(practice.booked))
        held, etag = practice.booked[index]
        path = f"{practice.base}/Appointment/{held['id']}"
        if name == "read":
            return Asked(path, etag=etag)
        del practice.booked[index]
        body = (
            consumers.amended(held, f"Changed {time.time()}")
            if name == "amend"
            else consumers.cancelled(held)
        )
        return Asked(path, "PUT", body, etag, memory=held)

    def learn(
        self, name: str, practice: Practice, memory: Any, status: int, head: bytes, body: bytes
    ) -> None:
        """What a consumer remembers of an answer."""
        if name == "search" and status == 200 and len(practice.seen) < 100:
            at = self.chance.randrange(max(1, len(body) - 50_000)) if len(body) > 50_000 else 0
            found = list(SLOT.finditer(body, at, at + 20_000))
            for match in self.chance.sample(found, min(3, len(found))):
                practice.seen.append(tuple(part.decode() for part in match.groups()))  # type: ignore[arg-type]
        elif name in {"book", "amend"} and status in {200, 201}:
            held = json.loads(body)
            etag = re.search(rb"(?i)\r\netag: *([^\r]+)", head)
            practice.booked.append((held, etag[1].decode() if etag else ""))
            self.confirmed[held["id"]] = held["slot"][0]["reference"].split("/")[1]
        elif name == "cancel" and status == 200:
            self.confirmed.pop(memory["id"])
        elif status == 0 and name == "book":
            self.unsure.add(memory)
        elif name in {"amend", "cancel"} and status == 0:
            self.unsure.add(self.confirmed.pop(memory["id"]))
        elif name in {"amend", "cancel"}:
            practice.booked.append((memory, ""))  # refused: it is still what it was
