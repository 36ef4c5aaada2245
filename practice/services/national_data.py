"""Taking a new version of the national lists, for all practices at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from practice import national_data
from practice.exceptions import NationalDataRefused
from practice.models import NationalDataVersion, SlotTypeMapping
from practice.national_data import NationalData
from practice.reads.national_data import as_given
from practice.services.audit.recording import Actor, record

LISTS = ("contexts", "settings", "modes", "categories", "exception_reasons")


@dataclass(frozen=True)
class Taken:
    """A version, and what it changes: names that come and go, by list; what was not in the file."""

    data: NationalData
    before: str
    added: Mapping[str, list[str]]
    removed: Mapping[str, list[str]]
    kept: list[str]
    left_without: int  # mappings in force, of all practices, to a category that is gone
    is_new: bool


@transaction.atomic
def load_national_data(*, given: Any, actor: Actor, now: datetime, dry_run: bool = False) -> Taken:
    """Put a version of the lists into force, or only say what that would change.

    What is mapped stays as it is. The version that is in force already changes nothing. Raises
    NationalDataRefused: with everything that is wrong, or for a version that was known otherwise.
    """
    before = as_given()
    whole, kept = national_data.completed(given, before)
    data = national_data.read(whole)
    is_new = not _is_known(data.version, whole, before=before)
    gone = SlotTypeMapping.objects.filter(last_day__isnull=True).exclude(
        category__in=data.categories
    )
    taken = Taken(
        data=data,
        before=before["version"],
        added=_more(whole, before),
        removed=_more(before, whole),
        kept=kept,
        left_without=gone.count(),
        is_new=is_new,
    )
    if taken.is_new and not dry_run:
        NationalDataVersion.objects.create(
            version=data.version, data=whole, loaded_at=now, loaded_by=actor.name
        )
        record(
            organisation=None,
            actor=actor,
            event="national_data.load",
            outcome="ok",
            now=now,
            detail={
                "from": taken.before,
                "to": data.version,
                "sha256": national_data.fingerprint(whole),
                "added": taken.added,
                "removed": taken.removed,
            },
        )
    return taken


def _is_known(version: str, whole: Any, *, before: Mapping[str, Any]) -> bool:
    """Whether this is what is in force; refuse a version that is known and says something else."""
    stored = NationalDataVersion.objects.filter(version=version).first()
    known = stored.data if stored else national_data.shipped()
    if known["version"] != version:
        return False
    if national_data.fingerprint(known) != national_data.fingerprint(whole):
        raise NationalDataRefused(
            [f"Version {version} is known here, and says something else: count it up."]
        )
    if before["version"] != version:
        raise NationalDataRefused([f"Version {version} was in force before: count it up."])
    return True


def _more(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names that one version has and the other has not, by list."""
    found = {}
    for name in LISTS:
        others = set(map(_name, other.get(name, ())))
        if more := [each for each in map(_name, one.get(name, ())) if each not in others]:
            found[name] = more
    return found


def _name(entry: Any) -> str:
    return str(entry["name"] if isinstance(entry, dict) else entry)
