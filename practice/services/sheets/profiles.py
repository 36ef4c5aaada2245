"""Access profiles as a spreadsheet: a row for each, found by its name."""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from practice import terminology
from practice.models import AccessProfile, ConsumerGroup
from practice.models.common import validate_ods_code
from practice.reads.consumer_groups import groups
from practice.services.access_profiles import contradictions
from practice.services.audit.changes import changes_between
from practice.services.audit.recording import Actor, Facts, record_all, resource_of
from practice.services.locks import lock_practice
from practice.services.sheets.columns import (
    Column,
    SheetRow,
    Values,
    choices,
    number_column,
    set_values,
)
from practice.services.sheets.planning import Kind, PlannedRow, differing


def ods_codes(text: str) -> list[str]:
    """Codes with semicolons, commas or blanks in between; small letters are put right."""
    codes = list(dict.fromkeys(filter(None, re.split(r"[\s,;]+", text.upper()))))
    for code in codes:
        try:
            validate_ods_code(code)
        except ValidationError:
            raise ValueError(f"“{code}” is not an ODS code") from None
    return codes


COLUMNS = (
    Column("Name", "name", needed=True),
    choices("Organisation types", "organisation_types", terminology.organisation_types),
    Column(
        "ODS codes",
        "ods_codes",
        ods_codes,
        "; ".join,
        hint="Several: with semicolons in between. Empty: any organisation.",
    ),
    Column(
        "Group",
        "consumer_group",
        hint="The name of a group that all practices share: whoever is in it, too.",
    ),
    number_column("Slots per session", "slots_per_session"),
    number_column("Slots per day", "slots_per_day"),
    number_column("Slots per week", "slots_per_week"),
)
FIELDS = tuple(column.field for column in COLUMNS)


class Profiles(Kind):
    """Found by name."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    def plan(self, rows: Sequence[SheetRow], *, lock: bool = False) -> list[PlannedRow]:
        if lock:
            lock_practice(self.organisation)
        stored = self._stored()
        known = {profile.name: profile for profile in stored}
        shared = {group.name: group for group in groups()}
        return [self._plan_row(row, known, shared) for row in rows]

    def _stored(self) -> QuerySet[AccessProfile]:
        found = AccessProfile.objects.filter(organisation=self.organisation)
        return found.select_related("consumer_group")

    def _plan_row(
        self, row: SheetRow, known: dict[str, AccessProfile], shared: dict[str, ConsumerGroup]
    ) -> PlannedRow:
        name = row.values.get("name")
        profile = known.get(name or "")
        is_new = profile is None
        record = profile or AccessProfile(organisation=self.organisation)
        before = AccessProfile(**{field: getattr(record, field) for field in FIELDS})
        planned = PlannedRow(row.number, name or "A profile without a name", is_new, record)
        planned.problems += row.problems
        planned.parts = [before]
        if not name:
            planned.problems.append("Name: this is missing.")
            return planned
        planned.problems += self.twice(name, row.number)
        if group := row.values.get("consumer_group"):
            if group not in shared:
                planned.problems.append(f"Group: there is no group “{group}”.")
            row.values["consumer_group"] = shared.get(group)
        planned.changes, problems = set_values(record, row.values, self.by_field)
        planned.problems += problems
        planned.problems += [
            f"{self.by_field[field].heading}: {words}" for field, words in contradictions(record)
        ]
        return planned

    def apply(self, planned: Sequence[PlannedRow], *, actor: Actor, source: Values) -> None:
        todo = differing(planned)
        AccessProfile.objects.bulk_create([row.record for row in todo if row.is_new])
        if changed := [row.record for row in todo if not row.is_new]:
            AccessProfile.objects.bulk_update(changed, FIELDS)
        record_all(self._event(row, actor, source) for row in todo)

    def _event(self, row: PlannedRow, actor: Actor, source: Values) -> tuple[int, Facts]:
        (before,) = row.parts
        changes = changes_between(None if row.is_new else before, row.record, FIELDS)
        return self.organisation.pk, Facts(
            actor=actor,
            event="accessprofile.add" if row.is_new else "accessprofile.change",
            outcome="ok",
            now=self.now,
            resource=resource_of(row.record),
            detail={**source, "row": row.number, "changes": changes},
        )

    def rows(self) -> Iterator[list[str]]:
        for profile in self._stored():
            yield self.row_of({field: getattr(profile, field) for field in FIELDS})
