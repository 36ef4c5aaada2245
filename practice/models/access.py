"""To whom: which organisations may see and book a slot, and how many they may take."""

from datetime import date
from typing import NamedTuple, TypedDict

from django.db import models
from django.db.models import Q

from practice.models.directory import Organisation


class Member(TypedDict):
    """An organisation of a group; ``from`` and ``to`` are dates as text, both included, or ""."""

    ods_code: str
    name: str
    since: str
    until: str


class GroupChange(NamedTuple):
    """What changes in a group as a day begins: who joins it, who has left it."""

    day: date
    joins: list[Member]
    leaves: list[Member]


class ConsumerGroup(models.Model):
    """Organisations under one name, kept once for all practices, whose access profiles name it.

    So a change of the provider of NHS 111 is one edit. Who is a member on which day is decided by
    the date in London: a change takes effect at midnight. No practice owns it.
    """

    name = models.CharField(max_length=100, unique=True)
    members = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="consumer_group_has_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def members_on(self, day: date) -> list[Member]:
        """Who is in it on a day."""
        written = day.isoformat()
        return [
            each
            for each in self.members
            if each["since"] <= written and (not each["until"] or written <= each["until"])
        ]

    def codes_on(self, day: date) -> list[str]:
        """Their ODS codes."""
        return list(dict.fromkeys(each["ods_code"] for each in self.members_on(day)))

    def changes(self, after: date, last: date) -> list[GroupChange]:
        """What changes after one day until another, soonest first."""
        days = {
            date.fromordinal(date.fromisoformat(written).toordinal() + later)
            for each in self.members
            for written, later in ((each["since"], 0), (each["until"], 1))
            if written
        }
        found = []
        for day in sorted(each for each in days if after < each <= last):
            before = self.members_on(date.fromordinal(day.toordinal() - 1))
            now = self.members_on(day)
            codes, codes_before = ({each["ods_code"] for each in some} for some in (now, before))
            joins = [each for each in now if each["ods_code"] not in codes_before]
            leaves = [each for each in before if each["ods_code"] not in codes]
            if joins or leaves:
                found.append(GroupChange(day, joins, leaves))
        return found


class AccessProfile(models.Model):
    """A named, reusable set of organisations, and how many slots they may take between them.

    ``organisation_types`` and ``ods_codes`` are lists of codes; an empty list restricts nothing,
    and where both are given both must match (AVAIL-020 to AVAIL-027). A profile without either is
    open to everybody, which is how one slot of a restricted session is opened (AVAIL-010).
    Whoever is in ``consumer_group`` on a day counts as if their code stood in ``ods_codes``: a
    group without members admits nobody.
    Changing a profile takes effect at once wherever it is set (AVAIL-011).
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="access_profiles",
        verbose_name="practice",
    )
    name = models.CharField(max_length=100)
    organisation_types = models.JSONField(default=list, blank=True)
    ods_codes = models.JSONField("ODS codes", default=list, blank=True)
    consumer_group = models.ForeignKey(
        ConsumerGroup,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="access_profiles",
        verbose_name="group",
        help_text="Whoever is in this group, besides the ODS codes above. It is kept for all "
        "practices: who is in it may change on a date.",
    )
    slots_per_session = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="At most so many slots of one session. Empty: no limit."
    )
    slots_per_day = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="At most so many slots on one day. Empty: no limit."
    )
    slots_per_week = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="At most so many slots from a Monday to the Sunday after. Empty: no limit.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="access_profile_name_once_in_practice"
            ),
            models.CheckConstraint(
                condition=(Q(slots_per_session__isnull=True) | Q(slots_per_session__gte=1))
                & (Q(slots_per_day__isnull=True) | Q(slots_per_day__gte=1))
                & (Q(slots_per_week__isnull=True) | Q(slots_per_week__gte=1)),
                name="access_profile_limits_leave_something",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def names_codes(self) -> bool:
        """Whether only certain organisations may book, even if on some day there are none."""
        return bool(self.ods_codes) or self.consumer_group_id is not None

    def codes_on(self, day: date) -> list[str]:
        """The ODS codes that count on a day: its own, and those of its group."""
        if self.consumer_group is None:
            return list(self.ods_codes)
        return list(dict.fromkeys([*self.ods_codes, *self.consumer_group.codes_on(day)]))

    @property
    def is_limited(self) -> bool:
        """Whether bookings under this profile are counted."""
        return any(
            limit is not None
            for limit in (self.slots_per_session, self.slots_per_day, self.slots_per_week)
        )
