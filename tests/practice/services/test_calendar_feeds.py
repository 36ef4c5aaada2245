"""Who has a calendar feed, what its secret opens, and what the trail says of it."""

import pytest
from django.utils import timezone

from practice.exceptions import ChangeRefused, PractitionerNotFound
from practice.models import AuditEvent, CalendarFeed
from practice.services import calendar_feeds
from workbench.factories import make_actor, make_organisation, make_practitioner

pytestmark = pytest.mark.django_db
MANAGER = make_actor(door="staff", user_id="mia", name="Mia Manager")


def make(practice, holder=None):
    return calendar_feeds.make_feed(
        organisation=practice.organisation,
        practitioner_id=(holder or practice.practitioner).pk,
        actor=MANAGER,
        now=timezone.now(),
    )


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))


def test_a_feed_is_found_by_its_secret_and_each_step_is_in_the_trail(practice):
    feed = make(practice)
    who = {"actor": MANAGER, "now": timezone.now()}

    shown = calendar_feeds.show_feed(feed=feed, **who)
    found = calendar_feeds.live_feed(shown)
    calendar_feeds.revoke_feed(feed=feed, **who)
    calendar_feeds.revoke_feed(feed=feed, **who)

    assert found == feed
    assert len(shown) >= 43, "256 random bits"
    assert calendar_feeds.live_feed(shown) is None
    assert events() == ["calendar_feed.made", "calendar_feed.shown", "calendar_feed.revoked"]
    event = AuditEvent.objects.order_by("pk")[0]
    assert event.resource == f"CalendarFeed/{feed.pk}"
    assert event.detail["practitioner"] == practice.practitioner.pk
    assert shown not in str(list(AuditEvent.objects.values()))


def test_a_second_feed_is_refused_and_one_after_revoking_is_another(practice):
    first = make(practice)

    with pytest.raises(ChangeRefused):
        make(practice)
    calendar_feeds.revoke_feed(feed=first, actor=MANAGER, now=timezone.now())
    second = make(practice)

    assert first.secret != second.secret
    assert calendar_feeds.live_feed(second.secret) == second


@pytest.mark.parametrize("who", ["somebody who has left", "somebody of another practice"])
def test_only_who_works_here_has_a_feed(practice, who):
    holder = make_practitioner(
        make_organisation() if who == "somebody of another practice" else practice.organisation
    )
    if who == "somebody who has left":
        holder.roles.update(active=False)

    with pytest.raises(PractitionerNotFound):
        make(practice, holder)

    assert not CalendarFeed.objects.exists()
    assert events() == []


def test_the_feed_at_one_practice_outlives_the_role_at_another(practice):
    elsewhere = make_organisation()
    holder = make_practitioner(practice.organisation, also_at=[elsewhere])
    feed = make(practice, holder)

    holder.roles.filter(organisation=elsewhere).update(active=False)

    assert calendar_feeds.live_feed(feed.secret) == feed


def test_the_feed_of_somebody_who_leaves_leads_nowhere(practice):
    feed = make(practice)
    practice.practitioner.roles.update(active=False)

    assert calendar_feeds.live_feed(feed.secret) is None
    assert calendar_feeds.live_feed("") is None
