"""Fill the database of DATABASE_URL with a practice's year, and with the demo practices.

A process of its own, like tests/chaos/world.py. The year is made in sets, with 1,000 patients who
have something of each kind, and with a history for each appointment, as nobody booked them.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

PATIENTS, HOLDERS, DAYS, EVERY = 1000, 3, 365, 3


def fill() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from demo.bookings import book_a_share
    from demo.management.commands.demo import FOLDER, NOT_A_PRACTICE
    from practice.models import Organisation

    now = datetime.now(UTC)
    call_command("migrate", verbosity=0)
    year = make_year(now)
    files = sorted(path for path in FOLDER.glob("*.yaml") if path.name != NOT_A_PRACTICE)
    call_command("load_practice", *map(str, files), stdout=StringIO())
    for practice in Organisation.objects.exclude(pk=year):
        call_command("generate_slots", practice=practice.ods_code, verbosity=0)
        book_a_share(organisation=practice, now=now)


def make_year(now: datetime) -> int:
    """Half a year back and half a year ahead, every third slot booked; the practice's id."""
    from benchmarks import world
    from practice.models import (
        Appointment,
        Patient,
        PatientAddress,
        PatientContact,
        PatientLanguage,
        PatientName,
        PatientTelecom,
    )
    from practice.services.appointments.provenance import provenance
    from practice.services.slot_types import keep_known_all
    from workbench.factories import make_actor

    first = now.date() - timedelta(days=DAYS // 2)
    (year,) = world.build(
        practices=1, holders=HOLDERS, first=first, days=DAYS, patients=PATIENTS, prefix="Y"
    )
    keep_known_all(year)
    world.book(every=EVERY, now=now)
    booked = provenance("booked", make_actor(door="staff"), now)
    Appointment.objects.filter(organisation=year).update(provenance=[booked])
    patients = Patient.objects.filter(organisation=year)
    parts: tuple[tuple[Any, dict[str, Any]], ...] = (
        (PatientName, {"use": "maiden", "family_name": "Sample"}),
        (PatientAddress, {"address_line_1": "3 Quiet Lane", "city": "Leeds"}),
        (PatientTelecom, {"value": "0113 496 0003"}),
        (PatientContact, {"relationship": "mother", "family_name": "Fauxley"}),
        (PatientLanguage, {"language": "cy", "interpreter_required": True}),
    )
    for model, values in parts:
        model.objects.bulk_create(model(patient=patient, **values) for patient in patients)
    return year.pk


if __name__ == "__main__":
    fill()
    sys.stdout.write("filled\n")
