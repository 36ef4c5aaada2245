"""A feed shows its holder's time at its practice; who works there may have one."""

from datetime import timedelta

import pytest

from practice.models import Appointment
from practice.reads.calendar_feeds import (
    appointments_in_feed,
    live_feeds,
    sessions_in_feed,
)
from practice.services import calendar_feeds
from workbench.factories import (
    make_actor,
    make_appointment,
    make_practitioner,
    make_schedule,
    make_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(practice):
    return make_schedule(session_holder=practice.practitioner)


@pytest.fixture
def feed(practice, session):
    made = calendar_feeds.make_feed(
        organisation=practice.organisation,
        practitioner_id=practice.practitioner.pk,
        actor=make_actor(),
        now=session.start - timedelta(days=1),
    )
    return live_feeds(organisation=practice.organisation).get(pk=made.pk)


def test_a_feed_shows_the_holders_sessions_that_take_place(practice, feed, session):
    away = {"start": session.start + timedelta(hours=5), "end": session.start + timedelta(hours=6)}
    make_schedule(session_holder=make_practitioner(practice.organisation))
    make_schedule(session_holder=practice.practitioner, withdrawn=True, **away)

    assert list(sessions_in_feed(feed, now=session.start)) == [session]
    assert not sessions_in_feed(feed, now=session.start + timedelta(days=29))


def test_a_feed_shows_who_is_booked_the_orphaned_too_and_not_who_cancelled(feed, session):
    first, second, third = make_slots(3, session)
    booked, orphaned, gone = (make_appointment(slots=[slot]) for slot in (first, second, third))
    Appointment.objects.filter(pk=orphaned.pk).update(orphaned=True)
    Appointment.objects.filter(pk=gone.pk).update(status=Appointment.Status.CANCELLED)

    assert set(appointments_in_feed(feed, now=session.start)) == {booked, orphaned}


def test_a_revoked_feed_is_live_no_more(practice, feed, session):
    calendar_feeds.revoke_feed(feed=feed, actor=make_actor(), now=session.start)

    assert not live_feeds(organisation=practice.organisation)
