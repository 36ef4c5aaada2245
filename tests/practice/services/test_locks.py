"""The order of locks, which everybody keeps to, and the version that is compared under them."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from practice.exceptions import VersionConflict
from practice.models import Organisation
from practice.services.locks import check_version, lock_practice, lock_slots
from tests.practice.services.appointments.diary_of_june import DAY, NOW, book, cancel
from workbench.factories import (
    make_access_profile,
    make_organisation,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


@pytest.mark.req("BOOK-073", "GEN-102")
@pytest.mark.postgresql
def test_locks_are_taken_in_the_one_order_before_anything_is_decided(practice):
    """Slots by id, then access profiles by id: whoever keeps to it queues and never deadlocks."""
    schedule = make_schedule(
        start=NOW + DAY, access_profile=make_access_profile(slots_per_session=5)
    )
    slots = make_slots(2, schedule)

    with CaptureQueriesContext(
        connection,
    ) as booking_queries:
        booked = book(*reversed(slots), patient=practice.patient)
    with CaptureQueriesContext(connection) as cancel_queries:
        cancel(booked)

    def locks(queries: CaptureQueriesContext) -> list[str]:
        asked = [query["sql"] for query in queries if " FOR NO KEY UPDATE" in query["sql"]]
        assert all("ORDER BY" in sql or "LIMIT 1" in sql for sql in asked)
        return [sql.partition('FROM "practice_')[2].partition('"')[0] for sql in asked]

    assert locks(booking_queries) == ["slot", "accessprofile"]
    assert locks(cancel_queries) == ["slot", "appointment"]


def test_locked_slots_are_those_of_the_practice_by_start(practice):
    later, earlier = make_slots(1, start=NOW + 2 * DAY)[0], make_slots(1, start=NOW + DAY)[0]
    other = make_organisation()
    [elsewhere] = make_slots(1, make_schedule(other, start=NOW + DAY))

    with transaction.atomic():
        locked = lock_slots(practice.organisation, [later.pk, elsewhere.pk, earlier.pk])

    assert [slot.pk for slot in locked] == [earlier.pk, later.pk]


def test_a_locked_practice_is_as_it_is_stored_now(practice):
    Organisation.objects.filter(pk=practice.organisation.pk).update(gp_connect_enabled=False)

    with transaction.atomic():
        locked = lock_practice(practice.organisation)

    assert practice.organisation.gp_connect_enabled
    assert not locked.gp_connect_enabled


@pytest.mark.parametrize("expected", ["0", "2", "", "01"])
def test_another_version_than_the_stored_one_is_a_conflict(practice, expected):
    slot = make_slot()

    check_version(slot, None)
    check_version(slot, str(slot.version))

    with pytest.raises(VersionConflict):
        check_version(slot, expected)
