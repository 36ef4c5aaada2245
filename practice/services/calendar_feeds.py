"""Secret addresses at which a session holder's calendar program reads their diary."""

import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from practice.db.row_security import across_practices
from practice.exceptions import ChangeRefused, PractitionerNotFound
from practice.models import CalendarFeed, Organisation, Practitioner
from practice.services.audit.recording import Actor, record_done


@transaction.atomic
def make_feed(
    *, organisation: Organisation, practitioner_id: int, actor: Actor, now: datetime
) -> CalendarFeed:
    """Make the feed of somebody who works here; its secret is 256 random bits.

    Raises PractitionerNotFound, and ChangeRefused when there is one already.
    """
    working = Practitioner.objects.working_at(organisation).filter(pk=practitioner_id)
    holder = working.select_for_update(no_key=True).first()
    if holder is None:
        raise PractitionerNotFound
    live = CalendarFeed.objects.filter(
        organisation=organisation, practitioner=holder, revoked_at__isnull=True
    )
    if live.exists():
        raise ChangeRefused(f"{holder} has a calendar feed already. Revoke it first.")
    feed = CalendarFeed.objects.create(
        organisation=organisation,
        practitioner=holder,
        secret=secrets.token_urlsafe(32),
        created_at=now,
    )
    _record(feed, "calendar_feed.made", actor=actor, now=now)
    return feed


@transaction.atomic
def revoke_feed(*, feed: CalendarFeed, actor: Actor, now: datetime) -> None:
    """Let a feed's address lead nowhere from now on; doing it again changes nothing."""
    if CalendarFeed.objects.filter(pk=feed.pk, revoked_at__isnull=True).update(revoked_at=now):
        _record(feed, "calendar_feed.revoked", actor=actor, now=now)


@transaction.atomic
def show_feed(*, feed: CalendarFeed, actor: Actor, now: datetime) -> str:
    """Return the secret of a feed, and record who was told it."""
    _record(feed, "calendar_feed.shown", actor=actor, now=now)
    return feed.secret


@across_practices()  # the secret says whose it is
def live_feed(secret: str) -> CalendarFeed | None:
    """Return the feed with this secret, while it is not revoked and its holder works there."""
    of_feed = OuterRef(OuterRef("organisation"))
    holder = Practitioner.objects.working_at(of_feed).filter(pk=OuterRef("practitioner"))
    live = CalendarFeed.objects.filter(Exists(holder), secret=secret, revoked_at__isnull=True)
    return live.select_related("organisation", "practitioner").first()


def _record(feed: CalendarFeed, event: str, *, actor: Actor, now: datetime) -> None:
    record_done(event, feed, actor=actor, now=now, detail={"practitioner": feed.practitioner_id})
