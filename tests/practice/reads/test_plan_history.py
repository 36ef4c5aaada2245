"""The changes of a record out of the trail: its own, at its practice, not who looked."""

import pytest
from django.utils import timezone

from practice.reads.plan_history import events_of
from practice.services.audit.recording import Actor, record_done
from workbench.factories import make_closure, make_organisation

pytestmark = pytest.mark.django_db


def note(event, record) -> None:
    record_done(event, record, actor=Actor(door="staff"), now=timezone.now())


def test_the_newest_change_comes_first_and_views_do_not_count(practice):
    closure, other = make_closure(), make_closure()
    for event in ("closure.create", "closure.viewed", "closure.change"):
        note(event, closure)
    note("closure.change", other)

    found = events_of(closure, organisation=practice.organisation)

    assert [event.event for event in found] == ["closure.change", "closure.create"]
    assert not events_of(closure, organisation=make_organisation()).exists()
