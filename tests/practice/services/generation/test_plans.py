"""A plan is named by what it would do: whatever changes that makes it another."""

from datetime import time

import pytest

from practice.exceptions import PlanChanged
from practice.services.generation import runs
from tests.practice.services.generation.weeks import (
    NOW,
    OPERATOR,
    change_block,
    everything,
    generate,
    plan,
    slot_at,
)
from workbench.factories import make_appointment


@pytest.mark.parametrize("change", ["template", "diary"])
def test_a_plan_that_no_longer_holds_is_not_applied(practice, template, change):
    generate(practice.organisation)
    change_block(template, end=time(9, 30))
    shown = plan(practice.organisation)
    if change == "template":
        change_block(template, end=time(9, 20))
    else:
        make_appointment([slot_at("09:40")], now=NOW)
    before = everything()

    with pytest.raises(PlanChanged):
        runs.apply(shown, actor=OPERATOR, now=NOW)

    assert everything() == before

    runs.apply(shown, actor=OPERATOR, now=NOW, even_if_changed=True)

    assert everything() != before


def test_a_booking_in_a_slot_that_stays_does_not_make_the_plan_another(practice, template):
    generate(practice.organisation)
    change_block(template, end=time(9, 30))
    shown = plan(practice.organisation)
    make_appointment([slot_at("09:00")], now=NOW)

    run = runs.apply(shown, actor=OPERATOR, now=NOW)

    assert run.slots_withdrawn == 3
