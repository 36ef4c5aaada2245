"""The two Sundays on which clocks change."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from consumer.check.checks import NotSeen, Problem, check
from consumer.check.exchange import Exchange
from consumer.check.kit import Kit, begins, instant, midnight
from consumer.check.shapes import is_uk_time
from consumer.times import write as uk


def last_sunday(year: int, month: int) -> date:
    """Of a month with 31 days."""
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def changes(today: date) -> list[date]:
    """The last change of clocks and the next two."""
    found = [
        last_sunday(year, month)
        for year in range(today.year - 1, today.year + 2)
        for month in (3, 10)
    ]
    ahead = [day for day in found if day >= today]
    behind = [day for day in found if day < today]
    return [*ahead[:2], behind[-1]]


def around(kit: Kit, day: date) -> Exchange:
    """A search from Friday to Tuesday around a change."""
    start, end = day - timedelta(days=2), day + timedelta(days=2)
    return kit.once(f"around {day}", lambda: kit.search(kit.slot_query(str(start), str(end))))


def seen(kit: Kit) -> Iterator[tuple[date, Exchange]]:
    """The changes around which there are free slots."""
    for day in changes(kit.today):
        exchange = around(kit, day)
        if exchange.of_type("Slot"):
            yield day, exchange


def any_seen(kit: Kit) -> list[tuple[date, Exchange]]:
    found = list(seen(kit))
    if not found:
        days = ", ".join(f"{day:%-d %B %Y}" for day in changes(kit.today))
        raise NotSeen(f"no free slot is offered within two days of {days}")
    return found


@check(
    "clocks.offsets",
    "Around a change of clocks each time has the offset of its own moment",
    *("GEN-130", "GEN-131", "SLOT-091", "SLOT-112"),
)
def offsets_follow(kit: Kit) -> Iterator[Problem]:
    for day, exchange in any_seen(kit):
        for name, value in times(exchange):
            if not is_uk_time(value):
                moment = instant(value)
                right = f", which is {uk(moment)}" if moment else ""
                yield Problem(f"{name} is {value!r}{right} (change of {day})", exchange)
                break


def times(exchange: Exchange) -> Iterator[tuple[str, Any]]:
    """Every time of slots and sessions, with its name."""
    for slot in exchange.of_type("Slot"):
        for name in ("start", "end"):
            yield f"Slot/{slot.get('id')}.{name}", slot.get(name)
    for schedule in exchange.of_type("Schedule"):
        for name, value in (schedule.get("planningHorizon") or {}).items():
            yield f"Schedule/{schedule.get('id')}.planningHorizon.{name}", value


@check(
    "clocks.search",
    "A search whose bounds lie on both sides of a change, each with its offset, finds the same",
    *("GEN-131", "SLOT-005", "SLOT-053"),
)
def bounds_follow(kit: Kit) -> Iterator[Problem]:
    for day, exchange in any_seen(kit):
        slots = sorted(exchange.of_type("Slot"), key=begins)
        yield from covered(kit, day, slots[0], slots[-1], names(exchange))
        for slot in (slots[0], slots[-1]):  # to the minute, on their own side of the change
            yield from covered(kit, day, slot, slot, {f"Slot/{slot.get('id')}"})


def covered(
    kit: Kit, day: date, first: dict[str, Any], last: dict[str, Any], wanted: set[str]
) -> Iterator[Problem]:
    """Search from the start of a slot to the end of one: are those that lie there found?"""
    end = instant(last.get("end")) or begins(last)
    timed = kit.search(kit.slot_query(uk(begins(first)), uk(end), includes=()))
    if timed.status != 200:
        yield Problem(f"the search is refused: {timed} (change of {day})", timed)
    elif missing := sorted(wanted - names(timed))[:3]:
        words = f"{', '.join(missing)} found by dates, and not by times (change of {day})"
        yield Problem(words, timed)


def names(exchange: Exchange) -> set[str]:
    return {f"Slot/{each.get('id')}" for each in exchange.of_type("Slot")}


@check(
    "clocks.booking",
    "An appointment behind a change of clocks keeps its time and offset",
    *("GEN-131", "READ-023", "BOOK-062"),
)
def bookings_follow(kit: Kit) -> Iterator[Problem]:
    for day, exchange in any_seen(kit):
        behind = [each for each in exchange.of_type("Slot") if begins(each) >= midnight(day)]
        if day < kit.today or not behind:
            continue
        slot = max(behind, key=begins)
        if "reference" not in slot.get("schedule", {}):
            yield Problem(f"the slot of {slot['start']} names no session", exchange)
            return
        body = kit.body(slot, participant=kit.people(slot, exchange))
        booked = kit.book(body)
        if booked.status != 201:
            raise NotSeen(f"the slot of {slot['start']} could not be booked: {booked}")
        kit.cancel(booked.resource, booked.header("ETag"))
        for name in ("start", "end"):
            if booked.resource.get(name) != slot[name]:
                words = f"{name} is {booked.resource.get(name)!r}, the slot's {slot[name]!r}"
                yield Problem(words, booked)
        return
    raise NotSeen("no free slot is offered behind one of the next two changes")
