"""Resources as other systems write them, in the three families of profiles, and the import."""

import copy
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import clock
from workbench.factories import new_nhs_number

Resource = dict[str, Any]
ODS = "Z99001"
GPC = "https://fhir.nhs.uk/STU3/StructureDefinition"
UK = "https://fhir.hl7.org.uk/STU3/StructureDefinition"


def at(hours: float, *, days: int = 7) -> str:
    """An instant on a day to come, so many hours after midnight UTC."""
    day = clock.day_start(clock.today(timezone.now()) + timedelta(days=days))
    return (day.astimezone(UTC) + timedelta(hours=hours)).isoformat()


def organization(**more: Any) -> Resource:
    return {
        "resourceType": "Organization",
        "id": "org",
        "meta": {"profile": [f"{GPC}/CareConnect-GPC-Organization-1"]},
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ODS}],
        "name": "The Invented Surgery",
        "telecom": [{"system": "phone", "value": "0113 496 0001", "use": "work"}],
        "address": [{"line": ["1 Nowhere Street"], "city": "Leeds", "postalCode": "LS1 6AE"}],
        **more,
    }


def location(**more: Any) -> Resource:
    return {
        "resourceType": "Location",
        "id": "main",
        "status": "active",
        "name": "Main surgery",
        "address": {"line": ["1 Nowhere Street"], "city": "Leeds"},
        "managingOrganization": {"reference": "Organization/org"},
        **more,
    }


def practitioner(**more: Any) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": "ada",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "G99000001"}],
        "active": True,
        "name": [{"family": "Specimen", "given": ["Ada"], "prefix": ["Dr"]}],
        "gender": "female",
        **more,
    }


def role(**more: Any) -> Resource:
    system = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1"
    return {
        "resourceType": "PractitionerRole",
        "id": "gp",
        "active": True,
        "practitioner": {"reference": "Practitioner/ada"},
        "organization": {"reference": "Organization/org"},
        "code": [{"coding": [{"system": system, "code": "R0260"}]}],
        **more,
    }


def patient(number: str | None = "", **more: Any) -> Resource:
    """A patient with a new NHS number, unless one is given; None: without."""
    status = {
        "url": f"{GPC}/Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
        "valueCodeableConcept": {
            "coding": [
                {
                    "system": "https://fhir.nhs.uk/STU3/CodeSystem/"
                    "CareConnect-NHSNumberVerificationStatus-1",
                    "code": "01",
                }
            ]
        },
    }
    found: Resource = {
        "resourceType": "Patient",
        "id": "edie",
        "identifier": [
            {
                "extension": [status],
                "system": "https://fhir.nhs.uk/Id/nhs-number",
                "value": number or new_nhs_number(),
            }
        ],
        "active": True,
        "name": [
            {"use": "official", "family": "Fauxley", "given": ["Edie"], "prefix": ["Mrs"]},
            {"use": "maiden", "family": "Sample"},
        ],
        "telecom": [{"system": "phone", "value": "0113 496 0003", "use": "home"}],
        "gender": "female",
        "birthDate": "1980-02-29",
        "address": [{"use": "home", "line": ["3 Quiet Lane"], "city": "Leeds", "state": "Yorks"}],
        "generalPractitioner": [{"reference": "Practitioner/ada"}],
        "managingOrganization": {"reference": "Organization/org"},
        **more,
    }
    if number is None:
        del found["identifier"]
    return found


def schedule(**more: Any) -> Resource:
    return {
        "resourceType": "Schedule",
        "id": "monday",
        "extension": [
            {
                "url": f"{GPC}/Extension-GPConnect-PractitionerRole-1",
                "valueCodeableConcept": {"coding": [{"code": "R0260"}]},
            }
        ],
        "serviceCategory": {"text": "Morning surgery"},
        "actor": [{"reference": "Location/main"}, {"reference": "Practitioner/ada"}],
        "planningHorizon": {"start": at(9), "end": at(10)},
        **more,
    }


def slot(number: int = 0, **more: Any) -> Resource:
    """The slot of ten minutes that begins so many slots after the session."""
    return {
        "resourceType": "Slot",
        "id": f"slot-{number}",
        "extension": [
            {
                "url": f"{GPC}/Extension-GPConnect-DeliveryChannel-2",
                "valueCode": "In-person",
            }
        ],
        "serviceType": [{"text": "Routine"}],
        "schedule": {"reference": "Schedule/monday"},
        "status": "free",
        "start": at(9 + number / 6),
        "end": at(9 + (number + 1) / 6),
        **more,
    }


def appointment(number: int = 0, **more: Any) -> Resource:
    """An appointment in the slot of that number."""
    return {
        "resourceType": "Appointment",
        "id": f"appointment-{number}",
        "status": "booked",
        "description": "Cough",
        "start": at(9 + number / 6),
        "end": at(9 + (number + 1) / 6),
        "slot": [{"reference": f"Slot/slot-{number}"}],
        "created": "2026-01-02T10:00:00+00:00",
        "participant": [
            {"actor": {"reference": "Patient/edie"}, "status": "accepted"},
            {"actor": {"reference": "Location/main"}, "status": "accepted"},
        ],
        **more,
    }


def eight() -> list[Resource]:
    """One of each type, in the least helpful order: each refers to what comes later."""
    return [
        appointment(),
        slot(0, status="busy"),
        slot(1),
        schedule(),
        patient(),
        role(),
        practitioner(),
        location(),
        organization(),
    ]


def bundle(resources: list[Resource], type_: str = "collection", **more: Any) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": type_,
        "entry": [{"resource": each} for each in resources],
        **more,
    }


def changed(resources: list[Resource], kind: str, **more: Any) -> list[Resource]:
    """The same resources, of which those of a kind say something else; None: they do not say it."""
    copied = copy.deepcopy(resources)
    for each in copied:
        if each["resourceType"] == kind:
            each.update(more)
            for name in [name for name, value in each.items() if value is None]:
                del each[name]
    return copied


class Outcome:
    """What the command said and did: its words, its report, and whether it refused."""

    def __init__(self, text: str, report: dict[str, Any], refused: str) -> None:
        self.text, self.report, self.refused = text, report, refused

    @property
    def reasons(self) -> str:
        """All that was wrong."""
        return "\n".join(each["reason"] for each in self.report["problems"])


def imported(folder: Path, *files: Any, practice: str = ODS, **options: Any) -> Outcome:
    """Import files: paths, texts, bytes, or resources, which are written into the folder."""
    paths = []
    for number, each in enumerate(files):
        if isinstance(each, Path):
            paths.append(each)
            continue
        path = folder / f"file-{number}-{datetime.now(UTC).timestamp()}.json"
        content = each if isinstance(each, str | bytes) else json.dumps(each)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    out, refused = StringIO(), ""
    report = folder / "report-of-import.txt"
    report.unlink(missing_ok=True)
    try:
        call_command("import_fhir", *paths, practice=practice, report=report, stdout=out, **options)
    except CommandError as error:
        refused = f"{error.returncode} {error}"
    found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return Outcome(out.getvalue(), found, refused)
