"""Several statements on one journey: what they find, what they store, and what their faults do."""

import pytest
from django.db import IntegrityError, connection, transaction

from practice.db.journeys import one_journey
from practice.db.prepared import Number, Prepared, PreparedChange, PreparedInsert
from practice.db.row_security import bound_to
from practice.db.transactions import last_step, single_transaction
from practice.models import Location, Patient
from workbench.factories import make_location, make_organisation, make_patient

LOCATION = Prepared(lambda: Location.objects.filter(pk=Number("pk")))
PATIENT = Prepared(lambda: Patient.objects.filter(pk=Number("pk")))
LOCATIONS = PreparedInsert(Location)
CHANGED = PreparedChange(Location)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_what_was_asked_together_is_answered_at_the_end(in_transaction):
    practice = make_organisation()
    place, patient = make_location(practice), make_patient(practice)

    def ask():
        with one_journey():
            first, second = LOCATION.later(pk=place.pk), PATIENT.later(pk=patient.pk)
            nobody = PATIENT.later(pk=0)
        return first.first(), second.objects(), nobody.first()

    with bound_to(practice.pk):
        if in_transaction:
            with transaction.atomic():
                found = ask()
        else:
            found = ask()

    assert found == (place, [patient], None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_what_is_in_reach_is_said_again_on_each_journey():
    """What an earlier one said was forgotten with its transaction."""
    here, there = make_organisation(), make_organisation(name="Neighbouring Surgery")
    ours, theirs = make_location(here), make_location(there)

    for _ in range(2):
        with bound_to(here.pk), one_journey():
            first, second = LOCATION.later(pk=ours.pk), LOCATION.later(pk=theirs.pk)
        assert (first.first(), second.first()) == (ours, None)


@pytest.mark.django_db(transaction=True)
def test_a_fault_on_a_journey_is_raised_as_django_names_it_and_undone():
    place = make_location(make_organisation())

    def change() -> None:
        with single_transaction(), one_journey():
            place.name = "Renamed"
            CHANGED.one(place)
            LOCATIONS.add(Location(organisation=place.organisation, name="Another"))
            LOCATIONS.add(Location(organisation=place.organisation, name="Another"))

    with pytest.raises(IntegrityError):
        change()

    place.refresh_from_db()
    assert place.name != "Renamed"
    assert Location.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_changed_row_is_stored_in_all_its_columns():
    place = make_location(make_organisation())
    other = make_location(place.organisation)
    place.name, place.version = "Renamed", 7

    CHANGED.one(place)

    stored = Location.objects.get(pk=place.pk)
    assert (stored.name, stored.version) == ("Renamed", 7)
    assert Location.objects.get(pk=other.pk).name == other.name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_the_last_step_is_stored_with_all_before_it_or_nothing_is(fails):
    practice = make_organisation()

    def change():
        with single_transaction():
            LOCATIONS.add(Location(organisation=practice, name="First"))
            with last_step():
                LOCATIONS.add(Location(organisation=practice, name="Last"))
                if fails:
                    LOCATIONS.add(Location(organisation=practice, name="Last"))

    if fails:
        with pytest.raises(IntegrityError):
            change()
    else:
        change()

    assert Location.objects.count() == (0 if fails else 2)
    assert not connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
def test_a_transaction_in_which_nothing_is_asked_is_none():
    with transaction.atomic():
        pass
    with pytest.raises(RuntimeError), transaction.atomic():
        raise RuntimeError

    make_organisation()
    assert not connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
def test_the_last_step_within_somebody_elses_transaction_commits_nothing():
    practice = make_organisation()

    with transaction.atomic():
        with single_transaction(), last_step():
            LOCATIONS.add(Location(organisation=practice, name="Last"))
        transaction.set_rollback(True)

    assert not Location.objects.exists()
