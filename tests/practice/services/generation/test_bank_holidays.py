"""Bank holidays are added to the closures once, and what a person did to them stays."""

from datetime import date

from practice.models import Closure, Schedule
from practice.services.generation.bank_holidays import seed_bank_holidays
from tests.practice.services.generation.weeks import GOOD_FRIDAY, MONDAY, NOW, generate, plan
from workbench.factories import make_closure, make_template


def test_a_bank_holiday_that_a_person_deleted_does_not_come_back(practice):
    make_template(weekdays=[4], effective_from=MONDAY)
    generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)
    Closure.objects.get(start_date=GOOD_FRIDAY).delete()

    generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)

    assert Schedule.objects.get().date == GOOD_FRIDAY


def test_bank_holidays_are_seeded_once_from_the_start_of_the_year(practice):
    first = seed_bank_holidays(
        organisation=practice.organisation, through=date(2027, 12, 31), now=NOW
    )
    again = seed_bank_holidays(
        organisation=practice.organisation, through=date(2027, 12, 31), now=NOW
    )
    further = seed_bank_holidays(
        organisation=practice.organisation, through=date(2028, 1, 3), now=NOW
    )

    names = dict(Closure.objects.values_list("start_date", "name"))
    assert (again, first, further) == (0, len(names) - 2, 2)
    assert names[date(2027, 1, 1)] == "New Year's Day"
    assert names[date(2027, 12, 27)] == "Christmas Day (substitute day)"
    assert set(Closure.objects.values_list("kind", flat=True)) == {"bank-holiday"}


def test_a_bank_holiday_that_is_there_already_is_not_added_again(practice):
    make_closure(start_date=date(2027, 1, 1), kind="bank-holiday", name="New Year")

    seed_bank_holidays(organisation=practice.organisation, through=date(2027, 1, 1), now=NOW)

    assert Closure.objects.get().name == "New Year"


def test_a_plan_knows_bank_holidays_that_are_not_in_the_closures_yet(practice):
    make_template(weekdays=[4], effective_from=MONDAY)

    shown = plan(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)
    run = generate(practice.organisation, GOOD_FRIDAY, GOOD_FRIDAY)

    assert [item.as_json() for item in shown.skipped] == run.skipped
    assert len(run.skipped) == 1
