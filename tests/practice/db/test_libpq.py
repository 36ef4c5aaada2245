"""What goes over a line to PostgreSQL by libpq's own calls, and what happens when it breaks."""

from threading import Event, Thread

import pytest
from django.db import DataError, OperationalError, ProgrammingError, connection, transaction

from practice.db.journeys import ask, line_of, one_journey
from practice.db.libpq import Statement
from practice.db.prepared import MOST_ROWS, Number, Prepared, PreparedInsert
from practice.models import Location
from tests.fhirapi.journeys import followed
from workbench.factories import make_location, make_organisation

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

LOCATION = Prepared(lambda: Location.objects.filter(pk=Number("pk")))
LOCATIONS = PreparedInsert(Location)
DIVIDED = Statement("SELECT 10 / %s::bigint, '100 %%'")
SLEPT = Statement("SELECT pg_sleep(%s::float8)")
TEXT = Statement("SELECT %s::text")
LENGTH = Statement("SELECT length(%s)")
ENDED = Statement("SELECT pg_terminate_backend(pg_backend_pid())")


def rows(statement, *values):
    return ask(connection, statement, values).rows()


def rows_of_a_journey(*asked):
    with one_journey():
        answers = [ask(connection, statement, values) for statement, *values in asked]
    return [answer.rows() for answer in answers]


def test_a_percent_sign_is_itself_and_a_gap_a_value():
    assert rows(DIVIDED, 3) == [(3, "100 %")]


@pytest.mark.parametrize("value", ["", "é\n'\"\\", "%s $1", None, "0" * 100_000])
def test_a_text_arrives_as_it_was_sent(value):
    assert rows(TEXT, value) == [(value,)]


def test_a_nul_is_refused_and_cuts_nothing_off():
    with pytest.raises(DataError, match="NUL"):
        rows(TEXT, "be\0fore")


def test_what_the_server_keeps_outlives_a_transaction_that_was_undone():
    place = make_location(make_organisation())

    with followed() as wire:
        LOCATION.first(pk=place.pk)
        with pytest.raises(DataError), transaction.atomic():
            rows(DIVIDED, 0)
        wire.journeys()
        found = LOCATION.first(pk=place.pk)
        sent = [each for journey in wire.journeys() for each in journey]

    assert found == place
    assert any("practice_location" in each for each in sent)
    assert not any(each.startswith(("prepare", "DEALLOCATE")) for each in sent)


def test_a_statement_that_failed_at_first_is_prepared_when_it_comes_again():
    """Its preparation was skipped with all that followed the fault."""
    fresh = Statement("SELECT %s::int")

    with pytest.raises(DataError):
        rows_of_a_journey((DIVIDED, 0), (fresh, 1))

    assert rows(fresh, 2) == [(2,)]


def test_a_server_that_was_told_to_forget_is_told_anew():
    rows(DIVIDED, 1)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")

    with pytest.raises(ProgrammingError, match="does not exist"):
        rows(DIVIDED, 1)

    assert rows(DIVIDED, 1) == [(10, "100 %")]


@pytest.mark.parametrize("together", [False, True])
def test_a_line_that_breaks_is_an_operational_error_and_the_next_one_is_new(together):
    rows(DIVIDED, 1)

    with pytest.raises(OperationalError):
        rows_of_a_journey((DIVIDED, 1), (ENDED,), (DIVIDED, 1)) if together else rows(ENDED)
    connection.close_if_unusable_or_obsolete()

    assert rows(DIVIDED, 2) == [(5, "100 %")]


@pytest.mark.parametrize("together", [False, True])
def test_other_threads_go_on_while_one_waits_for_the_database(together):
    rows(SLEPT, 0)  # prepared
    asleep, turns = Event(), []

    def others():
        asleep.wait()
        while asleep.is_set():
            turns.append(1)
            Event().wait(0.001)

    thread = Thread(target=others)
    thread.start()
    asleep.set()
    rows_of_a_journey((SLEPT, 0.3), (DIVIDED, 1)) if together else rows(SLEPT, 0.3)
    asleep.clear()
    thread.join()

    assert len(turns) > 20


@pytest.mark.parametrize("asked", [TEXT, LENGTH])
def test_more_than_the_sockets_hold_travels_together(asked):
    """Both sides would wait for the other if nothing were read before all is sent, or sent on."""
    long = "0" * 50_000
    practice = make_organisation()
    places = [
        Location(organisation=practice, name=f"{number} {'long' * 20}") for number in range(60)
    ]

    with one_journey():
        answers = [ask(connection, asked, [long]) for _ in range(60)]
        LOCATIONS.all(places)

    found = long if asked is TEXT else len(long)
    assert [answer.rows() for answer in answers] == [[(found,)]] * 60
    assert len(places) > 2 * MOST_ROWS
    assert Location.objects.filter(organisation=practice).count() == len(places)


def test_an_answer_is_not_there_before_the_journey_has_ended():
    with one_journey():
        answer = ask(connection, DIVIDED, [1])
        with pytest.raises(RuntimeError, match="before the journey had ended"):
            answer.rows()

    assert answer.rows() == [(10, "100 %")]


def test_only_what_is_kept_goes_along():
    with pytest.raises(RuntimeError, match="statements that are kept"), one_journey():
        Location.objects.exists()

    assert line_of(connection).journey is None
    assert not Location.objects.exists()


def test_a_journey_that_was_given_up_sends_nothing_and_begins_nothing():
    practice = make_organisation()

    def give_up():
        with transaction.atomic(), one_journey():
            LOCATIONS.add(Location(organisation=practice, name="Never"))
            raise KeyError

    with followed() as wire:
        with pytest.raises(KeyError):
            give_up()
        assert wire.journeys() == []
    assert not Location.objects.exists()
