"""Saved views of the diary: kept, renamed, forgotten, for oneself or for the whole practice."""

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from practice.exceptions import ChangeRefused, LocationNotFound, NotFound, PractitionerNotFound
from practice.models import (
    ChosenDiaryView,
    DiaryView,
    DiaryViewHolder,
    DiaryViewLocation,
    Organisation,
)
from practice.reads import directory
from practice.services.audit.recording import Actor, record_done


class ViewValues(NamedTuple):
    """What a view is: session holders in their order (none: everybody), places (none: all)."""

    name: str
    for_practice: bool
    holder_ids: tuple[int, ...]
    location_ids: tuple[int, ...]
    show_hidden: bool


@transaction.atomic
def save_view(
    *,
    organisation: Organisation,
    user: User,
    manages: bool,
    values: ViewValues,
    actor: Actor,
    now: datetime,
    view_id: int | None = None,
) -> DiaryView:
    """Keep a new view, or a stored one with its new values.

    ``manages``: the user may say how the whole practice looks at the diary. Nothing differs: no
    event. Raises NotFound, ChangeRefused (in words), PractitionerNotFound, LocationNotFound.
    """
    view = DiaryView(organisation=organisation)
    if view_id:
        view = _own_view(organisation, user, view_id, manages=manages)
    if values.for_practice and not manages:
        raise ChangeRefused("Only whoever manages the practice keeps views for all of it.")
    _check_ours(organisation, values)
    before = _shown(view) if view_id else {}
    view.user = None if values.for_practice else user
    view.name = values.name.strip()
    view.show_hidden = values.show_hidden
    _store(view, values)
    after = _shown(view)
    changes = {
        name: {"from": before.get(name), "to": value}
        for name, value in after.items()
        if before.get(name) != value
    }
    if changes:
        event = "diaryview.change" if view_id else "diaryview.add"
        record_done(event, view, actor=actor, now=now, detail={"changes": changes})
    return view


def _store(view: DiaryView, values: ViewValues) -> None:
    if not view.name:
        raise ChangeRefused("A view needs a name.")
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise ChangeRefused("There is a view of this name already.") from error
    view.holders.all().delete()
    DiaryViewHolder.objects.bulk_create(
        DiaryViewHolder(view=view, practitioner_id=pk, position=place)
        for place, pk in enumerate(values.holder_ids, 1)
    )
    view.locations.all().delete()
    DiaryViewLocation.objects.bulk_create(
        DiaryViewLocation(view=view, location_id=pk) for pk in values.location_ids
    )


@transaction.atomic
def remove_view(
    *,
    organisation: Organisation,
    user: User,
    manages: bool,
    view_id: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Forget a view; whoever had chosen it sees everybody. Raises NotFound."""
    view = _own_view(organisation, user, view_id, manages=manages)
    record_done("diaryview.delete", view, actor=actor, now=now, detail={"removed": _shown(view)})
    view.delete()


@transaction.atomic
def choose_view(*, organisation: Organisation, user: User, view_id: int | None) -> None:
    """Remember what somebody wants to see when they open the diary; None: everybody.

    A view that is not theirs to see is none.
    """
    chosen = ChosenDiaryView.objects.filter(organisation=organisation, user=user)
    seen = DiaryView.objects.filter(organisation=organisation, pk=view_id or 0)
    view = next((each for each in seen if each.user_id in (None, user.pk)), None)
    if view is None:
        chosen.delete()
    else:
        ChosenDiaryView.objects.update_or_create(
            organisation=organisation, user=user, defaults={"view": view}
        )


def _own_view(organisation: Organisation, user: User, view_id: int, *, manages: bool) -> DiaryView:
    """Lock a view that somebody may change: their own, or the practice's if they manage that."""
    found = DiaryView.objects.filter(organisation=organisation, pk=view_id)
    view = found.select_for_update(of=("self",), no_key=True).first()
    if view is None or view.user_id not in (None, user.pk):
        raise NotFound("There is no such view.")
    if view.user_id is None and not manages:
        raise ChangeRefused("This view is the whole practice's: whoever manages that changes it.")
    return view


def _check_ours(organisation: Organisation, values: ViewValues) -> None:
    people = directory.practitioners(organisation=organisation).filter(pk__in=values.holder_ids)
    if people.count() != len(set(values.holder_ids)):
        raise PractitionerNotFound
    places = directory.locations(organisation=organisation).filter(pk__in=values.location_ids)
    if places.count() != len(set(values.location_ids)):
        raise LocationNotFound


def _shown(view: DiaryView) -> dict[str, Any]:
    """A view as the trail keeps it: by names and numbers."""
    holders = view.holders.select_related("practitioner")
    places = view.locations.select_related("location")
    return {
        "name": view.name,
        "for": "the practice" if view.user_id is None else "oneself",
        "session_holders": [f"{each.practitioner} ({each.practitioner_id})" for each in holders],
        "locations": [f"{each.location} ({each.location_id})" for each in places],
        "show_hidden": view.show_hidden,
    }
