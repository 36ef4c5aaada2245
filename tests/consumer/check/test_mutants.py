"""A provider that is wrong in one way is told which."""

from dataclasses import replace

import pytest
from django.db import transaction

from consumer.check.checks import CHECKS, refuses
from consumer.check.exchange import Answered
from consumer.check.run import FAILED, NOT_SEEN, visit
from tests.consumer.check.mutants import MUTANTS
from tests.consumer.check.world import in_process, kit_for, make_world


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One practice for all mutants: what each does to it is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture
def patient(world, db):
    """The practice's patient; ``db`` lies inside of the world's transaction."""
    return world


def test_ours_passes(patient):
    found = visit(kit_for(patient))

    wrong = {r.check.id: (r.reason, [p.words for p in r.problems]) for r in found.of(FAILED)}
    assert wrong == {}
    assert found.of(NOT_SEEN) == []
    assert found.ok


def names(mutant):
    """The checks that have to name a mutant; diary.restored is done after every visit."""
    return [name for name in mutant.checks.split() if name != "diary.restored"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[each.name for each in MUTANTS])
def test_the_checks_name_what_is_wrong(patient, mutant):
    found = visit(kit_for(patient, mutant.spoil(in_process)), names(mutant))

    failed = {result.check.id for result in found.of(FAILED)}
    said = {r.check.id: (r.outcome, r.reason, [p.words for p in r.problems]) for r in found.results}
    assert failed >= set(mutant.checks.split()), said


# Those that send something wrong, and expect it to be refused.
REFUSED = [each.id for each in CHECKS.values() if each.run.__module__ == refuses.__module__]


def accepts_everything(request):
    """What ours refuses is answered with 200."""
    came = in_process(request)
    return replace(came, status=200, body=b"{}") if came.status >= 400 else came


def test_who_accepts_everything_is_told_so_by_each_check_of_refusals(patient):
    found = visit(kit_for(patient, accepts_everything), REFUSED)

    assert len(REFUSED) > 150
    assert [r.check.id for r in found.results if r.outcome != FAILED] == ["diary.restored"]


def test_each_check_has_been_seen_failing():
    named = {name for mutant in MUTANTS for name in mutant.checks.split()}

    assert set(CHECKS) - named - set(REFUSED) == set()


def test_there_are_more_than_sixty_and_each_has_its_own_name():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) > 60


def test_who_is_not_there_is_said_to_give_no_answer(patient):
    found = visit(kit_for(patient, lambda request: Answered(0, fault="nobody listens")))

    assert not found.ok
    assert "nobody listens" in found.results[0].problems[0].words
