"""Finding out: what stands there counts, and an absence only when nothing can be on its way."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.exceptions import ElsewhereNotSent, ElsewhereRefused
from practice.models import AuditEvent
from practice.services.elsewhere import settling
from practice.services.elsewhere.settling import find_out
from practice.services.elsewhere.wire import NOTHING_LOST, RemoteBooking
from tests.practice.elsewhere_world import OtherEnd, other_ends
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import make_actor

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG_AGO = NOW - timedelta(minutes=10)
THERE = RemoteBooking("91", ("701",), False)
CANCELLED = RemoteBooking("91", ("701",), True, "Surgery closed")


@pytest.fixture
def hub(practice, monkeypatch):
    end = OtherEnd()
    other_ends(monkeypatch, Hub=end)
    end.service = make_remote_service(practice.organisation, name="Hub")
    return end


def settled(practice, hub, *, holds=None, now=NOW, **values):
    """What an appointment is after somebody has found out."""
    hub.bookings = {holds.id: holds} if holds else {}
    made = make_remote_appointment(hub.service, **values)
    [found] = find_out(
        organisation=practice.organisation,
        bookings=[made],
        caller=None,
        actor=make_actor(door="staff"),
        now=now,
    )
    return found


ASKED = {"state": "asked", "remote_id": "", "sent_at": LONG_AGO}


def test_what_is_there_is_booked(practice, hub):
    found = settled(practice, hub, holds=THERE, **ASKED)

    assert (found.state, found.remote_id, found.checked_at) == ("booked", "91", NOW)
    assert hub.asked == ["appointments"]
    event = AuditEvent.objects.get(event="elsewhere.found_out")
    assert event.detail["state"] == {"from": "asked", "to": "booked"}
    assert event.patient_id == found.patient_id


def test_what_is_not_there_is_not_booked_once_nothing_can_be_on_its_way(practice, hub):
    just_now = {**ASKED, "sent_at": NOW - timedelta(seconds=5)}

    found = settled(practice, hub, **just_now)
    assert (found.state, found.said) == ("asked", settling.STILL_ON_ITS_WAY)

    [found] = find_out(
        organisation=practice.organisation, bookings=[found], caller=None,
        actor=make_actor(door="staff"), now=NOW + timedelta(minutes=3),
    )  # fmt: skip
    assert (found.state, found.said) == ("not-booked", settling.NOT_THERE)


def test_other_appointments_of_the_patient_there_are_not_it(practice, hub):
    other = RemoteBooking("92", ("999",), False)

    assert settled(practice, hub, holds=other, **ASKED).state == "not-booked"


def test_what_was_never_sent_is_settled_without_asking(practice, hub):
    found = settled(practice, hub, **{**ASKED, "sent_at": None})

    assert (found.state, found.said, hub.asked) == ("not-booked", settling.NEVER_SENT, [])


@pytest.mark.parametrize(
    "failure", [ElsewhereNotSent(f"Silent. {NOTHING_LOST}"), ElsewhereRefused("No.")]
)
def test_who_does_not_tell_leaves_it_as_it_was(practice, hub, failure):
    hub.fails = {"appointments": failure, "read": failure}

    found = settled(practice, hub, **ASKED)
    said = f"It could not be looked up: {str(failure).partition('.')[0]}."
    assert (found.state, found.said, found.checked_at) == ("asked", said, None)
    found = settled(practice, hub, state="booked", first_slot="702")
    assert (found.state, found.said) == ("booked", said)


def test_what_was_cancelled_there_is_cancelled_here_and_by_whom(practice, hub):
    found = settled(practice, hub, holds=CANCELLED)

    assert (found.state, found.cancelled_by_name) == ("cancelled", "Hub")
    assert found.cancellation_reason == "Surgery closed"


def test_a_cancellation_whose_answer_was_lost_is_settled(practice, hub):
    ours = {
        "state": "cancelling",
        "sent_at": LONG_AGO,
        "cancelled_at": LONG_AGO,
        "cancelled_by_name": "Rita",
        "cancellation_reason": "Feels better",
    }
    found = settled(practice, hub, holds=CANCELLED, **ours)
    assert (found.state, found.cancelled_by_name) == ("cancelled", "Rita")
    assert found.cancellation_reason == "Feels better"

    found = settled(practice, hub, holds=THERE, first_slot="702", **ours)
    assert (found.state, found.said, found.cancelled_at) == ("booked", settling.STANDS, None)

    fresh = {**ours, "sent_at": NOW - timedelta(seconds=5)}
    found = settled(practice, hub, holds=THERE, first_slot="703", **fresh)
    assert (found.state, found.said) == ("cancelling", settling.STILL_ON_ITS_WAY_BACK)


def test_when_its_day_is_over_it_is_never_known(practice, hub):
    later = NOW + timedelta(days=9)

    found = settled(practice, hub, now=later, **ASKED)

    assert (found.state, hub.asked) == ("never", [])


def test_who_was_quicker_has_settled_it(practice, hub):
    made = make_remote_appointment(hub.service, **ASKED)
    type(made).objects.update(state="booked", remote_id="77")

    [found] = find_out(
        organisation=practice.organisation, bookings=[made], caller=None,
        actor=make_actor(door="staff"), now=NOW,
    )  # fmt: skip

    assert (found.state, found.remote_id) == ("booked", "77")
