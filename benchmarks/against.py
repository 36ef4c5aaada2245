"""This tree against an older revision, in turns: what a request costs each, and the ratio.

``python -m benchmarks.against REVISION [PART ...] [--rounds N] [--only KIND ...]``, on PostgreSQL
only, a server of its own. The revision is laid out beside this tree for as long as it takes. Its
own code makes the diary; a copy of that database is brought forward by this tree's migrations, so
that both have the same. Each tree's server runs as its own gunicorn.conf.py has it, in this Python,
with the rights that its own rights.sql gives the serving role.
Requests and clients are this tree's: each round sends the same to one and to the other, in an order
of chance, over new connections that are kept for the round.

Processor time is that of all processes of the web server, and of all of PostgreSQL; sealing and
vacuum stand still meanwhile. It hardly depends on what else runs here; answers a second do. A ratio
is the median of those of the rounds, with half of what lies between the quartiles.

``requests`` is what other organisations ask: what is booked in a round is amended and cancelled in
it, so that the diary stays as it is. ``pages`` is what staff look at.
"""

import contextlib
import io
import json
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

import psycopg

from benchmarks import booking, consumers, dates, driving, results, stack
from benchmarks.booking import Free
from benchmarks.consumers import IDS, JSON, XML, Systems, service_root
from benchmarks.driving import Address, Taken
from benchmarks.pages_in_turns import PagesInTurns
from workbench import roles
from workbench.postgresql import clean_up_when_ended

CLIENTS = 4
WARMING_CLIENTS = 16  # so many that every process of a server gets some
STANDING = 60  # appointments that are booked once, to be read
FILLING = Path(__file__).with_name("filling.py")
WEB, DATABASE = "web", "PostgreSQL"

SEARCH, SEARCH_XML = "search of 300, JSON", "search of 300, XML"
READ, RETRIEVE = "read", "retrieve"
BOOK, AMEND, CANCEL = "book", "amend", "cancel"
REFUSAL = "refusal, expired token"


# ---------------------------------------------------------------- the two trees


@dataclass(frozen=True)
class Tree:
    """Where a revision lies, and the URL of its database."""

    name: str
    root: Path
    url: str

    def fill(self, job: str, day: date) -> str:
        """Let its own code do a job of benchmarks.filling; what it printed."""
        done = subprocess.run(
            [sys.executable, "-P", str(FILLING), job, day.isoformat()],
            cwd=self.root,
            env=stack.environment(self.url, PYTHONPATH=str(self.root)),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{self.name} cannot do {job!r}:\n{done.stderr[-3000:]}")
        return done.stdout


@contextlib.contextmanager
def laid_out(revision: str) -> Iterator[Path]:
    """A folder with the files of a revision, until the block ends."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", revision],
        cwd=results.ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="revision-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def title_of(revision: str) -> str:
    """The commit of a revision, and its subject; empty where there is no such revision."""
    found = subprocess.run(
        ["git", "log", "-1", "--format=%h %s", f"{revision}^{{commit}}", "--"],
        cwd=results.ROOT,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip()


def filled(database: Any, old_root: Path, job: str, day: date) -> tuple[Tree, Tree]:
    """The older tree and this one, each with a database; the diary in them is the same."""
    base = database.url.removesuffix("/postgres")
    old = Tree("the older tree", old_root, f"{base}/old")
    new = Tree("this tree", results.ROOT, f"{base}/new")
    database.tell("CREATE DATABASE old")
    stack.migrate(old.url, root=old.root)
    old.fill(job, day)
    database.tell("CREATE DATABASE new TEMPLATE old")
    stack.migrate(new.url, root=new.root)
    for tree in (old, new):
        with psycopg.connect(tree.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            for statement in roles.making(root=tree.root):
                connection.execute(statement)  # type: ignore[arg-type]
    database.tell("CHECKPOINT")
    return old, new


# ---------------------------------------------------------------- what is asked


class Side:
    """A tree that is served, what it has answered, and what its answers cost."""

    def __init__(self, tree: Tree, address: Address, web: int, database: int) -> None:
        self.tree, self.address, self.web = tree, address, web
        self.meter = stack.Meter({WEB: web, DATABASE: database})
        self.taken: dict[str, Measured] = defaultdict(Measured)
        self.standing: list[dict[str, Any]] = []  # appointments, as they were received
        self.held: list[dict[str, Any]] = []  # those of this round

    def ask(
        self, name: str, requests: Sequence[bytes], *, status: int, clients: int
    ) -> list[bytes]:
        """Send the requests of a kind, and add what they cost; the bodies of the answers."""
        bodies: list[bytes] = []
        before = stack.of_children(self.web)
        self.meter.start()
        found = driving.in_turn(self.address, requests, clients=clients, bodies=bodies)
        used = self.meter.milliseconds(len(found.answers))
        if set(found.statuses) != {status}:
            raise SystemExit(f"{self.tree.name}, {name}: {found.statuses}, {bodies[:1]}")
        taken = self.taken[name]
        taken.add(found, used)
        taken.busiest.append(stack.busiest(before, stack.of_children(self.web)))
        taken.kilobytes = len(bodies[-1]) / 1000
        return bodies


@dataclass
class Measured(Taken):
    """All rounds of one kind of request.

    ``busiest`` is the share of the busiest of the server's processes in each.
    """

    busiest: list[float] = field(default_factory=list)
    kilobytes: float = 0.0

    @property
    def costs(self) -> list[float]:
        """Milliseconds of processor that an answer took in each round, the generator's left out."""
        return [used[WEB] + used[DATABASE] for used in self.processor]

    @property
    def slowest(self) -> float:
        """The throughput of the slowest round, as a share of the median."""
        return min(each.throughput for each in self.rounds) / self.throughput


class Part(Protocol):
    """Kinds of requests that are asked in turns."""

    clients: int

    def kinds(self) -> list[str]: ...

    def prepare(self, side: Side) -> None: ...

    def ask(self, side: Side, kind: str, turn: int, clients: int) -> None: ...


# (number of requests in a round, status of the answer)
KINDS = {
    SEARCH: (60, 200),
    SEARCH_XML: (40, 200),
    READ: (200, 200),
    RETRIEVE: (150, 200),
    BOOK: (120, 201),
    AMEND: (120, 200),
    CANCEL: (120, 200),
    REFUSAL: (250, 400),
}
CHANGES = (BOOK, AMEND, CANCEL)  # in this order: each needs the one before it


class Requests:
    """What other organisations send: the same to both, but for what they were answered."""

    clients = CLIENTS

    def __init__(self, day: date, only: Sequence[str]) -> None:
        from practice.models import Patient

        self.day, self.only = day, only
        self.systems = Systems("127.0.0.1")
        self.free = {each.slot: each for each in booking.free_slots()}
        self.practices = sorted({(each.ods_code, each.asid) for each in self.free.values()})
        # What is booked lies on other days than the one that is searched.
        self.to_book = [each for each in self.free.values() if each.start[:10] > day.isoformat()]
        # Another patient of each practice than the one for whom every round books.
        of_practice = Patient.objects.order_by("-pk").values_list("organisation__ods_code", "pk")
        self.patients = dict(of_practice)
        self.asids = dict(self.practices)

    def kinds(self) -> list[str]:
        """All, or those that are wanted and what these need."""
        wanted = set(self.only or KINDS)
        return [
            kind for kind in KINDS if kind in wanted or (kind in CHANGES and wanted & {*CHANGES})
        ]

    def prepare(self, side: Side) -> None:
        """Book what is to be read, one after the other, so that its ids are the same for both."""
        chance = random.Random("standing")
        requests = [
            self.booked(each._replace(patient=self.patients[each.ods_code]), chance)
            for each in chance.sample(self.to_book, STANDING)
        ]
        side.standing = appointments(side.ask("standing", requests, status=201, clients=1))

    def ask(self, side: Side, kind: str, turn: int, clients: int) -> None:
        number, status = KINDS[kind]
        chance = random.Random(f"{kind} {turn}")
        requests = [*self.made(kind, number, chance, side)]
        bodies = side.ask(kind, requests, status=status, clients=clients)
        if kind == BOOK:
            side.held = appointments(bodies)

    def made(self, kind: str, number: int, chance: random.Random, side: Side) -> Iterator[bytes]:
        """The requests of a kind for a round."""
        if kind in {AMEND, CANCEL}:
            yield from (self.changed(kind, each, chance) for each in side.held)
            return
        if kind == BOOK:
            taken = {slot_of(each) for each in side.standing}
            open_to_us = [each for each in self.to_book if each.slot not in taken]
            yield from (self.booked(each, chance) for each in chance.sample(open_to_us, number))
            return
        for _ in range(number):
            yield self.question(kind, chance, side)

    def question(self, kind: str, chance: random.Random, side: Side) -> bytes:
        """A request that changes nothing."""
        if kind in {READ, REFUSAL}:
            appointment = chance.choice(side.standing)
            asked = self.free[slot_of(appointment)]
            path = f"{service_root(asked.ods_code)}/Appointment/{appointment['id']}"
            return self.sent("read", path, asked.ods_code, chance, expired=kind == REFUSAL)
        if kind == RETRIEVE:
            ods_code, patient = chance.choice(list(self.patients.items()))
            last = self.day + timedelta(days=28)
            path = consumers.appointments(ods_code, patient, self.day, last)
            return self.sent("retrieve", path, ods_code, chance)
        ods_code, _ = chance.choice(self.practices)
        path = consumers.search(ods_code, self.day, self.day)
        accept = XML if kind == SEARCH_XML else JSON
        return self.sent("search", path, ods_code, chance, accept=accept)

    def booked(self, wanted: Free, chance: random.Random) -> bytes:
        return booking.request(self.systems, wanted, chance.randrange(self.systems.number))

    def changed(self, kind: str, held: dict[str, Any], chance: random.Random) -> bytes:
        """An appointment that was received, amended, or cancelled after it was amended."""
        asked = self.free[slot_of(held)]
        body = consumers.amended(held, "Sore throat for six days.")
        if kind == CANCEL:
            body = consumers.cancelled(body)
        path = f"{service_root(asked.ods_code)}/Appointment/{held['id']}"
        return self.sent(kind, path, asked.ods_code, chance, verb="PUT", body=body)

    def sent(
        self,
        name: str,
        path: str,
        ods_code: str,
        chance: random.Random,
        *,
        expired: bool = False,
        **given: Any,
    ) -> bytes:
        """The request of one of the systems."""
        system, asid = chance.randrange(self.systems.number), self.asids[ods_code]
        token = ""
        if expired:
            token = self.systems.token_made(system, IDS[name][1], int(time.time()) - 3600)
        return self.systems.request(name, path, asid=asid, system=system, token=token, **given)


def appointments(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Those of answers, by slot: the answers come in an order of chance."""
    return sorted((json.loads(body) for body in bodies), key=slot_of)


def slot_of(appointment: dict[str, Any]) -> int:
    """The id of its first slot."""
    return int(appointment["slot"][0]["reference"].split("/")[1])


# ---------------------------------------------------------------- the run


def take_turns(part: Part, sides: tuple[Side, Side], rounds: int) -> list[str]:
    """Ask both sides for everything, ``rounds`` times, and once before it counts; the kinds."""
    kinds = part.kinds()
    for side in sides:
        part.prepare(side)
    for turn in range(rounds + 1):
        for kind in kinds:
            for side in random.sample(sides, len(sides)):
                part.ask(side, kind, turn, part.clients if turn else WARMING_CLIENTS)
        if turn == 0:
            for side in sides:
                side.taken.clear()
    return kinds


def compared(old: Measured, new: Measured) -> results.Figures:
    """What one kind of request costs both, and the ratios round by round."""
    return {
        **{
            name: {
                "web_ms": round(each.milliseconds(WEB), 3),
                "database_ms": round(each.milliseconds(DATABASE), 3),
                "per_second": round(each.throughput, 1),
                "slowest_of_median": round(each.slowest, 3),
                "busiest_process": round(statistics.median(each.busiest), 3),
                "kilobytes": round(each.kilobytes, 1),
            }
            for name, each in (("old", old), ("new", new))
        },
        "processor": ratio(new.costs, old.costs),
        "throughput": ratio(*([each.throughput for each in side.rounds] for side in (new, old))),
    }


def ratio(new: Sequence[float], old: Sequence[float]) -> dict[str, float]:
    """The median of the ratios round by round, and half of what lies between their quartiles."""
    found = [one / other for one, other in zip(new, old, strict=True)]
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return {"ratio": round(middle, 3), "spread": round((high - low) / 2, 3)}


def table(figures: results.Figures, *, clients: int) -> list[str]:
    """Lines that print what ``compared`` found of each kind, answers a second where many ask."""
    pair = f"{'old':>9}{'new':>8}"
    lines = [
        f"  {'processor of an answer':<30}{'web, ms':>17}{'database, ms':>17}"
        f"{'new / old':>18}{'kB':>17}",
        f"  {'':<30}{pair}{pair}{'':>18}{pair}",
    ]
    for kind, found in figures.items():
        lines.append(
            f"  {kind:<30}{_pair(found, 'web_ms', 2)}{_pair(found, 'database_ms', 2)}"
            f"{_told(found['processor'])}{_pair(found, 'kilobytes', 1)}"
        )
    if clients == 1:
        return lines
    lines += [
        "",
        f"  {f'{clients} clients':<30}{'answers a second':>17}{'new / old':>18}"
        f"{'slowest / median':>18}{'busiest process':>17}",
        f"  {'':<30}{pair}{'':>18} {pair}{pair}",
    ]
    for kind, found in figures.items():
        lines.append(
            f"  {kind:<30}{_pair(found, 'per_second', 0)}{_told(found['throughput'])}"
            f" {_pair(found, 'slowest_of_median', 2)}{_pair(found, 'busiest_process', 2)}"
        )
    return lines


def _pair(found: results.Figures, name: str, places: int) -> str:
    return f"{found['old'][name]:9,.{places}f}{found['new'][name]:8,.{places}f}"


def _told(of: dict[str, float]) -> str:
    return f"{of['ratio']:9.2f} x ±{of['spread']:5.2f}"


@contextlib.contextmanager
def served(old_root: Path, job: str, day: date) -> Iterator[tuple[Side, Side]]:
    """Both trees' servers on the diary of a part, until the block ends."""
    with stack.postgresql(autovacuum="off") as database, contextlib.ExitStack() as running:
        trees = filled(database, old_root, job, day)
        sides = []
        for tree in trees:
            address, pid = running.enter_context(stack.web(roles.served(tree.url), root=tree.root))
            sides.append(Side(tree, address, pid, database.process.pid))
        yield sides[0], sides[1]


def requests(sides: tuple[Side, Side], day: date, only: Sequence[str]) -> Requests:
    """The part, which reads this tree's database first."""
    stack.use(sides[1].tree.url)
    made = Requests(day, only)
    stack.leave_database()
    return made


def pages(sides: tuple[Side, Side], day: date, only: Sequence[str]) -> PagesInTurns:
    return PagesInTurns([side.tree for side in sides], day, only)


PARTS: dict[str, Callable[[tuple[Side, Side], date, Sequence[str]], Part]] = {
    "requests": requests,
    "pages": pages,
}


def main() -> results.Figures:
    parser = results.parser(__doc__)
    parser.add_argument("revision", metavar="REVISION", help="such as main~20")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"default: {' '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--only", nargs="+", metavar="KIND", default=(), help="of a part")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    title = title_of(options.revision)
    if not title:
        parser.error(f"no such revision: {options.revision}")
    clean_up_when_ended()
    day = dates.first_day()
    figures: results.Figures = {"revision": title, "sound": {}}
    with laid_out(options.revision) as old_root:
        for name in options.parts or PARTS:
            print(
                f"{name}: this tree (new) against {title} (old), {options.rounds} rounds",
                flush=True,
            )
            with served(old_root, name, day) as sides:
                part = PARTS[name](sides, day, options.only)
                kinds = take_turns(part, sides, options.rounds)
                old, new = sides
                figures[name] = {kind: compared(old.taken[kind], new.taken[kind]) for kind in kinds}
                print("\n".join(table(figures[name], clients=part.clients)), flush=True)
                figures["sound"][name] = stack.is_sound(new.tree.url)
    return results.leave(figures, options.json)


if __name__ == "__main__":
    main()
