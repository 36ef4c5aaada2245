"""What staged records refer to: other staged records, or what was imported or is known before."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models

from practice import clock
from practice.models import (
    Appointment,
    ImportedRecord,
    Location,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
)
from practice.reads.directory import people_named_by
from practice.services.importing.records import Reference
from practice.services.importing.stage import BROKEN, DONE, LEFT, Stage, Staged, digest


@dataclass(frozen=True)
class Found:
    """What a reference leads to: a record here, or why there is none.

    ``state`` is DONE where there is a record; LEFT where the record is not for this practice;
    BROKEN where it is, and something is wrong that has been told. ``record``: as it is staged.
    """

    state: str
    kind: str = ""
    pk: int | None = None
    record: int | None = None
    reason: str = ""


class Resolver:
    """Finds what references lead to, for one practice."""

    def __init__(self, stage: Stage, organisation: Organisation) -> None:
        self.stage, self.organisation = stage, organisation

    def find(self, reference: Reference) -> Found:
        """What a reference leads to; a reason for a report where it leads nowhere."""
        targets = self.stage.find(reference)
        pks = {each.pk for each in targets}
        if len(targets) > 1 and (len(pks) > 1 or pks == {None}):
            return Found(BROKEN, reason=f"{reference.shown} may mean several in the files")
        for target in targets[:1]:
            return Found(target.state, target.kind, target.pk, target.id)
        for kind in [reference.kind] if reference.kind else ("Location", "Practitioner", "Patient"):
            if pk := self._known(reference._replace(kind=kind)):
                return Found(DONE, kind, pk)
        return Found(
            BROKEN, reason=f"{reference.shown} is in none of the files, and not known here"
        )

    def _known(self, reference: Reference) -> int | None:
        """What came with an earlier import, or is known by its number in the whole country."""
        sources = [each.hex() for each in self.stage.sources(reference)]
        there = ImportedRecord.objects.filter(
            organisation=self.organisation, source__in=sources
        ).first()
        if there:
            return there.record
        for key in reference.keys:
            system, _, value = key.partition("|")
            if reference.kind == "Organization" and system.endswith("ods-organization-code"):
                return self.organisation.pk if value == self.organisation.ods_code else None
            if reference.kind == "Practitioner" and system.endswith("sds-user-id"):
                here = Practitioner.objects.filter(roles__organisation=self.organisation)
                return here.filter(sds_user_id=value).values_list("pk", flat=True).first()
            if reference.kind == "Patient" and system.endswith("nhs-number"):
                own = self.organisation.patients.filter(nhs_number=value)
                return own.values_list("pk", flat=True).first()
        return None

    def is_of_others(self, record: Staged) -> str:
        """Whether a record says that it is of another organisation; why it is wrong, if it is."""
        for reference in record.refers.get("organisation", []):
            found = self.find(reference)
            if found.reason:
                key = next((k for k in reference.keys if "ods-organization-code|" in k), "")
                return LEFT if key else found.reason
            if found.state == LEFT or (found.pk not in (None, self.organisation.pk)):
                return LEFT
        return ""


# What a record must say to be the one of that id: as records.Incoming has it in ``said``.
SAID: dict[type[models.Model], Callable[[Any], list[str]]] = {
    Location: lambda row: [row.name],
    Practitioner: lambda row: [row.family_name.casefold()],
    PractitionerRole: lambda row: [row.role],
    Patient: lambda row: [row.birth_date.isoformat()],
    **dict.fromkeys(
        (Schedule, Slot, Appointment),
        lambda row: [str(clock.seconds(row.start)), str(clock.seconds(row.end))],
    ),
}


def ours_by_id(organisation: Organisation, page: list[Staged]) -> dict[int, int]:
    """Which of these came from this practice: it has their ids, and they say the same."""
    model = next((model for model in SAID if page and model.__name__ == page[0].kind), None)
    if model is None:
        return {}
    own: dict[str, Any] = {"organisation": organisation}
    if model is Practitioner:
        own = {"pk__in": people_named_by(organisation=organisation)}
    named = {record.id: record.own_id for record in page if record.own_id}
    rows = model._default_manager.filter(**own).in_bulk(set(named.values()))
    said = {record.id: record.said for record in page}
    return {
        record: pk
        for record, pk in named.items()
        if pk in rows and digest(*SAID[model](rows[pk])) == said[record]
    }


def remembered(
    organisation: Organisation, records: Iterable[Staged]
) -> dict[bytes, ImportedRecord]:
    """What of these was imported before, by source."""
    sources = [each.source.hex() for each in records]
    there = ImportedRecord.objects.filter(organisation=organisation, source__in=sources)
    return {bytes.fromhex(each.source): each for each in there}
