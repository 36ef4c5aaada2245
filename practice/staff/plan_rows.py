"""A generation plan as rows to read: what would happen to each session of each day, and why."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from practice import clock
from practice.clock import moment
from practice.models import Appointment
from practice.services.generation.planned_sessions import SlotKind
from practice.services.generation.plans import Action, Plan, SessionPlan, SlotChange
from practice.site.addresses import read_date

VERBS = ("create", "change", "restore", "withdraw", "orphan")


@dataclass
class Row:
    """What would happen to one session of one day, with its reasons."""

    day: date
    title: str
    counts: Counter[str] = field(default_factory=Counter)
    left: int | None = None
    schedule_id: int | None = None
    happens: list[str] = field(default_factory=list)
    orphans: list[Appointment] = field(default_factory=list)
    fits_again: list[Appointment] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    news: str = ""  # What differs from the plan that was shown before.

    @property
    def key(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.title}"

    @property
    def needs_a_person(self) -> bool:
        return bool(self.orphans or self.news)

    @property
    def as_seen(self) -> list[Any]:
        """What is compared with a later plan: the numbers, then who is orphaned, then reasons."""
        numbers = [self.counts[verb] for verb in VERBS]
        return [*numbers, sorted(a.pk for a in self.orphans), self.reasons]

    @property
    def cells(self) -> list[tuple[str, int]]:
        return [(verb, self.counts[verb]) for verb in VERBS]


@dataclass(frozen=True)
class WeekOfRows:
    """The rows of a week of the plan, and what they add up to."""

    first: date
    last: date
    rows: list[Row]
    left: int

    @property
    def words(self) -> str:
        total: Counter[str] = Counter()
        for row in self.rows:
            total.update(row.counts)
        return in_words(total) or "nothing changes"

    @property
    def needs_a_person(self) -> bool:
        return any(row.needs_a_person for row in self.rows)


def row_of(session: SessionPlan, people: dict[int, Appointment]) -> Row:
    """Return what happens to one session, as a row."""
    return Row(
        day=session.date,
        title=session.title,
        counts=Counter(
            create=len(session.create),
            change=len(session.change),
            restore=len(session.restore),
            withdraw=len(session.withdraw),
            orphan=len(session.orphan),
        ),
        left=session.slots_left,
        schedule_id=session.schedule_id,
        happens=what_happens(session),
        orphans=[people[held.id] for held in session.orphan if held.id in people],
        fits_again=[people[held.id] for held in session.unorphan if held.id in people],
    )


def what_happens(session: SessionPlan) -> list[str]:
    """Say what becomes of the session itself, and which of its slots change or go."""
    of_session = {
        Action.CREATE: "New session.",
        Action.RESTORE: "The session comes back.",
        Action.WITHDRAW: "No longer planned: the session is withdrawn.",
        Action.CHANGE: changes_in_words(session) if session.action == Action.CHANGE else "",
        Action.LEAVE: "",
    }
    said = [of_session[session.action]]
    becomes: Counter[str] = Counter(slot_change_in_words(change) for change in session.change)
    said += [f"{count} × {words}." for words, count in becomes.items()]
    if session.withdraw and session.action != Action.WITHDRAW:
        said.append(f"Withdrawn: {starts(row.start for row in session.withdraw)}.")
    return list(filter(None, said))


def slot_change_in_words(change: SlotChange) -> str:
    """Return Routine 10 min becomes Routine 20 min; what else changes, without its values."""
    row, to = change
    if to is None:
        return "comes back"
    was, now = SlotKind._make(row.kind), to.kind
    before = f"{was.slot_type} {(row.end - row.start) // 60} min"
    after = f"{now.slot_type} {(to.end - to.start) // 60} min"
    said = [f"{before} becomes {after}"] if before != after else [before]
    said += [
        words for name, words in SLOT_NAMES.items() if getattr(was, name) != getattr(now, name)
    ]
    if was.gp_connect_bookable != now.gp_connect_bookable:
        said.append("GP Connect bookable" if now.gp_connect_bookable else "staff only")
    return ", ".join(said)


SLOT_NAMES = {
    "delivery_channel": "another channel",
    "access_profile_id": "another access profile",
    "booking_window_days": "another booking window",
    "embargo_minutes": "another embargo",
    "minimum_notice_minutes": "another minimum notice",
}
NAMED_STARTS = 6


def starts(seconds: Iterable[int]) -> str:
    """Return some times of day, and how many more."""
    at = [f"{clock.local(moment(each)):%H:%M}" for each in sorted(seconds)]
    more = f" and {len(at) - NAMED_STARTS} more" if len(at) > NAMED_STARTS else ""
    return f"{', '.join(at[:NAMED_STARTS])}{more}"


NAMES = {
    "session_name": "name",
    "session_holder_id": "session holder",
    "location_id": "location",
    "practitioner_role": "role",
    "access_profile_id": "access profile",
    "booking_window_days": "booking window",
    "embargo_minutes": "embargo",
    "minimum_notice_minutes": "minimum notice",
    "healthcare_service_id": "service",
    "no_healthcare_service": "whether a service applies",
}


def changes_in_words(session: SessionPlan) -> str:
    """Return which of a session's own columns change, the times with their values."""
    was, now = session.was, session.values
    assert was is not None
    said = [words for name, words in NAMES.items() if getattr(was, name) != getattr(now, name)]
    if (was.start, was.end) != (now.start, now.end):
        said.insert(0, f"times from {times(was)} to {times(now)}")
    return f"The session changes: {', '.join(said)}."


def times(values: Any) -> str:
    start, end = (clock.local(moment(at)) for at in (values.start, values.end))
    return f"{start:%H:%M}–{end:%H:%M}"


def in_words(counts: Any) -> str:
    """Return create 17, withdraw 12, orphan 2: what a button that changes much must name."""
    return ", ".join(f"{verb} {counts[verb]}" for verb in VERBS if counts.get(verb))


def whole_in_words(plan: Plan) -> str:
    """Return the numbers of a whole plan, in the words of its button; empty: nothing to do."""
    counts = plan.counts
    slots = {
        "create": counts["slots_created"],
        "change": counts["slots_changed"],
        "restore": counts["slots_restored"],
        "withdraw": counts["slots_withdrawn"],
        "orphan": counts["appointments_orphaned"],
    }
    sessions = counts["sessions_changed"]
    more = [f"change {sessions} session{'s' if sessions > 1 else ''}"] if sessions else []
    if again := counts["appointments_unorphaned"]:
        more.append(f"no longer orphan {again}")
    if (ending := counts["sessions_withdrawn"]) and not counts["slots_withdrawn"]:
        more.append(f"withdraw {ending} empty session{'s' if ending > 1 else ''}")
    return ", ".join(filter(None, [in_words(slots), *more]))


def parse_moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None or found.tzinfo is None or read_date(text[:10]) is None:
        return None
    return found


def as_text(rows: Iterable[Row]) -> str:
    """Write what a plan said of each session, so that the next page can tell what is new."""
    return json.dumps({row.key: row.as_seen for row in rows}, separators=(",", ":"))


def from_text(text: str) -> dict[str, list[Any]]:
    """Read it again; what nobody here wrote says nothing."""
    try:
        seen = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(seen, dict):
        return {}
    return {str(key): list(value) for key, value in seen.items() if isinstance(value, list)}
