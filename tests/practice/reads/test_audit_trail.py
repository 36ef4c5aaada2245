"""A page of the trail: older events are below, and names come from this practice only."""

from datetime import UTC, datetime, timedelta

import pytest

from practice.models import AuditEvent
from practice.reads.audit_trail import event_with_id, older_than, patients_named
from practice.services.audit import recording
from workbench.factories import make_actor, make_organisation, make_patient

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def recorded(organisation, *, at=NOW, patient_id=None):
    recording.record(
        organisation=organisation,
        actor=make_actor(),
        event="test",
        outcome="ok",
        now=at,
        patient_id=patient_id,
    )
    return AuditEvent.objects.latest("pk")


def test_older_events_are_those_before_it_and_of_the_same_moment_those_below_it(practice):
    here = practice.organisation
    before = recorded(here, at=NOW - timedelta(seconds=1))
    below, last, above = (recorded(here) for _ in range(3))
    recorded(here, at=NOW + timedelta(seconds=1))
    events = AuditEvent.objects.order_by("-recorded_at", "-pk")

    assert list(older_than(events, last)) == [below, before]
    assert above not in older_than(events, last)


def test_an_event_of_another_practice_is_not_found(practice):
    event = recorded(practice.organisation)

    assert event_with_id(organisation=practice.organisation, event_id=event.pk) == event
    assert event_with_id(organisation=make_organisation(), event_id=event.pk) is None


def test_only_patients_of_the_practice_are_named(practice, django_assert_num_queries):
    stranger = make_patient(make_organisation())
    events = [
        recorded(practice.organisation, patient_id=pk)
        for pk in (practice.patient.pk, stranger.pk, None)
    ]

    with django_assert_num_queries(1):
        named = patients_named(organisation=practice.organisation, events=events)

    assert named == {practice.patient.pk: practice.patient}
