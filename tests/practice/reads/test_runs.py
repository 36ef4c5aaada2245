"""Generation runs as pages ask for them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.reads.runs import run_of, runs
from workbench.factories import make_generation_run, make_organisation

pytestmark = pytest.mark.django_db


def test_the_latest_run_comes_first(practice):
    before = make_generation_run(started_at=timezone.now() - timedelta(days=1))
    after = make_generation_run()

    assert list(runs(organisation=practice.organisation)) == [after, before]


def test_the_run_of_another_practice_is_not_found(practice):
    theirs = make_generation_run(make_organisation())

    assert run_of(organisation=practice.organisation, pk=theirs.pk) is None
