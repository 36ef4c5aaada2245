"""From measured costs to every practice in England: ``python -m benchmarks.extrapolation``.

Prints the tables of docs/scaling.md. What was measured comes from benchmarks/results/latest.json
where it is there, else from the defaults below, and can be given (``--web-ms 5.9``); so can every
assumption (``--gp-connect-share 0.3``). No number of this arithmetic is hidden in the code.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from benchmarks import results

MONTHS, HOURS = 12, 3600
MIX = 12.5  # requests for each booking in the mix of docs/load-model.md: 8 in 100 are bookings
SEARCHES = 10  # of which so many are searches
THREADS = 4  # of a web process, as its unit starts it; one process for each core
WEEKS_AHEAD = 8
HOLDERS_MEASURED = 12  # of the practice whose year benchmarks.generation generates


def given(default: float, meaning: str, *path: str) -> Any:
    """A number that the command line may replace; ``path`` is where latest.json has it."""
    return field(default=default, metadata={"meaning": meaning, "path": path})


@dataclass(frozen=True)
class Costs:
    """What was measured."""

    web_ms: float = given(3.3, "processor time of an API request: web")
    postgresql_ms: float = given(1.3, "the same: PostgreSQL")
    sealing_ms: float = given(0.2, "the same: sealing its event")
    nginx_ms: float = given(0.3, "the same: nginx, TLS included")
    page_web_ms: float = given(
        55, "processor time of a page of the diary: web", "pages", "diary, a day", "processor_ms"
    )
    page_postgresql_ms: float = given(7, "the same: PostgreSQL")
    search_kb: float = given(120, "kilobytes of the answer to a search, not compressed")
    page_kb: float = given(100, "kilobytes of a page, not compressed")
    slot_bytes: float = given(402, "bytes of a slot in the database, indexes included")
    session_bytes: float = given(330, "the same: a session")
    appointment_bytes: float = given(1437, "the same: an appointment and its link to the slot")
    event_bytes: float = given(1396, "the same: an audit event and its seal")
    slots_a_second: float = given(
        20_000, "slots generated a second", "generation", "year", "slots_per_second"
    )
    unchanged_year_s: float = given(
        5, "seconds to generate an unchanged year again", "generation", "unchanged year", "seconds"
    )
    check_ms: float = given(0.07, "check_diary: processor time for each appointment that is kept")
    verify_ms: float = given(0.053, "verify_audit: processor time for each event that is kept")


@dataclass(frozen=True)
class England:
    """What is assumed. None of it was measured by us."""

    practices: float = given(6300, "practices")
    appointments_a_month: float = given(30e6, "appointments a month, however they are booked")
    working_days: float = given(21, "working days a month")
    gp_connect_share: float = given(0.1, "share of appointments booked through GP Connect")
    booked_share: float = given(0.85, "share of slots that are booked")
    slots_a_session: float = given(18, "slots in a session")
    pages_to_book: float = given(5, "pages that staff see to book one appointment")
    pages_on_the_day: float = given(5, "pages of the diary for each appointment on its day")
    busiest_day: float = given(1.3, "a Monday after a holiday, in average working days")
    busiest_hour: float = given(0.15, "share of a day's requests in its busiest hour, 8 to 9")
    burst: float = given(2, "the busiest minute of that hour, in its average minutes")
    calls_111: float = given(120_000, "calls to NHS 111 on its busiest day of the year")
    searching_calls: float = given(0.5, "share of those calls in which practices are searched")
    searches_a_call: float = given(4, "searches in such a call")
    busy: float = given(0.6, "how busy processors may be in the busiest minute")
    machine_cores: float = given(64, "processors of a large database server")
    machine_terabytes: float = given(10, "its disk, terabytes")
    machine_connections: float = given(500, "connections that PostgreSQL serves well")


@dataclass(frozen=True)
class Need:
    """What some practices need; rates are those of the busiest minute."""

    costs: Costs
    england: England

    @property
    def appointments(self) -> float:
        """A year."""
        return self.england.appointments_a_month * MONTHS

    def in_the_busiest_minute(self, a_day: float) -> float:
        """A day's number as a number a second."""
        e = self.england
        return a_day * e.busiest_day * e.busiest_hour / HOURS * e.burst

    @property
    def _appointments_a_day(self) -> float:
        return self.england.appointments_a_month / self.england.working_days

    @property
    def bookings(self) -> float:
        """A second, through GP Connect."""
        return self.in_the_busiest_minute(self._appointments_a_day * self.england.gp_connect_share)

    @property
    def staff_bookings(self) -> float:
        share = 1 - self.england.gp_connect_share
        return self.in_the_busiest_minute(self._appointments_a_day * share)

    @property
    def searches_111(self) -> float:
        """Searches of calls that end without a booking here come on top of those of the mix."""
        e = self.england
        searches_a_day = e.calls_111 * e.searching_calls * e.searches_a_call
        return searches_a_day * e.busiest_hour / HOURS * e.burst

    @property
    def searches(self) -> float:
        return self.bookings * SEARCHES + self.searches_111

    @property
    def requests(self) -> float:
        return self.bookings * MIX + self.searches_111

    @property
    def pages(self) -> float:
        e = self.england
        booked_by_staff = self._appointments_a_day * (1 - e.gp_connect_share)
        a_day = booked_by_staff * e.pages_to_book + self._appointments_a_day * e.pages_on_the_day
        return self.in_the_busiest_minute(a_day)

    @property
    def events(self) -> float:
        """Of the audit trail, a second: one for each request and each page."""
        return self.requests + self.pages

    def _cores(self, milliseconds_a_second: float) -> float:
        return milliseconds_a_second / 1000 / self.england.busy

    @property
    def web_cores_api(self) -> float:
        return self._cores(self.requests * self.costs.web_ms)

    @property
    def web_cores_pages(self) -> float:
        return self._cores(self.pages * self.costs.page_web_ms)

    @property
    def web_cores(self) -> float:
        return self.web_cores_api + self.web_cores_pages

    @property
    def postgresql_cores(self) -> float:
        c = self.costs
        return self._cores(self.requests * c.postgresql_ms + self.pages * c.page_postgresql_ms)

    @property
    def search_cores(self) -> float:
        """What replicas can take off the primary."""
        return self._cores(self.searches * self.costs.postgresql_ms)

    @property
    def sealing_cores(self) -> float:
        return self._cores(self.events * self.costs.sealing_ms)

    @property
    def nginx_cores(self) -> float:
        return self._cores(self.events * self.costs.nginx_ms)

    @property
    def connections(self) -> float:
        """At most, without PgBouncer: a thread holds one while it works."""
        return max(self.web_cores, 2) * THREADS

    @property
    def megabits(self) -> float:
        kilobytes = self.searches * self.costs.search_kb + self.pages * self.costs.page_kb
        return kilobytes * 8 / 1000

    # ------------------------------------------------------------ a year

    @property
    def slots(self) -> float:
        return self.appointments / self.england.booked_share

    @property
    def slot_gigabytes(self) -> float:
        sessions = self.slots / self.england.slots_a_session
        return (self.slots * self.costs.slot_bytes + sessions * self.costs.session_bytes) / 1e9

    @property
    def archived_gigabytes(self) -> float:
        return self.slots * (1 - self.england.booked_share) * self.costs.slot_bytes / 1e9

    @property
    def appointment_gigabytes(self) -> float:
        return self.appointments * self.costs.appointment_bytes / 1e9

    @property
    def events_a_year(self) -> float:
        e = self.england
        an_appointment = (
            e.gp_connect_share * MIX
            + (1 - e.gp_connect_share) * e.pages_to_book
            + e.pages_on_the_day
        )
        calls = e.calls_111 / 2 * 365  # an average day has half of the busiest one's
        return self.appointments * an_appointment + calls * e.searching_calls * e.searches_a_call

    @property
    def event_gigabytes(self) -> float:
        return self.events_a_year * self.costs.event_bytes / 1e9

    @property
    def gigabytes(self) -> float:
        return self.slot_gigabytes + self.appointment_gigabytes + self.event_gigabytes

    @property
    def present_gigabytes(self) -> float:
        """What is asked all day: eight weeks to come and four past, with their appointments."""
        weeks = (WEEKS_AHEAD + 4) / 52
        return (self.slot_gigabytes + self.appointment_gigabytes / 3) * weeks

    # ------------------------------------------------------------ a night, on one core

    @property
    def generation_hours(self) -> float:
        """A day more for every practice, and eight weeks looked at again."""
        new = self.slots / 365 / self.costs.slots_a_second
        holders = self.slots / 52 / 10 / self.england.slots_a_session / self.england.practices
        a_practice = self.costs.unchanged_year_s * WEEKS_AHEAD / 52 * holders / HOLDERS_MEASURED
        return (new + self.england.practices * a_practice) / HOURS

    @property
    def check_hours(self) -> float:
        """check_diary, with one year of appointments."""
        return self.appointments * self.costs.check_ms / 1000 / HOURS

    @property
    def verify_hours(self) -> float:
        """verify_audit, with one year of events."""
        return self.events_a_year * self.costs.verify_ms / 1000 / HOURS


ROWS: tuple[tuple[str, Callable[[Need], float], str], ...] = (
    ("GP Connect: bookings a second", lambda n: n.bookings, ".2f"),
    ("GP Connect: searches a second", lambda n: n.searches, ",.1f"),
    ("GP Connect: all requests a second", lambda n: n.requests, ",.1f"),
    ("staff: bookings a second", lambda n: n.staff_bookings, ",.1f"),
    ("staff: pages a second", lambda n: n.pages, ",.1f"),
    ("web: cores for the API", lambda n: n.web_cores_api, ",.2f"),
    ("web: cores for staff's pages", lambda n: n.web_cores_pages, ",.1f"),
    ("PostgreSQL: cores", lambda n: n.postgresql_cores, ",.2f"),
    ("of these for searches, which replicas can take", lambda n: n.search_cores, ",.2f"),
    ("sealing: cores", lambda n: n.sealing_cores, ",.2f"),
    ("nginx: cores", lambda n: n.nginx_cores, ",.2f"),
    ("connections to PostgreSQL without PgBouncer", lambda n: n.connections, ",.0f"),
    ("megabits a second, not compressed", lambda n: n.megabits, ",.0f"),
    ("audit events a second", lambda n: n.events, ",.1f"),
    ("GB a year: slots and sessions", lambda n: n.slot_gigabytes, ",.1f"),
    ("of these archived once they are old", lambda n: n.archived_gigabytes, ",.1f"),
    ("GB a year: appointments", lambda n: n.appointment_gigabytes, ",.1f"),
    ("GB a year: audit trail", lambda n: n.event_gigabytes, ",.0f"),
    ("GB in use all day", lambda n: n.present_gigabytes, ",.1f"),
    ("one core: generation of a night, hours", lambda n: n.generation_hours, ",.2f"),
    ("one core: check_diary of a year, hours", lambda n: n.check_hours, ",.1f"),
    ("one core: verify_audit of a year, hours", lambda n: n.verify_hours, ",.1f"),
)


def scaled(england: England, practices: float) -> England:
    """So many practices, with their share of everything."""
    part = practices / england.practices
    return replace(
        england,
        practices=practices,
        appointments_a_month=england.appointments_a_month * part,
        calls_111=england.calls_111 * part,
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table in Markdown, numbers on the right."""
    first, *others = head
    yield f"| {first} | {' | '.join(others)} |"
    yield f"|---|{'---:|' * len(others)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def growth(costs: Costs, england: England) -> Iterator[str]:
    """What some practices need, and all of England with all bookings through GP Connect."""
    worlds = {f"{n:,}": scaled(england, n) for n in (1, 20, 200, 1000)}
    share = f"{england.gp_connect_share:.0%}"
    worlds[f"England, {share} GP Connect"] = england
    worlds["England, all GP Connect"] = replace(england, gp_connect_share=1.0)
    needs = [Need(costs, world) for world in worlds.values()]
    yield from table(
        ("practices", *worlds),
        ((name, *(format(get(need), how) for need in needs)) for name, get, how in ROWS),
    )


def limits(costs: Costs, england: England) -> Iterator[str]:
    """All of England on one of each: how many times over, worst first."""
    need = Need(costs, england)
    parts = (
        ("web, one large machine", need.web_cores, england.machine_cores, "cores"),
        ("PostgreSQL, one primary", need.postgresql_cores, england.machine_cores, "cores"),
        ("sealing, one process", need.sealing_cores, 1, "cores"),
        ("disk, a year", need.gigabytes / 1000, england.machine_terabytes, "TB"),
        ("connections", need.connections, england.machine_connections, ""),
        ("generation, one process from 01:30 to 06:00", need.generation_hours, 4.5, "h"),
        ("check_diary, one process, a night, one year kept", need.check_hours, 6, "h"),
        ("verify_audit, one process, a night, one year kept", need.verify_hours, 6, "h"),
    )
    worst_first = sorted(parts, key=lambda part: part[1] / part[2], reverse=True)
    yield from table(
        ("all of England on one of each", "needed", "there is", "times over"),
        (
            (name, f"{needed:,.1f} {unit}".strip(), f"{there:,g} {unit}".strip(), f"{ratio:.2f}")
            for name, needed, there, unit in worst_first
            for ratio in [needed / there]
        ),
    )


def told(values: Costs | England) -> Iterator[str]:
    """What the arithmetic starts from."""
    yield from table(
        ("measured, milliseconds unless told" if isinstance(values, Costs) else "assumed", "value"),
        (
            (each.metadata["meaning"], f"{value:,.12g}")
            for each in fields(values)
            for value in [getattr(values, each.name)]
        ),
    )


def from_latest(each: Field[Any], parts: results.Figures) -> float | None:
    """What the last run of the benchmarks measured, where it did."""
    part, *path = each.metadata["path"] or ("",)
    found: Any = parts.get(part, {}).get("postgresql", {}).get("figures", {})
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for kind in (Costs, England):
        for each in fields(kind):
            name = f"--{each.name.replace('_', '-')}"
            parser.add_argument(name, type=float, help=each.metadata["meaning"].replace("%", "%%"))
    options = vars(parser.parse_args())
    parts = results.latest()
    measured = {each.name: from_latest(each, parts) for each in fields(Costs)}
    chosen = {name: value for name, value in options.items() if value is not None}
    known = {name: value for name, value in measured.items() if value is not None} | chosen
    costs = Costs(**{each.name: known[each.name] for each in fields(Costs) if each.name in known})
    england = England(
        **{each.name: chosen[each.name] for each in fields(England) if each.name in chosen}
    )
    for lines in (
        told(costs),
        told(england),
        growth(costs, england),
        limits(costs, england),
    ):
        print("\n".join(lines), end="\n\n")


if __name__ == "__main__":
    main()
