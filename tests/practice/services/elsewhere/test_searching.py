"""Asking several at once: each answers for itself, and nobody holds up the others."""

import time as clock_of_machine
from datetime import timedelta

import pytest
from django.utils import timezone

from practice.exceptions import ElsewhereNotSent, ElsewhereRefused
from practice.models import AuditEvent
from practice.services.elsewhere import searching, wire
from practice.services.elsewhere.searching import at_once, free_times, is_known_there
from tests.practice.elsewhere_world import OtherEnd, offered, other_ends
from workbench.elsewhere import make_remote_service
from workbench.factories import make_actor, tomorrow

pytestmark = pytest.mark.django_db


def asked(practice, services, **values):
    return free_times(
        **{
            "organisation": practice.organisation,
            "patient": practice.patient,
            "services": services,
            "first": tomorrow(),
            "last": tomorrow() + timedelta(days=6),
            "caller": None,
            "actor": make_actor(door="staff"),
            "now": timezone.now(),
            **values,
        }
    )


def test_each_answers_for_itself_and_the_trail_says_what_came_of_it(practice, monkeypatch):
    """The times by start, those that are over left out; who fails is named with the reason."""
    now = timezone.now()
    over = offered(start=now - timedelta(minutes=20), end=now - timedelta(minutes=10))
    down = OtherEnd(fails={"free_times": ElsewhereNotSent("Silent Hub does not answer.")})
    open_ = OtherEnd(times=[offered(10), over, offered()])
    other_ends(monkeypatch, Down=down, Open=open_)
    services = [make_remote_service(name=name) for name in ("Down", "Open")]

    first, second = asked(practice, services)

    assert (first.service, first.times, first.problem) == (
        services[0], [], "Silent Hub does not answer.",
    )  # fmt: skip
    assert [each.slot for each in second.times] == ["701", "711"]
    event = AuditEvent.objects.get(event="elsewhere.searched")
    assert event.patient_id == practice.patient.pk
    assert [each.get("free", each.get("problem")) for each in event.detail["asked"]] == [
        "Silent Hub does not answer.", 2,
    ]  # fmt: skip


def test_more_times_than_are_shown_are_said(practice, monkeypatch):
    monkeypatch.setattr(searching, "MOST_TIMES", 2)
    other_ends(monkeypatch, Open=OtherEnd(times=[offered(minute) for minute in (0, 10, 20)]))

    [answer] = asked(practice, [make_remote_service(name="Open")])

    assert (len(answer.times), answer.too_many) == (2, True)


def test_who_is_slow_is_not_waited_for(monkeypatch):
    """Whatever takes time there, be it a name that is looked up: the others are told at once."""
    monkeypatch.setattr(wire, "ANSWER_SECONDS", 0.2)

    began = clock_of_machine.monotonic()
    slow, quick = at_once([lambda: clock_of_machine.sleep(2), lambda: "here"])

    assert clock_of_machine.monotonic() - began < 1.5
    assert (str(slow), quick) == (wire.SILENT, "here")
    assert at_once([]) == []


def test_whether_a_patient_is_known_there_is_asked_and_recorded(practice, monkeypatch):
    end = OtherEnd(known={practice.patient.nhs_number: "31"})
    other_ends(monkeypatch, Hub=end)
    whom = {
        "organisation": practice.organisation,
        "patient": practice.patient,
        "service": make_remote_service(name="Hub"),
        "caller": None,
        "actor": make_actor(door="staff"),
        "now": timezone.now(),
    }

    assert is_known_there(**whom) is True
    end.known = {}
    assert is_known_there(**whom) is False
    end.fails = {"find": ElsewhereRefused("Another date of birth.")}
    with pytest.raises(ElsewhereRefused):
        is_known_there(**whom)

    found = AuditEvent.objects.filter(event="elsewhere.looked_for").order_by("pk")
    assert [(each.outcome, each.detail.get("known")) for each in found] == [
        ("ok", True), ("ok", False), ("refused", None),
    ]  # fmt: skip
