"""A practice's slot types: what each counts as on a day, and which may be planned with.

Slots and appointments name their type by its text. All types and mappings of a practice are some
dozens: they are asked for at once, and looked up as often as one likes.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from functools import cached_property

from django.db.models import (
    Case,
    Exists,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)

from practice import clock
from practice.models import Organisation, SlotType, SlotTypeMapping, TemplateBlock

IN_FORCE = SlotTypeMapping.objects.filter(slot_type=OuterRef("pk"), last_day__isnull=True)


def slot_types(*, organisation: Organisation) -> QuerySet[SlotType]:
    """The types of a practice, by name, each with whether it is ``mapped``."""
    return SlotType.objects.filter(organisation=organisation).annotate(mapped=Exists(IN_FORCE))


def hints(names: Iterable[str], *, organisation: Organisation) -> list[tuple[str, str]]:
    """Return what reception should know of these types, each by its name; one query."""
    found = SlotType.objects.filter(organisation=organisation, name__in=set(names))
    return list(found.exclude(hint="").order_by("name").values_list("name", "hint"))


def slot_type_of(*, organisation: Organisation, pk: int) -> SlotType | None:
    """A type of the practice, with its mappings, the latest first; None: there is none."""
    found: SlotType | None = slot_types(organisation=organisation).filter(pk=pk).first()
    return found


def history(slot_type: SlotType) -> QuerySet[SlotTypeMapping]:
    """What a type counted as, the latest first."""
    return slot_type.mappings.order_by("-first_day")


class Mappings:
    """What every type of a practice counts, counted and will count as: two queries, when asked."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation

    @cached_property
    def types(self) -> list[SlotType]:
        found = SlotType.objects.filter(organisation=self.organisation)
        return list(found.prefetch_related("mappings").order_by("name"))

    @cached_property
    def _by_name(self) -> dict[str, list[SlotTypeMapping]]:
        return {each.name: list(each.mappings.all()) for each in self.types}

    def on(self, name: str, day: date) -> SlotTypeMapping | None:
        """What slots of this name counted as on a day; None: they were not mapped."""
        for each in self._by_name.get(name, ()):
            if each.first_day <= day and (each.last_day is None or day <= each.last_day):
                return each
        return None

    def changes_between(self, first: date, last: date) -> list[date]:
        """The days after the first, until the last, from which some type counts as another."""
        days = {
            day
            for there in self._by_name.values()
            for each in there
            for day in (each.first_day, each.last_day and each.last_day + timedelta(days=1))
            if day
        }
        return sorted(day for day in days if first < day <= last)

    def in_force(self, name: str) -> SlotTypeMapping | None:
        """What slots of this name count as until further notice; None: they are not mapped."""
        there = self._by_name.get(name, ())
        return next((each for each in there if each.last_day is None), None)


class Periods:
    """The parts of a stretch of days in each of which no type changes what it counts as.

    The database counts by the number of the part (``number``), and never by the day. A part also
    begins on each of the days ``also``.
    """

    def __init__(
        self, mappings: Mappings, first: date, last: date, also: Iterable[date] = ()
    ) -> None:
        changes = sorted({*mappings.changes_between(first, last), *also})
        self.first_days = [first, *changes]
        starts = [
            When(start__lt=clock.day_start(day), then=Value(part))
            for part, day in enumerate(changes)
        ]
        last_part = Value(len(changes), output_field=IntegerField())
        self.number: Case | Value = Case(*starts, default=last_part) if starts else last_part


def mode_of(mapping: SlotTypeMapping | None, channel: str) -> str:
    """The mode of a slot: what its mapping says, or else its channel; empty: nobody knows."""
    if mapping is None:
        return ""
    said: str = mapping.mode or mapping.channel_modes.get(channel, "")
    return said


def on_offer(*, organisation: Organisation) -> QuerySet[SlotType]:
    """The types that forms offer: mapped and not archived; each with its ``category``."""
    offered = slot_types(organisation=organisation).filter(Exists(IN_FORCE), archived=False)
    return offered.annotate(category=Subquery(IN_FORCE.values("category")[:1]))


def number_unmapped(*, organisation: Organisation) -> int:
    """How many types wait for somebody to map them."""
    return slot_types(organisation=organisation).filter(~Exists(IN_FORCE), archived=False).count()


def why_not_planned_with(
    *, organisation: Organisation, names: Collection[str], known: Iterable[str] = ()
) -> dict[str, str]:
    """Say of each of these names, in words, why no template may begin to use it.

    What a template uses already, it may go on to use, here and in its copies: ``known`` are names
    that need not be asked for again.
    """
    asked = set(names) - set(known) - {""}
    if not asked:
        return {}
    types = {
        each.name: each for each in slot_types(organisation=organisation).filter(name__in=asked)
    }
    used = TemplateBlock.objects.filter(template__organisation=organisation, slot_type__in=asked)
    asked -= set(used.values_list("slot_type", flat=True))
    return {name: why for name in sorted(asked) if (why := _why_not(name, types.get(name)))}


def _why_not(name: str, found: SlotType | None) -> str:
    if found is not None and found.archived:
        return f"“{name}” is archived: choose another slot type."
    if found is None or not getattr(found, "mapped", False):
        return f"“{name}” has no national category yet: give it one first, then plan with it."
    return ""
