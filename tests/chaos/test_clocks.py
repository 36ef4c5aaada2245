"""The clock of running processes goes across a clock change, and is set back under load.

The processes are real; their clock is that of tests.chaos.clock. What is expected is worked out
here from instants, by nothing that the program uses.
"""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.chaos.broken import CHAOS, Broken, Load, answered, wait_for
from tests.chaos.clock import Clock
from workbench.bodies import cancelled
from workbench.cluster import cluster
from workbench.consumer import as_dict, diagnostics

pytestmark = CHAOS

CHANGES = {
    "autumn": (datetime(2026, 10, 25, 1, tzinfo=UTC), "+01:00", "+00:00"),
    "spring": (datetime(2027, 3, 28, 1, tzinfo=UTC), "+00:00", "+01:00"),
}
SECOND, HALF_AN_HOUR = timedelta(seconds=1), timedelta(minutes=30)
OURS = {"application": "tests.chaos.wsgi"}


@contextmanager
def world_at(moment: datetime, say: Any, folder: Any, **filling: Any) -> Iterator[Broken]:
    with cluster() as database:
        clock = Clock(folder / "clock")
        broken = Broken(database, say, clock=clock)
        clock.set(moment)
        broken.fill(**filling)
        yield broken


@contextmanager
def sealing(broken: Broken) -> Iterator[None]:
    """The sealer runs beside, as in production, and must end by itself when it is told to."""
    sealer = broken.start("manage.py", "seal_audit", "--loop", "0.2")
    try:
        yield
        assert sealer.poll() is None, sealer.communicate()[0]
    finally:
        sealer.send_signal(signal.SIGTERM)
        told, _ = sealer.communicate(timeout=60)
    assert sealer.returncode == 0, told


class Night:
    """A consumer's view of the night of a change: half-hour slots from midnight UTC on."""

    def __init__(self, broken: Broken, address: Any, change: datetime, offsets: tuple) -> None:
        self.broken, self.address, self.change, self.offsets = broken, address, change, offsets
        self.slots = broken.world.slots
        self.taken: set[int] = set()

    def as_told(self, moment: datetime) -> str:
        """How a London clock shows an instant of this night."""
        offset = self.offsets[moment >= self.change]
        shown = moment + timedelta(hours=int(offset[1:3]))
        return f"{shown:%Y-%m-%dT%H:%M:%S}{offset}"

    def consumer(self) -> Any:
        return self.broken.consumer(self.address)

    def search(self) -> None:
        """Every slot that is free is there once, with the times of its own instant."""
        day = self.change.date()
        span = {"start": f"ge{day - timedelta(days=1)}", "end": f"le{day}"}
        answer = self.consumer().search_slots(
            {**span, "status": "free", "_include": "Slot:schedule"}
        )
        assert answer.status_code == 200, answer.content
        entries = [each["resource"] for each in as_dict(answer)["entry"]]
        found = [
            (int(each["id"]), each["start"], each["end"])
            for each in entries
            if each["resourceType"] == "Slot"
        ]
        ours = {slot.pk for slot in self.slots}
        assert sorted(each for each in found if each[0] in ours) == [
            (slot.pk, self.as_told(slot.start), self.as_told(slot.end))
            for slot in self.slots
            if slot.pk not in self.taken
        ]

    def book(self, slot: Any) -> dict[str, Any]:
        answer = self.broken.book(self.address, slot)
        assert answer.status_code == 201, answer.content
        self.taken.add(slot.pk)
        made = as_dict(answer)
        self.check_times(made, slot)
        assert made["meta"]["versionId"] == "1"
        return made

    def refused(self, slot: Any) -> str:
        answer = self.broken.book(self.address, slot)
        assert answer.status_code == 422, answer.content
        return diagnostics(answer)

    def read(self, made: dict[str, Any], slot: Any) -> dict[str, Any]:
        answer = self.consumer().read_appointment(made["id"])
        assert answer.status_code == 200, answer.content
        self.check_times(as_dict(answer), slot)
        return as_dict(answer)

    def cancel(self, made: dict[str, Any], slot: Any) -> None:
        answer = self.consumer().cancel(made["id"], cancelled(self.read(made, slot)))
        assert answer.status_code == 200, answer.content
        after = as_dict(answer)
        assert after["status"] == "cancelled"
        assert int(after["meta"]["versionId"]) > int(made["meta"]["versionId"])
        self.check_times(after, slot)
        self.taken.remove(slot.pk)

    def check_times(self, resource: dict[str, Any], slot: Any) -> None:
        told = (resource["start"], resource["end"])
        assert told == (self.as_told(slot.start), self.as_told(slot.end))

    def token_of(self, age: timedelta) -> Any:
        """The answer to a search with a token that was issued so long ago."""
        issued_at = int((self.broken.now() - age).timestamp())
        claims = {"iat": issued_at, "exp": issued_at + 300}
        day = self.change.date()
        query = {"start": f"ge{day}", "end": f"le{day}", "status": "free"}
        query["_include"] = "Slot:schedule"
        return self.consumer().search_slots(query, claims=claims)

    def check_tokens(self) -> None:
        """A token is good for five minutes that pass, whatever the clock on the wall shows."""
        assert answered(self.token_of(timedelta(minutes=4))) == 200
        for age in (timedelta(minutes=6), timedelta(minutes=59), timedelta(minutes=64)):
            assert "expired" in diagnostics(self.token_of(age))
        assert answered(self.token_of(-timedelta(minutes=61))) == 200  # a consumer's fast clock


def planned(broken: Broken, night: date) -> list[tuple[datetime, datetime]]:
    """The slots that generation made for a night, in order."""
    with broken.database.connect() as connection:
        return connection.execute(
            "SELECT s.start, s.end FROM practice_slot s JOIN practice_schedule c"
            " ON c.id = s.schedule_id WHERE c.template_id IS NOT NULL AND c.date = %s"
            " AND NOT s.withdrawn ORDER BY s.start",
            [night],
        ).fetchall()


@pytest.mark.parametrize("season", CHANGES)
def test_the_clock_changes_while_everything_runs(say, tmp_path, season):
    change, *offsets = CHANGES[season]
    night = change.date()
    midday = change - timedelta(hours=13)
    with world_at(midday, say, tmp_path, slots=12, night=night) as broken:
        broken.run("manage.py", "generate_slots", "--weeks=2")
        slots_of_night = planned(broken, night)
        with broken.served(workers=2, **OURS) as running, sealing(broken):
            world = Night(broken, running.address, change, tuple(offsets))
            before, after = (
                [slot for slot in world.slots if (slot.start >= change) is late]
                for late in (False, True)
            )
            broken.clock.set(change - timedelta(minutes=5))
            world.search()
            first, second = world.book(after[0]), world.book(after[2])
            assert "past" in world.refused(before[0])
            world.read(first, after[0])
            world.check_tokens()
            generating = broken.start("manage.py", "generate_slots", "--weeks=3", "--json")
            told = Counter()
            broken.clock.set(change - 8 * SECOND)
            while broken.now() < change + 3 * SECOND:
                world.search()
                told["before" if broken.now() < change else "after"] += 1
            generated = generating.communicate(timeout=300)[0]
            assert "past" in diagnostics(world.consumer().read_appointment(first["id"]))
            assert "past" in world.refused(before[-1])
            world.check_tokens()
            world.read(second, after[2])
            world.cancel(second, after[2])
            world.search()
            world.book(after[2])
            world.book(after[3])
            world.search()
            broken.run("manage.py", "generate_slots", "--weeks=3")

        say(f"injected: the clock of {season} changed under two workers, a sealer and a generator")
        assert generating.returncode == 0, generated
        assert told["before"]
        assert told["after"]
        say(f"{told['before']} searches just before and {told['after']} just after, each complete")
        assert planned(broken, night) == slots_of_night
        assert len(slots_of_night) == {"autumn": 14, "spring": 10}[season]
        assert {end - start for start, end in slots_of_night} == {HALF_AN_HOUR}
        assert all(one[1] == following[0] for one, following in pairwise(slots_of_night))
        assert set(broken.booked().values()) == {1}
        say(
            f"held: offsets {' then '.join(offsets)}, tokens live 300 s, {len(slots_of_night)}"
            " half-hour slots in the night, none twice, none lost"
        )
        broken.check()


def more_bookings(load: Load) -> None:
    """Wait until a few more have succeeded: more than can have been under way before."""
    enough = len(load.booked) + 10
    wait_for(lambda: len(load.booked) >= enough)


def test_the_clock_is_set_back_and_forward_under_load(say, tmp_path):
    step = timedelta(hours=2)
    with world_at(datetime.now(UTC), say, tmp_path, slots=170) as broken:
        with broken.served(workers=2, **OURS) as running, sealing(broken):
            load = Load(broken, running.address)
            for moved in (-step, step, -step):
                more_bookings(load)
                broken.clock.set(broken.now() + moved)
            more_bookings(load)
            load.end()
            early = broken.database.ask(
                "SELECT count(*) FROM practice_auditevent e JOIN practice_auditevent l"
                " ON l.id = e.id - 1 WHERE e.recorded_at < l.recorded_at - interval '1 hour'"
            )
            wait_for(lambda: not broken.database.ask("SELECT 1 FROM practice_auditwaiting"))
        say(f"injected: the clock {step} back, forward and back again, under load")
        say(f"answers {dict(load.told())}")
        assert set(load.told()) <= {200, 201, 409, 400}
        for _, _, answer in load.answers:
            # Its token was issued before the clock went two hours forward, and looked at after.
            assert answered(answer) != 400 or "expired" in diagnostics(answer)
        assert load.told()[400] <= len(load.threads)
        assert early[0] >= 2, "the steps are seen in the trail"
        numbers = broken.database.ask(
            "SELECT sequence FROM practice_auditseal WHERE organisation_id IS NOT NULL"
            " ORDER BY sequence"
        )
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= len(load.answers)
        held = broken.booked()
        assert set(held.values()) <= {1}
        assert set(load.booked) <= set(held)
        say(
            f"held: {len(numbers)} events, numbered without a gap and sealed meanwhile;"
            f" {len(load.booked)} times 201, none twice"
        )
        broken.check()
