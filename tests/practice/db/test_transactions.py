"""A service is all or nothing, by itself and as a step of a request that is one change."""

import pytest
from django.db import connection, transaction

from practice.db.transactions import atomic_service, single_transaction
from practice.models import Organisation
from workbench.factories import make_organisation

pytestmark = pytest.mark.django_db


class Failed(Exception):
    """A step that fails after it has written."""


@atomic_service
def rename(practice: Organisation, name: str, *, fails: bool = False) -> str:
    """A service that writes, and may then fail."""
    Organisation.objects.filter(pk=practice.pk).update(name=name)
    if fails:
        raise Failed
    return name


def name_of(practice: Organisation) -> str:
    return Organisation.objects.get(pk=practice.pk).name


def test_a_service_returns_what_its_function_returns_and_keeps_its_name():
    assert rename(make_organisation(), "New") == "New"
    assert rename.__name__ == "rename"


def test_a_service_that_fails_leaves_nothing_behind():
    practice = make_organisation(name="Old")

    with pytest.raises(Failed):
        rename(practice, "New", fails=True)

    assert name_of(practice) == "Old"


def test_a_caller_with_a_transaction_may_go_on_after_a_step_that_failed():
    practice = make_organisation(name="Old")

    with transaction.atomic():
        rename(practice, "First")
        with pytest.raises(Failed):
            rename(practice, "Second", fails=True)

    assert name_of(practice) == "First"


def test_a_single_transaction_needs_no_savepoints_and_ends_with_any_failure():
    practice = make_organisation(name="Old")

    @single_transaction()
    def both_steps() -> None:
        before = len(connection.savepoint_ids)
        rename(practice, "First")
        assert len(connection.savepoint_ids) == before
        rename(practice, "Second", fails=True)

    with pytest.raises(Failed):
        both_steps()

    assert name_of(practice) == "Old"


def test_savepoints_are_made_again_after_a_single_transaction(django_assert_num_queries):
    practice = make_organisation(name="Old")
    with single_transaction():
        rename(practice, "First")

    with transaction.atomic(), django_assert_num_queries(3) as queries:
        rename(practice, "Second")

    assert queries.captured_queries[0]["sql"].startswith("SAVEPOINT")
