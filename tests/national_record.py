"""People whom the national record knows, in a file of the test's own."""

import json
from pathlib import Path
from typing import Any

from practice.models import Patient
from workbench.factories import new_nhs_number


class NationalRecord:
    """``add`` puts a person into the file that ``DEMOGRAPHICS_FILE`` names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.people: list[dict[str, Any]] = []
        self.write()

    def add(self, **overrides: Any) -> str:
        """Add Miss Jane Jackson, born 1952-05-31, or somebody else; return the NHS number."""
        person = {
            "nhs_number": overrides.get("nhs_number") or new_nhs_number(),
            "family_name": "Jackson",
            "given_names": "Jane",
            "prefix": "Miss",
            "birth_date": "1952-05-31",
            "gender": "female",
            "address": {
                "lines": ["1 Withings Lane", "Shadwell"],
                "city": "Leeds",
                "district": "West Yorkshire",
                "postal_code": "LS18 1AE",
            },
            "telephone": "01454 587554",
            **overrides,
        }
        self.people.append(person)
        self.write()
        return person["nhs_number"]

    def add_patient(self, patient: Patient, **overrides: Any) -> str:
        """Add a patient as the practice has them, or otherwise."""
        held = {
            "nhs_number": patient.nhs_number,
            "family_name": patient.family_name,
            "given_names": patient.given_names,
            "birth_date": str(patient.birth_date),
        }
        return self.add(**{**held, **overrides})

    def write(self) -> None:
        self.path.write_text(json.dumps(self.people), encoding="utf-8")

    def vanish(self) -> None:
        """Make the national record unreachable."""
        self.path.unlink()
