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

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import FilteredRelation, Prefetch, Q

from practice import clock
from practice.clock import moment, next_second, seconds
from practice.db.expressions import Epoch
from practice.models import (
    Closure,
    Location,
    Organisation,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.services.generation.bank_holidays import unseeded
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
    HeldAppointment,
    Plan,
    Scope,
    SessionPlan,
    SessionValues,
    Skipped,
    SlotRow,
    WeekPlan,
)
from practice.services.generation.slot_differences import Covered, SlotDifference


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
        before = Week(scope, first, last, before)
        yield before.plan()


class Occupied(NamedTuple):
    """A time at which a session holder has a session."""

    start: int
    end: int
    what: str


class Week:
    """The planning of one week: what was read, and what has been decided so far.

    ``before`` is the week planned just before, not applied yet: its night sessions reach into this
    one. Under lock there is none, as the database knows.
    """

    def __init__(self, scope: Scope, first: date, last: date, before: "Week | None" = None) -> None:
        self.scope, self.first, self.last, self.before = scope, first, last, before
        self.now = next_second(scope.now)
        self.skipped: list[Skipped] = []
        self.planned: list[Wanted] = []
        self.decided: list[SessionPlan] = []
        self.occupied: dict[int, list[Occupied]] = defaultdict(list)

    def plan(self) -> WeekPlan:
        self._read()
        self._want()
        self._withdraw_what_is_not_wanted()
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

    # ------------------------------------------------------------ reading: six queries

    def _read(self) -> None:
        scope = self.scope
        organisation = Organisation.objects.get(pk=scope.organisation.pk)
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
        saved = Closure.objects.filter(
            organisation=organisation, start_date__lte=until, end_date__gte=self.first
        ).order_by("pk")
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
            what = f"has {name or 'a session'}" if own else "is at another practice"
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

    # ------------------------------------------------------------ which sessions are wanted

    def _want(self) -> None:
        days = [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]
        for template in self.templates:
            for day in days:
                if not runs_on(template, day):
                    continue
                schedule = self.schedules.get((template.pk, day))
                if schedule and _is_withdrawn_by_a_person(schedule):
                    self._skip(day, title(template), "A person has withdrawn this session.")
                    continue
                wanted = self._wanted(template, day, schedule)
                if wanted:
                    self.planned.append(wanted)

    def _wanted(
        self, template: SessionTemplate, day: date, schedule: Schedule | None
    ) -> "Wanted | None":
        """Return a template's session of a day as it should be, without the closed times."""
        if seconds(schedule.end if schedule else clock.day_end(day + DAY)) <= self.now:
            return None
        of = schedule if schedule and schedule.changed_by_hand else template
        name = title(of)
        if of.session_holder and not of.session_holder.active:
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
        closures = closures_of(
            self.closures,
            start=whole.start,
            end=whole.end,
            location_id=of.location_id,
            holder_id=of.session_holder_id,
            runs_on_bank_holidays=template.runs_on_bank_holidays,
        )
        slots, closed = _without_closed(whole, closures)
        for label, number in closed.items():
            which = "All" if not slots and len(closed) == 1 else f"{number} of {len(whole.slots)}"
            self._skip(day, name, f"{which} slots are closed: {label}.")
        if not slots:
            return None
        values = SessionValues(
            whole.start, whole.end, *(getattr(of, name) for name in SessionValues._fields[2:])
        )
        return Wanted(template, day, schedule, name, values, slots, closures)

    def _skip(self, day: date, what: str, reason: str) -> None:
        self.skipped.append(Skipped(day, what, reason))

    # ------------------------------------------------------------ what becomes of each session

    def _withdraw_what_is_not_wanted(self) -> None:
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
                    orphan=tuple(appointment for appointment in held if not appointment.orphaned),
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

    def _without_clashes(self) -> Iterator["Wanted"]:
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

    def _moved(self, moving: list["Wanted"]) -> list["Wanted"]:
        """Let all sessions change time or holder at once; one that cannot stays, until all fit."""
        settled = {holder: list(times) for holder, times in self.occupied.items()}
        moving = sorted(moving, key=lambda w: (w.values.start, w.template.pk))
        staying: list[Wanted] = []
        refused: Wanted | None = None
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

    def _refuse(self, wanted: "Wanted", other: Occupied) -> None:
        start, end = (clock.local(moment(at)) for at in (other.start, other.end))
        who = wanted.name.removeprefix(f"{wanted.values.session_name}, ")
        reason = f"{who} already {other.what} from {start:%H:%M} to {end:%H:%M}."
        self._skip(wanted.day, wanted.name, reason)

    def _as_it_is(self, wanted: "Wanted") -> SessionPlan:
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

    def _decide(self, wanted: "Wanted") -> None:
        """Compare a wanted session with the diary, slot by slot."""
        schedule = wanted.schedule
        rows = self.slots[schedule.pk] if schedule else []
        held = self.held[schedule.pk] if schedule else []
        slots = SlotDifference(wanted.slots, rows, self.now)
        for reason in slots.reasons:
            self._skip(wanted.day, wanted.name, reason)
        was = wanted.was if schedule else None
        if schedule is None:
            action = Action.CREATE
        elif schedule.withdrawn:
            action = Action.RESTORE
        elif was != wanted.values and wanted.values.end > self.now:
            action = Action.CHANGE
        else:
            action = Action.LEAVE
        if action in (Action.CREATE, Action.RESTORE) and not (slots.create or slots.restore):
            return
        covered = Covered(wanted.slots)
        orphan: list[HeldAppointment] = []
        unorphan: list[HeldAppointment] = []
        for appointment in held:
            if appointment.extra:
                stands = not any(
                    start < appointment.end and appointment.start < end
                    for start, end, _ in wanted.closures
                )
            else:
                stands = covered.holds(appointment.start, appointment.end)
            if appointment.orphaned == stands:
                (unorphan if stands else orphan).append(appointment)
        self.decided.append(
            SessionPlan(
                wanted.name,
                wanted.day,
                action,
                wanted.template.pk,
                schedule.pk if schedule else None,
                wanted.values,
                was,
                tuple(slots.create),
                tuple(slots.change),
                tuple(slots.restore),
                tuple(slots.withdraw),
                slots.left,
                tuple(orphan),
                tuple(unorphan),
            )
        )


@dataclass(frozen=True, eq=False)
class Wanted:
    """A session as template and closures together want it, and the one in the diary, if any."""

    template: SessionTemplate
    day: date
    schedule: Schedule | None
    name: str
    values: SessionValues
    slots: list[PlannedSlot]
    closures: list["Closed"]

    @property
    def was(self) -> SessionValues:
        """What the session in the diary is now."""
        assert self.schedule is not None
        return values_of(self.schedule)

    @property
    def moves(self) -> bool:
        """Whether the time at which somebody is occupied changes."""
        return _occupation(self.was) != _occupation(self.values)


def _occupation(values: SessionValues) -> tuple[int | None, int, int]:
    return values.session_holder_id, values.start, values.end


# ---------------------------------------------------------------- reading slots and bookings


LIVE = Q(appointment_slots__released=False)


def slots_and_bookings(
    schedule_ids: Collection[int], now: datetime
) -> tuple[dict[int, list[SlotRow]], dict[int, list[HeldAppointment]]]:
    """Return, by session, its slots that are not over at ``now``, and its live appointments.

    Appointments that have begun are left out. One statement, so that no booking or cancellation
    lies between the two: a slot read as busy whose appointment is already gone would be left alone
    by the plan, and stay on offer for good. Later ones are noticed when the plan is applied.
    """
    slots: dict[int, list[SlotRow]] = defaultdict(list)
    held: dict[int, dict[int, HeldAppointment]] = defaultdict(dict)
    rows = (
        Slot.objects.filter(schedule__in=schedule_ids, end__gt=now)
        .annotate(live=FilteredRelation("appointment_slots", condition=LIVE))
        .values_list(
            "schedule_id",
            "pk",
            "version",
            Epoch("start"),
            Epoch("end"),
            "status",
            "withdrawn",
            "withdrawn_by_plan",
            "changed_by_hand",
            "overbooked",
            *SlotKind._fields,
            "live__appointment_id",
            "live__appointment__patient_id",
            Epoch("live__appointment__start"),
            Epoch("live__appointment__end"),
            "live__appointment__orphaned",
        )
    )
    first = next_second(now)
    for row in rows.order_by("schedule_id", "overbooked", "start", "pk"):
        schedule, *about_slot, appointment, patient, start, end, orphaned = row
        slot = SlotRow._make((*about_slot[:9], tuple(about_slot[9:])))
        slots[schedule].append(slot)
        if appointment is not None and start >= first:
            # Of several slots the first counts: one of the session's own, if there is one.
            held[schedule].setdefault(
                appointment,
                HeldAppointment(appointment, patient, start, end, orphaned, slot.overbooked),
            )
    return slots, defaultdict(
        list, {schedule: sorted(found.values(), key=_by_start) for schedule, found in held.items()}
    )


def _by_start(appointment: HeldAppointment) -> tuple[int, int]:
    return appointment.start, appointment.id


# ---------------------------------------------------------------- closures


class Closed(NamedTuple):
    """When something is closed, and what it says on the door."""

    start: int
    end: int
    label: str


def closures_of(
    closures: Iterable[Closure],
    *,
    start: int,
    end: int,
    location_id: int,
    holder_id: int | None,
    runs_on_bank_holidays: bool,
) -> list[Closed]:
    """Return the closures that touch one session."""
    found = []
    for closure in closures:
        if closure.location_id not in (None, location_id):
            continue
        if closure.practitioner_id not in (None, holder_id):
            continue
        if runs_on_bank_holidays and closure.kind == Closure.Kind.BANK_HOLIDAY:
            continue
        first, last = (seconds(at) for at in closure.period)
        if first < end and start < last:
            label = closure.name or closure.get_kind_display()
            found.append(Closed(first, last, str(label)))
    return found


def _without_closed(
    whole: PlannedSession, closures: list[Closed]
) -> tuple[list[PlannedSlot], Counter[str]]:
    """Return the slots that no closure overlaps, and how many each closure took."""
    if not closures:
        return list(whole.slots), Counter()
    open_slots, closed = [], Counter[str]()
    for slot in whole.slots:
        for start, end, label in closures:
            if start < slot.end and slot.start < end:
                closed[label] += 1
                break
        else:
            open_slots.append(slot)
    return open_slots, closed


# ---------------------------------------------------------------- sessions


def title(session: SessionTemplate | Schedule) -> str:
    """Name a session as people do: Morning surgery, Dr Ada Specimen."""
    name = session.session_name or "Session"
    return f"{name}, {session.session_holder}" if session.session_holder else name


def values_of(schedule: Schedule) -> SessionValues:
    return SessionValues(
        seconds(schedule.start),
        seconds(schedule.end),
        *(getattr(schedule, name) for name in SessionValues._fields[2:]),
    )


def _is_withdrawn_by_a_person(schedule: Schedule) -> bool:
    return schedule.withdrawn and not schedule.withdrawn_by_plan
