"""What differs between a record as it was and as it becomes, in the words of the audit trail."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from django.db.models import ForeignKey, Model, QuerySet

EMPTY: tuple[Any, ...] = (None, "", [])


def plain(value: object) -> object:
    """Return a value as the trail keeps it: text, numbers and lists of these."""
    if isinstance(value, Model):
        return f"{value} ({value.pk})"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, QuerySet | list | tuple):
        return [plain(item) for item in value]
    return value


def changes_between(
    old: Model | None, new: Model, fields: Iterable[str]
) -> dict[str, dict[str, object]]:
    """Return the named fields that differ, each from and to; of a new record what it says."""
    changes: dict[str, dict[str, object]] = {}
    for name in fields:
        field: Any = new._meta.get_field(name)
        value = field.value_from_object(new)
        if old is None:
            if value not in EMPTY and value != field.get_default():
                changes[name] = {"to": _in_trail(new, field)}
        elif field.value_from_object(old) != value:
            changes[name] = {"from": _in_trail(old, field), "to": _in_trail(new, field)}
    return changes


def stored_values(record: Model) -> dict[str, object]:
    """Return the columns of a record that is about to go."""
    fields = record._meta.concrete_fields
    return {f.name: plain(f.value_from_object(record)) for f in fields if f.name != "id"}


def _in_trail(record: Model, field: Any) -> object:
    if isinstance(field, ForeignKey):
        return plain(getattr(record, field.name))
    return plain(field.value_from_object(record))
