"""Groups of organisations that are kept once for all practices: who names them, what changes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256

from django.db.models import Count, QuerySet

from practice.db.prepared import Number, Prepared
from practice.db.row_security import across_practices
from practice.models import AccessProfile, ConsumerGroup, GroupChange, Organisation

SOON = timedelta(days=14)


def groups() -> QuerySet[ConsumerGroup]:
    """Every group of the installation, by name."""
    return ConsumerGroup.objects.order_by("name")


def group_by_id(pk: int) -> ConsumerGroup | None:
    """Return one group."""
    return groups().filter(pk=pk).first()


def fingerprint(group: ConsumerGroup) -> str:
    """What tells whether somebody has changed a group since it was shown."""
    written = json.dumps([group.name, group.members], sort_keys=True)
    return sha256(written.encode()).hexdigest()


@dataclass(frozen=True)
class Coming:
    """What is about to change in a group, and which profiles of the practice name it."""

    group: ConsumerGroup
    change: GroupChange
    profiles: list[AccessProfile]

    @property
    def sentence(self) -> str:
        """In words, without the date: X9X07 (Mockshire Urgent Care) joins, X9X01 (...) leaves."""
        said = [
            f"{each['ods_code']} ({each['name']}) {verb}"
            for verb, members in (("joins", self.change.joins), ("leaves", self.change.leaves))
            for each in members
        ]
        return f"{', '.join(said)}."


def coming_of(
    group: ConsumerGroup,
    *,
    today: date,
    within: timedelta = SOON,
    profiles: Sequence[AccessProfile] = (),
) -> list[Coming]:
    """What changes in one group, soonest first."""
    changes = group.changes(today, today + within)
    return [Coming(group, change, list(profiles)) for change in changes]


def coming_changes(
    *, organisation: Organisation, today: date, within: timedelta = SOON
) -> list[Coming]:
    """What changes in the groups that a practice's profiles name, soonest first; one query."""
    named: dict[ConsumerGroup, list[AccessProfile]] = {}
    for profile in PROFILES_WITH_GROUP.objects(organisation=organisation.pk):
        if profile.consumer_group:
            named.setdefault(profile.consumer_group, []).append(profile)
    found = [
        each
        for group, profiles in named.items()
        for each in coming_of(group, today=today, within=within, profiles=profiles)
    ]
    return sorted(found, key=lambda each: (each.change.day, each.group.name))


PROFILES_WITH_GROUP = Prepared(
    lambda: (
        AccessProfile.objects.filter(
            organisation=Number("organisation"), consumer_group__isnull=False
        )
        .select_related("consumer_group")
        .order_by("name", "pk")
    )
)


@across_practices()
def practices_naming(group: ConsumerGroup) -> list[Organisation]:
    """The practices of which a profile names a group, by ODS code."""
    theirs = AccessProfile.objects.filter(consumer_group=group).values("organisation")
    return list(Organisation.objects.filter(pk__in=theirs).order_by("ods_code"))


@across_practices()
def numbers_of_practices() -> dict[int, int]:
    """How many practices name each group, by its id; one query."""
    rows = (
        AccessProfile.objects.filter(consumer_group__isnull=False)
        .values_list("consumer_group")
        .annotate(number=Count("organisation", distinct=True))
        .order_by()
    )
    return dict(rows)
