"""Cancelling elsewhere: once, with a reason, and not known until the answer is there."""

import pytest
from django.utils import timezone

from practice.exceptions import (
    ChangeRefused,
    ElsewhereNotSent,
    ElsewhereRefused,
    ElsewhereUnknown,
    ReasonMissing,
    TextTooLong,
)
from practice.models import AuditEvent
from practice.services.elsewhere.cancelling import cancel_elsewhere
from practice.services.elsewhere.wire import RemoteBooking
from tests.practice.elsewhere_world import OtherEnd, other_ends
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import make_actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub(practice, monkeypatch):
    end = OtherEnd(bookings={"91": RemoteBooking("91", ("701",), False)})
    other_ends(monkeypatch, Hub=end)
    end.service = make_remote_service(practice.organisation, name="Hub")
    return end


def cancel(practice, booking, reason="Feels better"):
    return cancel_elsewhere(
        organisation=practice.organisation,
        booking=booking,
        reason=reason,
        caller=None,
        actor=make_actor(door="staff", name="Rita Reception"),
        now=timezone.now(),
    )


def test_it_is_cancelled_there_and_here(practice, hub):
    ended = cancel(practice, make_remote_appointment(hub.service))

    assert (ended.state, ended.cancelled_by_name) == ("cancelled", "Rita Reception")
    assert ended.cancellation_reason == "Feels better"
    assert hub.bookings["91"].is_cancelled
    names = AuditEvent.objects.filter(event__startswith="elsewhere").order_by("pk")
    assert [each.event for each in names] == ["elsewhere.cancel_asked", "elsewhere.cancelled"]


@pytest.mark.parametrize("failure", [ElsewhereNotSent("Silent."), ElsewhereRefused("No.")])
def test_what_was_not_done_there_still_stands_here(practice, hub, failure):
    hub.fails = {"cancel": failure}

    still = cancel(practice, make_remote_appointment(hub.service))

    assert (still.state, still.said, still.cancelled_at) == ("booked", str(failure), None)


def test_a_lost_answer_leaves_it_unknown_and_it_is_not_sent_again(practice, hub):
    hub.after = {"cancel": ElsewhereUnknown("No answer.")}
    booking = make_remote_appointment(hub.service)

    assert cancel(practice, booking).state == "cancelling"
    with pytest.raises(ChangeRefused, match="not known yet"):
        cancel(practice, booking)

    assert hub.asked == ["cancel"]


def test_it_needs_a_reason_of_a_length_and_a_time_to_come(practice, hub):
    booking = make_remote_appointment(hub.service)
    with pytest.raises(ReasonMissing):
        cancel(practice, booking, " ")
    with pytest.raises(TextTooLong):
        cancel(practice, booking, "x" * 301)
    type(booking).objects.update(start=timezone.now())
    with pytest.raises(ChangeRefused, match="begun"):
        cancel(practice, booking)

    assert hub.asked == []
