"""All that a practice's book holds, a page of rows at a time, for who takes it out in another form.

By id, so that no cursor stays open and memory does not grow with the practice. What is withdrawn
from the diary is left out, unless an appointment still names it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    JSONField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)

from practice.db.expressions import Epoch
from practice.models import (
    Appointment,
    AppointmentSlot,
    Location,
    Organisation,
    Patient,
    PatientName,
    PractitionerRole,
    Schedule,
    Slot,
)
from practice.reads.appointments import APPOINTMENT_COLUMNS, AppointmentRow, slot_ids_of
from practice.reads.directory import LocationRow, PractitionerRow, people_named_by, rows_of_people
from practice.reads.patients import PatientRecord, patient_records
from practice.reads.slot_search import EPOCHS, SLOT_COLUMNS, SessionRow, SlotRow

PAGE = 1000

Rows = Iterator[tuple[Any, ...]]


class RoleRow(NamedTuple):
    """What a practitioner does at the practice, or once did."""

    pk: int
    version: int
    active: bool
    practitioner: int
    organisation: int
    role: str
    sds_role_profile_id: str


class OtherName(NamedTuple):
    """A name of a patient that is not the official one."""

    use: str
    prefix: str
    given_names: str
    family_name: str


class WholePatient(NamedTuple):
    """A patient with what no other organisation is shown of one."""

    record: PatientRecord
    deceased_at: date | None
    sensitive: bool
    other_names: list[OtherName]


class WholeSession(NamedTuple):
    """A session, and whether it takes place."""

    row: SessionRow
    withdrawn: bool


class WholeSlot(NamedTuple):
    """A slot; ``in_diary``: it is not withdrawn, in a session that takes place, or it is booked."""

    row: SlotRow
    overbooked: bool
    note: str
    in_diary: bool


def _by_id(found: QuerySet[Any], *columns: str) -> Rows:
    """Rows of these columns, the id before them, by id; a page at a time."""
    last = 0
    rows = found.order_by("pk").values_list("pk", *columns)
    while page := list(rows.filter(pk__gt=last)[:PAGE]):
        yield from page
        last = page[-1][0]


# ---------------------------------------------------------------- the directory


def places(*, organisation: Organisation) -> Iterator[LocationRow]:
    """The practice's places, closed ones too."""
    found = Location.objects.filter(organisation=organisation)
    return (LocationRow._make(row) for row in _by_id(found, *LocationRow._fields[1:]))


def people(*, organisation: Organisation) -> Iterator[PractitionerRow]:
    """Everybody whom something of the practice names, as the practice has them."""
    ids = sorted(people_named_by(organisation=organisation))
    for start in range(0, len(ids), PAGE):
        yield from rows_of_people(organisation=organisation, ids=ids[start : start + PAGE])


def roles(*, organisation: Organisation) -> Iterator[RoleRow]:
    """What they do here, or once did."""
    found = PractitionerRole.objects.filter(organisation=organisation)
    return (RoleRow._make(row) for row in _by_id(found, *RoleRow._fields[1:]))


# ---------------------------------------------------------------- patients


def patients(*, organisation: Organisation) -> Iterator[WholePatient]:
    """Everybody who is registered or once was, whoever may see them."""
    found = Patient.objects.filter(organisation=organisation)
    ids: list[int] = []
    for (pk,) in _by_id(found):
        ids.append(pk)
        if len(ids) == PAGE:
            yield from _whole_patients(ids)
            ids = []
    yield from _whole_patients(ids)


def _whole_patients(ids: list[int]) -> Iterator[WholePatient]:
    page = Patient.objects.filter(pk__in=ids)
    died = dict(page.values_list("pk", "deceased_at"))
    hidden = set(page.filter(sensitive=True).values_list("pk", flat=True))
    names: dict[int, list[OtherName]] = defaultdict(list)
    others = PatientName.objects.filter(patient__in=ids).order_by("pk")
    for pk, *name in others.values_list("patient", *OtherName._fields):
        names[pk].append(OtherName._make(name))
    for record in patient_records(page):
        pk = record.patient.pk
        yield WholePatient(record, died[pk], pk in hidden, names[pk])


# ---------------------------------------------------------------- the diary

HELD_ONCE = Exists(AppointmentSlot.objects.filter(slot=OuterRef("pk")))
HAS_APPOINTMENT = Exists(Appointment.objects.filter(schedule=OuterRef("pk")))
TAKES_PLACE = Q(withdrawn=False, schedule__withdrawn=False)


def sessions(*, organisation: Organisation) -> Iterator[WholeSession]:
    """Sessions that take place or did, and withdrawn ones that an appointment names."""
    found = Schedule.objects.filter(organisation=organisation).annotate(**EPOCHS)
    found = found.filter(Q(withdrawn=False) | HAS_APPOINTMENT)
    for *row, withdrawn in _by_id(found, *SessionRow._fields[1:], "withdrawn"):
        yield WholeSession(SessionRow._make(row), withdrawn)


def slots(*, organisation: Organisation) -> Iterator[WholeSlot]:
    """Slots of the diary, and withdrawn ones that an appointment has, or had."""
    found = (
        Slot.objects.filter(organisation=organisation)
        .filter(TAKES_PLACE | HELD_ONCE)
        .annotate(
            start_epoch=Epoch("start"),
            end_epoch=Epoch("end"),
            in_diary=Case(
                When(TAKES_PLACE | Q(status=Slot.Status.BUSY), then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            ),
        )
    )
    columns = (*SLOT_COLUMNS[1:], "overbooked", "note", "in_diary")
    for row in _by_id(found, *columns):
        *own, overbooked, note, in_diary = row
        values: Any = tuple(own)
        yield WholeSlot(values, overbooked, note, in_diary)


def booked(*, organisation: Organisation) -> Iterator[tuple[AppointmentRow, list[int]]]:
    """Appointments, whatever became of them, each with its slots by start."""
    found = Appointment.objects.filter(organisation=organisation)
    page: list[AppointmentRow] = []
    for row in _by_id(found, *APPOINTMENT_COLUMNS[1:]):
        page.append(AppointmentRow._make(row))
        if len(page) == PAGE:
            yield from _with_slots(page)
            page = []
    yield from _with_slots(page)


def _with_slots(page: list[AppointmentRow]) -> Iterator[tuple[AppointmentRow, list[int]]]:
    held = slot_ids_of(row.pk for row in page) if page else {}
    for row in page:
        yield row, held.get(row.pk, [])


# ---------------------------------------------------------------- how much there is of the rest


def how_many_hold(
    model: type[Model], columns: Collection[str], *, organisation: Organisation, owner: str
) -> int:
    """Count the practice's records that hold something in one of these columns; in none: all.

    Something is a yes, or anything but nothing and the usual. ``owner`` is the column of a record's
    practice, or of what belongs to one; "pk" of the practice itself.
    """
    path = owner if owner in ("pk", "organisation") else f"{owner}__organisation"
    held = Q()
    for name in columns:
        column: Any = model._meta.get_field(name)
        if isinstance(column, BooleanField):
            held |= Q(**{name: True})
        elif isinstance(column, CharField | TextField | JSONField):
            held |= ~Q(**{name: column.get_default()})
        else:
            held |= Q(**{f"{name}__isnull": False})
    found = model._default_manager.filter(held, **{path: organisation.pk})
    return found.values("pk").distinct().count()
