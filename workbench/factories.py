"""Test data: plain functions, each with defaults that make sense and values that never repeat.

``make_slot(status="busy")``: every argument beyond the first few is a field of the model. What is
not named is found or made: the practice is the first one there is (so ``make_slot()`` belongs to
the ``practice`` fixture's), the place is its main surgery, and people are always new, since nobody
can be in two sessions at once. Times lie in the future of the real clock, tomorrow from 09:00.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from practice import clock, nhs_number
from practice.models import (
    AccessProfile,
    Appointment,
    CancellationListEntry,
    Closure,
    ConsumerGroup,
    GenerationRun,
    HealthcareService,
    Location,
    Organisation,
    Patient,
    Practitioner,
    Schedule,
    SessionTemplate,
    Slot,
    SlotType,
    TemplateBlock,
)
from practice.reads import national_data
from practice.services.appointments.booking import BookingOrganisation, book_appointment
from practice.services.audit.recording import Actor
from practice.services.service_filtering import turn_supplier_switch
from practice.services.slot_types import CountsAs, keep_known, map_one

_numbers = count(1)


def number() -> int:
    """Return a number that no other call in this process has returned."""
    return next(_numbers)


def tomorrow() -> date:
    """Return the London date after today's."""
    return clock.today(timezone.now()) + timedelta(days=1)


def new_nhs_number() -> str:
    """Return an unused NHS number of the range that is set aside for tests, 999."""
    while True:
        first_nine = f"999{number():06}"
        for check in range(10):
            if nhs_number.is_valid(f"{first_nine}{check}"):
                return f"{first_nine}{check}"


# ---------------------------------------------------------------- who and where


def make_organisation(**overrides: Any) -> Organisation:
    """Make a practice with GP Connect and appointment management switched on."""
    n = number()
    fields = {
        "ods_code": f"A{n:05}",
        "name": f"Practice {n}",
        "asid": f"2000{n:08}",
        "address_line_1": f"{n} High Street",
        "city": "Leeds",
        "district": "West Yorkshire",
        "postal_code": "LS1 6AE",
        "telephone": "0113 496 0001",
        "email": f"practice{n}@example.nhs.uk",
        "gp_connect_enabled": True,
        "appointment_management_enabled": True,
    }
    return Organisation.objects.create(**{**fields, **overrides})


def the_organisation() -> Organisation:
    """Return the first practice, made if there is none."""
    return Organisation.objects.order_by("pk").first() or make_organisation()


def make_location(organisation: Organisation | None = None, **overrides: Any) -> Location:
    """Make a surgery; a practice's first one is the main surgery."""
    n = number()
    organisation = organisation or the_organisation()
    fields = {
        "organisation": organisation,
        "name": f"Surgery {n}",
        "is_main": not organisation.locations.exists(),
        "address_line_1": f"{n} Station Road",
        "city": "Leeds",
        "district": "West Yorkshire",
        "postal_code": "LS1 4DY",
        "telephone": "0113 496 0002",
        "email": f"surgery{n}@example.nhs.uk",
    }
    return Location.objects.create(**{**fields, **overrides})


def the_location(organisation: Organisation) -> Location:
    """Return a practice's main surgery, or its first place, made if there is none."""
    found = organisation.locations.order_by("-is_main", "pk").first()
    return found or make_location(organisation)


def make_practitioner(
    organisation: Organisation | None = None,
    *,
    role: str | None = "R0260",
    works_here: bool = True,
    also_at: Iterable[Organisation] = (),
    **overrides: Any,
) -> Practitioner:
    """Make a clinician with a role at the practice; ``role=None`` makes one without.

    ``works_here=False``: the role has ended. ``also_at``: practices where they work too.
    """
    n = number()
    fields = {
        "sds_user_id": f"G{n:08}",
        "prefix": "Dr",
        "given_names": "Ada",
        "family_name": f"Clinician-{n}",
        "gender": "female",
    }
    practitioner = Practitioner.objects.create(**{**fields, **overrides})
    if role is not None:
        practitioner.roles.create(
            organisation=organisation or the_organisation(),
            role=role,
            sds_role_profile_id=f"PT{n:06}",
            active=works_here,
        )
    for other in also_at:
        practitioner.roles.create(
            organisation=other, role="R6300", sds_role_profile_id=f"PT{number():06}"
        )
    return practitioner


def make_patient(
    organisation: Organisation | None = None,
    *,
    telephone: str = "0113 496 0003",
    address_line_1: str = "3 Quiet Lane",
    **overrides: Any,
) -> Patient:
    """Make a registered patient whom other organisations may see.

    An empty ``telephone`` or ``address_line_1`` makes one without a telecom or an address.
    """
    n = number()
    fields = {
        "organisation": organisation or the_organisation(),
        "nhs_number": new_nhs_number() if "nhs_number" not in overrides else None,
        "nhs_number_verification": "01",
        "prefix": "Mrs",
        "given_names": "Edie",
        "family_name": f"Patient-{n}",
        "birth_date": date(1980, 2, 29),
        "gender": "female",
        "registration_start": date(2010, 4, 1),
    }
    patient = Patient.objects.create(**{**fields, **overrides})
    if telephone:
        patient.telecoms.create(system="phone", value=telephone, use="home")
    if address_line_1:
        patient.addresses.create(
            address_line_1=address_line_1,
            city="Leeds",
            district="West Yorkshire",
            postal_code="LS6 3HN",
            use="home",
            type="physical",
        )
    return patient


# ---------------------------------------------------------------- plans


def make_access_profile(
    organisation: Organisation | None = None, **overrides: Any
) -> AccessProfile:
    """Make a profile that restricts nothing: give ``organisation_types``, ``ods_codes``, limits."""
    fields = {
        "organisation": organisation or the_organisation(),
        "name": f"Profile {number()}",
    }
    return AccessProfile.objects.create(**{**fields, **overrides})


def make_consumer_group(name: str = "", /, **members: tuple[str, str]) -> ConsumerGroup:
    """Make a group: each member by its ODS code, with the first and the last day, or ""."""
    return ConsumerGroup.objects.create(
        name=name or f"Group {number()}",
        members=[
            {"ods_code": code, "name": f"Organisation {code}", "since": since, "until": until}
            for code, (since, until) in members.items()
        ],
    )


ROUTINE = "General Consultation Routine"


def make_slot_type(
    organisation: Organisation | None = None,
    name: str = "Routine",
    *,
    category: str | None = ROUTINE,
    setting: str = "General Practice",
    mode: str = "",
    first_day: date = date(2020, 1, 1),
    **overrides: Any,
) -> SlotType:
    """Make a type of slots that counts as a national category; ``category=None``: not mapped."""
    organisation = organisation or the_organisation()
    slot_type, _ = SlotType.objects.update_or_create(
        organisation=organisation, name=name, defaults=overrides
    )
    if category is not None:
        map_one(
            slot_type,
            CountsAs(category, setting, mode),
            first_day,
            lists=national_data.in_force(),
            actor=Actor(door="staff", name="Martha Manager"),
            now=timezone.now(),
        )
    return slot_type


def make_healthcare_service(
    organisation: Organisation | None = None, **overrides: Any
) -> HealthcareService:
    """Make a service of the Directory of Services, with a number of its own."""
    n = number()
    fields = {
        "organisation": organisation or the_organisation(),
        "service_id": f"100{n:07}",
        "name": f"Access hub {n}",
    }
    return HealthcareService.objects.create(**{**fields, **overrides})


def filter_by_service(organisation: Organisation, *, on: bool = True) -> Organisation:
    """Let the supplier open service filtering everywhere, and this practice switch it on or off."""
    actor, now = Actor(door="staff", name="Sam Supplier"), timezone.now()
    turn_supplier_switch(state="on", ods_codes=[], actor=actor, now=now)
    Organisation.objects.filter(pk=organisation.pk).update(service_filtering_enabled=on)
    organisation.refresh_from_db()
    return organisation


def make_template(
    organisation: Organisation | None = None,
    *,
    blocks: Sequence[dict[str, Any]] = ({},),
    **overrides: Any,
) -> SessionTemplate:
    """Make a weekday session from tomorrow on; each of ``blocks`` overrides make_block's fields."""
    organisation = organisation or the_organisation()
    fields = {
        "organisation": organisation,
        "session_name": "Morning surgery",
        "location": overrides.get("location") or the_location(organisation),
        "practitioner_role": "R0260",
        "weekdays": [0, 1, 2, 3, 4],
        "effective_from": tomorrow(),
    }
    if "session_holder" not in overrides:
        fields["session_holder"] = make_practitioner(organisation)
    template = SessionTemplate.objects.create(**{**fields, **overrides})
    for block in blocks:
        make_block(template, **block)
    return template


def make_block(template: SessionTemplate, **overrides: Any) -> TemplateBlock:
    """Add a block to a template: ten-minute routine slots, 09:00 to 12:00, open to everybody."""
    fields = {
        "template": template,
        "position": template.blocks.count(),
        "start": time(9),
        "end": time(12),
        "slot_minutes": 10,
        "slot_type": "Routine",
        "delivery_channel": "In-person",
        "gp_connect_bookable": True,
    }
    return TemplateBlock.objects.create(**{**fields, **overrides})


def make_closure(organisation: Organisation | None = None, **overrides: Any) -> Closure:
    """Close the whole practice for the whole of tomorrow."""
    fields = {
        "organisation": organisation or the_organisation(),
        "start_date": tomorrow(),
        "end_date": overrides.get("start_date") or tomorrow(),
    }
    return Closure.objects.create(**{**fields, **overrides})


def make_cancellation_list_entry(
    organisation: Organisation | None = None, *, practitioners: Iterable[Any] = (), **overrides: Any
) -> CancellationListEntry:
    """Make somebody who waits from today for four weeks, for any time at all."""
    practice = organisation or the_organisation()
    now = overrides.pop("now", timezone.now())
    today = clock.today(now)
    fields = {
        "organisation": practice,
        "first_day": today,
        "last_day": today + timedelta(days=28),
        "noted_at": now,
        "noted_by_name": "Rita Reception",
        **overrides,
    }
    if "patient" not in fields:
        fields["patient"] = make_patient(practice)
    entry = CancellationListEntry.objects.create(**fields)
    for each in practitioners:
        entry.clinicians.create(practitioner=each)
    return entry


def make_generation_run(
    organisation: Organisation | None = None, **overrides: Any
) -> GenerationRun:
    """Keep the record of a run that did nothing, in January 2026."""
    fields = {
        "organisation": organisation or the_organisation(),
        "from_date": date(2026, 1, 1),
        "to_date": date(2026, 1, 31),
        "started_at": timezone.now(),
    }
    return GenerationRun.objects.create(**{**fields, **overrides})


# ---------------------------------------------------------------- the diary


def make_schedule(organisation: Organisation | None = None, **overrides: Any) -> Schedule:
    """Make a session of three hours from ``start``, or from 09:00 on ``date`` (tomorrow)."""
    organisation = organisation or the_organisation()
    day: date = overrides.get("date") or tomorrow()
    start: datetime = overrides.get("start") or clock.instant(day, time(9))
    fields = {
        "organisation": organisation,
        "date": clock.local(start).date(),
        "start": start,
        "end": start + timedelta(hours=3),
        "session_name": "Morning surgery",
        "location": overrides.get("location") or the_location(organisation),
        "practitioner_role": "R0260",
    }
    if "session_holder" not in overrides:
        fields["session_holder"] = make_practitioner(organisation)
    return Schedule.objects.create(**{**fields, **overrides})


def make_slots(
    number_of_slots: int,
    schedule: Schedule | None = None,
    *,
    start: datetime | None = None,
    minutes: int = 10,
    **overrides: Any,
) -> list[Slot]:
    """Make adjacent free slots that anybody may book, in one statement.

    They begin at ``start``, by default where the session's last slot ends, or when it begins.
    Without ``schedule`` a new session is made around them.
    """
    length = timedelta(minutes=minutes)
    if schedule is None:
        times = {} if start is None else {"start": start}
        schedule = make_schedule(overrides.get("organisation"), **times)
        if schedule.end < schedule.start + number_of_slots * length:
            schedule.end = schedule.start + number_of_slots * length
            schedule.save(update_fields=["end"])
    if start is None:
        last = schedule.slots.order_by("-end").first()
        start = last.end if last else schedule.start
    fields = {
        "schedule": schedule,
        "organisation": schedule.organisation,
        "slot_type": "Routine",
        "delivery_channel": "In-person",
        "gp_connect_bookable": True,
    }
    keep_known(schedule.organisation, [overrides.get("slot_type", "Routine")])
    return Slot.objects.bulk_create(
        Slot(
            **{**fields, "start": start + n * length, "end": start + (n + 1) * length, **overrides}
        )
        for n in range(number_of_slots)
    )


def make_slot(schedule: Schedule | None = None, **overrides: Any) -> Slot:
    """Make one slot, adjacent to the session's last one: see make_slots."""
    return make_slots(1, schedule, **overrides)[0]


# ---------------------------------------------------------------- bookings


def make_actor(**overrides: Any) -> Actor:
    """Describe a call handler of another organisation, acting through GP Connect."""
    fields = {
        "door": Appointment.Door.GP_CONNECT,
        "user_id": "111222333444",
        "name": "Miss Jane Handler",
        "role": "444555666777",
        "organisation": "B00001",
        "device": "CallSystem 1.2",
    }
    return Actor(**{**fields, **overrides})


def make_booking_organisation(
    ods_code: str = "B00001",
    name: str = "Out of Hours Service",
    organisation_types: Iterable[str] = ("urgent-care",),
) -> BookingOrganisation:
    """Describe the organisation that books, as a consumer would in a contained resource."""
    resource = {
        "resourceType": "Organization",
        "id": "1",
        "meta": {
            "profile": [
                "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Organization-1"
            ]
        },
        "identifier": [
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ods_code}
        ],
        "type": [
            {
                "coding": [
                    {
                        "system": "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1",
                        "code": code,
                    }
                ]
            }
            for code in organisation_types
        ],
        "name": name,
        "telecom": [{"system": "phone", "value": "0113 496 0004"}],
    }
    if not resource["type"]:
        del resource["type"]
    return BookingOrganisation(
        ods_code=ods_code,
        name=name,
        organisation_types=frozenset(organisation_types),
        json=json.dumps(resource),
    )


def make_appointment(
    slots: Sequence[Slot] = (),
    patient: Patient | None = None,
    *,
    door: str = Appointment.Door.GP_CONNECT,
    now: datetime | None = None,
    **overrides: Any,
) -> Appointment:
    """Book slots for a patient through the booking service: from outside, or by ``door="staff"``.

    Every other argument is one of ``book_appointment``; a refusal of the service is raised. To have
    an appointment in the past, book with an earlier ``now``.
    """
    slots = slots or [make_slot()]
    organisation = slots[0].organisation
    arguments = {
        "organisation": organisation,
        "patient_id": (patient or make_patient(organisation)).pk,
        "slot_ids": [slot.pk for slot in slots],
        "description": "Sore throat for a week",
        "now": now or timezone.now(),
    }
    if door == Appointment.Door.GP_CONNECT:
        arguments["actor"] = make_actor()
        arguments["booking_organisation"] = make_booking_organisation()
    else:
        arguments["actor"] = make_actor(door=door, organisation=organisation.ods_code)
    return book_appointment(**{**arguments, **overrides})
