"""What a closure takes from sessions, and what reopening gives back."""

from datetime import time

import pytest

from practice.models import Schedule
from practice.services import sessions
from tests.practice.services.generation.weeks import (
    GOOD_FRIDAY,
    MONDAY,
    NOW,
    OPERATOR,
    generate,
    reasons,
    slot_at,
    times,
)
from workbench.factories import (
    make_appointment,
    make_closure,
    make_location,
    make_practitioner,
    make_template,
)


@pytest.mark.parametrize(
    ("scope", "closed"),
    [
        pytest.param({}, True, id="the practice"),
        pytest.param({"location": "own"}, True, id="its location"),
        pytest.param({"location": "other"}, False, id="another location"),
        pytest.param({"practitioner": "own"}, True, id="its holder"),
        pytest.param({"practitioner": "other"}, False, id="another holder"),
        pytest.param({"practitioner": "own", "location": "other"}, False, id="holder elsewhere"),
    ],
)
def test_a_closure_closes_what_it_names(practice, template, scope, closed):
    things = {
        ("location", "own"): practice.location,
        ("location", "other"): make_location(),
        ("practitioner", "own"): practice.practitioner,
        ("practitioner", "other"): make_practitioner(),
    }
    fields = {name: things[name, which] for name, which in scope.items()}
    make_closure(start_date=MONDAY, name="Away day", **fields)

    run = generate(practice.organisation)

    assert Schedule.objects.exists() is not closed
    assert reasons(run) == (["All slots are closed: Away day."] if closed else [])


def test_a_closure_of_some_hours_takes_the_slots_it_overlaps(practice, template):
    make_closure(
        start_date=MONDAY, start_time=time(9, 15), end_time=time(9, 40), kind="training", name=""
    )

    run = generate(practice.organisation)

    assert times() == ["09:00-09:10", "09:40-09:50", "09:50-10:00"]
    assert reasons(run) == ["3 of 6 slots are closed: Training."]


def test_a_closure_withdraws_and_reopening_restores(practice, template):
    generate(practice.organisation)
    appointment = make_appointment([slot_at("09:10")], now=NOW)
    closure = make_closure(start_date=MONDAY)

    generate(practice.organisation)

    appointment.refresh_from_db()
    assert appointment.orphaned
    assert times() == ["09:10-09:20"]

    closure.delete()
    generate(practice.organisation)

    appointment.refresh_from_db()
    assert not appointment.orphaned
    assert len(times()) == 6


def test_a_locum_takes_a_session_while_its_usual_holder_is_away(practice, template):
    generate(practice.organisation)
    make_closure(start_date=MONDAY, practitioner=practice.practitioner, kind="sick")
    generate(practice.organisation)
    locum = make_practitioner()
    sessions.change_session_holder(
        organisation=practice.organisation,
        schedule_id=Schedule.objects.get().pk,
        practitioner_id=locum.pk,
        actor=OPERATOR,
        now=NOW,
    )

    generate(practice.organisation)

    schedule = Schedule.objects.get()
    assert (schedule.session_holder, schedule.withdrawn) == (locum, False)
    assert len(times()) == 6


@pytest.mark.parametrize("runs", [False, True], ids=["ordinary", "holiday clinic"])
def test_bank_holidays_close_all_but_holiday_clinics(practice, runs):
    make_template(weekdays=[4], effective_from=MONDAY, runs_on_bank_holidays=runs)

    run = generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)

    assert Schedule.objects.exists() is runs
    assert reasons(run) == ([] if runs else ["All slots are closed: Good Friday."])
