"""What PostgreSQL itself shows and takes, as the role that serves (SEC-027)."""

from threading import Thread

import pytest
from django.apps import apps
from django.db import DatabaseError, ProgrammingError, connection, transaction

from practice.db import row_security
from practice.db.row_security import across_practices, bound_to
from practice.models import (
    Appointment,
    Location,
    Organisation,
    Patient,
    PatientName,
    Practitioner,
    PractitionerRole,
    Slot,
)
from practice.reads.directory import practice_by_ods_code
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_slot,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgresql,
    pytest.mark.req("SEC-027", "SEC-024"),
]


@pytest.fixture
def here(db) -> Organisation:
    return make_organisation()


@pytest.fixture
def there(db) -> Organisation:
    return make_organisation(name="Neighbouring Surgery")


def test_every_table_of_the_practice_is_guarded():
    """A new model without a policy would be open: it gets one, in a migration of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relkind = 'r'")
        guarded = {name for (name,) in cursor.fetchall()}

    tables = {model._meta.db_table for model in apps.get_app_config("practice").get_models()}
    assert tables - guarded == set()


def test_what_is_shown_is_of_the_practices_in_reach(here, there):
    ours, theirs = make_location(here), make_location(there)

    with bound_to(here.pk):
        assert set(Location.objects.all()) == {ours}
    with bound_to(here.pk, there.pk):
        assert set(Location.objects.all()) == {ours, theirs}
    with bound_to():
        assert not Location.objects.exists()
    with across_practices():
        assert {ours, theirs} <= set(Location.objects.all())


def test_parts_of_a_record_are_where_the_record_is(here, there):
    ours, theirs = make_patient(here), make_patient(there)
    for patient in (ours, theirs):
        PatientName.objects.create(patient=patient, use="old", family_name="Former")

    with bound_to(here.pk):
        assert [name.patient_id for name in PatientName.objects.all()] == [ours.pk]


def test_a_person_is_where_they_have_a_role_or_had_one(here, there):
    ours, theirs, of_both = (make_practitioner(practice) for practice in (here, there, there))
    PractitionerRole.objects.create(
        practitioner=of_both, organisation=here, role="R0260", active=False
    )

    with bound_to(here.pk):
        assert set(Practitioner.objects.all()) == {ours, of_both}
        assert theirs not in Practitioner.objects.all()


def test_the_inner_of_two_bounds_counts_and_then_the_outer_again(here, there):
    ours, theirs = make_location(here), make_location(there)

    with bound_to(here.pk):
        with bound_to(there.pk):
            assert set(Location.objects.all()) == {theirs}
        assert set(Location.objects.all()) == {ours}
        with across_practices():
            assert Location.objects.filter(pk=theirs.pk).exists()
        assert set(Location.objects.all()) == {ours}


def test_a_savepoint_that_is_undone_takes_no_bound_with_it(here, there):
    ours, theirs = make_location(here), make_location(there)

    with transaction.atomic(), bound_to(there.pk):
        assert set(Location.objects.all()) == {theirs}
        with bound_to(here.pk):
            with transaction.atomic():
                assert set(Location.objects.all()) == {ours}
                transaction.set_rollback(True)
            assert set(Location.objects.all()) == {ours}


@pytest.mark.parametrize("model", [Slot, Patient, Appointment, PatientName, Location])
def test_with_nothing_said_a_question_is_refused_aloud(here, model):
    """An empty page that should be full is worse than none."""
    booked = make_appointment(slots=[make_slot(organisation=here)], patient=make_patient(here))
    PatientName.objects.create(patient=booked.patient, use="old", family_name="Former")

    with nothing_said(), pytest.raises(ProgrammingError, match="nobody said"), transaction.atomic():
        model.objects.exists()


def nothing_said():
    return bound_as("")


class bound_as:
    """A bound that is given as it is stored."""

    def __init__(self, value: str) -> None:
        self.value = value

    def __enter__(self):
        self.token = row_security.in_reach.set(self.value)

    def __exit__(self, *_):
        row_security.in_reach.reset(self.token)


def test_which_practices_there_are_is_known_before_anything_is_in_reach(here):
    with nothing_said():
        assert practice_by_ods_code(here.ods_code) == here


def test_nothing_is_written_into_a_practice_out_of_reach(here, there):
    theirs = make_patient(there)
    tries = [
        lambda: Location.objects.create(organisation=there, name="A new wing"),
        lambda: PatientName.objects.create(patient=theirs, use="old", family_name="X"),
        lambda: Organisation.objects.create(ods_code="Z99999", name="Another"),
    ]

    for write in tries:
        with (
            bound_to(here.pk),
            pytest.raises(DatabaseError, match="row-level security"),
            transaction.atomic(),
        ):
            write()


def test_what_is_out_of_reach_is_neither_changed_nor_removed_nor_locked(here, there):
    theirs = make_location(there)

    with bound_to(here.pk):
        assert Location.objects.filter(pk=theirs.pk).update(name="X") == 0
        assert Location.objects.filter(pk=theirs.pk).delete()[0] == 0
        assert not Location.objects.select_for_update().filter(pk=theirs.pk)
        assert Organisation.objects.filter(pk=there.pk).update(name="X") == 0

    theirs.refresh_from_db()
    assert theirs.name != "X"


def test_a_record_is_not_given_to_a_practice_out_of_reach(here, there):
    ours = make_location(here)

    with (
        bound_to(here.pk),
        pytest.raises(DatabaseError, match="row-level security"),
        transaction.atomic(),
    ):
        Location.objects.filter(pk=ours.pk).update(organisation=there)


def test_a_slot_of_the_neighbour_is_not_held_by_an_appointment_of_ours(here, there):
    booked = make_appointment(slots=[make_slot(organisation=there)], patient=make_patient(there))

    with bound_to(here.pk):
        assert not Appointment.objects.filter(pk=booked.pk).exists()
        assert not booked.appointment_slots.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("chunked", [False, True])
def test_outside_a_transaction_each_statement_is_bound_and_leaves_nothing_behind(
    here, there, chunked
):
    ours = make_location(here)
    make_location(there)

    with bound_to(here.pk):
        found = Location.objects.all()
        assert set(found.iterator(chunk_size=1) if chunked else found) == {ours}

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('appointments.practices', true), current_user")
        said, role = cursor.fetchone()
    assert not said
    assert role == connection.settings_dict["USER"]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_hears_it_with_its_first_statement(here, there):
    ours = make_location(here)
    make_location(there)

    with bound_to(here.pk), transaction.atomic():
        assert set(Location.objects.all()) == {ours}
        made = [Location(organisation=here, name=f"Wing {number}") for number in range(3)]
        Location.objects.bulk_create(made)
        assert Location.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_fails_leaves_the_connection_usable(here):
    ours = make_location(here)

    with bound_to(here.pk):
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert set(Location.objects.all()) == {ours}


def test_a_thread_begins_with_nothing_in_reach(here):
    seen = []

    with bound_to(here.pk):
        thread = Thread(target=lambda: seen.append(row_security.in_reach.get()))
        thread.start()
        thread.join()

    assert seen == [None]
