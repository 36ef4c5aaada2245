"""What several resources share: identifier systems, extensions, and data types.

Every builder returns a plain dict with its keys in FHIR element order, because XML keeps it.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from practice import clock, terminology

# ---------------------------------------------------------------- addresses of the specification

STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
NHS_COMMUNICATION = f"{STRUCTURES}/Extension-CareConnect-GPC-NHSCommunication-1"

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"
SDS_ROLE_PROFILE_ID = "https://fhir.nhs.uk/Id/sds-role-profile-id"


# ---------------------------------------------------------------- values


def prune(value: Any) -> Any:
    """The same without empty texts, lists and objects and without nulls, at any depth (GEN-133)."""
    if isinstance(value, dict):
        kept = {key: prune(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [item for item in map(prune, value) if item not in (None, "", [], {})]
    return value


def uk_time(moment: datetime) -> str:
    """An instant as UK local time with its offset, to the second, never ``Z`` (GEN-130)."""
    return clock.local(moment).isoformat(timespec="seconds")


class UKTimes(dict[int, str]):
    """``uk_time`` of seconds since 1970, each worked out once: starts repeat across a day's diary.

    Make one for each answer, so that it holds no more than the answer does.
    """

    def __missing__(self, epoch: int) -> str:
        written = datetime.fromtimestamp(epoch, clock.LONDON).isoformat()
        self[epoch] = written
        return written


NO_SUCH_ID = 0  # logical ids start at 1
LARGEST_ID = 2**63 - 1


def logical_id(text: str) -> int:
    """An id of ours, or NO_SUCH_ID for a text that none of ours can be, such as 007 or null."""
    if re.fullmatch(r"[1-9][0-9]{0,18}", text) and int(text) <= LARGEST_ID:
        return int(text)
    return NO_SUCH_ID


def meta(profile: str, version: int) -> dict[str, Any]:
    """The metadata of a stored resource (GEN-030, GEN-031)."""
    return {"versionId": str(version), "profile": [profile]}


def reference(resource_type: str, pk: int | None) -> dict[str, Any] | None:
    """A relative reference (GEN-023), or None when there is nothing to refer to."""
    return None if pk is None else {"reference": f"{resource_type}/{pk}"}


def identifier(system: str, value: str) -> dict[str, Any]:
    """An identifier: system and value, nothing else (GEN-146)."""
    return {"system": system, "value": value}


def codeable_concept(value_set: str, code: str) -> dict[str, Any] | None:
    """One code of a published list with its system and display; None for an empty code."""
    if not code:
        return None
    published = terminology.value_set(value_set)
    coding = {"system": published.system, "code": code, "display": published.codes.get(code)}
    return {"coding": [coding]}


def period(start: date | None, end: date | None) -> dict[str, Any]:
    """A period of whole days; either end may be open."""
    return {
        "start": start.isoformat() if start else None,
        "end": end.isoformat() if end else None,
    }


# ---------------------------------------------------------------- people and places


def human_name(
    *, prefix: str, given_names: str, family_name: str, use: str = "", with_text: bool = False
) -> dict[str, Any]:
    """A name; ``with_text`` adds it as clinical screens show it: JACKSON Jane (Miss)."""
    text = " ".join(filter(None, [family_name.upper(), given_names, prefix and f"({prefix})"]))
    return {
        "use": use,
        "text": text if with_text else None,
        "family": family_name,
        "given": given_names.split(),
        "prefix": [prefix],
    }


ADDRESS_COLUMNS = (
    "address_line_1",
    "address_line_2",
    "address_line_3",
    "city",
    "district",
    "postal_code",
    "country",
)


def address(parts: Iterable[str], *, use: str, type_: str = "") -> dict[str, Any] | None:
    """An address from the values of ADDRESS_COLUMNS; None when all of them are empty (GEN-140)."""
    line_1, line_2, line_3, city, district, postal_code, country = parts
    if not any((line_1, line_2, line_3, city, district, postal_code, country)):
        return None
    return {
        "use": use,
        "type": type_,
        "line": [line_1, line_2, line_3],
        "city": city,
        "district": district,
        "postalCode": postal_code,
        "country": country,
    }


def contact_point(system: str, value: str, use: str) -> dict[str, Any] | None:
    """A telephone number or another way to reach somebody; None without a value (GEN-144)."""
    return {"system": system, "value": value, "use": use} if value else None


def work_telecom(telephone: str, email: str) -> list[dict[str, Any] | None]:
    """How to reach a practice or a surgery; ``home`` is never used of those (ORG-024)."""
    return [contact_point("phone", telephone, "work"), contact_point("email", email, "work")]


def nhs_communication(
    language: str,
    *,
    preferred: bool | None = None,
    mode: str = "",
    proficiency: str = "",
    interpreter_required: bool | None = None,
) -> dict[str, Any]:
    """A language that somebody speaks, its parts in the order that the extension defines."""
    parts = [
        ("language", "valueCodeableConcept", codeable_concept("human_language", language)),
        ("preferred", "valueBoolean", preferred),
        (
            "modeOfCommunication",
            "valueCodeableConcept",
            codeable_concept("language_ability_mode", mode),
        ),
        (
            "communicationProficiency",
            "valueCodeableConcept",
            codeable_concept("language_ability_proficiency", proficiency),
        ),
        ("interpreterRequired", "valueBoolean", interpreter_required),
    ]
    return extension_of_parts(NHS_COMMUNICATION, parts)


def extension_of_parts(url: str, parts: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    """An extension made of extensions: (url, name of the value, value), without absent values."""
    return {
        "url": url,
        "extension": [
            {"url": part, kind: value} for part, kind, value in parts if value is not None
        ],
    }
