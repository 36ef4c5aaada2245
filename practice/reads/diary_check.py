"""What must always be true of the diary, checked over all of it: faults, warnings, days left.

Each check is a few set-based queries, names the records at fault, and reads only. It may run beside
bookings: what one query sees is the state between two transactions. It is run every night, and
after each restore, fault and load test.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import (
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    RowRange,
    Window,
)
from django.db.models.functions import Lag

from practice.models import (
    Appointment,
    AppointmentSlot,
    AuditEvent,
    Location,
    Organisation,
    Patient,
    Practitioner,
    Schedule,
    Slot,
)
from practice.reads import monitoring
from practice.reads.monitoring import DiaryEnd
from practice.reads.never_offered import never_offered_sessions

Records = TypeVar("Records", bound=QuerySet[Any])
EXAMPLES = 10  # records of one kind that a report names
PAGE = 2000  # appointments compared with the trail at a time


@dataclass(frozen=True)
class Found:
    """One record at fault, such as "Slot/7", at a practice (by id; None: at no one practice)."""

    organisation_id: int | None
    record: str
    detail: str = ""


@dataclass
class Finding:
    """A broken rule at one practice: how many records break it, and the first of them."""

    check: str
    rule: str
    practice: str
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = f" and {self.count - len(self.examples)} more" if self.count > EXAMPLES else ""
        return f"{self.practice}: {self.rule}: {', '.join(self.examples)}{more}"


@dataclass(frozen=True)
class Report:
    """What a check of the diary found."""

    faults: list[Finding]
    warnings: list[Finding]
    diary_ends: list[DiaryEnd]
    checks: int


@dataclass(frozen=True)
class Scope:
    """What is checked: one practice or all, at one moment."""

    organisation: Organisation | None
    now: datetime

    def of(self, records: Records, path: str = "organisation") -> Records:
        """These records of all practices, or those of the practice."""
        return records.filter(**{path: self.organisation.pk}) if self.organisation else records


Check = Callable[[Scope], Iterable[Found]]


def check(*, now: datetime, organisation: Organisation | None = None) -> Report:
    """Check the diary of a practice, or of all."""
    scope = Scope(organisation, now)
    names = dict(Organisation.objects.values_list("pk", "ods_code"))
    return Report(
        faults=_run(FAULTS, scope, names),
        warnings=_run(WARNINGS, scope, names),
        diary_ends=monitoring.diary_ends(now=now, organisation=organisation),
        checks=len(FAULTS) + len(WARNINGS),
    )


def faults(*, now: datetime, organisation: Organisation) -> list[Finding]:
    """Return what is wrong with the diary of a practice, and must never be."""
    return _run(
        FAULTS, Scope(organisation, now), dict(Organisation.objects.values_list("pk", "ods_code"))
    )


def _run(checks: dict[Check, str], scope: Scope, names: dict[int, str]) -> list[Finding]:
    findings: dict[tuple[str, str], Finding] = {}
    for look, rule in checks.items():
        name = look.__name__
        for found in look(scope):
            practice = names.get(found.organisation_id or 0, "-")
            finding = findings.setdefault((name, practice), Finding(name, rule, practice))
            finding.count += 1
            if len(finding.examples) < EXAMPLES:
                detail = f" ({found.detail})" if found.detail else ""
                finding.examples.append(f"{found.record}{detail}")
    return list(findings.values())


def _rows(kind: str, rows: QuerySet[Any], path: str = "organisation_id") -> Iterator[Found]:
    """Each record of a queryset, by its id and its practice's."""
    for pk, organisation_id in rows.order_by("pk").values_list("pk", path):
        yield Found(organisation_id, f"{kind}/{pk}")


# ---------------------------------------------------------------- slots and their appointments

SLOTS_HELD = AppointmentSlot.objects.held()


def busy_without_appointment(scope: Scope) -> Iterator[Found]:
    busy = scope.of(Slot.with_tests.all()).filter(status=Slot.Status.BUSY)
    return _rows("Slot", busy.filter(~Exists(SLOTS_HELD.filter(slot=OuterRef("pk")))))


def held_but_not_busy(scope: Scope) -> Iterator[Found]:
    other = scope.of(Slot.with_tests.all()).exclude(status=Slot.Status.BUSY)
    return _rows("Slot", other.filter(Exists(SLOTS_HELD.filter(slot=OuterRef("pk")))))


def held_twice(scope: Scope) -> Iterator[Found]:
    held = scope.of(AppointmentSlot.objects.held(), "slot__organisation")
    counted = held.values("slot_id", "slot__organisation_id").annotate(number=Count("pk"))
    for row in counted.filter(number__gt=1).order_by("slot_id"):
        yield Found(row["slot__organisation_id"], f"Slot/{row['slot_id']}", f"{row['number']} ×")


def live_without_slots(scope: Scope) -> Iterator[Found]:
    live = scope.of(Appointment.with_tests.live())
    return _rows("Appointment", live.filter(~Exists(SLOTS_HELD.filter(appointment=OuterRef("pk")))))


def cancelled_with_slots(scope: Scope) -> Iterator[Found]:
    gone = scope.of(Appointment.with_tests.gone())
    return _rows("Appointment", gone.filter(Exists(SLOTS_HELD.filter(appointment=OuterRef("pk")))))


def slots_of_another_session(scope: Scope) -> Iterator[Found]:
    links = scope.of(AppointmentSlot.objects.all(), "appointment__organisation")
    other = links.exclude(slot__schedule=F("appointment__schedule")).order_by("appointment")
    rows = other.values_list("appointment_id", "appointment__organisation_id").distinct()
    for pk, organisation_id in rows:
        yield Found(organisation_id, f"Appointment/{pk}")


def slots_not_adjacent(scope: Scope) -> Iterator[Found]:
    held = scope.of(AppointmentSlot.objects.held(), "appointment__organisation")
    before = Window(
        Lag("slot__end"), partition_by=F("appointment_id"), order_by=["slot__start", "slot_id"]
    )
    apart = held.annotate(before=before).filter(before__isnull=False)
    rows = apart.exclude(before=F("slot__start")).values_list(
        "appointment_id", "appointment__organisation_id"
    )
    for pk, organisation_id in sorted(set(rows)):
        yield Found(organisation_id, f"Appointment/{pk}")


def times_not_those_of_its_slots(scope: Scope) -> Iterator[Found]:
    live = scope.of(Appointment.with_tests.all()).filter(appointment_slots__released=False)
    times = live.annotate(
        first=Min("appointment_slots__slot__start"), last=Max("appointment_slots__slot__end")
    )
    return _rows("Appointment", times.filter(~Q(start=F("first")) | ~Q(end=F("last"))))


def booked_though_withdrawn(scope: Scope) -> Iterator[Found]:
    held = Exists(SLOTS_HELD.filter(slot=OuterRef("pk")))
    booked = scope.of(Slot.with_tests.all()).filter(
        Q(status=Slot.Status.BUSY) | Q(held), withdrawn=True
    )
    return _rows("Slot", booked)


# ---------------------------------------------------------------- sessions, and slots in them


def _end_before(partition: str) -> Window:
    """The latest end of all that begin earlier in the same partition."""
    return Window(
        Max("end"),
        partition_by=F(partition),
        order_by=["start", "pk"],
        frame=RowRange(start=None, end=-1),
    )


def holder_in_two_sessions(scope: Scope) -> Iterator[Found]:
    held = Schedule.with_tests.taking_place().filter(session_holder__isnull=False)
    if scope.organisation:
        holders = scope.of(Schedule.with_tests.all()).values("session_holder")
        held = held.filter(session_holder__in=holders)
    clashing = held.annotate(end_before=_end_before("session_holder_id"))
    return _rows("Schedule", clashing.filter(end_before__gt=F("start")))


def slots_overlap(scope: Scope) -> Iterator[Found]:
    planned = scope.of(Slot.with_tests.valid()).filter(withdrawn=False, overbooked=False)
    clashing = planned.annotate(end_before=_end_before("schedule_id"))
    return _rows("Slot", clashing.filter(end_before__gt=F("start")))


def of_another_practice(scope: Scope) -> Iterator[Found]:
    own = F("organisation_id")
    for model, paths in (
        (Appointment, ("patient", "schedule", "location")),
        (Schedule, ("location",)),
        (Slot, ("schedule",)),
    ):
        for path in paths:
            strangers = scope.of(model._default_manager.all()).exclude(
                **{f"{path}__organisation_id": own}
            )
            for found in _rows(model.__name__, strangers):
                yield Found(found.organisation_id, found.record, f"its {path}")


def orphaned_wrongly(scope: Scope) -> Iterator[Found]:
    """Only a live appointment is an orphan; one still to come in a withdrawn session always is."""
    gone = scope.of(Appointment.with_tests.orphaned().gone())
    yield from (Found(f.organisation_id, f.record, "not live") for f in _rows("Appointment", gone))
    unmarked = scope.of(Appointment.with_tests.booked()).filter(
        orphaned=False, schedule__withdrawn=True, end__gt=scope.now
    )
    for found in _rows("Appointment", unmarked):
        yield Found(found.organisation_id, found.record, "its session is withdrawn")


# ---------------------------------------------------------------- versions


class _Length(Func):
    """The number of entries of a JSON array."""

    function = "json_array_length"  # SQLite's
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="jsonb_array_length", **extra)


def version_too_low(scope: Scope) -> Iterator[Found]:
    """A version counts from 1, and each change that left a trace counted it up."""
    for model, path in (
        (Organisation, "pk"),
        (Location, "organisation_id"),
        (Patient, "organisation_id"),
        (Schedule, "organisation_id"),
    ):
        yield from _rows(
            model.__name__, scope.of(model._default_manager.all(), path).filter(version__lt=1), path
        )
    if scope.organisation is None:
        for pk in Practitioner.objects.filter(version__lt=1).values_list("pk", flat=True):
            yield Found(None, f"Practitioner/{pk}")
    changed = scope.of(Appointment.with_tests.all()).annotate(changes=_Length("provenance"))
    low = changed.filter(Q(version__lt=1) | Q(version__lt=F("changes")))
    yield from _rows("Appointment", low)
    # Each booking counted up the slot's version, and so did each cancellation.
    taken = (
        scope.of(Slot.with_tests.all())
        .filter(appointment_slots__isnull=False)
        .annotate(
            changes=Count("appointment_slots")
            + Count("appointment_slots", filter=Q(appointment_slots__released=True))
        )
    )
    yield from _rows("Slot", taken.filter(version__lte=F("changes")))
    yield from _rows(
        "Slot",
        scope.of(Slot.with_tests.all()).filter(version__lt=1, appointment_slots__isnull=True),
    )


# ---------------------------------------------------------------- the trail explains each state

# How the API's interactions and the staff's actions name what provenance names.
INTERACTIONS = {
    ":create:appointment-": "booked",
    ":update:appointment-": "amended",
    ":cancel:appointment-": "cancelled",
}
# How the trail tells that an appointment came from another database, with what was done before.
CAME = (AuditEvent.Door.COMMAND.value, "loaded")
# What always leaves an entry in the provenance; an amendment need not have changed anything.
STEPS = {"booked", "cancelled", "marked", "undone", "closed"}


def action_of(event: str, outcome: str) -> str | None:
    """Return what an event did to its appointment; None: it was refused, or a reading."""
    if not (outcome == "ok" or outcome.startswith("2")):
        return None
    for part, action in INTERACTIONS.items():
        if part in event:
            return action
    prefix, _, action = event.partition(".")
    return action if prefix == "appointment" else None


def state_not_explained(scope: Scope) -> Iterator[Found]:
    """Each step that an appointment's provenance tells is in the trail, and leads to its status."""
    for organisation in scope.of(Organisation.objects.all(), "pk").order_by("pk"):
        appointments = Appointment.with_tests.filter(organisation=organisation).order_by("pk")
        last = 0
        while ids := list(appointments.filter(pk__gt=last).values_list("pk", flat=True)[:PAGE]):
            last = ids[-1]
            # Appointments and trail are two queries: what was changed between them looks wrong
            # once, and right when it is looked at again.
            suspects = [pk for pk, _ in _unexplained(organisation, ids)]
            for pk, why in _unexplained(organisation, suspects):
                yield Found(organisation.pk, f"Appointment/{pk}", why)


def _unexplained(organisation: Organisation, ids: list[int]) -> Iterator[tuple[int, str]]:
    if not ids:
        return
    audited = _audited(organisation, ids)
    appointments = Appointment.with_tests.filter(pk__in=ids).order_by("pk")
    for pk, status, provenance in appointments.values_list("pk", "status", "provenance"):
        for why in _contradictions(status, provenance, audited.get(pk, Counter())):
            yield pk, why


def _audited(organisation: Organisation, ids: list[int]) -> dict[int, Counter[tuple[str, str]]]:
    """How often the trail says that something was done to each appointment: by door and action.

    Of one that came from another database it also counts, as CAME, the entries of its provenance
    that came along: the trail that explains these stayed there.
    """
    events = AuditEvent.objects.filter(
        organisation=organisation, resource__in=[f"Appointment/{pk}" for pk in ids]
    )
    counted: dict[int, Counter[tuple[str, str]]] = {}
    for resource, door, event, outcome, detail in events.values_list(
        "resource", "door", "event", "outcome", "detail"
    ):
        if action := action_of(event, outcome):
            steps = counted.setdefault(int(resource.partition("/")[2]), Counter())
            if (door, action) == CAME:
                steps[CAME] = detail["entries"]
            else:
                steps[door, action] += 1
    return counted


def _contradictions(
    status: str, provenance: list[dict[str, Any]], audited: Counter[tuple[str, str]]
) -> Iterator[str]:
    if not provenance or provenance[0].get("action") != "booked":
        yield "its provenance does not begin with a booking"
    current: str = Appointment.Status.BOOKED
    told: Counter[tuple[str, str]] = Counter()
    for number, entry in enumerate(provenance, 1):
        if number > audited[CAME]:
            told[entry.get("door", ""), entry.get("action", "")] += 1
        step = entry.get("changes", {}).get("status")
        if step:
            if step["from"] != current:
                yield f"its provenance goes from {current} to a change of {step['from']}"
            current = step["to"]
    if current != status:
        yield f"it is {status}, but its provenance ends with {current}"
    for (door, action), number in (told - audited).items():
        yield f"{action} through {door}: {number} × in no audit event"
    for (door, action), number in (audited - told).items():
        if action in STEPS:
            yield f"{action} through {door}: {number} × audited, but not in its provenance"


def audited_but_gone(scope: Scope) -> Iterator[Found]:
    """An appointment whose booking is in the trail exists; sandboxes are reset, and lose theirs."""
    booked = scope.of(AuditEvent.objects.filter(organisation__sandbox_of="")).filter(
        Q(event="appointment.booked", outcome="ok")
        | Q(event__contains=":create:appointment-", outcome__startswith="2")
    )
    last = 0
    while True:
        page = booked.filter(pk__gt=last).order_by("pk")
        found = list(page.values_list("pk", "organisation_id", "resource")[:PAGE])
        if not found:
            return
        last = found[-1][0]
        named = {
            int(number): organisation_id
            for _, organisation_id, resource in found
            for number in [resource.removeprefix("Appointment/")]
            if number.isdecimal()
        }
        there = set(Appointment.with_tests.filter(pk__in=named).values_list("pk", flat=True))
        for pk in sorted(named.keys() - there):
            yield Found(named[pk], f"Appointment/{pk}")


# ---------------------------------------------------------------- what nobody outside can ever see


def never_offered(scope: Scope) -> Iterator[Found]:
    """Sessions to come with slots for other organisations, not one of which can ever be offered."""
    for session in never_offered_sessions(
        now=scope.now, organisation=scope.organisation, switches=True
    ):
        why = f"{session.day}: {'; '.join(session.reasons)}"
        yield Found(session.organisation, f"Schedule/{session.schedule}", why)


FAULTS: dict[Check, str] = {
    busy_without_appointment: "a booked slot belongs to no live appointment",
    held_but_not_busy: "a slot of a live appointment is not booked",
    held_twice: "a slot belongs to several live appointments",
    live_without_slots: "a live appointment has no slot",
    cancelled_with_slots: "a cancelled appointment still has slots",
    slots_of_another_session: "an appointment has slots of another session",
    slots_not_adjacent: "an appointment's slots are not adjacent",
    times_not_those_of_its_slots: "an appointment's times are not those of its slots",
    booked_though_withdrawn: "a withdrawn slot is booked",
    holder_in_two_sessions: "a session holder is in two sessions at once",
    slots_overlap: "slots of one session overlap",
    of_another_practice: "a record refers to another practice's",
    orphaned_wrongly: "an appointment is marked orphaned wrongly, or is not and should be",
    version_too_low: "a version is lower than the changes that were made",
    state_not_explained: "the trail does not explain an appointment's state",
    audited_but_gone: "an appointment that was booked does not exist",
}
WARNINGS: dict[Check, str] = {
    never_offered: "a session for other organisations can never be offered to them",
}
