"""What stands in a dump of a practice: sections, their columns, how a value is written and read.

A dump is one JSON object, laid out so that it can be written and read a line at a time: an entry is
a line. The columns are the models' own, so that a new one goes along without being thought of; then
VERSION must be counted up (tests hold that). A value that is empty or false is left out. The file
says nothing of accounts but names and roles, and nothing of other practices.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from practice import clock
from practice.models import (
    AccessProfile,
    Appointment,
    AppointmentSlot,
    CalledIn,
    CancellationListCall,
    CancellationListClinician,
    CancellationListEntry,
    Closure,
    ConsumerGroup,
    ContactAttempt,
    DeskMessage,
    DiaryView,
    DiaryViewHolder,
    DiaryViewLocation,
    ExceptionReason,
    HealthcareService,
    HowBooked,
    InSeries,
    Location,
    Organisation,
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientName,
    PatientNote,
    PatientTelecom,
    Practitioner,
    PractitionerRole,
    Promise,
    RemoteAppointment,
    RemoteService,
    Schedule,
    Series,
    SessionTemplate,
    Slot,
    SlotType,
    SlotTypeMapping,
    TemplateBlock,
)

VERSION = 14

Entry = dict[str, Any]  # a line of a dump, or what one says by column
Write = Callable[[Any], object]

HIGHEST_ID = 2**53 - 1  # what every reader of JSON can count to
EMPTY: tuple[Any, ...] = (None, "", False, [], {})
# What an escape may write, and no database keeps.
NOT_STORED = re.compile("[\\0\\ud800-\\udfff]")
# What the items of a list in one column are.
ITEMS = {
    "weekdays": int,
    "remote_slots": str,
    "languages": str,
    "organisation_types": str,
    "ods_codes": str,
    "accepted": str,
    "identifiers": dict,
    "provenance": dict,
}

# What a practice has, and a dump does not hold.
LEFT_OUT = {
    "CalendarFeed": "its address is a secret: holders make a new one",
    "GenerationRun": "what a database did, not what the practice has",
    "SheetImport": "what a database did; a file that waits is uploaded again",
    "NationalDataVersion": "of the installation, for all practices",
    "AskingOrganisation": "counted from the trail, which stays where it grew",
    "AskingWatch": "as who asks",
    "Rehearsal": "with others' systems as they reach this one: to be held again elsewhere",
    "Shortfall": "found anew by whoever watches",
    "PromisedDay": "as these",
    "ConsumerGroup": "of the installation, for all practices: profiles name theirs",
    "ServiceFilteringSwitch": "the supplier's, of the installation",
    "Area": "of the installation: which practices somebody above them looks after",
    "ChosenDiaryView": "what somebody looked at last: they choose again",
    "DiaryChange": "for pages that stay open, for a day",
    "ImportedRecord": "what files called records: import all of them before the practice moves",
    "WeeklyReturn": "what a database did; the files that were made stay where they are",
    "SandboxExchange": "of sandboxes alone, which no dump holds",
    "AuditEvent": "the trail goes along as its sealed export",
    "AuditSeal": "as the trail",
    "AuditHead": "as the trail",
    "AuditWaiting": "as the trail",
}


@dataclass(frozen=True)
class Column:
    """A column of a model, as a dump shows it."""

    field: Any  # a field of a model

    @cached_property
    def name(self) -> str:
        return str(self.field.name)

    @cached_property
    def refers_to(self) -> type[models.Model] | None:
        """The model whose ids stand here; a user or a group stands here by name."""
        model: type[models.Model] | None = self.field.related_model
        return None if self.is_user or self.is_group else model

    @cached_property
    def is_group(self) -> bool:
        """Whether it is a group of organisations, which is of no practice."""
        return self.field.related_model is ConsumerGroup

    @cached_property
    def is_user(self) -> bool:
        model = self.field.related_model
        return bool(model) and model._meta.label == settings.AUTH_USER_MODEL

    @cached_property
    def path(self) -> str:
        """Where a query finds what is shown."""
        if self.is_group:
            return f"{self.name}__name"
        return f"{self.name}__username" if self.is_user else str(self.field.attname)

    @cached_property
    def write(self) -> Write | None:
        """What makes JSON of a value; None where it is JSON already."""
        if isinstance(self.field, models.DateTimeField):
            return lambda value: value.astimezone(UTC).isoformat()
        if isinstance(self.field, models.DateField | models.TimeField):
            return lambda value: value.isoformat()
        # PostgreSQL keeps keys in an order of its own.
        return in_order if isinstance(self.field, models.JSONField) else None

    @cached_property
    def empty(self) -> Any:
        """What an entry means that leaves the column out; MISSING where it may not."""
        if self.field.null:
            return None
        if isinstance(self.field, models.BooleanField):
            return False
        if isinstance(self.field, models.JSONField):
            return self.field.get_default()
        if self.field.empty_strings_allowed and self.field.blank:
            return ""
        return MISSING

    @cached_property
    def read(self) -> Callable[[object], object]:
        """What makes a value of JSON, or raises ValueError in words that do not repeat it."""
        found = self.field
        if self.is_user or self.is_group:
            return text
        if found.is_relation or found.primary_key:
            return identifier
        if isinstance(found, models.JSONField):
            return lambda given: structure(given, found)
        kind = next(read for model, read in READERS if isinstance(found, model))
        most = found.max_length if isinstance(found, models.CharField) else None
        codes = {code for code, _ in found.flatchoices} | ({""} if found.blank else set())
        validators = tuple(found.validators)

        def checked(given: object) -> object:
            value = kind(given)
            if most is not None and len(value) > most:
                raise ValueError(f"at most {most} characters are kept")
            if found.flatchoices and value not in codes:
                raise ValueError("this is none of the known codes")
            if value not in EMPTY:
                try:
                    for validate in validators:
                        validate(value)
                except ValidationError as error:
                    raise ValueError(" ".join(error.messages).rstrip(".")) from None
            return value

        return checked


MISSING = object()


@dataclass(frozen=True, eq=False)
class Part:
    """Records that belong to an entry of a section, in a list of it; they have no ids there."""

    name: str
    model: type[models.Model]
    owner: str

    @cached_property
    def columns(self) -> list[Column]:
        return list(_columns(self.model, but=(self.owner, "id")))


@dataclass(frozen=True, eq=False)
class Kind:
    """A section: which records of the practice, in the order of their ids."""

    section: str
    model: type[models.Model]
    parts: tuple[Part, ...] = field(default=())

    @cached_property
    def columns(self) -> list[Column]:
        return list(_columns(self.model, but=("organisation",)))


# Tests stay where they were held: the queries leave them out, and what is real says nothing here.
# A sandbox is in no dump, so what is in one was real and will be.
OF_TESTS = ("rehearsal", "rehearsing_until", "sandbox_of")


def _columns(model: type[models.Model], *, but: tuple[str, ...]) -> Iterator[Column]:
    for each in model._meta.concrete_fields:
        if each.name not in (*but, *OF_TESTS):
            yield Column(each)


PRACTICE = Kind("practice", Organisation)
PRACTITIONERS = Kind("practitioners", Practitioner)
STAFF = "staff"
# Each refers to what stands before it.
OWN = (
    Kind("locations", Location),
    Kind("roles", PractitionerRole),
    Kind("access_profiles", AccessProfile),
    Kind("promises", Promise),
    Kind("services", HealthcareService),
    Kind("slot_types", SlotType, (Part("mappings", SlotTypeMapping, "slot_type"),)),
    Kind("templates", SessionTemplate, (Part("blocks", TemplateBlock, "template"),)),
    Kind("closures", Closure),
    Kind(
        "patients",
        Patient,
        (
            Part("other_names", PatientName, "patient"),
            Part("addresses", PatientAddress, "patient"),
            Part("telecoms", PatientTelecom, "patient"),
            Part("contacts", PatientContact, "patient"),
            Part("languages", PatientLanguage, "patient"),
            Part("notes", PatientNote, "patient"),
        ),
    ),
    Kind(
        "diary_views",
        DiaryView,
        (
            Part("holders", DiaryViewHolder, "view"),
            Part("locations", DiaryViewLocation, "view"),
        ),
    ),
    Kind("series", Series),
    Kind("sessions", Schedule),
    Kind("slots", Slot),
    Kind(
        "appointments",
        Appointment,
        (
            Part("slots", AppointmentSlot, "appointment"),
            Part("contact_attempts", ContactAttempt, "appointment"),
            Part("how_booked", HowBooked, "appointment"),
            Part("exception_reasons", ExceptionReason, "appointment"),
            Part("in_series", InSeries, "appointment"),
            Part("called_in", CalledIn, "appointment"),
            Part("desk_messages", DeskMessage, "appointment"),
        ),
    ),
    Kind(
        "cancellation_list",
        CancellationListEntry,
        (
            Part("clinicians", CancellationListClinician, "entry"),
            Part("calls", CancellationListCall, "entry"),
        ),
    ),
    Kind("remote_services", RemoteService),
    Kind("remote_appointments", RemoteAppointment),
)
SECTIONS = ("practitioners", STAFF, *(kind.section for kind in OWN))
STAFF_FIELDS = ("username", "first_name", "last_name", "email", "is_active")


# ---------------------------------------------------------------- values


def in_order(value: object) -> object:
    """A value of JSON with its keys in the order of the alphabet, all the way down."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [in_order(item) for item in value]
    return value


def text(given: object) -> str:
    if not isinstance(given, str):
        raise ValueError("a text is expected")
    if NOT_STORED.search(given):
        raise ValueError("there is a character that cannot be stored")
    return given


def truth(given: object) -> bool:
    if not isinstance(given, bool):
        raise ValueError("true or false is expected")
    return given


def identifier(given: object) -> int:
    if type(given) is not int or not 0 < given <= HIGHEST_ID:
        raise ValueError("the id of a record is expected")
    return given


def _number(most: int) -> Callable[[object], int]:
    def read(given: object) -> int:
        if type(given) is not int or not 0 <= given <= most:
            raise ValueError(f"a whole number from 0 to {most} is expected")
        return given

    return read


def day(given: object) -> date:
    try:
        return clock.read_date(text(given))
    except ValueError:
        raise ValueError("a date such as 2026-11-30 is expected") from None


def instant(given: object) -> datetime:
    try:
        found = datetime.fromisoformat(text(given))
        if found.tzinfo is None or not 1850 <= found.year < 2200:
            raise ValueError
        return found.astimezone(UTC)
    except ValueError:
        words = "an instant such as 2026-11-30T09:00:00+00:00 is expected"
        raise ValueError(words) from None


def clock_time(given: object) -> time:
    try:
        found = time.fromisoformat(text(given))
        if found.tzinfo is not None:
            raise ValueError
        return found
    except ValueError:
        raise ValueError("a time such as 09:30:00 is expected") from None


def structure(given: Any, column: Any) -> Any:
    """A list or an object, whichever the column holds, and of what it holds."""
    expected = type(column.get_default())
    if type(given) is not expected:
        raise ValueError("a list is expected" if expected is list else "an object is expected")
    _check_texts(given)
    item = ITEMS.get(column.name)
    if item and any(type(each) is not item for each in given):
        raise ValueError("there is something in the list that does not belong there")
    if column.name == "provenance":
        for entry in given:
            changes = entry.get("changes", {})
            step = changes.get("status", None) if isinstance(changes, dict) else 0
            if step is not None and not (isinstance(step, dict) and {"from", "to"} <= step.keys()):
                raise ValueError("an entry of the history has no changes that can be read")
    return given


def _check_texts(given: object) -> None:
    if isinstance(given, str):
        text(given)
    elif isinstance(given, list):
        for each in given:
            _check_texts(each)
    elif isinstance(given, dict):
        for key, each in given.items():
            text(key)
            _check_texts(each)


# The first that fits: some of these are subclasses of others.
READERS: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (models.BooleanField, truth),
    (models.DateTimeField, instant),
    (models.DateField, day),
    (models.TimeField, clock_time),
    (models.PositiveSmallIntegerField, _number(32_767)),
    (models.IntegerField, _number(2_147_483_647)),
    (models.CharField, text),
    (models.TextField, text),
)
