"""Working out what generating would do: the difference between templates and diary.

``plan`` reads and never writes. It works week by week, a constant number of queries each, so that
generation can plan a week, apply it and forget it. The rules:

- A slot that is booked, blocked, changed by hand or withdrawn by a person is never touched. New
  slots do not overlap it.
- A free slot that is no longer planned is withdrawn, and restored when it is planned again.
- A live appointment whose time is no longer covered by its session's planned slots is orphaned.
- No two sessions of one holder overlap, at whichever practice.
- What lies before ``now`` is left as it was.

Source: AVAIL-081, AVAIL-083.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Prefetch, Q

from practice import clock
from practice.clock import moment, next_second, seconds
from practice.db.expressions import Epoch
from practice.db.row_security import across_practices
from practice.models import (
    Closure,
    Location,
    Organisation,
    Practitioner,
    Schedule,
    SessionTemplate,
    TemplateBlock,
)
from practice.services.generation.bank_holidays import unseeded
from practice.services.generation.closed_times import Closed, closures_of, without_closed
from practice.services.generation.planned_sessions import (
    DAY,
    PlannedSession,
    PlannedSlot,
    SlotKind,
    planned_session,
    runs_on,
)
from practice.services.generation.plans import (
    Action,
    Plan,
    Scope,
    SessionPlan,
    SessionValues,
    Skipped,
    WeekPlan,
)
from practice.services.generation.slot_differences import SlotDifference
from practice.services.generation.stored_sessions import slots_and_bookings, title, values_of
from practice.services.generation.wanted_sessions import WantedSession, span


def plan(
    *,
    organisation: Organisation,
    from_date: date,
    to_date: date,
    now: datetime,
    template_ids: Iterable[int] | None = None,
) -> Plan:
    """Say what generating would do from one date to another, both included. Nothing is written.

    ``template_ids`` limits it to these templates' sessions; ``now`` is timezone-aware.
    """
    ids = None if template_ids is None else frozenset(template_ids)
    scope = Scope(organisation, from_date, to_date, now, ids)
    return Plan(scope, tuple(week_plans(scope)))


def week_plans(scope: Scope) -> Iterator[WeekPlan]:
    """Plan week by week, each as if the one before it had been applied."""
    before = None
    for first, last in scope.weeks():
        before = WeekPlanner(scope, first, last, before)
        yield before.plan()


class Occupied(NamedTuple):
    """A time at which a session holder has a session; ``what``: empty at another practice."""

    start: int
    end: int
    what: str


class WeekPlanner:
    """The planning of one week: what was read, and what has been decided so far.

    ``before`` is the week planned just before, not applied yet: its night sessions reach into this
    one. Under lock there is none, as the database knows.
    """

    def __init__(
        self, scope: Scope, first: date, last: date, before: "WeekPlanner | None" = None
    ) -> None:
        self.scope, self.first, self.last, self.before = scope, first, last, before
        self.now = next_second(scope.now)
        self.skipped: list[Skipped] = []
        self.planned: list[WantedSession] = []
        self.decided: list[SessionPlan] = []
        self.occupied: dict[int, list[Occupied]] = defaultdict(list)

    def plan(self) -> WeekPlan:
        self._read()
        self._plan_sessions()
        self._withdraw_unplanned()
        self._read_occupied()
        for wanted in self._without_clashes():
            self._decide(wanted)
        self.decided.sort(key=lambda s: (s.date, s.values.start, s.template_id or 0))
        self.skipped.sort(key=lambda s: (s.date, s.what, s.reason))
        week = WeekPlan(
            self.first,
            self.last,
            tuple(session for session in self.decided if session.changes_something),
            tuple(self.skipped),
            sum(session.slots_left for session in self.decided),
        )
        self._forget()
        return week

    # ------------------------------------------------------------ reading: seven queries

    def _read(self) -> None:
        scope = self.scope
        organisation = Organisation.objects.get(pk=scope.organisation.pk)
        self.working = set(
            Practitioner.objects.working_at(organisation).values_list("pk", flat=True)
        )
        of_templates = {} if scope.template_ids is None else {"pk__in": scope.template_ids}
        self.templates = (
            SessionTemplate.objects.filter(
                Q(effective_to__isnull=True) | Q(effective_to__gte=self.first),
                organisation=organisation,
                effective_from__lte=self.last,
                **of_templates,
            )
            .select_related("session_holder", "location")
            .prefetch_related(
                Prefetch("blocks", TemplateBlock.objects.order_by("position", "start", "pk"))
            )
            .order_by("pk")
        )
        # A session may last into the day after its own.
        until = self.last + timedelta(days=2)
        saved = (
            Closure.objects.filter(
                organisation=organisation, start_date__lte=until, end_date__gte=self.first
            )
            .exclude(pk__in=[scope.without_closure or 0])
            .order_by("pk")
        )
        self.closures = [
            *saved,
            *unseeded(organisation=organisation, through=scope.to_date, now=scope.now),
        ]
        of_sessions = (
            {"template__isnull": False}
            if scope.template_ids is None
            else {"template__in": scope.template_ids}
        )
        schedules = Schedule.objects.filter(
            organisation=organisation, date__range=(self.first, self.last), **of_sessions
        ).select_related("session_holder", "location")
        self.schedules = {(s.template_id, s.date): s for s in schedules}
        ids = [schedule.pk for schedule in self.schedules.values()]
        self.slots, self.held = slots_and_bookings(ids, scope.now)

    @across_practices()
    def _read_occupied(self) -> None:
        """Read when the holders of this week are elsewhere, at any practice."""
        holders = {wanted.values.session_holder_id for wanted in self.planned} - {None}
        if not holders:
            return
        ours = {schedule.pk for schedule in self.schedules.values()}
        if self.before:
            ours |= self.before.schedule_ids
            for holder, times in self.before.occupied_at_last.items():
                self.occupied[holder] += times
        for holder, start, end, name, practice in (
            Schedule.objects.taking_place()
            .filter(
                session_holder__in=holders,
                start__lt=moment(max(wanted.values.end for wanted in self.planned)),
                end__gt=moment(min(wanted.values.start for wanted in self.planned)),
            )
            .exclude(pk__in=ours)
            .values_list(
                "session_holder_id", Epoch("start"), Epoch("end"), "session_name", "organisation_id"
            )
        ):
            own = practice == self.scope.organisation.pk
            what = f"has {name or 'a session'}" if own else ""
            self.occupied[holder].append(Occupied(start, end, what))

    def _forget(self) -> None:
        """Keep only what the week after needs, so that memory does not grow with the range."""
        self.schedule_ids = {schedule.pk for schedule in self.schedules.values()}
        cut = seconds(clock.day_end(self.last))
        self.occupied_at_last = {
            holder: late
            for holder, times in self.occupied.items()
            if (late := [time for time in times if time.end > cut])
        }
        del self.slots, self.held, self.schedules, self.templates
        self.before = None
        self.planned, self.decided, self.skipped = [], [], []

    # ------------------------------------------------------------ which sessions are planned

    def _plan_sessions(self) -> None:
        days = [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]
        for template in self.templates:
            for day in days:
                if not runs_on(template, day):
                    continue
                schedule = self.schedules.get((template.pk, day))
                if schedule and _is_withdrawn_by_a_person(schedule):
                    self._skip(day, title(template), "A person has withdrawn this session.")
                    continue
                wanted = self._plan_session(template, day, schedule)
                if wanted:
                    self.planned.append(wanted)

    def _plan_session(
        self, template: SessionTemplate, day: date, schedule: Schedule | None
    ) -> WantedSession | None:
        """Return a template's session of a day as it should be, without the closed times."""
        if seconds(schedule.end if schedule else clock.day_end(day + DAY)) <= self.now:
            return None
        of = schedule if schedule and schedule.changed_by_hand else template
        name = title(of)
        if of.session_holder_id and of.session_holder_id not in self.working:
            self._skip(day, name, f"{of.session_holder} no longer works here.")
            return None
        if of.location.status != Location.Status.ACTIVE:
            self._skip(day, name, f"{of.location} is closed.")
            return None
        try:
            whole = planned_session(template, list(template.blocks.all()), day)
        except ValueError as error:
            self._skip(day, name, str(error))
            return None
        if whole.end <= self.now:  # what of it is in the diary and still to come is not wanted
            return None
        for note in whole.notes:
            self._skip(day, name, note)
        start, end = span(whole, schedule)
        closures = closures_of(
            self.closures,
            start=start,
            end=end,
            location_id=of.location_id,
            holder_id=of.session_holder_id,
            runs_on_bank_holidays=template.runs_on_bank_holidays,
        )
        slots, closed = without_closed(whole, closures)
        for label, number in closed.items():
            which = "All" if not slots and len(closed) == 1 else f"{number} of {len(whole.slots)}"
            self._skip(day, name, f"{which} slots are closed: {label}.")
        added = self._added(whole, schedule, closures) if schedule else []
        if not slots and not added:
            return None
        values = SessionValues(
            start, end, *(getattr(of, name) for name in SessionValues._fields[2:])
        )
        return WantedSession(template, day, schedule, name, values, slots, closures, added)

    def _added(
        self, whole: PlannedSession, schedule: Schedule, closures: list[Closed]
    ) -> list[PlannedSlot]:
        """Return the slots with which a person has made a session longer than its template."""
        start, end = span(whole, schedule)
        return [
            PlannedSlot(row.start, row.end, SlotKind._make(row.kind))
            for row in self.slots[schedule.pk]
            if row.changed_by_hand and not row.overbooked
            if row.withdrawn_by_plan or not row.withdrawn
            if start <= row.start < whole.start or whole.end < row.end <= end
            if not any(first < row.end and row.start < last for first, last, _ in closures)
        ]

    def _skip(self, day: date, what: str, reason: str) -> None:
        self.skipped.append(Skipped(day, what, reason))

    # ------------------------------------------------------------ what becomes of each session

    def _withdraw_unplanned(self) -> None:
        wanted = {(wanted.template.pk, wanted.day) for wanted in self.planned}
        for key, schedule in self.schedules.items():
            if key in wanted or schedule.withdrawn or seconds(schedule.end) <= self.now:
                continue
            rows = [row for row in self.slots[schedule.pk] if not row.withdrawn]
            going = [
                row
                for row in rows
                if row.is_free and not row.changed_by_hand and not row.overbooked
                if row.start >= self.now
            ]
            kept = [row for row in rows if row.is_free and (row.changed_by_hand or row.overbooked)]
            held = self.held[schedule.pk]
            if kept:
                self._skip(
                    schedule.date,
                    title(schedule),
                    f"No longer planned, but {len(kept)} free slots were changed by hand and stay.",
                )
            stands = held or kept or seconds(schedule.start) < self.now
            values = values_of(schedule)
            self.decided.append(
                SessionPlan(
                    title(schedule),
                    schedule.date,
                    Action.LEAVE if stands else Action.WITHDRAW,
                    schedule.template_id,
                    schedule.pk,
                    values,
                    values,
                    withdraw=tuple(going),
                    slots_left=len(rows) - len(going),
                    orphan=tuple(each for each in held if each.may_become_orphan),
                )
            )
            if stands and values.session_holder_id:
                self._occupy(values)

    def _occupy(self, values: SessionValues) -> None:
        if values.session_holder_id:
            self.occupied[values.session_holder_id].append(
                Occupied(values.start, values.end, f"has {values.session_name or 'a session'}")
            )

    def _clash(self, values: SessionValues) -> Occupied | None:
        """Return what else the holder does at that time, if anything."""
        for other in self.occupied.get(values.session_holder_id or 0, ()):
            if other.start < values.end and values.start < other.end:
                return other
        return None

    def _without_clashes(self) -> Iterator[WantedSession]:
        """The wanted sessions whose holder is free for them; the others are left out.

        Those that are in the diary come first, then those that are new to it, by start.
        """
        standing = [w for w in self.planned if w.schedule and not w.schedule.withdrawn]
        moving = [w for w in standing if w.moves]
        for wanted in standing:
            if not wanted.moves:
                self._occupy(wanted.values)
                yield wanted
        yield from self._moved(moving)
        new = [w for w in self.planned if w not in standing]
        for wanted in sorted(new, key=lambda w: (w.values.start, w.template.pk)):
            if other := self._clash(wanted.values):
                self._refuse(wanted, other)
            else:
                self._occupy(wanted.values)
                yield wanted

    def _moved(self, moving: list[WantedSession]) -> list[WantedSession]:
        """Let all sessions change time or holder at once; one that cannot stays, until all fit."""
        settled = {holder: list(times) for holder, times in self.occupied.items()}
        moving = sorted(moving, key=lambda w: (w.values.start, w.template.pk))
        staying: list[WantedSession] = []
        refused: WantedSession | None = None
        while True:
            self.occupied = defaultdict(list, {h: list(times) for h, times in settled.items()})
            for wanted in staying:
                self._occupy(wanted.was)
            for wanted in moving:
                if other := self._clash(wanted.values):
                    refused = wanted
                    self._refuse(wanted, other)
                    break
                self._occupy(wanted.values)
            else:
                return moving
            moving.remove(refused)
            staying.append(refused)
            self.decided.append(self._as_it_is(refused))

    def _refuse(self, wanted: WantedSession, other: Occupied) -> None:
        """Say why a session is left out; of another practice's, only that there is one."""
        start, end = (clock.local(moment(at)) for at in (other.start, other.end))
        who = wanted.name.removeprefix(f"{wanted.values.session_name}, ")
        reason = f"{who} is at another practice at that time."
        if other.what:
            reason = f"{who} already {other.what} from {start:%H:%M} to {end:%H:%M}."
        self._skip(wanted.day, wanted.name, reason)

    def _as_it_is(self, wanted: WantedSession) -> SessionPlan:
        """Leave a session, its slots and its appointments alone."""
        schedule = wanted.schedule
        assert schedule is not None
        return SessionPlan(
            wanted.name,
            wanted.day,
            Action.LEAVE,
            schedule.template_id,
            schedule.pk,
            wanted.was,
            slots_left=sum(not row.withdrawn for row in self.slots[schedule.pk]),
        )

    def _decide(self, wanted: WantedSession) -> None:
        """Compare a wanted session with the diary, slot by slot."""
        schedule = wanted.schedule
        rows = self.slots[schedule.pk] if schedule else []
        held = self.held[schedule.pk] if schedule else []
        covered = wanted.covered
        slots = SlotDifference(wanted.slots, rows, self.now, covered)
        for reason in slots.reasons:
            self._skip(wanted.day, wanted.name, reason)
        action = self._action(wanted)
        if action in (Action.CREATE, Action.RESTORE) and not (slots.create or slots.restore):
            return
        fits = {appointment: wanted.has_room_for(appointment, covered) for appointment in held}
        self.decided.append(
            SessionPlan(
                wanted.name,
                wanted.day,
                action,
                wanted.template.pk,
                schedule.pk if schedule else None,
                wanted.values,
                wanted.was if schedule else None,
                tuple(slots.create),
                tuple(slots.change),
                tuple(slots.restore),
                tuple(slots.withdraw),
                slots.left,
                orphan=tuple(each for each in held if each.may_become_orphan and not fits[each]),
                unorphan=tuple(each for each in held if each.orphaned and fits[each]),
            )
        )

    def _action(self, wanted: WantedSession) -> Action:
        """Say what happens to the session itself, whatever becomes of its slots."""
        if wanted.schedule is None:
            return Action.CREATE
        if wanted.schedule.withdrawn:
            return Action.RESTORE
        if wanted.was != wanted.values and wanted.values.end > self.now:
            return Action.CHANGE
        return Action.LEAVE


def _is_withdrawn_by_a_person(schedule: Schedule) -> bool:
    return schedule.withdrawn and not schedule.withdrawn_by_plan
