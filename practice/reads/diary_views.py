"""The saved views of the diary that somebody may choose from, and the one they chose last."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from practice.models import ChosenDiaryView, DiaryView, DiaryViewHolder, Organisation
from practice.reads.diary_rows import Choice


class SavedView(NamedTuple):
    """A view as the diary asks for it: ids of session holders in their order, and of places."""

    pk: int
    name: str
    is_own: bool
    is_chosen: bool
    show_hidden: bool
    holders: tuple[int, ...]
    locations: tuple[int, ...]


def diary_views(*, organisation: Organisation, user: User) -> QuerySet[DiaryView]:
    """One's own views and the practice's, with their session holders and places: three queries."""
    chosen = ChosenDiaryView.objects.filter(
        organisation=organisation, user=user, view=OuterRef("pk")
    )
    seen = DiaryView.objects.filter(organisation=organisation).filter(
        Q(user=user) | Q(user__isnull=True)
    )
    holders = DiaryViewHolder.objects.select_related("practitioner")
    return (
        seen.annotate(is_chosen=Exists(chosen))
        .prefetch_related(Prefetch("holders", queryset=holders), "locations__location")
        .order_by("name", "pk")
    )


def saved_views(*, organisation: Organisation, user: User) -> list[SavedView]:
    """The same as the diary needs them."""
    views: Iterable[Any] = diary_views(organisation=organisation, user=user)
    return [
        SavedView(
            pk=view.pk,
            name=view.name,
            is_own=view.user_id is not None,
            is_chosen=view.is_chosen,
            show_hidden=view.show_hidden,
            holders=tuple(each.practitioner_id for each in view.holders.all()),
            locations=tuple(each.location_id for each in view.locations.all()),
        )
        for view in views
    ]


def in_saved(choice: Choice, views: list[SavedView], *, remembered: bool = False) -> Choice:
    """Return a choice with whom its saved view names, in their order, and where.

    ``remembered``: the one that was chosen last, where the choice says nothing of its own. One that
    is no longer there is none.
    """
    wanted = next((each for each in views if each.pk == choice.saved), None)
    says_nothing = not (choice.saved or choice.location or choice.holder or choice.schedule)
    if remembered and says_nothing:
        wanted = next((each for each in views if each.is_chosen), None)
        show_hidden = choice.show_hidden or bool(wanted and wanted.show_hidden)
        choice = replace(choice, show_hidden=show_hidden)
    if wanted is None:
        return replace(choice, saved=None)
    return replace(choice, saved=wanted.pk, holders=wanted.holders, locations=wanted.locations)
