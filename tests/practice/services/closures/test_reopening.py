"""What opening again would bring back is said before, and is what comes back."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from practice.exceptions import PlanChanged
from practice.models import Closure, Slot
from practice.services.audit.recording import Actor
from practice.services.closures import closing, reopening
from practice.services.generation import runs
from workbench.factories import make_closure, make_schedule, make_slots, make_template

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY = date(2027, 2, 1)
WHO = {"actor": Actor(door="staff", name="Martha Manager"), "now": NOW}


@pytest.fixture
def closed(practice):
    """A Monday with six slots of a template and two of a session made by hand, closed."""
    make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=MONDAY,
        blocks=[{"start": time(9), "end": time(10)}],
    )
    runs.generate(
        organisation=practice.organisation,
        from_date=MONDAY,
        to_date=MONDAY + timedelta(days=6),
        **WHO,
    )
    make_slots(2, make_schedule(date=MONDAY))
    closure = Closure(organisation=practice.organisation, start_date=MONDAY, end_date=MONDAY)
    closing.close(closure, **WHO)
    return closure


def in_diary() -> int:
    return Slot.objects.filter(withdrawn=False).count()


def reopen(closure, **more):
    return reopening.reopen(organisation=closure.organisation, closure_id=closure.pk, **more, **WHO)


def test_the_return_counts_what_was_made_by_hand_and_what_templates_make(closed):
    assert in_diary() == 0

    shown = reopening.plan_return(closed, now=NOW)

    assert shown.counts["slots_restored"] == 8
    assert shown.counts["sessions_restored"] == 2
    assert in_diary() == 0

    reopen(closed, digest=shown.digest)
    assert in_diary() == 8


def test_another_closure_keeps_what_it_closes(practice, closed):
    make_closure(start_date=MONDAY, end_date=MONDAY)

    shown = reopening.plan_return(closed, now=NOW)

    assert shown.counts["slots_restored"] == 0


def test_what_differs_from_what_was_shown_is_not_done(practice, closed):
    digest = reopening.plan_return(closed, now=NOW).digest
    make_closure(start_date=MONDAY, end_date=MONDAY, name="Flood")

    with pytest.raises(PlanChanged):
        reopen(closed, digest=digest)

    assert Closure.objects.filter(pk=closed.pk).exists()
