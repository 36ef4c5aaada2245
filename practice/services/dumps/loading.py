"""Loading a dump: a practice that was not here, with the ids and versions that it had, or nothing.

Other organisations hold ids of appointments, slots and patients, so these are kept; one that is
taken here refuses the whole file. What practices share is matched by name: a clinician by SDS user
ID, a member of staff by user name; whoever is here already must be as the file says, and is left
as they are. Rows are read, checked and stored some thousand at a time. The database checks its own
rules as it stores them; at the end the diary is checked as ``check_diary`` does it, before anything
is kept.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, models, transaction

from practice.db.rows import insert_rows, keep_ids_free
from practice.exceptions import FilesRefused, Problem
from practice.models import (
    Appointment,
    ConsumerGroup,
    DiaryChange,
    Membership,
    Organisation,
    Practitioner,
)
from practice.reads import diary_check
from practice.services.appointments.provenance import record_loaded
from practice.services.audit.recording import Actor, record_done
from practice.services.dumps.accounts import ASK_THE_SITE, account_of
from practice.services.dumps.kinds import (
    OWN,
    PRACTICE,
    PRACTITIONERS,
    STAFF,
    Column,
    Entry,
    Kind,
    Part,
)
from practice.services.dumps.reading import DumpFile, Read, values_of
from practice.services.enablement import filter_if_possible, switch
from practice.services.service_filtering import note_at_new_practice
from practice.services.slot_types import keep_known_all

BATCH = 1000
MOST_PROBLEMS = 100
SWITCHES = ("gp_connect_enabled", "appointment_management_enabled")
FILTERING = "service_filtering_enabled"

Progress = Callable[[int], object]


class _Enough(Exception):
    """So much is wrong that the rest says nothing more."""


@dataclass(frozen=True)
class Loaded:
    """A practice that was loaded, and how many entries of each section."""

    organisation: Organisation
    entries: dict[str, int]


@transaction.atomic
def load_dump(*, path: Path, actor: Actor, now: datetime, progress: Progress) -> Loaded:
    """Load a practice from a dump and say how many entries of each section there were.

    ``progress`` hears how many bytes more have been read. Raises FilesRefused; then nothing of it
    is loaded.
    """
    with path.open("rb") as raw:
        watched = _Watched(raw, progress)
        file = io.TextIOWrapper(io.BufferedReader(watched), encoding="utf-8", newline="\n")
        loader = _Loader(DumpFile(str(path), file), actor, now)
        organisation = loader.load()
        loader.record(organisation, sha256=watched.hash.hexdigest())
    return Loaded(organisation, loader.file.counts)


class _Watched(io.RawIOBase):
    """A file whose bytes are counted and hashed as they are read."""

    def __init__(self, raw: Any, progress: Progress) -> None:
        self.raw, self.progress = raw, progress
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        number: int = self.raw.readinto(buffer)
        self.hash.update(memoryview(buffer)[:number])
        self.progress(number)
        return number


class _Loader:
    def __init__(self, file: DumpFile, actor: Actor, now: datetime) -> None:
        self.file, self.actor, self.now = file, actor, now
        self.problems: list[Problem] = []
        self.organisation = Organisation()
        self.switches: dict[str, bool] = {}
        self.updated_at = now
        self.practitioners: dict[int, int] = {}  # as the file calls them, and as they are here
        self.users: dict[str, int] = {}
        self.groups = dict(ConsumerGroup.objects.values_list("name", "pk"))

    # ------------------------------------------------------------ the file, from top to bottom

    def load(self) -> Organisation:
        try:
            self._practice(self.file.practice())
            self._stop_if_wrong()
            self._section(PRACTITIONERS.section, self._practitioners)
            self._section(STAFF, self._staff)
            for kind in OWN:
                self._section(kind.section, partial(self._own, kind))
            self.file.end()
        except _Enough:
            pass
        except FilesRefused as refusal:
            raise FilesRefused([*self.problems, *refusal.problems]) from None
        self._stop_if_wrong()
        self._check_diary()
        return self.organisation

    def _section(self, name: str, load: Callable[[list[Read]], None]) -> None:
        entries = self.file.section(name)
        while batch := list(islice(entries, BATCH)):
            load(batch)
        self._stop_if_wrong()

    def _stop_if_wrong(self) -> None:
        """What follows a wrong section refers to what is not there: that would say nothing."""
        if self.problems:
            raise FilesRefused(self.problems)

    def record(self, organisation: Organisation, *, sha256: str) -> None:
        """Write down where the practice comes from; what switches were on are turned on now."""
        note_at_new_practice(organisation)
        if any(self.switches.values()):
            filters = self.switches.pop(FILTERING)
            switch(organisation=organisation, actor=self.actor, now=self.now, **self.switches)
            if filters:  # unless the supplier has it off here
                filter_if_possible(organisation, actor=self.actor, now=self.now)
            Organisation.objects.filter(pk=organisation.pk).update(updated_at=self.updated_at)
        keep_known_all(organisation)
        self._forget_changes()
        record_done(
            "practice.load",
            organisation,
            actor=self.actor,
            now=self.now,
            detail={"file": self.file.name, "sha256": sha256, "created": self.file.counts},
        )

    def _problem(self, line: int, reason: str) -> None:
        self.problems.append(Problem(self.file.name, line, reason))
        if len(self.problems) == MOST_PROBLEMS:
            raise _Enough

    # ------------------------------------------------------------ the sections

    def _practice(self, entry: Read) -> None:
        if not self._read(entry, PRACTICE):
            return
        values = entry.values
        if Organisation.objects.filter(ods_code=values["ods_code"]).exists():
            self._problem(
                entry.line,
                f"{values['ods_code']} is here already: a dump is of a practice that is not.",
            )
            return
        self.switches = {name: values[name] for name in (*SWITCHES, FILTERING)}
        self.updated_at = values["updated_at"]
        values |= {**dict.fromkeys(self.switches, False), "service_filtering_open": "off"}
        if self._are_ids_free(PRACTICE.model, [entry]):
            self._store(PRACTICE, [entry])
        if not self.problems:
            self.organisation = Organisation.objects.get(pk=values["id"])

    def _practitioners(self, entries: list[Read]) -> None:
        good = [entry for entry in entries if self._read(entry, PRACTITIONERS)]
        numbers = [entry.values["sds_user_id"] for entry in good if entry.values["sds_user_id"]]
        known = {
            person.sds_user_id: person
            for person in Practitioner.objects.filter(sds_user_id__in=numbers)
        }
        new = []
        for entry in good:
            pk = entry.values["id"]
            if pk in self.practitioners:
                self._problem(entry.line, f"Practitioner/{pk} stands in the file twice.")
                continue
            person = known.get(entry.values["sds_user_id"])
            self.practitioners[pk] = person.pk if person else pk
            if person is None:
                new.append(entry)
                continue
            for column in PRACTITIONERS.columns:
                if column.name in ("id", "version", "updated_at"):
                    continue
                if getattr(person, column.name) != entry.values[column.name]:
                    words = f"{column.name}: {person} is known here, and would change."
                    self._problem(entry.line, f"{words} {ASK_THE_SITE}")
        if self._are_ids_free(Practitioner, new):
            self._store(PRACTITIONERS, new)

    def _staff(self, entries: list[Read]) -> None:
        groups = {group.name: group for group in Group.objects.all()}
        for entry in entries:
            account = account_of(entry.given, groups)
            if account.holder is not None and account.holder not in self.practitioners:
                account.wrong.append(f"session_holder: there is no Practitioner/{account.holder}.")
            if account.user.username in self.users:
                account.wrong.append("this user name stands in the file twice.")
            for reason in account.wrong:
                self._problem(entry.line, reason)
            if account.wrong:
                continue
            if account.user.pk is None:
                account.user.save()
            if account.is_member:
                account.user.groups.add(*account.roles)
                Membership.objects.create(
                    user=account.user,
                    organisation=self.organisation,
                    session_holder_id=self.practitioners.get(account.holder or 0),
                )
            self.users[account.user.username] = account.user.pk

    def _own(self, kind: Kind, entries: list[Read]) -> None:
        good = [entry for entry in entries if self._read(entry, kind)]
        good = [entry for entry in good if self._refer(kind, entry)]
        if len(good) < len(entries):
            return
        if self._are_ids_free(kind.model, good) and self._are_references_ours(kind, good):
            self._store(kind, good)
            self._forget_changes()
            if kind.model is Appointment and not self.problems:
                self._record_appointments(good)

    def _record_appointments(self, entries: Iterable[Read]) -> None:
        """Let this trail say how far each came along."""
        for entry in entries:
            record_loaded(
                entry.values, organisation=self.organisation, actor=self.actor, now=self.now
            )

    def _forget_changes(self) -> None:
        """Nobody has seen this practice yet, so no open page need be told what has changed."""
        DiaryChange.objects.filter(organisation=self.organisation).delete()

    def _check_diary(self) -> None:
        """Refuse what no rule of the database sees, such as sessions that overlap on SQLite."""
        faults = diary_check.faults(now=self.now, organisation=self.organisation)
        own = self.organisation.ods_code
        if faults:
            raise FilesRefused(
                Problem(
                    self.file.name,
                    self.file.line,
                    f"as a whole: {fault.rule}: {', '.join(fault.examples)}."
                    if fault.practice == own
                    else f"as a whole: {fault.rule}: with another practice.",
                )
                for fault in faults
            )

    # ------------------------------------------------------------ what they share

    def _read(self, entry: Read, kind: Kind) -> bool:
        parts = {part.name: part for part in kind.parts}
        entry.values, wrong = values_of(entry.given, _by_name(kind), parts)
        for name, part in parts.items():
            lists = entry.given.get(name, [])
            if not isinstance(lists, list) or not all(isinstance(item, dict) for item in lists):
                wrong.append(f"{name}: a list of objects is expected.")
                continue
            entry.parts[name] = []
            for number, item in enumerate(lists, 1):
                values, faults = values_of(item, _by_name(part), {})
                entry.parts[name].append(values)
                wrong += [f"{name}, number {number}: {fault}" for fault in faults]
        for reason in wrong:
            self._problem(entry.line, reason)
        entry.given = {}
        return not wrong

    def _refer(self, kind: Kind, entry: Read) -> bool:
        """Put people here in the place of those whom the file names."""
        wrong: list[str] = []
        for label, values in _with_parts(kind, entry):
            wrong += self._refer_to_groups(label, values)
            for name, column in PEOPLE[label]:
                value = values[name]
                if value is None:
                    continue
                if column.is_user:
                    values[name] = self.users.get(value)
                    if values[name] is None:
                        wrong.append(f"{name}: the file has no such member of staff.")
                else:
                    values[name] = self.practitioners.get(value)
                    if values[name] is None:
                        wrong.append(f"{name}: the file has no Practitioner/{value}.")
        for reason in wrong:
            self._problem(entry.line, reason)
        return not wrong

    def _refer_to_groups(self, label: str, values: Entry) -> list[str]:
        """Put groups here in the place of those whom the file names; return which there are not."""
        named = {name: group for name in GROUPS[label] if (group := values[name]) is not None}
        for name, group in named.items():
            values[name] = self.groups.get(group)
        return [
            f"{name}: make the group “{group}” here first."
            for name, group in named.items()
            if values[name] is None
        ]

    def _are_ids_free(self, model: type[models.Model], entries: list[Read]) -> bool:
        ids: dict[int, Read] = {}
        wrong: list[tuple[int, str]] = []
        name = model._meta.object_name
        for entry in entries:
            pk = entry.values["id"]
            if pk in ids:
                wrong.append((entry.line, f"{name}/{pk} stands in the file twice."))
            ids[pk] = entry
        taken = model._default_manager.filter(pk__in=ids)
        path = "pk" if model in (Organisation, Practitioner) else "organisation_id"
        for pk, owner in taken.values_list("pk", path):
            if path != "pk" and owner == self.organisation.pk:
                reason = f"{name}/{pk} stands in the file twice."
            else:
                reason = (
                    f"{name}/{pk} is taken in this database, and other organisations know it by"
                    " this id: load the dump where it is free."
                )
            wrong.append((ids[pk].line, reason))
        for line, reason in wrong:
            self._problem(line, reason)
        return not wrong

    def _are_references_ours(self, kind: Kind, entries: list[Read]) -> bool:
        """Whether all that entries refer to is of this practice, and in the file before them."""
        wanted: dict[type[models.Model], dict[int, tuple[int, str]]] = {}
        for entry in entries:
            for label, values in _with_parts(kind, entry):
                for name, column in REFERENCES[label]:
                    model, pk = column.refers_to, values[name]
                    if pk is not None and model is not None:
                        wanted.setdefault(model, {}).setdefault(pk, (entry.line, name))
        is_right = True
        for model, named in wanted.items():
            there = set(
                model._default_manager.filter(
                    organisation=self.organisation, pk__in=named
                ).values_list("pk", flat=True)
            )
            if model is kind.model:
                there |= {entry.values["id"] for entry in entries}
            for pk in sorted(named.keys() - there):
                is_right = False
                line, name = named[pk]
                self._problem(
                    line,
                    f"{name}: {model._meta.object_name}/{pk} does not stand in the file before.",
                )
        return is_right

    def _store(self, kind: Kind, entries: list[Read]) -> None:
        """Store entries with their parts; where the database refuses, find out which and why."""
        if not entries:
            return
        names = [column.name for column in kind.columns]
        is_own = kind not in (PRACTICE, PRACTITIONERS)
        mine = (self.organisation.pk,) if is_own else ()
        keep_ids_free(kind.model, max(entry.values["id"] for entry in entries))

        def store(chosen: list[Read]) -> None:
            rows = ([*(entry.values[name] for name in names), *mine] for entry in chosen)
            insert_rows(kind.model, [*names, *(["organisation"] if is_own else [])], rows)
            for part in kind.parts:
                columns = [column.name for column in part.columns]
                insert_rows(
                    part.model,
                    [*columns, part.owner],
                    (
                        [*(values[name] for name in columns), entry.values["id"]]
                        for entry in chosen
                        for values in entry.parts[part.name]
                    ),
                )

        try:
            with transaction.atomic():
                store(entries)
        except IntegrityError:
            for entry in entries:
                try:
                    with transaction.atomic():
                        store([entry])
                except IntegrityError as error:
                    self._problem(entry.line, _rule(error))


def _by_name(kind: Kind | Part) -> dict[str, Column]:
    return NAMED[kind.model._meta.label]


KINDS = (PRACTICE, PRACTITIONERS, *OWN)
HOLDERS: tuple[Kind | Part, ...] = (*KINDS, *(part for kind in KINDS for part in kind.parts))
NAMED: dict[str, dict[str, Column]] = {
    each.model._meta.label: {column.name: column for column in each.columns} for each in HOLDERS
}
# People, who are matched by name.
PEOPLE = {
    label: [
        (name, column)
        for name, column in named.items()
        if column.is_user or (column.refers_to is Practitioner and name != "id")
    ]
    for label, named in NAMED.items()
}
# Groups of organisations, likewise; they are there before.
GROUPS = {
    label: [name for name, column in named.items() if column.is_group]
    for label, named in NAMED.items()
}
# Records of the practice's own.
REFERENCES = {
    label: [
        (name, column)
        for name, column in named.items()
        if column.refers_to not in (None, Practitioner)
    ]
    for label, named in NAMED.items()
}


def _with_parts(kind: Kind, entry: Read) -> Iterator[tuple[str, Entry]]:
    """The values of an entry and of its parts, each with the label of its model."""
    yield kind.model._meta.label, entry.values
    for part in kind.parts:
        for values in entry.parts[part.name]:
            yield part.model._meta.label, values


def _rule(error: IntegrityError) -> str:
    """Say which rule of the database an entry breaks, without its values."""
    diag = getattr(error.__cause__, "diag", None)
    name = getattr(diag, "constraint_name", None)
    if name is None:
        said = str(error)
        name = said.partition("failed: ")[2].removeprefix("index ") or "of the database"
    return f"it breaks the rule “{name.replace('_', ' ').strip()}”."
