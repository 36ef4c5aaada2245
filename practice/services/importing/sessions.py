"""Sessions and their slots. A Schedule of many days becomes a session for each day with slots.

A session is of one day, of one holder, in one place (models.Schedule); other systems let a Schedule
be a person's whole year. No slot is offered outside: that is for the practice to say.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from practice import clock
from practice.models import Location, Schedule, Slot
from practice.services.by_hand import LONGEST_SESSION
from practice.services.dumps.kinds import Entry
from practice.services.importing.records import Reference
from practice.services.importing.resolving import Found
from practice.services.importing.stage import BROKEN, DONE, LEFT, NEW, PAGE, Staged, digest
from practice.services.importing.writing import Import

ACTORS = ("Location", "Practitioner", "Patient")


def find_owners(run: Import, page: list[Staged]) -> None:
    """Note which Schedule each slot belongs to."""
    owners = []
    for record in page:
        targets = run.stage.find(record.refers["session"][0])
        if len(targets) == 1:
            owners.append((targets[0].id, record.id))
        else:
            shown = record.refers["session"][0].shown
            several = "may mean several in the files" if targets else "is in none of the files"
            run.problem(record, f"{shown} {several}")
    run.stage.set("owner", owners)


def actors_of(run: Import, record: Staged) -> dict[str, list[int]] | None:
    """Who and where by kind; None where one of them is wrong or left, which has been told."""
    found: dict[str, list[int]] = defaultdict(list)
    for reference in record.refers.get("actors", []):
        actor: Found = run.resolver.find(reference)
        if actor.state == DONE and actor.pk is not None:
            found[actor.kind].append(actor.pk)
        elif actor.reason and is_kept(reference):
            run.problem(record, actor.reason)
            return None
        elif actor.state == LEFT and actor.kind in ACTORS:
            run.leave(record, f"its {actor.kind} was left")
            return None
        elif actor.state != LEFT and not actor.reason:
            run.stage.set("state", [(BROKEN, record.id)])
            return None
    return found


def is_kept(reference: Reference) -> bool:
    """Whether a reference may lead to what a practice keeps."""
    return reference.kind in ("", *ACTORS)


# ---------------------------------------------------------------- sessions


def plan_sessions(run: Import, page: list[Staged]) -> None:
    """Note which sessions a Schedule becomes, with whom, where and when."""
    rows: list[tuple[object, ...]] = []
    for record in page:
        actors = actors_of(run, record)
        if actors is None:
            continue
        if len(set(actors["Practitioner"])) > 1 or len(set(actors["Location"])) > 1:
            run.problem(record, "it names several practitioners or several places")
            continue
        place = actors["Location"][0] if actors["Location"] else usual_place(run)
        if place is None:
            run.problem(record, "it names no place, and the practice has no main surgery")
            continue
        holder = actors["Practitioner"][0] if actors["Practitioner"] else None
        counts = int(not record.values["withdrawn"])
        times = list(times_of(run, record))
        if not times:
            run.leave(record, "it has no slots, and no times of one day")
        rows += [(record.id, day, holder, place, start, end, counts) for day, start, end in times]
    run.stage.write(
        'INSERT INTO session (record, day, holder, place, start, "end", counts)'
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def usual_place(run: Import) -> int | None:
    """Where a session is that says nothing of it: the main surgery, or the only place."""
    places = Location.objects.filter(organisation=run.organisation).order_by("-is_main", "pk")
    found = list(places.values_list("pk", "is_main")[:2])
    if len(found) == 1 or (found and found[0][1]):
        return found[0][0]
    return None


def times_of(run: Import, record: Staged) -> Iterator[tuple[str, int, int]]:
    """The sessions of a Schedule: day, start and end. One of a day at most has its own times."""
    start, end = record.start, record.end
    if start is not None and end is not None and end - start <= LONGEST_SESSION.total_seconds():
        yield "", start, end
        return
    days: dict[str, tuple[int, int]] = {}
    for first, last in run.stage.query(
        "SELECT start, \"end\" FROM record WHERE owner = ? AND kind = 'Slot' AND state = ?"
        " AND start IS NOT NULL ORDER BY start",
        record.id,
        NEW,
    ):
        day = day_of(first)
        before = days.get(day, (first, last))
        days[day] = min(before[0], first), max(before[1], last)
    if days and start is None:
        run.report.notes["a Schedule without times has those of its slots"] += 1
    elif len(days) > 1:
        run.report.notes["a Schedule of many days became a session for each day"] += 1
    for day, (first, last) in days.items():
        yield day, first, last


def day_of(start: int) -> str:
    """The London day of an instant."""
    return clock.today(clock.moment(start)).isoformat()


class Planned(NamedTuple):
    """A session that is to be."""

    id: int
    record: int
    day: str
    holder: int | None
    place: int
    start: int
    end: int

    def values(self) -> Entry:
        """What only here is known of it."""
        return {
            "date": clock.today(clock.moment(self.start)),
            "start": clock.moment(self.start),
            "end": clock.moment(self.end),
            "session_holder": self.holder,
            "location": self.place,
        }


CLASHES = """
SELECT record, day FROM (
    SELECT record, day, start, max("end") OVER (
        PARTITION BY holder ORDER BY start, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before FROM session WHERE counts = 1 AND holder IS NOT NULL
) WHERE before > start
"""


def import_sessions(run: Import) -> None:
    """Store what was planned, once nobody is in two sessions at once."""
    for record, _ in run.stage.query(CLASHES):
        run.problem(run.stage.one(record), "its practitioner is in another session at that time")
    last = 0
    while rows := run.stage.query(
        'SELECT session.id, session.record, day, holder, place, session.start, session."end"'
        " FROM session JOIN record ON record.id = session.record"
        " WHERE session.id > ? AND state IN ('new', 'done') ORDER BY session.id LIMIT ?",
        last,
        PAGE,
    ):
        _store_sessions(run, [Planned(*row) for row in rows])
        last = rows[-1][0]


def _store_sessions(run: Import, planned: list[Planned]) -> None:
    of_source: dict[bytes, Planned] = {}
    records = []
    for each in planned:
        record = run.stage.one(each.record)
        if each.day:  # one of several: each is remembered by itself
            source = digest(record.source.hex(), each.day)
            record = record._replace(source=source, own_id=None, said=digest(each.day))
        of_source[record.source] = each
        records.append(record)
    held = [each for each in planned if each.holder]
    there = Schedule.objects.taking_place().filter(
        organisation=run.organisation,
        session_holder__in={each.holder for each in held},
        start__in={clock.moment(each.start) for each in held},
    )
    known = {
        (holder, clock.seconds(start), clock.seconds(end), place): pk
        for pk, holder, start, end, place in there.values_list(
            "pk", "session_holder", "start", "end", "location"
        )
    }

    def same(record: Staged) -> int | None:
        each = of_source[record.source]
        return known.get((each.holder or 0, each.start, each.end, each.place))

    rows = run.checked("Schedule", run.not_here(records, same))
    for record, values, _ in rows:
        values |= of_source[record.source].values()
    run.store("Schedule", rows)
    run.stage.write(
        "UPDATE session SET pk = ? WHERE id = ?",
        [
            (pk, of_source[source].id)
            for source, pk in run.pks_of(records).items()
            if source in of_source
        ],
    )


# ---------------------------------------------------------------- slots

OVERLAPS = """
SELECT id FROM (
    SELECT id, start, max("end") OVER (
        PARTITION BY owner ORDER BY start, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS before FROM record WHERE kind = 'Slot' AND state = 'new' AND counts = 1
) WHERE before > start
"""


def refuse_overlaps(run: Import) -> None:
    """Tell of each slot that begins before another of its session has ended."""
    for (record,) in run.stage.query(OVERLAPS):
        run.problem(run.stage.one(record), "it overlaps another slot of its Schedule")


class Session(NamedTuple):
    """The session of a slot, as it is stored."""

    pk: int | None
    state: str
    start: int
    end: int


def sessions_of(run: Import, page: list[Staged]) -> dict[int, dict[str, Session]]:
    """The sessions of these slots' Schedules, by the day, or alone."""
    owners = sorted({record.owner for record in page if record.owner is not None})
    marks = ", ".join("?" * len(owners))
    found: dict[int, dict[str, Session]] = defaultdict(dict)
    for record, state, day, pk, start, end in run.stage.query(
        'SELECT record.id, state, day, session.pk, session.start, session."end" FROM record'
        f" LEFT JOIN session ON session.record = record.id WHERE record.id IN ({marks})",  # noqa: S608 # nosec B608
        *owners,
    ):
        found[record][day or ""] = Session(pk, state, start, end)
    return found


def import_slots(run: Import, page: list[Staged]) -> None:
    """Store slots in their sessions: booked where a live appointment holds them."""
    sessions = sessions_of(run, page)
    usable: dict[int, int] = {}
    for record in page:
        of_day = sessions[record.owner or 0]
        session = of_day.get("") or of_day.get(day_of(record.start or 0))
        if session is None or session.state == BROKEN:
            run.stage.set("state", [(BROKEN, record.id)])
        elif session.state == LEFT:
            run.leave(record, "its Schedule was left")
        elif session.pk is None:
            run.stage.set("state", [(BROKEN, record.id)])
        elif (record.start or 0) < session.start or (record.end or 0) > session.end:
            run.problem(record, "it lies outside the times of its Schedule")
        elif record.live and record.values["status"] == Slot.Status.ENTERED_IN_ERROR:
            run.problem(record, "it was entered in error, and an appointment has it")
        else:
            usable[record.id] = session.pk
    records = [record for record in page if record.id in usable]
    there = Slot.objects.filter(
        schedule__in=set(usable.values()),
        start__in={clock.moment(record.start or 0) for record in records},
        overbooked=False,
    )
    known = {
        (schedule, clock.seconds(start)): pk
        for pk, schedule, start in there.values_list("pk", "schedule", "start")
    }

    def same(record: Staged) -> int | None:
        return known.get((usable[record.id], record.start or 0))

    rows = run.checked("Slot", run.not_here(records, same))
    for record, values, _ in rows:
        values["schedule"] = usable[record.id]
        complete_slot(run, record, values)
    run.store("Slot", rows)


def complete_slot(run: Import, record: Staged, values: Entry) -> None:
    """Give a slot the status that its appointments make, and the version that they need."""
    if record.live:
        values["status"] = Slot.Status.BUSY.value
    elif values["status"] == Slot.Status.BUSY:
        values["status"] = Slot.Status.BUSY_UNAVAILABLE.value
        run.report.notes["a slot was busy without an appointment, and is blocked now"] += 1
    values["version"] = max(values["version"], 1 + record.live + 2 * record.gone)
    if not run.is_new:
        values["slot_type"] = values["slot_type"] or "Appointment"
