"""A practice that has one of everything that a dump holds, and the dump as something to spoil."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from practice import clock
from practice.models import Appointment, CancellationListEntry, DiaryView, HowBooked, Organisation
from practice.services.appointments import changing
from practice.services.appointments.rescheduling import move_appointment
from practice.services.audit import recording
from practice.services.dumps.kinds import SECTIONS
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_closure,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot_type,
    make_slots,
    make_template,
)
from workbench.staff import make_staff


def full_practice() -> Organisation:
    """A practice with a neighbour, with whom it shares a clinician and a member of staff."""
    neighbour = make_organisation()
    practice = make_organisation(minimum_notice_minutes=0, close_day_as="noshow")
    make_location(neighbour)
    main, branch = make_location(practice), make_location(practice, status="suspended")
    shared = make_practitioner(practice, also_at=[neighbour], languages=["en", "cy"])
    make_practitioner(practice, sds_user_id=None, works_here=False)
    profile = make_access_profile(practice, ods_codes=["B00001"], slots_per_day=5)
    make_slot_type(practice)
    template = make_template(
        practice, session_holder=shared, location=main, access_profile=profile,
        blocks=[{}, {"slot_minutes": None, "gp_connect_bookable": False}],
    )  # fmt: skip
    closure = make_closure(practice, kind="sick", practitioner=shared)
    patient = make_patient(practice, preferred_branch=branch, general_practitioner=shared)
    patient.other_names.create(use="maiden", family_name="Fauxley")
    patient.contacts.create(relationship="mother", family_name="Fauxley", telephone="0113 496 0005")
    patient.languages.create(language="cy", preferred=False, interpreter_required=True)
    patient.notes.create(text="Hard of hearing", written_at=timezone.now(), written_by_name="Rita")
    make_patient(practice, nhs_number=None, nhs_number_verification="02")
    schedule = make_schedule(practice, session_holder=shared, location=main, template=template)
    slots = make_slots(6, schedule, embargo_minutes=0)
    rita = make_staff(practice, neighbour, first_name="Rita", email="rita@example.com")
    gone = make_staff(is_active=False, role="")
    now = timezone.now()
    staff: dict[str, Any] = {"actor": make_actor(door="staff"), "now": now}
    outside = make_appointment(slots[:2], patient, now=staff["now"])
    recording.record(
        organisation=practice, actor=make_actor(), now=staff["now"], outcome="201",
        event=":create:appointment-1", resource=f"Appointment/{outside.pk}",
    )  # fmt: skip
    inside = make_appointment(slots[2:3], patient, door="staff", booked_by=gone)
    moved = move_appointment(
        organisation=practice, appointment_id=inside.pk, slot_ids=[slots[3].pk], booked_by=rita,
        **staff,
    )  # fmt: skip
    moved.how_booked = HowBooked.objects.create(appointment=moved, method="telephone")
    moved.exception_reasons.create(
        reason="Preferred a place", given_at=timezone.now(), given_by_name="Rita"
    )
    moved.contact_attempts.create(
        at=timezone.now(), by=rita, by_name="Rita", reached=False, note="No answer"
    )
    with transaction.atomic():
        cancelled = changing.appointment_for_change(
            organisation=practice, appointment_id=outside.pk, **staff
        )
        changing.cancel_appointment(appointment=cancelled, reason="Better", **staff)
    Appointment.objects.filter(pk=outside.pk).update(affected_by=closure)
    entry = CancellationListEntry.objects.create(
        organisation=practice, patient=patient, appointment=moved, first_day=clock.today(now),
        last_day=clock.today(now) + timedelta(days=20), weekdays=[0, 4], noted_at=now,
        noted_by_name="Rita", slot_type="Routine", minutes=20, note="Short notice will do",
    )  # fmt: skip
    entry.clinicians.create(practitioner=shared)
    entry.calls.create(start=slots[4].start, outcome="declined", at=now, by_name="Rita")
    CancellationListEntry.objects.create(
        organisation=practice, patient=patient, first_day=clock.today(now),
        last_day=clock.today(now), noted_at=now, noted_by_name="Rita", ended_at=now,
        ended_as="met", ended_by_name="Rita", met_by=moved,
    )  # fmt: skip
    for user, name in ((rita, "Mine"), (gone, "Theirs"), (None, "Upstairs team")):
        view = DiaryView.objects.create(organisation=practice, user=user, name=name)
        view.holders.create(practitioner=shared, position=1)
        view.locations.create(location=branch)
    hub = make_remote_service(practice)
    make_remote_appointment(hub, patient=patient, sent_at=now, checked_at=now)
    make_remote_appointment(hub, patient=patient, first_slot="702", state="asked", remote_id="")
    later = schedule.start + timedelta(days=7)
    make_slots(1, make_schedule(practice, session_holder=None, start=later, location=branch))
    return practice


def dumped(practice: Organisation, path: Path) -> str:
    """What the command writes."""
    call_command("dump_practice", practice.ods_code, to=path, verbosity=0)
    return path.read_text(encoding="utf-8")


def loaded(path: Path) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("load_practice", str(path), stdout=output)
    return output.getvalue()


def refusal(path: Path) -> str:
    """What the command says when it refuses a file; exit code 1."""
    with pytest.raises(CommandError) as refused:
        loaded(path)
    assert refused.value.returncode == 1
    return str(refused.value)


# ---------------------------------------------------------------- as another database would have it

# What refers to records of the practice's own, whose ids move.
OWN = ("id", "location", "preferred_branch", "access_profile", "template", "schedule", "patient",
       "slot", "affected_by", "moved_from", "appointment", "met_by", "service")  # fmt: skip
SHIFT = 1_000_000


def parsed(text: str) -> dict:
    return json.loads(text)


def laid_out(dump: dict) -> str:
    """A dump as the command lays it out."""
    parts = [f'"{name}": {line(dump[name])}' for name in ("dump", "practice")]
    for section in SECTIONS:
        entries = ",".join(f"\n{line(entry)}" for entry in dump[section])
        parts.append(f'"{section}": [{entries}\n]')
    parts.append(f'"end": {line(dump["end"])}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def line(entry: dict) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(", ", ": "))


def elsewhere(dump: dict) -> dict:
    """The same practice under another code, with ids that are free; its people are the same."""
    moved = json.loads(json.dumps(dump))
    moved["practice"] |= {"id": dump["practice"]["id"] + SHIFT, "ods_code": "Z99999"}
    for section in SECTIONS:
        if section not in ("practitioners", "staff"):
            for entry in moved[section]:
                _shift(entry)
    return moved


def _shift(entry: dict) -> None:
    for name, value in entry.items():
        if name in OWN and isinstance(value, int):
            entry[name] = value + SHIFT
        elif isinstance(value, list) and name != "provenance":
            for item in value:
                if isinstance(item, dict):
                    _shift(item)
