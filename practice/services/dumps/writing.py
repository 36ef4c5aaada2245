"""Writing a practice's whole book into a file, as it is at one moment.

Read by id, a page at a time: memory does not grow with the practice, and no cursor stays open.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q

from practice.db.transactions import snapshot
from practice.exceptions import DumpRefused
from practice.models import (
    Appointment,
    ContactAttempt,
    DiaryView,
    Membership,
    Organisation,
)
from practice.reads.directory import people_named_by
from practice.services.audit.recording import Actor, record_done
from practice.services.dumps.kinds import (
    OWN,
    PRACTICE,
    PRACTITIONERS,
    SECTIONS,
    STAFF,
    STAFF_FIELDS,
    VERSION,
    Column,
    Entry,
    Kind,
)

EVENT = "practice.dumped"
PAGE = 1000

Progress = Callable[[int], object]


@dataclass
class Dumped:
    """How many entries of each section were written."""

    entries: dict[str, int] = field(default_factory=dict)


def dump_practice(
    *, organisation: Organisation, path: Path, actor: Actor, now: datetime, progress: Progress
) -> Dumped:
    """Write a practice into a new file that only its owner may read, and on to the disk.

    Bookings go on meanwhile; the file holds the book as it was at one moment. The event comes
    first, so that nothing leaves unrecorded. ``progress`` hears how many entries more there are.
    Raises DumpRefused when the file cannot be written; then none is left behind.
    """
    taken = book_at_one_moment(
        EVENT, organisation=organisation, actor=actor, now=now, detail={"file": path.name}
    )
    with new_file(path) as file, taken:
        return _write(organisation, file, progress)


@contextmanager
def book_at_one_moment(
    event: str, *, organisation: Organisation, actor: Actor, now: datetime, detail: dict[str, Any]
) -> Iterator[None]:
    """What a practice's whole book is taken out in: recorded first, then read as at one moment.

    Raises DumpRefused for a sandbox.
    """
    if organisation.sandbox_of:
        raise DumpRefused(f"{organisation} is a sandbox, and would be a real practice elsewhere.")
    record_done(event, organisation, actor=actor, now=now, detail=detail)
    with snapshot():
        yield


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise DumpRefused(f"{path}: {error.strerror}.") from error
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise DumpRefused(f"{path}: {error.strerror}.") from error
        raise


def _write(organisation: Organisation, file: TextIO, progress: Progress) -> Dumped:
    done, organisation_id = Dumped(), organisation.pk
    people = people_named_by(organisation=organisation)
    sections: dict[str, Iterable[Entry]] = {
        PRACTITIONERS.section: _entries(PRACTITIONERS, pk__in=people),
        STAFF: _staff(organisation_id),
        **{kind.section: _entries(kind, organisation=organisation_id) for kind in OWN},
    }
    (practice,) = _entries(PRACTICE, pk=organisation_id)
    file.write(f'{{\n"dump": {_line({"version": VERSION})},\n"practice": {_line(practice)}')
    for section in SECTIONS:
        number = 0
        file.write(f',\n"{section}": [')
        for entry in sections[section]:
            file.write(f"{',' if number else ''}\n{_line(entry)}")
            number += 1
            progress(1)
        file.write("\n]")
        done.entries[section] = number
    file.write(f',\n"end": {_line(done.entries)}\n}}\n')
    return done


def _line(entry: Entry) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(", ", ": "))


# ---------------------------------------------------------------- entries


def _entries(kind: Kind, **which: Any) -> Iterator[Entry]:
    """The entries of a section by id, each with what belongs to it."""
    found = kind.model._default_manager.filter(**which)
    paths = [column.path for column in kind.columns]
    last = 0
    while page := list(found.filter(pk__gt=last).order_by("pk").values_list("pk", *paths)[:PAGE]):
        ids = [row[0] for row in page]
        parts = {
            part.name: _parts(part.model, part.owner, part.columns, ids) for part in kind.parts
        }
        for pk, *values in page:
            entry = _shown(kind.columns, values)
            for name, lists in parts.items():
                if pk in lists:
                    entry[name] = lists[pk]
            yield entry
        last = ids[-1]


def _parts(
    model: type[models.Model], owner: str, columns: list[Column], ids: list[int]
) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = defaultdict(list)
    rows = model._default_manager.filter(**{f"{owner}__in": ids}).order_by(owner, "pk")
    for pk, *values in rows.values_list(f"{owner}_id", *(column.path for column in columns)):
        found[pk].append(_shown(columns, values))
    return found


def _shown(columns: list[Column], values: Iterable[Any]) -> Entry:
    shown = {}
    for column, value in zip(columns, values, strict=True):
        if value is None or (value == column.empty and type(value) is type(column.empty)):
            continue
        shown[column.name] = column.write(value) if column.write else value
    return shown


def _staff(organisation_id: int) -> Iterator[Entry]:
    """The practice's staff, and who else booked, rang or keeps a view of the diary, by user name.

    Names and roles, no more.
    """
    booked = Appointment.objects.filter(organisation=organisation_id).values("booked_by")
    rang = ContactAttempt.objects.filter(appointment__organisation=organisation_id).values("by")
    views = DiaryView.objects.filter(organisation=organisation_id, user__isnull=False)
    members = {
        member.user_id: member for member in Membership.objects.filter(organisation=organisation_id)
    }
    there = User.objects.filter(
        Q(pk__in=members) | Q(pk__in=booked) | Q(pk__in=rang) | Q(pk__in=views.values("user"))
    )
    for user in there.order_by("username").prefetch_related("groups"):
        entry = {name: getattr(user, name) for name in STAFF_FIELDS if getattr(user, name)}
        if member := members.get(user.pk):
            entry["member"] = True
            entry["roles"] = sorted(group.name for group in user.groups.all())
            if member.session_holder_id:
                entry["session_holder"] = member.session_holder_id
        yield entry


def counted(organisation: Organisation) -> int:
    """How many entries a dump will have, about."""
    return sum(
        kind.model._default_manager.filter(organisation=organisation).count() for kind in OWN
    )
