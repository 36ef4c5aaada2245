"""A practice described in one YAML file: what may stand in it, and every fault with its line.

The names are those of the models' fields. Values are read from the text as it stands, so that 12:30
is a time and 0123 keeps its nought, whatever YAML would make of them. docs/practice_files.md is for
those who write such files.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, time, timedelta
from typing import Any, NamedTuple

import yaml
from django.core.exceptions import ValidationError
from yaml.composer import ComposerError
from yaml.reader import ReaderError

from practice import clock
from practice.exceptions import Problem

# What an escape such as "\\0" may write, and no database keeps.
NOT_STORED = re.compile("[\\0\\ud800-\\udfff]")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Entry(dict[str, Any]):
    """One mapping of a file, its values read; ``broken``: some could not be."""

    line = 0
    broken = False

    def __init__(self, line: int) -> None:
        self.line = line
        self.lines: dict[str, int] = {}


# ---------------------------------------------------------------- single values
# Each takes the text of a scalar and returns its value, or raises ValueError in words.


def text(value: str) -> str:
    return value.strip()


def whole_number(value: str) -> int:
    if not value.isdecimal():
        raise ValueError("a whole number is expected")
    return int(value)


def truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false is expected")
    return value == "true"


def clock_time(value: str) -> time:
    if not re.fullmatch(r"\d\d:\d\d", value):
        raise ValueError("a time such as 09:30 is expected")
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such time of day") from None


def weekday(value: str) -> int:
    if value.lower() not in WEEKDAYS:
        raise ValueError(f"one of {', '.join(WEEKDAYS)} is expected")
    return WEEKDAYS.index(value.lower())


def nth(value: str) -> int:
    known = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 5}
    if value not in known:
        raise ValueError(f"one of {', '.join(known)} is expected")
    return known[value]


def day(value: str) -> date:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("a date such as 2026-11-30 is expected") from None
    return clock.read_date(value)


class ListOf(NamedTuple):
    """A list, each of whose items is read alike: a scalar, or the fields of an entry."""

    item: Any


class Required(NamedTuple):
    """A field that every entry needs."""

    read: Any


Fields = Mapping[str, Any]

# ---------------------------------------------------------------- what may stand in a file

LIMITS: Fields = {
    "booking_window_days": whole_number,
    "embargo_minutes": whole_number,
    "minimum_notice_minutes": whole_number,
}
ADDRESS: Fields = {
    "lines": ListOf(text),
    "city": text,
    "district": text,
    "postal_code": text,
    "country": text,
}
PRACTICE: Fields = {
    "ods_code": Required(text),
    "name": Required(text),
    "organisation_type": text,
    "asid": text,
    "party_key": text,
    "address": ADDRESS,
    "telephone": text,
    "email": text,
    "gp_connect_enabled": truth,
    "appointment_management_enabled": truth,
    "service_filtering_enabled": truth,
    "temporary_registration_days": whole_number,
    **LIMITS,
}
LOCATION: Fields = {
    "name": Required(text),
    "is_main": truth,
    "status": text,
    "address": ADDRESS,
    "telephone": text,
    "email": text,
}
ROLE: Fields = {"role": Required(text), "sds_role_profile_id": text, "active": truth}
PRACTITIONER: Fields = {
    "sds_user_id": Required(text),
    "prefix": text,
    "given_names": text,
    "family_name": Required(text),
    "gender": text,
    "languages": ListOf(text),
    "roles": Required(ListOf(ROLE)),
}
ACCESS_PROFILE: Fields = {
    "name": Required(text),
    "organisation_types": ListOf(text),
    "ods_codes": ListOf(text),
    "consumer_group": text,
    "slots_per_session": whole_number,
    "slots_per_day": whole_number,
    "slots_per_week": whole_number,
}
SLOT_TYPE: Fields = {
    "name": Required(text),
    "national_category": text,
    "service_setting": text,
    "mode": text,
    "mapped_from": day,
    "hint": text,
    "default_minutes": whole_number,
    "archived": truth,
}
NO_SERVICE = "none"  # in place of a service's ID: somebody has said that none applies
SERVICE: Fields = {"service_id": Required(text), "name": Required(text)}
BLOCK: Fields = {
    "start": Required(clock_time),
    "end": Required(clock_time),
    "slot_minutes": whole_number,
    "slot_count": whole_number,
    "slot_type": text,
    "delivery_channel": text,
    "gp_connect_bookable": truth,
    "access_profile": text,
    **LIMITS,
}
TEMPLATE: Fields = {
    "session_name": Required(text),
    "session_holder": text,
    "location": Required(text),
    "practitioner_role": text,
    "weekdays": Required(ListOf(weekday)),
    "every_n_weeks": whole_number,
    "nth_of_month": nth,
    "effective_from": Required(day),
    "effective_to": day,
    "runs_on_bank_holidays": truth,
    "access_profile": text,
    "service": text,
    "blocks": Required(ListOf(BLOCK)),
    **LIMITS,
}
CLOSURE: Fields = {
    "kind": Required(text),
    "name": text,
    "location": text,
    "practitioner": text,
    "start_date": Required(day),
    "start_time": clock_time,
    "end_date": day,
    "end_time": clock_time,
}
NAME: Fields = {
    "use": Required(text),
    "prefix": text,
    "given_names": text,
    "family_name": text,
}
PATIENT_ADDRESS: Fields = {"use": text, "type": text, "start": day, "end": day, **ADDRESS}
TELECOM: Fields = {
    "system": text,
    "value": Required(text),
    "use": text,
    "start": day,
    "end": day,
}
CONTACT: Fields = {
    "relationship": Required(text),
    "prefix": text,
    "given_names": text,
    "family_name": Required(text),
    "gender": text,
    "telephone": text,
    "telephone_use": text,
    "address": ADDRESS,
}
LANGUAGE: Fields = {
    "language": Required(text),
    "preferred": truth,
    "mode": text,
    "proficiency": text,
    "interpreter_required": truth,
}
PATIENT: Fields = {
    "nhs_number": Required(text),
    "nhs_number_verification": text,
    "prefix": text,
    "given_names": text,
    "family_name": Required(text),
    "birth_date": Required(day),
    "gender": text,
    "deceased_at": day,
    "sensitive": truth,
    "active": truth,
    "registration_type": text,
    "registration_start": day,
    "registration_end": day,
    "preferred_branch": text,
    "general_practitioner": text,
    "other_names": ListOf(NAME),
    "addresses": ListOf(PATIENT_ADDRESS),
    "telecoms": ListOf(TELECOM),
    "contacts": ListOf(CONTACT),
    "languages": ListOf(LANGUAGE),
}
STAFF: Fields = {
    "username": Required(text),
    "first_name": text,
    "last_name": text,
    "email": text,
    "roles": Required(ListOf(text)),
    "session_holder": text,
    "password": text,
}
FILE: Fields = {
    "demo": truth,
    "practice": Required(PRACTICE),
    "locations": ListOf(LOCATION),
    "practitioners": ListOf(PRACTITIONER),
    "access_profiles": ListOf(ACCESS_PROFILE),
    "slot_types": ListOf(SLOT_TYPE),
    "services": ListOf(SERVICE),
    "templates": ListOf(TEMPLATE),
    "closures": ListOf(CLOSURE),
    "patients": ListOf(PATIENT),
    "staff": ListOf(STAFF),
}


# ---------------------------------------------------------------- reading


def read(file: str, content: str, *, today: date) -> tuple[Entry, list[Problem]]:
    """Return what a file says, and everything that is wrong with it.

    ``file`` is its name, for the problems; ``today`` what ``today+14`` counts from in a file that
    says ``demo: true``.
    """
    reader = _Reader(file, today)
    try:
        root = yaml.compose(content, Loader=_Loader)
    except ReaderError as error:
        line = content.count("\n", 0, error.position) + 1
        return Entry(1), [Problem(file, line, "there is a character that YAML does not allow.")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or "this is no YAML"
        return Entry(1), [Problem(file, mark.line + 1 if mark else 1, f"{reason}.")]
    if root is None:
        return Entry(1), [Problem(file, 1, "the file is empty.")]
    reader.demo = _says_demo(root)
    return reader.entry(root, FILE), reader.problems


class _Loader(yaml.SafeLoader):
    """PyYAML's, which by itself goes as deep as the file does, until Python gives up."""

    DEEPEST = 20  # levels; the fields of a file need seven

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth == self.DEEPEST:
            mark = self.peek_event().start_mark
            raise ComposerError(None, None, "this is nested too deeply", mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _says_demo(root: yaml.Node) -> bool:
    return isinstance(root, yaml.MappingNode) and any(
        key.value == "demo" and value.value == "true" for key, value in root.value
    )


class _Reader:
    def __init__(self, file: str, today: date) -> None:
        self.file, self.today = file, today
        self.demo = False
        self.problems: list[Problem] = []

    def problem(self, node: yaml.Node, reason: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, f"{reason}."))

    def entry(self, node: yaml.Node, fields: Fields) -> Entry:
        entry = Entry(node.start_mark.line + 1)
        before = len(self.problems)
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"fields are expected, such as {next(iter(fields))}")
        else:
            self._fields(node, fields, entry)
        entry.broken = len(self.problems) > before
        return entry

    def _fields(self, node: yaml.MappingNode, fields: Fields, entry: Entry) -> None:
        for key, value in node.value:
            name = key.value
            if not isinstance(key, yaml.ScalarNode):
                self.problem(key, "the name of a field is expected")
                continue
            if name not in fields:
                self.problem(key, f"there is no field {name}; known are {', '.join(fields)}")
                continue
            if name in entry.lines:
                self.problem(key, f"{name} stands here twice")
                continue
            entry.lines[name] = key.start_mark.line + 1
            spec = fields[name]
            if _is_empty(value):
                if isinstance(spec, Required):
                    self.problem(key, f"{name} is missing")
                entry[name] = None
                continue
            found = self.value(value, spec.read if isinstance(spec, Required) else spec, name)
            if found is not _UNREADABLE:
                entry[name] = found
        for name, spec in fields.items():
            if isinstance(spec, Required) and name not in entry.lines:
                self.problem(node, f"{name} is missing")

    def value(self, node: yaml.Node, spec: Any, name: str) -> Any:
        if isinstance(spec, ListOf):
            if not isinstance(node, yaml.SequenceNode):
                self.problem(node, f"{name}: a list is expected")
                return _UNREADABLE
            return [self.value(item, spec.item, name) for item in node.value]
        if isinstance(spec, Mapping):
            return self.entry(node, spec)
        return self._scalar(node, spec, name)

    def _scalar(self, node: yaml.Node, read: Callable[[str], Any], name: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            self.problem(node, f"{name}: a single value is expected")
            return _UNREADABLE
        if NOT_STORED.search(node.value):
            self.problem(node, f"{name}: there is a character that cannot be stored")
            return _UNREADABLE
        try:
            if read is day and self.demo and node.value.startswith("today"):
                return self._from_today(node.value)
            return read(node.value)
        except ValueError as error:
            self.problem(node, f"{name}: {error}")
            return _UNREADABLE

    def _from_today(self, value: str) -> date:
        match = re.fullmatch(r"today(?:([+-]\d{1,5}))?", value)
        if not match:
            raise ValueError("today, today+14 or today-14 is expected")
        return self.today + timedelta(days=int(match[1] or 0))


_UNREADABLE = object()


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


# ---------------------------------------------------------------- what an entry says of a record


def columns_of(entry: Entry, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The values of an entry by the names of the model's fields: an address in its columns."""
    values = {name: value for name, value in entry.items() if name not in without}
    address = values.pop("address", None) or {}
    lines = values.pop("lines", None) or address.get("lines")
    values |= {name: value for name, value in address.items() if name != "lines"}
    if lines:
        values |= {f"address_line_{n}": line for n, line in enumerate([*lines, "", ""][:3], 1)}
    return values


def without_none(record: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a file leaves empty is the column's own default where the column cannot be empty."""
    fields = {field.name: field for field in record._meta.concrete_fields}
    return {
        name: fields[name].get_default() if value is None and not fields[name].null else value
        for name, value in values.items()
    }


def faults_of(record: Any) -> list[tuple[str | None, str]]:
    """What the model itself says against a record: of which field, if of one, and in words."""
    try:
        record.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return [(field, words) for field, all_ in error.message_dict.items() for words in all_]
    faults: list[tuple[str | None, str]] = []
    for constraint in record._meta.constraints:
        try:
            constraint.validate(type(record), record)
        except ValidationError:
            rule = constraint.name.replace("_", " ")
            faults.append((None, f"it breaks the rule “{rule}”."))
    return faults
