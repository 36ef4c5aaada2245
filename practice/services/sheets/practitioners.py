"""Practitioners as a spreadsheet: a row for each role that somebody has at the practice.

A person may work at several practices. What one of them says of a role is its own; the person's own
details are changed from a file only where no other practice shows them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from practice import terminology
from practice.db.row_security import across_practices
from practice.models import Organisation, Practitioner, PractitionerRole, Schedule
from practice.reads.directory import practitioners
from practice.services.audit.changes import changes_between
from practice.services.audit.recording import Actor, Facts, record_all, resource_of
from practice.services.locks import lock_practice
from practice.services.sheets.columns import (
    Column,
    SheetRow,
    Values,
    choice,
    choices,
    record_number,
    set_values,
    truth_column,
)
from practice.services.sheets.planning import Kind, PlannedRow, differing

PERSON = (
    Column("SDS user ID", "sds_user_id", hint="The smartcard's number. Needed for somebody new."),
    Column("Title", "prefix"),
    Column("Given names", "given_names"),
    Column("Family name", "family_name", needed=True),
    choice("Gender", "gender", terminology.administrative_genders),
    choices("Languages", "languages", terminology.human_languages),
)
ROLE = (
    choice("Role", "role", terminology.practitioner_roles, needed=True),
    Column("SDS role profile ID", "sds_role_profile_id"),
    truth_column("Works here", "active"),
)
PERSON_FIELDS = tuple(column.field for column in PERSON)
ROLE_FIELDS = ("sds_role_profile_id", "active")
ELSEWHERE = (
    "SDS user ID: somebody at another practice has it. Ask the administrator of this site to add a "
    "role at your practice to that record."
)
SHARED = (
    "This person is at another practice too: the name and the other details can be changed only by "
    "somebody who manages all of those practices."
)


class Practitioners(Kind):
    """Found by our own number, else by SDS user ID, else by name of who has none."""

    columns: ClassVar[tuple[Column, ...]] = (
        Column("Record", "pk", record_number, str, hint="Our own number. Empty for somebody new."),
        *PERSON,
        *ROLE,
    )

    def __init__(self, organisation: Organisation, *, now: datetime) -> None:
        super().__init__(organisation, now=now)
        # Whoever rows are about, by our number, or by SDS user ID who is new.
        self.people: dict[object, Person] = {}

    def plan(self, rows: Sequence[SheetRow], *, lock: bool = False) -> list[PlannedRow]:
        if lock:
            lock_practice(self.organisation)
        known = KnownPeople(self, rows)
        return [self._plan_row(row, known) for row in rows]

    def _plan_row(self, row: SheetRow, known: "KnownPeople") -> PlannedRow:
        values = dict(row.values)
        role_values = {name: values.pop(name) for name in ROLE_FIELDS if name in values}
        code, pk = values.pop("role", None), values.pop("pk", None)
        family = values.get("family_name")
        planned = PlannedRow(row.number, family or "Nobody by name", is_new=True)
        planned.problems += row.problems
        if not family:
            planned.problems.append("Family name: this is missing.")
        if not code and not any(said.startswith("Role:") for said in row.problems):
            planned.problems.append("Role: this is missing.")
        if planned.problems:
            return planned
        person, problems = known.find(pk, values)
        planned.problems += problems
        if person is None:
            return planned
        self._plan_person(planned, person, values, known)
        self._plan_role(planned, person, code, role_values, known)
        return planned

    def _plan_person(
        self, planned: PlannedRow, person: "Person", values: Values, known: "KnownPeople"
    ) -> None:
        if person.said is not None:
            if person.said != values:
                planned.problems.append(f"Row {person.row} says otherwise of the same person.")
            return
        person.said, person.row = dict(values), planned.number
        planned.changes, problems = set_values(person.record, values, self.by_field)
        planned.problems += problems
        if planned.changes and person.record.pk in known.shared:
            planned.problems.append(SHARED)

    def _plan_role(
        self,
        planned: PlannedRow,
        person: "Person",
        code: str,
        values: Values,
        known: "KnownPeople",
    ) -> None:
        role = person.roles.get(code)
        planned.is_new = role is None
        # A further role of somebody who was there is a change of how they are shown (GEN-032).
        role = role or PractitionerRole(
            organisation=self.organisation,
            practitioner=person.record,
            role=code,
            version=1 if person.record.pk else 0,
        )
        before = PractitionerRole(**{name: getattr(role, name) for name in ROLE_FIELDS})
        planned.record, planned.parts = role, [person, before]
        planned.who = f"{person.record}, {role.get_role_display()}"
        planned.problems += self.twice((id(person.record), code), planned.number)
        changes, problems = set_values(role, values, self.by_field)
        planned.changes += changes
        planned.problems += problems

    def apply(self, planned: Sequence[PlannedRow], *, actor: Actor, source: Values) -> None:
        todo = differing(planned)
        about = {row.number: row.parts[0] for row in todo if row.parts[0].row == row.number}
        new = [person.record for person in about.values() if person.is_new]
        old = [p.record for p in about.values() if not p.is_new and p.changes]
        with across_practices():  # whoever is new belongs to no practice before their first role
            Practitioner.objects.bulk_create(new)
        for person in old:
            person.version += 1
            person.updated_at = self.now
        if old:
            Practitioner.objects.bulk_update(old, [*PERSON_FIELDS, "version", "updated_at"])
        self._store_roles(todo)
        record_all(
            (self.organisation.pk, self._facts(row, about.get(row.number), actor, source))
            for row in todo
        )

    def _store_roles(self, todo: Sequence[PlannedRow]) -> None:
        new = [row.record for row in todo if row.is_new]
        for role in new:
            role.practitioner_id = role.practitioner.pk
        PractitionerRole.objects.bulk_create(new)
        old = [row.record for row in todo if not row.is_new and _role_changes(row)]
        for role in old:
            role.version += 1
            role.updated_at = self.now
        if old:
            PractitionerRole.objects.bulk_update(old, [*ROLE_FIELDS, "version", "updated_at"])

    def _facts(
        self, row: PlannedRow, person: "Person | None", actor: Actor, source: Values
    ) -> Facts:
        """As the form of the person writes it: their own changes, and what became of the role."""
        detail = {**source, "row": row.number}
        if person and (changes := person.changes):
            detail["changes"] = changes
        if row.is_new or _role_changes(row):
            verb = "added" if row.is_new else "changed"
            said = {"role": {"to": row.record.role}} if row.is_new else {}
            what = {"id": row.record.pk, "changes": {**said, **_role_changes(row)}}
            detail["records"] = [{verb: str(row.record._meta.verbose_name), **what}]
        return Facts(
            actor=actor,
            event="practitioner.add" if person and person.is_new else "practitioner.change",
            outcome="ok",
            now=self.now,
            resource=resource_of(row.record.practitioner),
            detail=detail,
        )

    def rows(self) -> Iterator[list[str]]:
        roles = PractitionerRole.objects.filter(organisation=self.organisation)
        for role in roles.select_related("practitioner").order_by(
            "practitioner__family_name", "practitioner__given_names", "practitioner", "role"
        ):
            values = {c.field: getattr(role.practitioner, c.field) for c in PERSON}
            values |= {c.field: getattr(role, c.field) for c in ROLE}
            yield self.row_of({**values, "pk": role.practitioner_id})


def _role_changes(row: PlannedRow) -> Values:
    before = None if row.is_new else row.parts[1]
    return changes_between(before, row.record, ROLE_FIELDS)


class Person:
    """Somebody whom rows are about: ``said`` is what the first of these says of them."""

    def __init__(self, record: Practitioner) -> None:
        self.record, self.is_new = record, record.pk is None
        self.before = Practitioner(**{name: getattr(record, name) for name in PERSON_FIELDS})
        self.roles: dict[str, PractitionerRole] = {}
        self.said: Values | None = None
        self.row = 0

    @property
    def changes(self) -> Values:
        """What differs from how they were, as the trail keeps it."""
        return changes_between(None if self.is_new else self.before, self.record, PERSON_FIELDS)


class KnownPeople:
    """Everybody of the practice with their roles there, and who is at other practices too."""

    def __init__(self, kind: Practitioners, rows: Sequence[SheetRow]) -> None:
        own = {"organisation": kind.organisation}
        self.people = kind.people
        self.by_id = {p.pk: self.people.setdefault(p.pk, Person(p)) for p in practitioners(**own)}
        for role in PractitionerRole.objects.filter(**own, practitioner__in=self.by_id):
            self.by_id[role.practitioner_id].roles.setdefault(role.role, role)
        self.by_name: dict[str, list[Person]] = defaultdict(list)
        for person in self.by_id.values():
            if number := person.record.sds_user_id:
                self.people[number] = person
            else:
                self.by_name[person.record.full_name.casefold()].append(person)
        numbers = [row.values["sds_user_id"] for row in rows if row.values.get("sds_user_id")]
        with across_practices():  # they may be at several
            self.elsewhere = set(
                Practitioner.objects.filter(sds_user_id__in=numbers)
                .exclude(pk__in=self.by_id)
                .values_list("sds_user_id", flat=True)
            )
            self.shared = {
                *PractitionerRole.objects.filter(practitioner__in=self.by_id)
                .exclude(**own)
                .values_list("practitioner", flat=True),
                *Schedule.objects.filter(session_holder__in=self.by_id)
                .exclude(**own)
                .values_list("session_holder", flat=True),
            }

    def find(self, pk: int | None, values: Values) -> tuple[Person | None, list[str]]:
        """Whom a row is about, somebody new perhaps; or why it can be nobody."""
        number = values.get("sds_user_id")
        holder = self.people.get(number) if number else None
        if pk is not None:
            person = self.by_id.get(pk)
            if person is None:
                return None, [f"Record: there is no practitioner {pk} at this practice."]
            if holder and holder is not person:
                return None, [f"SDS user ID: {holder.record} has it."]
            return (None, [ELSEWHERE]) if number in self.elsewhere else (person, [])
        if holder:
            return holder, []
        if number in self.elsewhere:
            return None, [ELSEWHERE]
        if number:
            self.people[number] = Person(Practitioner())
            return self.people[number], []
        names = (values.get(name) for name in ("prefix", "given_names", "family_name"))
        alike = self.by_name.get(" ".join(filter(None, names)).casefold(), [])
        if len(alike) == 1:
            return alike[0], []
        return None, ["SDS user ID: this is missing. Somebody new needs one, to be found again by."]
