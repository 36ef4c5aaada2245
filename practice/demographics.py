"""Who people are according to the national record: the place of a Personal Demographics Service.

``service()`` is what the settings name: an object with ``retrieve``. The default reads a file,
``DEMOGRAPHICS_FILE``, in YAML or (if its name ends in .json) JSON: a list of people, read again
whenever the file changes. Each person is a mapping::

    - nhs_number: "9990000018"        # quoted, so that it is no number
      family_name: Jackson
      given_names: Jane Mary          # separated by spaces
      prefix: Miss                    # optional, as is all that follows
      birth_date: 1952-05-31          # this is not optional
      gender: female                  # male, female, other, unknown
      address: {lines: [1 Withings Lane, Shadwell], city: Leeds,
                district: West Yorkshire, postal_code: LS18 1AE}
      telephone: 01454 587554
      flags: [deceased]               # any of deceased, sensitive, superseded, invalid
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import yaml
from django.conf import settings
from django.utils.module_loading import import_string

from practice import nhs_number, terminology
from practice.exceptions import DemographicsUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where somebody lives, in the parts of a PostalAddress."""

    lines: tuple[str, ...] = ()
    city: str = ""
    district: str = ""
    postal_code: str = ""


@dataclass(frozen=True)
class Demographics:
    """What the national record says of a person. ``deceased`` and what follows are its flags."""

    nhs_number: str
    family_name: str
    given_names: str
    birth_date: date
    prefix: str = ""
    gender: str = ""
    address: Address | None = None
    telephone: str = ""
    deceased: bool = False
    sensitive: bool = False
    superseded: bool = False
    invalid: bool = False

    def confirms(self, *, family_name: str, given_names: str, birth_date: date) -> bool:
        """Whether this is the person so described (PAT-041, PAT-042, PAT-047).

        The date of birth agrees; or two of its three parts, the first three letters of the family
        name (a shorter one: all of it) and the initial of the given name. Case does not matter.
        """
        if birth_date == self.birth_date:
            return True
        agreeing = (
            birth_date.year == self.birth_date.year,
            birth_date.month == self.birth_date.month,
            birth_date.day == self.birth_date.day,
        )
        return (
            sum(agreeing) == 2
            and _beginning(family_name, 3) == _beginning(self.family_name, 3) != ""
            and _beginning(given_names, 1) == _beginning(self.given_names, 1) != ""
        )

    @property
    def may_be_shared(self) -> bool:
        """Whether neither death nor a flag forbids showing the person outside (PAT-044, 045)."""
        return not (self.deceased or self.sensitive or self.superseded or self.invalid)


def _beginning(name: str, length: int) -> str:
    return name.strip().casefold()[:length]


class DemographicsService(Protocol):
    """Whatever answers for the national record, which is only ever read (REG-052, REG-054)."""

    def retrieve(self, nhs_number: str) -> Demographics | None:
        """The record of an NHS number, or None. Raises DemographicsUnavailable."""


def service(*, for_sandbox: bool = False) -> DemographicsService:
    """The service that the settings name; for a sandbox, where nobody is real, its own file."""
    if for_sandbox:
        return LocalDirectory(settings.SANDBOX_DEMOGRAPHICS_FILE)
    made: DemographicsService = import_string(settings.DEMOGRAPHICS_BACKEND)()
    return made


# ---------------------------------------------------------------- a file of people


class LocalDirectory:
    """People from a file, for trials, tests and practices without a national connection.

    ``file``: another one than the settings name.
    """

    def __init__(self, file: str = "") -> None:
        self.file = file or settings.DEMOGRAPHICS_FILE

    def retrieve(self, nhs_number: str) -> Demographics | None:
        """The record of an NHS number, or None; a missing or broken file is unavailability."""
        path = Path(self.file)
        try:
            if not self.file:
                raise FileNotFoundError("DEMOGRAPHICS_FILE is not set.")
            state = path.stat()
            return _people(path, state.st_mtime_ns, state.st_size).get(nhs_number)
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            logger.error("The file of demographics cannot be used: %s", _reason(error))
            raise DemographicsUnavailable from error


def _reason(error: Exception) -> str:
    """What is wrong and where, without the excerpt of the file that YAML's own message has."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"{error.problem}, line {error.problem_mark.line + 1}"
    return str(error)


@lru_cache(maxsize=2)
def _people(path: Path, changed_at: int, size: int) -> dict[str, Demographics]:
    """The people of a file in one of its states. Raises ValueError saying which entry is wrong."""
    with path.open(encoding="utf-8") as file:
        entries = json.load(file) if path.suffix == ".json" else yaml.safe_load(file)
    if not isinstance(entries, list):
        raise ValueError("it must be a list of people.")
    people: dict[str, Demographics] = {}
    for position, entry in enumerate(entries, start=1):
        try:
            person = _person(entry)
        except ValueError as error:
            raise ValueError(f"person {position}: {error}") from error
        if person.nhs_number in people:
            raise ValueError(f"person {position}: the NHS number stands in the file twice.")
        people[person.nhs_number] = person
    return people


FLAGS = ("deceased", "sensitive", "superseded", "invalid")
TEXTS = ("nhs_number", "family_name", "given_names", "prefix", "gender", "telephone")
ADDRESS_TEXTS = ("city", "district", "postal_code")


def _person(entry: Any) -> Demographics:
    _check_keys(entry, (*TEXTS, "birth_date", "address", "flags"))
    texts = _texts(entry, TEXTS)
    if not nhs_number.is_valid(texts.get("nhs_number", "")):
        raise ValueError("nhs_number must be an NHS number, in quotes.")
    for name in ("family_name", "given_names"):
        if not texts.get(name, "").strip():
            raise ValueError(f"{name} is missing.")
    if texts.get("gender", "unknown") not in terminology.value_set("administrative_gender").codes:
        raise ValueError("gender is not a code of the published list.")
    flags: Any = entry.get("flags") or []
    if not isinstance(flags, list) or not all(flag in FLAGS for flag in flags):
        raise ValueError(f"flags must be a list of some of: {', '.join(FLAGS)}.")
    return Demographics(
        **texts,
        birth_date=_date(entry.get("birth_date")),
        address=_address(entry["address"]) if entry.get("address") else None,
        deceased="deceased" in flags,
        sensitive="sensitive" in flags,
        superseded="superseded" in flags,
        invalid="invalid" in flags,
    )


def _address(entry: Any) -> Address:
    _check_keys(entry, ("lines", *ADDRESS_TEXTS))
    lines = entry.get("lines") or []
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise ValueError("address.lines must be a list of texts.")
    return Address(lines=tuple(lines), **_texts(entry, ADDRESS_TEXTS))


def _check_keys(entry: Any, known: Iterable[str]) -> None:
    """Refuse what is misspelt: a flag that nobody reads would show somebody who must be hidden."""
    if not isinstance(entry, dict):
        raise ValueError("a mapping is expected.")
    if unknown := set(entry) - set(known):
        raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}.")


def _texts(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    given: dict[str, Any] = {name: entry[name] for name in names if entry.get(name) is not None}
    for name, value in given.items():
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a text, in quotes.")
    return given


def _date(value: Any) -> date:
    """A date of YAML, or the text that JSON has for it."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("birth_date must be a date such as 1952-05-31.") from None
