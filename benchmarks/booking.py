"""Booking through the real server, guards and audit included, against the bare transaction in SQL.

``python -m benchmarks.booking [--seconds N] [--rounds N]``: on a PostgreSQL server of its own that
keeps its promises over a crash, or on the SQLite file of DATABASE_URL. Two processes of ours, with
sealing beside them, and the generator share the machine. Distinct slots of many practices with 1,
10 and 50 clients, then arrivals at a steady rate, then one slot that fifty want at once.

The bare transaction is what the database has to do for a booking and nothing else: lock the slot,
read the patient, write the appointment, its hold on the slot, the slot and the audit event with the
values that ours writes, commit. psycopg sends it, prepared, from as many clients, to a copy of the
same database.
"""

import argparse
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.types.string import TextLoader

from benchmarks import consumers, dates, driving, results, stack
from benchmarks.consumers import Systems, service_root
from benchmarks.driving import Address, Ask, Round, Taken

RIVALS_FOR_ONE_SLOT = 50
PROCESSES = 2  # of clients that send bare SQL
OURS, BARE = "ours", "bare SQL"


class Free(NamedTuple):
    """A slot that can be booked, and for whom; times are texts in UK local form."""

    slot: int
    start: str
    end: str
    organisation: int
    ods_code: str
    asid: str
    location: int
    patient: int


def build(practices: int) -> list[Free]:
    """The slots on offer of that many practices, in a random order."""
    from benchmarks import world

    world.build(practices=practices, holders=4, first=dates.first_day(), days=28)
    free = free_slots()
    random.shuffle(free)
    return free


def free_slots() -> list[Free]:
    """All slots on offer, each for one patient of its practice."""
    from practice import clock
    from practice.models import Patient, Slot

    patients = dict(Patient.objects.order_by("pk").values_list("organisation_id", "pk"))
    on_offer = Slot.objects.filter(gp_connect_bookable=True, status=Slot.Status.FREE)
    rows = on_offer.order_by("pk").values_list(
        "pk",
        "start",
        "end",
        "organisation_id",
        "organisation__ods_code",
        "organisation__asid",
        "schedule__location_id",
    )
    return [
        Free(
            pk,
            clock.local(start).isoformat(),
            clock.local(end).isoformat(),
            organisation,
            ods_code,
            asid,
            location,
            patients[organisation],
        )
        for pk, start, end, organisation, ods_code, asid, location in rows
    ]


def request(systems: Systems, wanted: Free, system: int) -> bytes:
    """The booking of a slot, sent by one of the systems."""
    body = consumers.booking(
        slot=wanted.slot,
        start=wanted.start,
        end=wanted.end,
        patient=wanted.patient,
        location=wanted.location,
    )
    path = f"{service_root(wanted.ods_code)}/Appointment"
    return systems.request("book", path, asid=wanted.asid, system=system, verb="POST", body=body)


def asking(systems: Systems, free: list[Free]) -> Ask:
    """What books the next free slot."""
    return lambda: request(systems, free.pop(), random.randrange(systems.number))


# ---------------------------------------------------------------- the bare transaction


class Statements:
    """What a booking writes, in the words of SQL, with the values of one that ours has made."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            for kind in ("json", "jsonb"):
                connection.adapters.register_loader(kind, TextLoader)
            self.appointment = self.sample(connection, "practice_appointment")
            self.event = self.sample(connection, "practice_auditevent")
        self.insert_appointment = self.insert("practice_appointment", self.appointment)
        self.insert_event = self.insert("practice_auditevent", self.event)

    @staticmethod
    def sample(connection: psycopg.Connection, table: str) -> dict[str, Any]:
        """The columns of the newest row, without its id."""
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1")
        row = cursor.fetchone()
        assert row
        assert cursor.description
        found = dict(zip((column.name for column in cursor.description), row, strict=True))
        del found["id"]
        return found

    @staticmethod
    def insert(table: str, columns: dict[str, Any]) -> str:
        names = ", ".join(f'"{name}"' for name in columns)
        values = ", ".join(f"%({name})s" for name in columns)
        return f"INSERT INTO {table} ({names}) VALUES ({values}) RETURNING id"

    def book(self, connection: psycopg.Connection, wanted: Free) -> None:
        """One booking, from BEGIN to COMMIT."""
        with connection.transaction():
            row = connection.execute(LOCK, (wanted.slot, wanted.organisation)).fetchone()
            assert row
            schedule, start, end = row
            connection.execute(PATIENT, (wanted.patient, wanted.organisation)).fetchone()
            of_this = {
                **self.appointment,
                "organisation_id": wanted.organisation,
                "patient_id": wanted.patient,
                "schedule_id": schedule,
                "location_id": wanted.location,
                "start": start,
                "end": end,
            }
            appointment = connection.execute(self.insert_appointment, of_this).fetchone()
            assert appointment
            connection.execute(HOLD, (appointment[0], wanted.slot))
            connection.execute(TAKE, (self.appointment["updated_at"], wanted.slot))
            connection.execute(
                self.insert_event, {**self.event, "organisation_id": wanted.organisation}
            )


LOCK = """
SELECT schedule_id, slot.start, slot."end" FROM practice_slot slot
JOIN practice_schedule schedule ON schedule.id = schedule_id
WHERE slot.id = %s AND slot.organisation_id = %s AND status = 'free'
FOR NO KEY UPDATE OF slot
"""
PATIENT = "SELECT * FROM practice_patient WHERE id = %s AND organisation_id = %s"
HOLD = """
INSERT INTO practice_appointmentslot (appointment_id, slot_id, released) VALUES (%s, %s, false)
"""
TAKE = """
UPDATE practice_slot SET status = 'busy', version = version + 1, updated_at = %s WHERE id = %s
"""


class Bare:
    """Clients that send the bare transaction, in processes of their own."""

    def __init__(self, url: str, statements: Statements, free: list[Free]) -> None:
        self.url, self.statements, self.free = url, statements, free

    def closed(self, *, clients: int, seconds: float) -> Round:
        """As ``driving.closed``: each begins its next when the last one is stored."""
        processes = min(clients, PROCESSES)
        each = [clients // processes + (n < clients % processes) for n in range(processes)]
        context = multiprocessing.get_context("fork")
        share = int(MOST_A_SECOND * seconds / processes)
        shares = [[self.free.pop() for _ in range(share)] for _ in each]
        with ProcessPoolExecutor(processes, context) as pool:
            parts = list(pool.map(self.run, each, shares, [seconds] * processes))
        for share_of_one, part in zip(shares, parts, strict=True):
            self.free += share_of_one[: len(share_of_one) - len(part.answers)]
        return Round(
            answers=[answer for part in parts for answer in part.answers],
            seconds=max(part.seconds for part in parts),
            own_seconds=sum(part.own_seconds for part in parts),
        )

    def run(self, clients: int, free: list[Free], seconds: float) -> Round:
        """What the clients of one process did."""
        connections = [psycopg.connect(self.url, autocommit=True) for _ in range(clients)]
        begun, own = time.perf_counter(), time.process_time()

        def client(connection: psycopg.Connection) -> list[float]:
            times = []
            while (now := time.perf_counter()) - begun < seconds:
                self.statements.book(connection, free.pop())
                times.append((time.perf_counter() - now) * 1000)
            return times

        with ThreadPoolExecutor(clients) as pool:
            answers = [(ms, 201) for each in pool.map(client, connections) for ms in each]
        taken = Round(answers, time.perf_counter() - begun, time.process_time() - own)
        for connection in connections:
            connection.close()
        return taken


MOST_A_SECOND = 8000  # bookings of bare SQL that a round is given slots for


# ---------------------------------------------------------------- the run


def saturate(
    address: Address,
    ask: Ask,
    bare: Bare | None,
    meter: stack.Meter,
    clients: Sequence[int],
    options: argparse.Namespace,
) -> dict[str, dict[int, Taken]]:
    """Rounds of ours and of the bare transaction with so many clients, in a random order."""
    alternatives = [(OURS, number) for number in clients]
    if bare:
        alternatives += [(BARE, number) for number in clients]
    taken = {name: {number: Taken() for number in clients} for name, _ in alternatives}
    driving.closed(address, ask, clients=10, seconds=2)  # until code and caches are warm
    for _ in range(options.rounds):
        for name, number in random.sample(alternatives, len(alternatives)):
            meter.start()
            if name == OURS:
                found = driving.closed(address, ask, clients=number, seconds=options.seconds)
            else:
                assert bare
                found = bare.closed(clients=number, seconds=options.seconds)
            assert set(found.statuses) == {201}, (name, number, found.statuses)
            taken[name][number].add(found, meter.milliseconds(len(found.answers)))
    return taken


def hot_slot(address: Address, systems: Systems, wanted: Free) -> Round:
    """Fifty ask for one slot in the same moment: one gets it, all others are told so."""
    found = driving.at_once(
        address, [request(systems, wanted, system) for system in range(RIVALS_FOR_ONE_SLOT)]
    )
    assert found.statuses == Counter({201: 1, 409: RIVALS_FOR_ONE_SLOT - 1}), found.statuses
    return found


def tell(taken: dict[str, dict[int, Taken]]) -> dict[str, Any]:
    """Print a table of the rounds; return it as figures."""
    parts = list(next(iter(taken[OURS].values())).processor[0])
    words = "".join(f"{part:>11}" for part in [*parts, "all"])
    print(
        f"  {'clients':<14}{'a second':>15}{'p50':>9}{'p95':>9}{'p99':>9} ms{words} ms of processor"
    )
    for name, by_clients in taken.items():
        for number, each in by_clients.items():
            rate = f"{each.throughput:7.0f} ± {each.spread:4.0f}"
            quantiles = "".join(f"{each.p(q):9.1f}" for q in (0.5, 0.95, 0.99))
            used = "".join(f"{each.milliseconds(part):11.2f}" for part in parts)
            print(
                f"  {name:<9}{number:5}{rate:>15}{quantiles}   {used}{each.all_milliseconds:11.2f}"
            )
    return {
        name: {str(number): each.figures() for number, each in by_clients.items()}
        for name, by_clients in taken.items()
    }


def tell_of_the_rest(
    figures: dict[str, Any],
    taken: dict[str, dict[int, Taken]],
    steady: Round,
    rounds: list[Round],
    options: argparse.Namespace,
) -> None:
    """Print the open arrivals, the slot that all want and the saturation, and add the figures."""
    figures["open"] = {
        "per_second": options.rate,
        **{f"p{q}_ms": round(steady.p(q / 100), 1) for q in (50, 95, 99)},
        "refused": len(steady.answers) - steady.statuses[201],
    }
    hot = [ms for each in rounds for ms, _ in each.answers]
    figures["hot"] = {
        "median_ms": round(driving.percentile(hot, 0.5), 1),
        "slowest_ms": round(max(hot), 1),
    }
    best = {
        name: max(each.throughput for each in by_clients.values())
        for name, by_clients in taken.items()
    }
    figures["saturation"] = {"per_second": round(best[OURS], 1)}
    print(
        f"  open arrivals, {options.rate:.0f} a second for {options.open_seconds:.0f} s:"
        f" {', '.join(f'p{q} {steady.p(q / 100):.1f} ms' for q in (50, 95, 99))}"
        f", {figures['open']['refused']} refused"
        f" (the generator was late by p99 {steady.late:.1f} ms)\n"
        f"  one slot, {RIVALS_FOR_ONE_SLOT} rivals, {len(rounds)} rounds: one 201 and"
        f" {RIVALS_FOR_ONE_SLOT - 1} times 409 each; the median answer after"
        f" {figures['hot']['median_ms']} ms, the slowest after {figures['hot']['slowest_ms']} ms\n"
        f"  saturation: {best[OURS]:.0f} bookings a second"
    )
    if BARE in best:
        figures["saturation"]["of_bare"] = round(best[OURS] / best[BARE], 3)
        print(
            f"  which is {best[OURS] / best[BARE]:.0%} of the bare transaction's {best[BARE]:.0f}"
        )


def measure(
    url: str,
    free: list[Free],
    pids: dict[str, int],
    clients: Sequence[int],
    options: argparse.Namespace,
    copy: str | None = None,
) -> dict[str, Any]:
    """All of it on a database; ``copy`` is the URL of one for the bare transaction."""
    with stack.web(url) as (address, web), stack.sealing(url) as sealing:
        systems = Systems(f"{address[0]}:{address[1]}")
        status, body = driving.answer(address, request(systems, free.pop(), 0))
        assert status == 201, (status, body[:500])
        bare = Bare(copy, Statements(url), list(free)) if copy else None
        meter = stack.Meter({"web": web, **pids, "sealing": sealing})
        ask = asking(systems, free)
        taken = saturate(address, ask, bare, meter, clients, options)
        figures = tell(taken)
        steady = driving.opened(address, ask, rate=options.rate, seconds=options.open_seconds)
        rounds = [hot_slot(address, systems, free.pop()) for _ in range(options.hot_rounds)]
    tell_of_the_rest(figures, taken, steady, rounds, options)
    figures["sound"] = stack.is_sound(url)
    return figures


@contextmanager
def copied(database: Any) -> Iterator[str]:
    """The URL of a copy of the database; nobody may be connected to it meanwhile."""
    with database.connect() as connection:
        connection.execute("CREATE DATABASE bare TEMPLATE postgres")
    yield database.url.removesuffix("/postgres") + "/bare"


def main() -> dict[str, Any]:
    parser = results.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    parser.add_argument("--rate", type=float, default=100, help="of open arrivals, a second")
    parser.add_argument("--open-seconds", type=float, default=20)
    parser.add_argument("--hot-rounds", type=int, default=10)
    options = parser.parse_args()
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("sqlite"):
        stack.use(given)
        stack.migrate(given)
        free = build(20)
        stack.leave_database()
        figures = measure(given, free, {}, (1, 10), options)
    else:
        with stack.postgresql() as database:
            stack.use(database.url)
            stack.migrate(database.url)
            free = build(100)
            stack.leave_database()
            with copied(database) as copy:
                pids = {"PostgreSQL": database.process.pid}
                figures = measure(database.url, free, pids, (1, 10, 50), options, copy)
    return results.leave(figures, options.json)


if __name__ == "__main__":
    main()
