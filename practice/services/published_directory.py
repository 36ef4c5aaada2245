"""A practice's directory filled from what is published of it, and compared with it later.

What is here and published otherwise is listed, and stays as it is until somebody says that the
published one is to be taken. People who are at another practice too stay as they are in any case.
Nothing is removed: who is no longer in the files is named.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F

from practice.exceptions import FilesRefused, Problem
from practice.models import Location, Organisation, Practitioner, PractitionerRole
from practice.published_files import (
    Published,
    PublishedRow,
    in_words,
    read_published,
    surname_and_initials,
)
from practice.reads.directory import practices_of_practitioner
from practice.services.audit.recording import Actor, record_done
from practice.services.service_filtering import note_at_new_practice

EVENT = "practice.directory_filled"
GP = "R0260"  # General Medical Practitioner
TITLE = "Dr"
NOT_SHOWN = {"gmp_code"}  # to other organisations: it makes no version


@dataclass(frozen=True)
class Difference:
    """What is here and published otherwise; ``taken``: it is now as published."""

    record: str
    column: str
    here: str
    published: str
    taken: bool


@dataclass
class Filled:
    """What a run made, what differs, whom the files do not name, and what was passed over."""

    ods_code: str
    name: str = ""
    made: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def taken(self) -> list[Difference]:
        return [each for each in self.differences if each.taken]


@transaction.atomic
def fill_directory(
    *,
    ods_code: str,
    organisations: Path,
    branches: Path | None,
    practitioners: Path | None,
    update: bool,
    dry_run: bool,
    actor: Actor,
    now: datetime,
) -> Filled:
    """Make the practice and what it lacks of places and GPs; with ``update`` take what differs.

    ``dry_run`` keeps nothing of it. Raises FilesRefused when the files have another layout, the
    practice is not in them or closed, or something of theirs cannot be stored; then nothing is.
    """
    published = read_published(
        ods_code, organisations=organisations, branches=branches, gps=practitioners
    )
    filler = _Filler(published, update=update, files=(organisations, branches, practitioners))
    filler.fill()
    if dry_run:
        transaction.set_rollback(True)
    elif filler.done.made or filler.done.taken:
        record_done(
            EVENT,
            filler.organisation,
            actor=actor,
            now=now,
            detail={
                "made": filler.done.made,
                "changed": [
                    {"record": each.record, each.column: {"from": each.here, "to": each.published}}
                    for each in filler.done.taken
                ],
            },
        )
    return filler.done


class _Filler:
    """One run: the practice, and what was done so far."""

    def __init__(
        self, published: Published, *, update: bool, files: tuple[Path | None, ...]
    ) -> None:
        self.published, self.update = published, update
        self.of_practice, self.of_branches, self.of_gps = files
        self.done = Filled(published.practice.code)
        self.done.passed_over, self.done.rows = dict(published.passed_over), published.rows
        self.problems: list[Problem] = []

    def fill(self) -> None:
        self._practice(self.published.practice)
        if self.of_branches:
            self._branches(self.published.branches)
        if self.of_gps:
            self._gps(self.published.gps)
        if self.problems:
            raise FilesRefused(self.problems)

    # ------------------------------------------------------------ the practice and its places

    def _practice(self, row: PublishedRow) -> None:
        locked = Organisation.objects.select_for_update(no_key=True)
        found = locked.filter(ods_code=row.code).first()
        if found and found.sandbox_of:
            words = f"{found} is a sandbox here, and no real practice."
            raise FilesRefused([Problem(str(self.of_practice), row.line, words)])
        values = {"name": in_words(row.name), "telephone": row.telephone, **row.address}
        organisation = found or Organisation(ods_code=row.code)
        self._store(organisation, values, row, self.of_practice)
        self.organisation, self.done.name = organisation, str(organisation)
        if organisation.pk and not found:
            note_at_new_practice(organisation)
        if self.problems:
            raise FilesRefused(self.problems)
        main = organisation.locations.select_for_update(no_key=True).filter(is_main=True).first()
        if main:  # whatever they call it
            self._store(main, {**row.address, "telephone": row.telephone}, row, self.of_practice)
            return
        self._store(
            Location(organisation=organisation, is_main=True), values, row, self.of_practice
        )
        if found:  # it is shown with its main surgery (GEN-032)
            Organisation.objects.filter(pk=found.pk).update(version=F("version") + 1)

    def _branches(self, rows: Iterable[PublishedRow]) -> None:
        places = list(Location.objects.select_for_update(no_key=True).filter(
            organisation=self.organisation
        ).order_by("pk"))  # fmt: skip
        seen: set[int] = set()
        for row in rows:
            values = {"name": in_words(row.name), "telephone": row.telephone, **row.address}
            left = [place for place in places if place.pk not in seen]
            place = _same_place(values, left) or Location(organisation=self.organisation)
            if place.pk is None and any(each.name == values["name"] for each in places):
                values["name"] = f"{values['name']} ({row.postcode})"
            self._store(place, values, row, self.of_branches)
            if place.pk is not None:
                seen.add(place.pk)
                places.append(place)
        self.done.missing += [
            f"{place} (a place)" for place in places if place.pk not in seen and not place.is_main
        ]

    # ------------------------------------------------------------ people

    def _gps(self, rows: Iterable[PublishedRow]) -> None:
        here = list(
            Practitioner.objects.select_for_update(no_key=True, of=("self",))
            .filter(pk__in=self.organisation.practitioner_roles.values("practitioner"))
            .order_by("pk")
        )
        seen: set[int] = set()
        for row in rows:
            family_name, initials = surname_and_initials(row.name)
            known = Practitioner.objects.filter(gmp_code=row.code).first()
            person = known or _same_person(family_name, initials, here)
            if person is None:
                person = Practitioner(prefix=TITLE, given_names=initials)
            values = {"family_name": family_name, "gmp_code": row.code}
            if person.pk and _initials(person.given_names)[:1] != _initials(initials)[:1]:
                values["given_names"] = initials
            if person.pk in seen:  # they joined twice
                continue
            self._store(person, values, row, self.of_gps)
            if person.pk is not None:
                seen.add(person.pk)
                self._work_here(person, is_known=person in here)
        listed = [person for person in here if person.gmp_code and person.pk not in seen]
        self.done.missing += [f"{person} (GMP code {person.gmp_code})" for person in listed]

    def _work_here(self, person: Practitioner, *, is_known: bool) -> None:
        """Let somebody work here who never did; an ended role is somebody's decision."""
        if is_known:
            return
        is_new = f"{person} (practitioner)" in self.done.made
        PractitionerRole.objects.create(
            organisation=self.organisation,
            practitioner=person,
            role=GP,
            # A role of somebody who was there is a change of how they are shown (GEN-032).
            version=0 if is_new else 1,
        )
        if not is_new:
            self.done.made.append(f"{person} (works here)")

    # ------------------------------------------------------------ storing

    def _store(
        self, record: Any, values: dict[str, str], row: PublishedRow, file: Path | None
    ) -> None:
        """Store a new record, or note what differs of one that is there, and take it if asked."""
        is_new = record.pk is None
        kind = str(record._meta.verbose_name)
        name = "" if is_new else f"{record} ({kind})"
        different = {
            column: value for column, value in values.items() if getattr(record, column) != value
        }
        taken = is_new or (self.update and not self._is_of_others_too(record))
        before = {column: getattr(record, column) or "" for column in different}
        if taken and different:
            for column, value in different.items():
                setattr(record, column, value)
            if self._is_sound(record, row, file):
                if not is_new and different.keys() - NOT_SHOWN:
                    record.version += 1
                record.save()
        if is_new:
            self.done.made.append(f"{record} ({kind})")
            return
        self.done.differences += [
            Difference(name, column, before[column], value, taken)
            for column, value in different.items()
        ]

    def _is_sound(self, record: models.Model, row: PublishedRow, file: Path | None) -> bool:
        try:
            record.full_clean()
        except ValidationError as error:
            for column, words in error.message_dict.items():
                reason = f"{column}: {' '.join(words)}"
                self.problems.append(Problem(str(file), row.line, reason))
            return False
        return True

    def _is_of_others_too(self, record: Any) -> bool:
        if not isinstance(record, Practitioner):
            return False
        return any(each.pk != self.organisation.pk for each in practices_of_practitioner(record))


def _same_place(values: dict[str, str], places: list[Location]) -> Location | None:
    """The place of this name; or the one at this address, whatever staff call it."""
    for columns in (["name"], ["postal_code", "address_line_1"]):
        wanted = [values[column].casefold() for column in columns]
        for place in places:
            held = [getattr(place, column).casefold() for column in columns]
            if all(held) and held == wanted and not place.is_main:
                return place
    return None


def _same_person(
    family_name: str, initials: str, people: list[Practitioner]
) -> Practitioner | None:
    """The one person here of this family name and first initial who has no code yet."""
    found = [
        person
        for person in people
        if not person.gmp_code
        and person.family_name.casefold() == family_name.casefold()
        and _initials(person.given_names)[:1] == _initials(initials)[:1]
    ]
    return found[0] if len(found) == 1 else None


def _initials(given_names: str) -> str:
    return "".join(word[0].casefold() for word in given_names.split())
