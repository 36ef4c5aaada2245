"""Fill the database of DATABASE_URL, and say in JSON what there is.

A process of its own, because the tests of faults have no database of Django's: theirs is a server
that they stop, kill and fill up.
"""

import argparse
import json
import os
import sys
from datetime import UTC, date, datetime, time
from types import SimpleNamespace
from typing import Any

PATIENTS = 4


def make(slots: int, night: date | None = None) -> dict[str, Any]:
    """``night``: the slots are of half an hour from midnight UTC on, and so is the plan, weekly."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from workbench import factories

    call_command("migrate", verbosity=0)
    organisation = factories.make_organisation()
    factories.make_location(organisation)
    if night is None:
        factories.make_template(organisation)
        made = factories.make_slots(slots, minutes=1)
    else:
        factories.make_template(
            organisation,
            weekdays=[night.weekday()],
            effective_from=night,
            blocks=[{"start": time(0), "end": time(6), "slot_minutes": 30}],
        )
        midnight = datetime.combine(night, time(0), UTC)
        made = factories.make_slots(slots, start=midnight, minutes=30)
    patients = [factories.make_patient(organisation) for _ in range(PATIENTS)]
    return {
        "organisation": {"ods_code": organisation.ods_code, "asid": organisation.asid},
        "slots": [
            {
                "pk": slot.pk,
                "start": slot.start.isoformat(),
                "end": slot.end.isoformat(),
                "location": slot.schedule.location_id,
            }
            for slot in made
        ],
        "patients": [patient.pk for patient in patients],
    }


def read(told: str) -> SimpleNamespace:
    """The world as ``make`` told of it, in the shapes that workbench.bodies and Consumer read."""
    found = json.loads(told)
    slots = [
        SimpleNamespace(
            pk=slot["pk"],
            start=datetime.fromisoformat(slot["start"]),
            end=datetime.fromisoformat(slot["end"]),
            schedule=SimpleNamespace(location_id=slot["location"]),
        )
        for slot in found["slots"]
    ]
    return SimpleNamespace(
        organisation=SimpleNamespace(**found["organisation"]),
        slots=slots,
        patients=[SimpleNamespace(pk=pk) for pk in found["patients"]],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=170)
    parser.add_argument("--night", type=date.fromisoformat)
    json.dump(make(**vars(parser.parse_args())), sys.stdout)
