"""What several resources share: identifier systems, extensions, and data types.

Every builder returns a plain dict with its keys in FHIR element order, because XML keeps it.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias

from practice import clock, terminology

# A resource, or an element of one, as a JSON object. What a member holds is for the definitions of
# its type to say: a value of a fixed form would have to be written for each of hundreds of them.
Element: TypeAlias = dict[str, Any]

# ---------------------------------------------------------------- addresses of the specification

STRUCTURES = "https://fhir.nhs.uk/STU3/StructureDefinition"
NHS_COMMUNICATION = f"{STRUCTURES}/Extension-CareConnect-GPC-NHSCommunication-1"

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"
SDS_ROLE_PROFILE_ID = "https://fhir.nhs.uk/Id/sds-role-profile-id"
DOS_SERVICE_ID = "https://fhir.nhs.uk/Id/uec-dos-service-id"
# How service filtering stands, on a Bundle and on the capability statement (SF-025, SF-031).
SERVICE_FILTERING_STATUS = f"{STRUCTURES}/Extension-GPConnect-ServiceFilteringStatus-1"


# ---------------------------------------------------------------- values

EMPTY: tuple[object, ...] = (None, "", [], {})


def prune(element: Element) -> Element:
    """The same without empty texts, lists and objects and without nulls, at any depth (GEN-133)."""
    kept = {}
    for name, value in element.items():
        pruned = _pruned(value)
        if pruned or pruned == 0:  # nought and False say something
            kept[name] = pruned
    return kept


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return prune(value)
    if isinstance(value, list):
        return [pruned for pruned in map(_pruned, value) if pruned or pruned == 0]
    return value


def uk_time(moment: datetime) -> str:
    """An instant as UK local time with its offset, to the second, never ``Z`` (GEN-130)."""
    return clock.local(moment).isoformat(timespec="seconds")


class UKTimes(dict[int, str]):
    """``uk_time`` of seconds since 1970, each worked out once: starts repeat across a day's diary.

    The same serve the next answers too. When there are too many, all are thrown away.
    """

    MOST_KEPT = 20_000  # of 200 bytes: three months of working days, in steps of five minutes

    def __missing__(self, epoch: int) -> str:
        written = datetime.fromtimestamp(epoch, clock.LONDON).isoformat()
        if len(self) >= self.MOST_KEPT:
            self.clear()
        self[epoch] = written
        return written


UK_TIMES = UKTimes()


NO_SUCH_ID = 0  # logical ids start at 1
LARGEST_ID = 2**63 - 1


def logical_id(text: str) -> int:
    """An id of ours, or NO_SUCH_ID for a text that none of ours can be, such as 007 or null."""
    if re.fullmatch(r"[1-9][0-9]{0,18}", text) and int(text) <= LARGEST_ID:
        return int(text)
    return NO_SUCH_ID


def meta(profile: str, version: int | str) -> Element:
    """The metadata of a stored resource (GEN-030, GEN-031)."""
    return {"versionId": str(version), "profile": [profile]}


def reference(resource_type: str, pk: int | str | None) -> Element | None:
    """A relative reference (GEN-023), or None when there is nothing to refer to."""
    return None if pk is None else {"reference": f"{resource_type}/{pk}"}


def identifier(system: str, value: str) -> Element:
    """An identifier: system and value, nothing else (GEN-146)."""
    return {"system": system, "value": value}


def codeable_concept(value_set: str, code: str) -> Element | None:
    """One code of a published list with its system and display; None for an empty code."""
    if not code:
        return None
    published = terminology.value_set(value_set)
    coding = {"system": published.system, "code": code, "display": published.codes.get(code)}
    return {"coding": [coding]}


def period(start: date | None, end: date | None) -> Element:
    """A period of whole days; either end may be open."""
    return {
        "start": start.isoformat() if start else None,
        "end": end.isoformat() if end else None,
    }


# ---------------------------------------------------------------- people and places


def human_name(
    *, prefix: str, given_names: str, family_name: str, use: str = "", with_text: bool = False
) -> Element:
    """A name; ``with_text`` adds it as clinical screens show it: JACKSON Jane (Miss)."""
    text = " ".join(filter(None, [family_name.upper(), given_names, prefix and f"({prefix})"]))
    return {
        "use": use,
        "text": text if with_text else None,
        "family": family_name,
        "given": given_names.split(),
        "prefix": [prefix],
    }


class HasAddress(Protocol):
    """A row of something that is somewhere."""

    @property
    def address_line_1(self) -> str: ...
    @property
    def address_line_2(self) -> str: ...
    @property
    def address_line_3(self) -> str: ...
    @property
    def city(self) -> str: ...
    @property
    def district(self) -> str: ...
    @property
    def postal_code(self) -> str: ...
    @property
    def country(self) -> str: ...


def address(row: HasAddress, *, use: str, type_: str = "") -> Element | None:
    """The address in a row; None when all of its parts are empty (GEN-140)."""
    lines = [row.address_line_1, row.address_line_2, row.address_line_3]
    if not any((*lines, row.city, row.district, row.postal_code, row.country)):
        return None
    return {
        "use": use,
        "type": type_,
        "line": lines,
        "city": row.city,
        "district": row.district,
        "postalCode": row.postal_code,
        "country": row.country,
    }


def contact_point(system: str, value: str, use: str) -> Element | None:
    """A telephone number or another way to reach somebody; None without a value (GEN-144)."""
    return {"system": system, "value": value, "use": use} if value else None


def work_telecom(telephone: str, email: str) -> list[Element | None]:
    """How to reach a practice or a surgery; ``home`` is never used of those (ORG-024)."""
    return [contact_point("phone", telephone, "work"), contact_point("email", email, "work")]


def nhs_communication(
    language: str,
    *,
    preferred: bool | None = None,
    mode: str = "",
    proficiency: str = "",
    interpreter_required: bool | None = None,
) -> Element:
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


def extensions(element: Element, url: str) -> list[Element]:
    """The extensions of an element that have this address."""
    return [found for found in element.get("extension", []) if found.get("url") == url]


def extension_of_parts(url: str, parts: Iterable[tuple[str, str, Any]]) -> Element:
    """An extension made of extensions: (url, name of the value, value), without absent values."""
    return {
        "url": url,
        "extension": [
            {"url": part, kind: value} for part, kind, value in parts if value is not None
        ],
    }
