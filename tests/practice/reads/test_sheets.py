"""The imports of a practice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import SheetImport
from practice.reads.sheets import import_of, imports, running
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db


def make(organisation, *, days: int = 0, **fields) -> SheetImport:
    at = timezone.now() - timedelta(days=days)
    return SheetImport.objects.create(
        organisation=organisation, uploaded_at=at, seen_at=at, kind="patients", **fields
    )


def test_a_practice_finds_its_own_imports_the_latest_first(practice):
    old, new = make(practice.organisation, days=1), make(practice.organisation)
    theirs = make(make_organisation())

    assert list(imports(organisation=practice.organisation)) == [new, old]
    assert import_of(organisation=practice.organisation, pk=old.pk) == old
    assert import_of(organisation=practice.organisation, pk=theirs.pk) is None


def test_one_that_runs_is_told_from_one_that_does_not(practice):
    waits, runs = make(practice.organisation), make(practice.organisation, status="running")

    assert running(runs.pk) == [runs]
    assert running(waits.pk) == []
