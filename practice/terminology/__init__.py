"""The published code lists, read from the data files beside this module.

Each file holds one value set of GP Connect 1.2.7 or FHIR STU3: its URL, its version, the system of
its codes, and display texts by code. A later version replaces the file; codes already stored stay
as they are (AVAIL-055). People choose from these lists and cannot add to them (AVAIL-009).
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ValueSet:
    """One published list: ``codes`` maps each code to its display text, in published order."""

    url: str
    version: str
    system: str
    codes: dict[str, str]

    def display(self, code: str) -> str:
        """Return the published text for a code, or the code itself when the list lacks it."""
        return self.codes.get(code, code)


@cache
def value_set(name: str) -> ValueSet:
    """Return the list in ``[name].json``; FileNotFoundError when there is none."""
    data = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return ValueSet(data["valueSet"], data["version"], data["system"], data["codes"])


def _choices(name: str) -> list[tuple[str, str]]:
    return list(value_set(name).codes.items())


# Named functions, not values: a migration then refers to the list instead of freezing a copy of it.


def practitioner_roles() -> list[tuple[str, str]]:
    return _choices("practitioner_role")


def delivery_channels() -> list[tuple[str, str]]:
    return _choices("delivery_channel")


def organisation_types() -> list[tuple[str, str]]:
    return _choices("organisation_type")


def registration_types() -> list[tuple[str, str]]:
    return _choices("registration_type")


def nhs_number_verification_statuses() -> list[tuple[str, str]]:
    return _choices("nhs_number_verification_status")


def human_languages() -> list[tuple[str, str]]:
    return _choices("human_language")


def language_ability_modes() -> list[tuple[str, str]]:
    return _choices("language_ability_mode")


def language_ability_proficiencies() -> list[tuple[str, str]]:
    return _choices("language_ability_proficiency")


def administrative_genders() -> list[tuple[str, str]]:
    return _choices("administrative_gender")


def address_uses() -> list[tuple[str, str]]:
    return _choices("address_use")


def address_types() -> list[tuple[str, str]]:
    return _choices("address_type")


def contact_point_systems() -> list[tuple[str, str]]:
    return _choices("contact_point_system")


def contact_point_uses() -> list[tuple[str, str]]:
    return _choices("contact_point_use")


def name_uses() -> list[tuple[str, str]]:
    return _choices("name_use")
