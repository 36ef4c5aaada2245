"""What comes back, typed; what is missing or wrong is named, never guessed.

``problems`` of a resource are breaches of the profile that leave it usable. What cannot be used
at all (a slot without a start) raises ``Unusable`` and is told apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from consumer import times
from consumer.errors import Issue
from consumer.formats import Resource
from consumer.identity import NHS_NUMBER, ODS_CODE, Organisation

STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
SYSTEMS = "https://fhir.nhs.uk/STU3/CodeSystem"
EXTENSIONS = f"{STRUCTURES}/Extension-GPConnect-"
DELIVERY_CHANNEL = f"{EXTENSIONS}DeliveryChannel-2"
PRACTITIONER_ROLE = f"{EXTENSIONS}PractitionerRole-1"
BOOKING_ORGANISATION = f"{EXTENSIONS}BookingOrganisation-1"
CANCELLATION_REASON = f"{EXTENSIONS}AppointmentCancellationReason-1"
ORGANISATION_TYPE = f"{SYSTEMS}/GPConnect-OrganisationType-1"
SPINE_CODE = f"{SYSTEMS}/Spine-ErrorOrWarningCode-1"
PROFILES = {
    "Appointment": f"{STRUCTURES}/GPConnect-Appointment-1",
    "Location": f"{STRUCTURES}/CareConnect-GPC-Location-1",
    "OperationOutcome": f"{STRUCTURES}/GPConnect-OperationOutcome-1",
    "Organization": f"{STRUCTURES}/CareConnect-GPC-Organization-1",
    "Patient": f"{STRUCTURES}/CareConnect-GPC-Patient-1",
    "Practitioner": f"{STRUCTURES}/CareConnect-GPC-Practitioner-1",
    "PractitionerRole": f"{STRUCTURES}/CareConnect-GPC-PractitionerRole-1",
    "Schedule": f"{STRUCTURES}/GPConnect-Schedule-1",
    "Slot": f"{STRUCTURES}/GPConnect-Slot-1",
}
CHANNELS = ("In-person", "Telephone", "Video")


class Unusable(ValueError):
    """A resource lacks what it cannot be used without; says what."""


# ---------------------------------------------------------------- looking into a dict


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _first(value: object) -> Mapping[str, Any]:
    """The first object in a list; empty if there is none."""
    return next(iter(_dicts(value)), {})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _extension(resource: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    found = (each for each in _dicts(resource.get("extension")) if each.get("url") == url)
    return next(found, {})


def _identifier(resource: Mapping[str, Any], system: str) -> str:
    for each in _dicts(resource.get("identifier")):
        if each.get("system") == system:
            return _text(each.get("value"))
    return ""


def _reference(value: object, kind: str) -> str:
    """The id in a reference to a resource of a type, relative or absolute; empty if it is none."""
    parts = _text(_dict(value).get("reference")).split("/")
    return parts[-1] if len(parts) > 1 and parts[-2] == kind else ""


def _id(resource: Mapping[str, Any]) -> str:
    found = _text(resource.get("id"))
    if not found:
        raise Unusable(f"{resource.get('resourceType')} has no id")
    return found


def _instant(resource: Mapping[str, Any], name: str, problems: list[str]) -> datetime:
    where = f"{resource.get('resourceType')}.{name}"
    try:
        moment, wrong = times.parse(resource.get(name))
    except ValueError as error:
        raise Unusable(f"{where} {error}") from error
    if wrong:
        problems.append(f"{where} {wrong}")
    return moment


def _meta(resource: Mapping[str, Any], profile: str, problems: list[str]) -> str:
    """The version; that and the profile are musts."""
    meta = _dict(resource.get("meta"))
    version = _text(meta.get("versionId"))
    kind = resource.get("resourceType")
    if not version:
        problems.append(f"{kind}.meta.versionId is missing")
    if profile not in (meta.get("profile") or ()):
        problems.append(f"{kind}.meta.profile does not name {profile.rpartition('/')[2]}")
    return version


def read_issues(outcome: Mapping[str, Any]) -> list[Issue]:
    """The issues of an OperationOutcome, as far as it has any."""
    found = []
    for issue in _dicts(outcome.get("issue")):
        details = _dict(issue.get("details"))
        coding = _first(details.get("coding"))
        found.append(
            Issue(
                _text(issue.get("severity")),
                _text(issue.get("code")),
                _text(coding.get("code")),
                _text(coding.get("display")) or _text(details.get("text")),
                _text(issue.get("diagnostics")),
            )
        )
    return found


# ---------------------------------------------------------------- people and places


@dataclass(frozen=True)
class Person:
    """A name as it is shown: of a patient or a practitioner."""

    family: str
    given: str
    prefix: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.prefix, self.given, self.family) if part)

    @classmethod
    def read(cls, resource: Mapping[str, Any]) -> "Person":
        """The official name, else the first."""
        names = _dicts(resource.get("name"))
        official = (each for each in names if each.get("use") == "official")
        name = next(official, _first(names))

        def joined(value: object) -> str:
            return " ".join(value) if isinstance(value, list) else ""

        return cls(_text(name.get("family")), joined(name.get("given")), joined(name.get("prefix")))


@dataclass(frozen=True)
class Patient:
    """A patient as a practice holds them. ``id`` is that practice's own."""

    id: str
    nhs_number: str
    name: Person
    birth_date: date | None
    gender: str
    raw: Resource = field(repr=False, compare=False)

    @classmethod
    def read(cls, resource: Resource) -> "Patient":
        """From the resource. Raises Unusable."""
        try:
            born = date.fromisoformat(_text(resource.get("birthDate")))
        except ValueError:
            born = None
        return cls(
            _id(resource),
            _identifier(resource, NHS_NUMBER),
            Person.read(resource),
            born,
            _text(resource.get("gender")),
            resource,
        )


@dataclass(frozen=True)
class Practitioner:
    """Who holds a session."""

    id: str
    name: Person
    raw: Resource = field(repr=False, compare=False)


@dataclass(frozen=True)
class Location:
    """Where it takes place. ``address`` is in lines, as it would be written on a letter."""

    id: str
    name: str
    address: tuple[str, ...] = ()
    raw: Resource = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, resource: Resource) -> "Location":
        """From the resource."""
        address = _dict(resource.get("address"))
        lines = [*(address.get("line") or ()), address.get("city"), address.get("postalCode")]
        kept = tuple(line for line in lines if isinstance(line, str) and line)
        return cls(_id(resource), _text(resource.get("name")), kept, resource)


# ---------------------------------------------------------------- free slots


@dataclass(frozen=True)
class Schedule:
    """A session: one place, at most one practitioner.

    ``location`` and ``practitioner`` are whole if the search included them, else only their ids.
    """

    id: str
    location: Location
    practitioner: Practitioner | None
    category: str
    role: str
    raw: Resource = field(repr=False, compare=False)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """A time that can be booked, in UK local time."""

    id: str
    version: str
    start: datetime
    end: datetime
    schedule: Schedule
    service_type: str
    delivery_channel: str
    raw: Resource = field(repr=False, compare=False)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class FreeSlots:
    """What a search found, by start. ``left_out`` names each slot that cannot be booked as sent,
    and why; ``organisation`` is the practice's own description of itself."""

    slots: tuple[Slot, ...]
    left_out: tuple[str, ...] = ()
    organisation: Resource = field(default_factory=dict, repr=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """Every breach of the profiles, each once."""
        found = (p for slot in self.slots for p in (*slot.problems, *slot.schedule.problems))
        return tuple(dict.fromkeys((*self.left_out, *found)))


def entries(bundle: Mapping[str, Any], kind: str = "") -> Iterator[Resource]:
    """The resources of a Bundle, or those of one type."""
    for entry in _dicts(bundle.get("entry")):
        resource = entry.get("resource")
        if isinstance(resource, dict) and (not kind or resource.get("resourceType") == kind):
            yield resource


def read_slots(bundle: Mapping[str, Any]) -> FreeSlots:
    """The slots of a searchset, joined to their sessions, people and places."""
    by_type: dict[str, dict[str, Resource]] = {}
    for resource in entries(bundle):
        kind = _text(resource.get("resourceType"))
        by_type.setdefault(kind, {})[_text(resource.get("id"))] = resource
    slots: list[Slot] = []
    left_out: list[str] = []
    schedules: dict[str, Schedule | str] = {}
    for resource in entries(bundle, "Slot"):
        try:
            slots.append(_slot(resource, by_type, schedules))
        except Unusable as error:
            left_out.append(f"Slot {_text(resource.get('id')) or 'without id'}: {error}")
    slots.sort(key=lambda slot: (slot.start, slot.id))
    organisation = next(iter(by_type.get("Organization", {}).values()), {})
    return FreeSlots(tuple(slots), tuple(left_out), organisation)


def _slot(
    resource: Resource,
    by_type: Mapping[str, Mapping[str, Resource]],
    schedules: dict[str, Schedule | str],
) -> Slot:
    problems: list[str] = []
    start, end = (_instant(resource, name, problems) for name in ("start", "end"))
    if end <= start:
        raise Unusable("Slot.end is not after Slot.start")
    if resource.get("status") != "free":
        raise Unusable("Slot.status is not free")
    channel = _text(_extension(resource, DELIVERY_CHANNEL).get("valueCode"))
    if channel not in CHANNELS:
        problems.append("Slot has no delivery channel that is known")
    service = _text(_first(resource.get("serviceType")).get("text"))
    if not service:
        problems.append("Slot.serviceType.text is missing")
    version = _meta(resource, PROFILES["Slot"], problems)
    schedule = _schedule(_reference(resource.get("schedule"), "Schedule"), by_type, schedules)
    return Slot(
        _id(resource), version, start, end, schedule, service, channel, resource, tuple(problems)
    )


def _schedule(
    id: str, by_type: Mapping[str, Mapping[str, Resource]], known: dict[str, Schedule | str]
) -> Schedule:
    """The session of a slot, read once; why it cannot be used is remembered too."""
    if id not in known:
        try:
            known[id] = _read_schedule(id, by_type)
        except Unusable as error:
            known[id] = str(error)
    found = known[id]
    if isinstance(found, str):
        raise Unusable(found)
    return found


def _read_schedule(id: str, by_type: Mapping[str, Mapping[str, Resource]]) -> Schedule:
    if not id:
        raise Unusable("Slot.schedule is no reference to a Schedule")
    resource = by_type.get("Schedule", {}).get(id)
    if resource is None:
        raise Unusable(f"Schedule {id} is not in the Bundle")
    problems: list[str] = []
    _meta(resource, PROFILES["Schedule"], problems)
    actors = _dicts(resource.get("actor"))
    places = [found for each in actors if (found := _reference(each, "Location"))]
    if len(places) != 1:
        raise Unusable(f"Schedule {id} has {len(places) or 'no'} Location among its actors")
    people = [found for each in actors if (found := _reference(each, "Practitioner"))]
    horizon = _dict(resource.get("planningHorizon"))
    for name in ("start", "end"):
        if not horizon.get(name):
            problems.append(f"Schedule.planningHorizon.{name} is missing")
    role = _dict(_extension(resource, PRACTITIONER_ROLE).get("valueCodeableConcept"))
    coding = _first(role.get("coding"))
    if not coding.get("code"):
        problems.append("Schedule has no practitioner's role")
    place = by_type.get("Location", {}).get(places[0])
    person = by_type.get("Practitioner", {}).get(people[0], {}) if people else {}
    return Schedule(
        id,
        Location.read(place) if place else Location(places[0], ""),
        Practitioner(people[0], Person.read(person), person) if people else None,
        _text(_dict(resource.get("serviceCategory")).get("text")),
        _text(coding.get("display")) or _text(coding.get("code")),
        resource,
        tuple(problems),
    )


# ---------------------------------------------------------------- appointments


@dataclass(frozen=True)
class Appointment:
    """An appointment as the practice holds it, times in UK local form.

    ``etag`` goes into If-Match. ``booked_by`` is the organisation that booked, if the practice
    says which.
    """

    id: str
    version: str
    status: str
    start: datetime
    end: datetime
    description: str
    comment: str
    cancellation_reason: str
    patient_id: str
    location_id: str
    practitioner_id: str
    slot_ids: tuple[str, ...]
    service_type: str
    delivery_channel: str
    booked_by: Organisation | None
    raw: Resource = field(repr=False, compare=False)
    problems: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        """The weak ETag of this version; empty if the practice sent none."""
        return f'W/"{self.version}"' if self.version else ""

    @property
    def is_cancelled(self) -> bool:
        """Whether it takes place no more."""
        return self.status == "cancelled"

    @classmethod
    def read(cls, resource: Resource) -> "Appointment":
        """From the resource. Raises Unusable."""
        problems: list[str] = []
        actors = [_dict(each.get("actor")) for each in _dicts(resource.get("participant"))]

        def actor(kind: str) -> str:
            return next((found for each in actors if (found := _reference(each, kind))), "")

        found = cls(
            id=_id(resource),
            version=_meta(resource, PROFILES["Appointment"], problems),
            status=_text(resource.get("status")),
            start=_instant(resource, "start", problems),
            end=_instant(resource, "end", problems),
            description=_text(resource.get("description")),
            comment=_text(resource.get("comment")),
            cancellation_reason=_text(_extension(resource, CANCELLATION_REASON).get("valueString")),
            patient_id=actor("Patient"),
            location_id=actor("Location"),
            practitioner_id=actor("Practitioner"),
            slot_ids=tuple(_reference(each, "Slot") for each in _dicts(resource.get("slot"))),
            service_type=_text(_first(resource.get("serviceType")).get("text")),
            delivery_channel=_text(_extension(resource, DELIVERY_CHANNEL).get("valueCode")),
            booked_by=_booked_by(resource),
            raw=resource,
        )
        needed = {
            "status": found.status,
            "description": found.description,
            "slot": any(found.slot_ids),
            "participant of a Patient": found.patient_id,
            "participant of a Location": found.location_id,
        }
        problems += [
            f"Appointment.{name} is missing" for name, there in needed.items() if not there
        ]
        return replace(found, problems=tuple(problems))


def _booked_by(resource: Mapping[str, Any]) -> Organisation | None:
    reference = _text(
        _dict(_extension(resource, BOOKING_ORGANISATION).get("valueReference")).get("reference")
    )
    for each in _dicts(resource.get("contained")):
        if reference == f"#{each.get('id')}":
            return Organisation(
                _identifier(each, ODS_CODE),
                _text(each.get("name")),
                _text(_first(_first(each.get("type")).get("coding")).get("code")),
                _text(_first(each.get("telecom")).get("value")),
            )
    return None
