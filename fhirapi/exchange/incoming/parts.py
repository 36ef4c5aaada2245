"""What several resources have in them: names, addresses, ways to reach somebody, codes, dates.

Resources have been checked against STU3's definitions before, so that a text is a text. What is
longer than it can be kept is left for the columns to refuse: nothing is ever cut.
"""

from datetime import UTC, datetime
from typing import Any

from fhirapi.resources.common import Element
from practice import terminology
from practice.services.dumps.kinds import Entry

LINES = 3  # of an address


def last_word(url: object) -> str:
    """The end of an address: it is the same in all profile families, or nearly."""
    return str(url or "").rpartition("/")[2]


def extensions_named(element: Element, *names: str) -> list[Element]:
    """The extensions whose address ends with one of these, with or without the family's mark."""
    wanted = {name.format(family) for name in names for family in ("GPC-", "")}
    return [
        found for found in element.get("extension", []) if last_word(found.get("url")) in wanted
    ]


def part_of(extension: Element, name: str) -> Element:
    """A part of an extension that is made of extensions."""
    for found in extension.get("extension", []):
        if found.get("url") == name:
            return dict(found)
    return {}


def code_of(concept: Element | None, value_set: str) -> str:
    """The first code of a concept that is in a published list; empty where there is none."""
    codes = terminology.value_set(value_set).codes
    for coding in (concept or {}).get("coding", []):
        if coding.get("code") in codes:
            return str(coding["code"])
    return ""


def words_of(concept: Element | None) -> str:
    """What a concept says in words."""
    if not concept:
        return ""
    codings = [each.get("display") for each in concept.get("coding", [])]
    return next((str(text).strip() for text in [concept.get("text"), *codings] if text), "")


def known(code: object, value_set: str) -> str:
    """A code, if it is in a published list."""
    return str(code) if code in terminology.value_set(value_set).codes else ""


def person_name(name: Element) -> Entry:
    """The columns of a name."""
    return {
        "prefix": " ".join(filter(None, name.get("prefix") or [])),
        "given_names": " ".join(filter(None, name.get("given") or [])),
        "family_name": str(name.get("family") or ""),
    }


USES = ("official", "usual", "", "temp", "nickname", "anonymous", "old", "maiden")


def best_name(names: list[Element]) -> Element | None:
    """The one that counts: the official name, or else the usual one."""
    with_family = [name for name in names if name.get("family")]
    return min(with_family, key=lambda name: USES.index(name.get("use") or ""), default=None)


def address_columns(address: Element) -> Entry:
    """The columns of a postal address: what is in no line of its own is put in the last one."""
    lines = [line for line in address.get("line") or [] if line]
    if not lines and not address.get("city") and address.get("text"):
        lines = [part.strip() for part in str(address["text"]).replace("\n", ",").split(",")]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], ", ".join(lines[LINES - 1 :])]
    lines += [""] * (LINES - len(lines))
    return {
        **{f"address_line_{number}": line for number, line in enumerate(lines, 1)},
        "city": address.get("city") or "",
        "district": address.get("district") or address.get("state") or "",
        "postal_code": address.get("postalCode") or "",
        "country": address.get("country") or "",
    }


def work_contact(telecom: list[Element]) -> Entry:
    """The telephone number and the e-mail address of a practice or a place."""
    return {
        "telephone": _first(telecom, "phone"),
        "email": _first(telecom, "email"),
    }


def _first(telecom: list[Element], system: str) -> str:
    found = [each for each in telecom if each.get("system") == system and each.get("value")]
    return str(found[0]["value"]) if found else ""


def day(value: object) -> str | None:
    """The date in a date or an instant, of which the day is known; else None."""
    text = str(value or "")[:10]
    return text if len(text) == 10 else None


def period_columns(period: Element | None) -> Entry:
    """The first and last day of a period."""
    found = period or {}
    return {"start": day(found.get("start")), "end": day(found.get("end"))}


def instant(value: Any) -> datetime:
    """An instant of STU3. Raises ValueError where its offset, or its time, is missing."""
    text = str(value).replace("Z", "+00:00")
    head, dot, tail = text.partition(".")
    if dot:  # any number of digits after the second
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        text = f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or not 1850 <= found.year < 2200:
        raise ValueError("no instant")
    return found.astimezone(UTC)


def spoken(extension: Element) -> Entry | None:
    """A language of somebody, as the NHSCommunication extension tells it; None: of no list."""
    language = code_of(part_of(extension, "language").get("valueCodeableConcept"), "human_language")
    if not language:
        return None
    mode = part_of(extension, "modeOfCommunication").get("valueCodeableConcept")
    proficiency = part_of(extension, "communicationProficiency").get("valueCodeableConcept")
    return {
        "language": language,
        "preferred": part_of(extension, "preferred").get("valueBoolean"),
        "mode": code_of(mode, "language_ability_mode"),
        "proficiency": code_of(proficiency, "language_ability_proficiency"),
        "interpreter_required": part_of(extension, "interpreterRequired").get("valueBoolean"),
    }


NHS_COMMUNICATION = ("Extension-CareConnect-{}NHSCommunication-1",)
