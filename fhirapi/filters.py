"""Every search parameter, declared once: what it is called, and what it may hold.

The capability statement lists what stands in SEARCHES; parameters that are not declared are
ignored on every search (GEN-078). An identifier is one token. The parameters of slots and
appointments are FilterSets: they read *all* values of a parameter, since most may be sent only
once, and refuse with the Spine code that the requirements name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from django import forms
from django.http import QueryDict
from django_filters import Filter, FilterSet

from fhirapi.errors import (
    BAD_REQUEST,
    INVALID_IDENTIFIER_SYSTEM,
    INVALID_IDENTIFIER_VALUE,
    INVALID_NHS_NUMBER,
    INVALID_PARAMETER,
    FHIRError,
    SpineError,
)
from fhirapi.resources import common
from practice import clock, nhs_number, terminology
from practice.models import Appointment, Slot
from practice.reads.profile_limits import BookingParty


@dataclass(frozen=True)
class SearchParameter:
    """A parameter as a consumer is told of it; ``type`` is FHIR's word: token, date.

    ``pattern`` is what each of its values must look like; ``times`` says how often it may be sent,
    at least and at most (None: any number).
    """

    name: str
    type: str
    documentation: str = ""
    definition: str = ""
    pattern: str = ""
    times: tuple[int, int | None] = (1, 1)


@dataclass(frozen=True)
class Search:
    """What a search of one resource type takes: parameters, and values of ``_include``."""

    parameters: tuple[SearchParameter, ...]
    includes: tuple[str, ...] = ()


# ---------------------------------------------------------------- identifier


@dataclass(frozen=True)
class IdentifierParameter(SearchParameter):
    """A mandatory token ``system|value`` of one known system; ``refusal`` is for other values."""

    system: str = ""
    is_valid: Callable[[str], bool] = bool
    refusal: SpineError = INVALID_IDENTIFIER_VALUE

    def value_in(self, query: QueryDict) -> str:
        """The value asked for, well-formed. Refusals: DEC-031, in the order of that table."""
        given = query.getlist(self.name)
        if len(given) != 1:
            raise FHIRError(BAD_REQUEST, f"The {self.name} parameter must be given once.")
        system, _, value = given[0].partition("|")
        if not system or not value:  # no system at all was named: DEC-066
            raise FHIRError(
                INVALID_PARAMETER, f"The {self.name} parameter must have the form system|value."
            )
        if system != self.system:
            raise FHIRError(
                INVALID_IDENTIFIER_SYSTEM, f"The system of {self.name} must be {self.system}."
            )
        if not self.is_valid(value):
            raise FHIRError(self.refusal, f"The value of {self.name} is not well-formed.")
        return value


ALPHANUMERIC = "[A-Za-z0-9]+"


def is_alphanumeric(value: str) -> bool:
    """Whether a text is made of letters and digits: all that is asked of a code (DEC-058)."""
    return re.fullmatch(ALPHANUMERIC, value) is not None


def token_pattern(system: str, value: str) -> str:
    """What a token of a known system looks like."""
    return rf"^{system.replace('.', '[.]')}\|{value}$"


PATIENT_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"NHS number: {common.NHS_NUMBER}|9999999999",
    pattern=token_pattern(common.NHS_NUMBER, "[0-9]{10}"),
    system=common.NHS_NUMBER,
    is_valid=nhs_number.is_valid,
    refusal=INVALID_NHS_NUMBER,
)
PRACTITIONER_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"SDS user id: {common.SDS_USER_ID}|999999",
    pattern=token_pattern(common.SDS_USER_ID, ALPHANUMERIC),
    system=common.SDS_USER_ID,
    is_valid=is_alphanumeric,
)
ORGANISATION_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"ODS code: {common.ODS_CODE}|Y12345",
    pattern=token_pattern(common.ODS_CODE, ALPHANUMERIC),
    system=common.ODS_CODE,
    is_valid=is_alphanumeric,
)


SERVICE_IDENTIFIER = IdentifierParameter(
    "identifier",
    "token",
    f"DoS service id: {common.DOS_SERVICE_ID}|1000123",
    system=common.DOS_SERVICE_ID,
)


class SearchField(forms.Field):
    """A search parameter. ``read`` turns its values, at least one, into what the search needs.

    It keeps nothing of what it reads: one serves all requests.
    """

    missing: SpineError = BAD_REQUEST

    def __init__(self, *, name: str, documentation: str, **from_django_filter: object) -> None:
        super().__init__()
        self.name = name

    def clean(self, values: list[str]) -> object:
        """The value that the search needs; a parameter that is missing is refused."""
        if not values:
            raise FHIRError(self.missing, f"The parameter {self.name} is required.")
        return self.read(values)

    def read(self, values: list[str]) -> object:
        """The value that was sent, at least once. Each field says what that is."""
        raise NotImplementedError

    def once(self, values: list[str]) -> str:
        """The one value; a parameter that was sent several times is refused."""
        if len(values) > 1:
            self.refuse("must be sent once only")
        return values[0]

    def refuse(self, rule: str) -> NoReturn:
        """Refuse the parameter for breaking a rule, such as "must be free"."""
        raise FHIRError(INVALID_PARAMETER, f"The parameter {self.name} {rule}.")


# ---------------------------------------------------------------- dates


@dataclass(frozen=True)
class Bound:
    """One end of a search's range: the instant, and what a London clock then shows."""

    instant: datetime
    wall: datetime


DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
OFFSET = "0[01]:00"


def read_date(text: str) -> date | None:
    """A full date (SLOT-031), or None for anything else."""
    if not re.fullmatch(DATE, text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_moment(text: str) -> datetime | None:
    """A date and time with the offset +00:00 or +01:00 (SLOT-005, SLOT-033), or None.

    A ``+`` that was decoded as a space is put back (SLOT-012). Whether the offset is the one in
    force in London does not matter: the instant that it denotes counts (SLOT-034).
    """
    match = re.fullmatch(f"({DATE}T{TIME})[+ ]({OFFSET})", text)
    if not match:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}+{match[2]}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class BoundField(SearchField):
    """``ge`` with where a range begins or ``le`` with where it ends: a date, or a date and time.

    A date begins at its midnight and ends with its last moment (SLOT-053).
    """

    def __init__(
        self, *, prefix: str, name: str, documentation: str, **from_django_filter: object
    ) -> None:
        super().__init__(name=name, documentation=documentation, **from_django_filter)
        self.prefix = prefix

    def read(self, values: list[str]) -> Bound:
        text = self.once(values)
        if not text.startswith(self.prefix):
            self.refuse(f"must have the prefix {self.prefix}")
        text = text[len(self.prefix) :]
        try:
            if day := read_date(text):
                edge = clock.day_start(day) if self.prefix == "ge" else clock.day_end(day)
                return Bound(edge, datetime.combine(day, datetime.min.time()))
            if moment := read_moment(text):
                return Bound(moment, clock.local(moment).replace(tzinfo=None))
        except OverflowError:
            pass
        raise FHIRError(
            INVALID_PARAMETER,
            f"The parameter {self.name} must be a date (yyyy-mm-dd) or a date and time with offset"
            " (yyyy-mm-ddThh:mm:ss+hh:mm, +00:00 or +01:00).",
        )


# ---------------------------------------------------------------- tokens


class FreeField(SearchField):
    """``status``: free is the only one that can be searched for (SLOT-006, SLOT-023)."""

    def read(self, values: list[str]) -> str:
        if self.once(values) != "free":
            self.refuse("must be free")
        return "free"


class BookingPartyField(SearchField):
    """``searchFilter``: who asks, by ODS code and organisation type.

    What is not understood is ignored without error (SLOT-035, SLOT-036); several of one system
    match if any does (AVAIL-027).
    """

    def clean(self, values: list[str]) -> BookingParty:
        tokens = [value.split("|", 1) for value in values if "|" in value]
        type_system = terminology.value_set("organisation_type").system

        def codes(system: str) -> frozenset[str]:
            return frozenset(code for found, code in tokens if found == system and code)

        return BookingParty(codes(common.ODS_CODE), codes(type_system))


class ReadFilter(Filter):  # type: ignore[misc]  # django-filter has no types
    """A parameter of a search whose query stands in practice.reads: it is only read here."""

    fhir_type = "token"
    times: tuple[int, int | None] = (1, 1)

    @property
    def pattern(self) -> str:
        """What each of its values must look like; empty: anything."""
        return ""


class StatusFilter(ReadFilter):
    """``status``."""

    field_class = FreeField
    pattern = "^free$"


class BoundFilter(ReadFilter):
    """``start`` and ``end``."""

    field_class = BoundField
    fhir_type = "date"

    @property
    def pattern(self) -> str:
        return rf"^{self.extra['prefix']}{DATE}(T{TIME}\+{OFFSET})?$"


class RequesterFilter(ReadFilter):
    """``searchFilter``."""

    field_class = BookingPartyField
    times = (0, None)


# ---------------------------------------------------------------- search for free slots

LONGEST_RANGE = timedelta(days=14)

SLOT_SCHEDULE = "Slot:schedule"
SCHEDULE_PRACTITIONER = "Schedule:actor:Practitioner"
SCHEDULE_LOCATION = "Schedule:actor:Location"
LOCATION_ORGANISATION = "Location:managingOrganization"
# Parameter name and value of each (SLOT-002).
INCLUDES = (
    ("_include", SLOT_SCHEDULE),
    ("_include:recurse", SCHEDULE_PRACTITIONER),
    ("_include:recurse", SCHEDULE_LOCATION),
    ("_include:recurse", LOCATION_ORGANISATION),
)


class SearchFilter(FilterSet):  # type: ignore[misc]  # django-filter has no types
    """The parameters of a search.

    They are read by their own fields. django-filter would copy all of them and build a class of
    form for every request, which costs more than the reading.
    """

    def __init__(self, data: QueryDict) -> None:
        self.data = data

    def read(self) -> dict[str, Any]:
        """Read all parameters, as they were declared; the first that is wrong is refused."""
        return {
            name: declared.field.clean(self.data.getlist(name))
            for name, declared in self.base_filters.items()
        }


class SlotQuery(NamedTuple):
    """What a search for free slots asks: for whom, from when to when, and with what beside them."""

    requester: BookingParty
    start: Bound
    end: Bound
    includes: set[str]


class SlotFilter(SearchFilter):
    """The parameters of the search for free slots."""

    status = StatusFilter(name="status", documentation="free")
    start = BoundFilter(
        name="start",
        prefix="ge",
        documentation="Prefix ge: the slot starts at or after this.",
    )
    end = BoundFilter(
        name="end",
        prefix="le",
        documentation="Prefix le: the slot ends at or before this.",
    )
    searchFilter = RequesterFilter(
        name="searchFilter", documentation="Organisation type or ODS code, any number."
    )

    class Meta:
        model = Slot
        fields: tuple[str, ...] = ()

    def checked(self) -> SlotQuery:
        """The values of all parameters; the first that is wrong is refused (SLOT-020 to 033)."""
        values = self.read()
        includes = wanted_includes(self.data)
        check_range(values["start"], values["end"])
        return SlotQuery(values["searchFilter"], values["start"], values["end"], includes)


def check_range(start: Bound, end: Bound) -> None:
    """Refuse an end before the start, and more than two weeks between the two (SLOT-025 to 027).

    A day ends when the next one begins; that it is the day before, only the wall clock tells. Two
    weeks are 14 days on the calendar or 14 times 24 hours, which a clock change makes two things:
    a consumer that adds either to its start stays inside (DEC-012).
    """
    if (end.instant, end.wall) < (start.instant, start.wall):
        raise FHIRError(INVALID_PARAMETER, "The parameter end must not be before start.")
    if min(end.wall - start.wall, end.instant - start.instant) > LONGEST_RANGE:
        raise FHIRError(
            INVALID_PARAMETER, "The parameters start and end must be at most two weeks apart."
        )


def wanted_includes(parameters: QueryDict) -> set[str]:
    """The includes that were sent; Slot:schedule must be (SLOT-024)."""
    wanted = {value for name, value in INCLUDES if value in parameters.getlist(name)}
    if SLOT_SCHEDULE not in wanted:
        raise FHIRError(BAD_REQUEST, f"The parameter _include={SLOT_SCHEDULE} is required.")
    return wanted


# Of GP Connect 1.2.8 (SF-020): looked at only where the practice filters by service.
SCHEDULE_SERVICE = "Schedule:actor:HealthcareService"
SERVICE = SearchParameter(
    "service.identifier",
    "token",
    f"DoS service id of the slots' schedule: {common.DOS_SERVICE_ID}|1000123",
    "https://fhir.nhs.uk/STU3/SearchParameter/GPConnect-Slot-ServiceIdentifier-1",
)


def names_service(parameters: QueryDict) -> bool:
    """Whether a service is asked for, well or badly."""
    return SERVICE.name in parameters


def wanted_service(parameters: QueryDict) -> str | None:
    """The DoS id of the service asked for; "" for what can be none; None: none is asked for.

    Refused is what is no token ``system|value``, and more than one.
    """
    given = parameters.getlist(SERVICE.name)
    if not given:
        return None
    system, _, value = given[0].partition("|")
    if len(given) > 1 or not system or not value:
        raise FHIRError(
            INVALID_PARAMETER,
            f"The parameter {SERVICE.name} must be sent once, in the form system|value.",
        )
    return value if system == common.DOS_SERVICE_ID else ""


# ---------------------------------------------------------------- a patient's appointments


class DaysField(SearchField):
    """``start`` twice, ``ge`` the first day and ``le`` the last, in either order (RETR-001)."""

    missing = INVALID_PARAMETER

    def read(self, values: list[str]) -> tuple[date, date]:
        if sorted(value[:2] for value in values) != ["ge", "le"]:
            self.refuse("must be sent twice: once with the prefix ge, once with le")
        first, last = (read_date(value[2:]) for value in sorted(values))
        if first is None or last is None:
            raise FHIRError(
                INVALID_PARAMETER, f"The parameter {self.name} must hold full dates (yyyy-mm-dd)."
            )
        if last < first:
            self.refuse("must not end before it begins")
        return first, last


class DaysFilter(ReadFilter):
    """Appointments that start on one of the days, by the London calendar (RETR-031, RETR-032)."""

    field_class = DaysField
    fhir_type = "date"
    pattern = f"^(ge|le){DATE}$"
    times = (2, 2)


class AppointmentFilter(SearchFilter):
    """The parameter of the retrieval of a patient's appointments."""

    start = DaysFilter(
        field_name="start",
        name="start",
        documentation="Twice, prefixes ge and le: a range of dates.",
    )

    class Meta:
        model = Appointment
        fields: tuple[str, ...] = ()

    @cached_property
    def days(self) -> tuple[date, date]:
        """The first and the last day, both included."""
        days: tuple[date, date] = self.read()["start"]
        return days

    def check(self, *, now: datetime) -> None:
        """Refuse what is no range of days from today on (RETR-010 to RETR-017)."""
        first, _ = self.days
        if first < clock.today(now):
            raise FHIRError(
                INVALID_PARAMETER,
                "The parameter start must not reach into the past: past appointments cannot be"
                " requested.",
            )


# ---------------------------------------------------------------- what each search takes


def declared(filters: type[FilterSet]) -> tuple[SearchParameter, ...]:
    """The parameters of a FilterSet, as a consumer is told of them."""
    return tuple(
        SearchParameter(
            name,
            declaration.fhir_type,
            declaration.extra["documentation"],
            pattern=declaration.pattern,
            times=declaration.times,
        )
        for name, declaration in filters.base_filters.items()
    )


SEARCHES = {
    "Patient": Search((PATIENT_IDENTIFIER,)),
    "Practitioner": Search((PRACTITIONER_IDENTIFIER,)),
    "Organization": Search((ORGANISATION_IDENTIFIER,)),
    "Slot": Search(declared(SlotFilter), includes=tuple(value for _, value in INCLUDES)),
    # Only within the compartment of a patient: Patient/[id]/Appointment.
    "Appointment": Search(declared(AppointmentFilter)),
}
SEARCHES_1_2_8 = {
    **SEARCHES,
    "Slot": Search(
        (*SEARCHES["Slot"].parameters, SERVICE),
        includes=(*SEARCHES["Slot"].includes, SCHEDULE_SERVICE),
    ),
    "HealthcareService": Search((SERVICE_IDENTIFIER,)),
}
