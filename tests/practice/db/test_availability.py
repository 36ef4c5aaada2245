"""When the database is away that is known at once, and not everybody waits for it."""

import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from django.db import InterfaceError, OperationalError, connection, connections
from psycopg_pool import PoolTimeout

from practice.db import availability
from tests.outages import wait_until
from workbench.servers import at_once, in_its_own_connection


def caused(fault: Exception, cause: Exception) -> Exception:
    fault.__cause__ = cause
    return fault


class ReadOnly(Exception):
    sqlstate = "25006"


NO_CONNECTION = caused(OperationalError("no connection"), PoolTimeout())


@pytest.mark.parametrize(
    ("fault", "away", "unreachable"),
    [
        (OperationalError(), True, False),
        (InterfaceError(), True, False),
        (NO_CONNECTION, True, True),
        (availability.NoConnection(), True, True),
        (caused(ValueError(), ReadOnly()), True, False),
        (ValueError(), False, False),
        (None, False, False),
    ],
    ids=["operational", "interface", "no connection", "not tried", "read-only", "ours", "none"],
)
def test_what_is_the_databases_fault(fault, away, unreachable):
    assert availability.is_away(fault) is away
    assert availability.is_unreachable(fault) is unreachable


# ---------------------------------------------------------------- the prober


def test_one_thread_finds_out_that_the_database_is_back_whoever_comes_by(no_database):
    known = no_database.outage
    for _ in range(3):
        known.begin()

    probers = [thread for thread in threading.enumerate() if thread is known.prober]
    wait_until(lambda: no_database.asked >= 3)

    assert len(probers) == 1
    assert probers[0].daemon, "it keeps no process from ending"
    assert known.is_under_way
    assert known.seconds() > 0

    no_database.end()
    assert not known.is_under_way
    assert known.seconds() == 0
    wait_until(lambda: not probers[0].is_alive())


def test_another_outage_has_another_prober(no_database):
    known = no_database.outage
    known.begin()
    no_database.end()
    no_database.is_over = False

    known.begin()

    assert known.is_under_way
    no_database.end()
    assert not known.is_under_way


def test_it_rests_between_its_questions(no_database):
    no_database.outage.PAUSE_SECONDS = 0.5
    no_database.outage.begin()
    wait_until(lambda: no_database.asked)
    time.sleep(0.05)
    assert no_database.asked == 1


def test_operators_read_when_it_began_and_when_it_ended(no_database, caplog):
    no_database.outage.begin()
    no_database.outage.begin()
    no_database.end()

    told = [record.message for record in caplog.records if record.name == availability.__name__]
    assert len(told) == 2
    assert "cannot be reached" in told[0]
    assert "answers again after" in told[1]


def test_a_prober_that_fails_leaves_nobody_refused_for_ever(no_database, monkeypatch):
    """The next request finds out for itself."""
    monkeypatch.setattr(threading, "excepthook", lambda failure: None)
    no_database.outage.ask = lambda: sys.exit()

    no_database.outage.begin()

    wait_until(lambda: not no_database.outage.is_under_way)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_off_in_an_outage_finds_out_for_itself(no_database):
    availability.outage.begin()

    child = os.fork()
    if child == 0:
        os._exit(availability.outage.is_under_way or availability.outage.lock.locked())

    assert os.waitpid(child, 0)[1] == 0
    assert availability.outage.is_under_way


@pytest.mark.django_db(transaction=True)
def test_the_prober_has_the_database_answer_and_leaves_no_connection_behind():
    """The real question, on whichever database this is, with a pool or without."""
    left = at_once([lambda: (availability.ask_database(), connection.connection)[1]])

    assert left == [None]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_what_the_pool_still_has_counts_where_there_is_no_room_for_one_more(monkeypatch):
    """As on a server that has as many connections as it may have, and answers all of them."""
    real = connections["default"].settings_dict["HOST"]

    def ask(*, pool_is_empty):
        ours = connections["default"]
        if pool_is_empty:
            ours.close_pool()
        else:
            availability.ask_database()
            wait_until(lambda: ours.pool.get_stats()["pool_available"])
        monkeypatch.setitem(ours.settings_dict, "HOST", "/nowhere")
        availability.ask_database()

    try:
        at_once([in_its_own_connection(lambda: ask(pool_is_empty=False))])
        monkeypatch.setitem(connections["default"].settings_dict, "HOST", real)
        with pytest.raises(OperationalError, match="/nowhere"):
            at_once([in_its_own_connection(lambda: ask(pool_is_empty=True))])
    finally:
        connection.close_pool()


# ---------------------------------------------------------------- who may ask


@pytest.fixture
def outage(no_database) -> availability.Outage:
    """An outage that may begin, in a thread that has no connection."""
    return no_database.outage


def test_a_first_query_without_a_connection_spares_the_next_ones_the_wait(outage):
    with pytest.raises(OperationalError), availability.database_within_reach():
        raise NO_CONNECTION

    reached = []
    with pytest.raises(availability.NoConnection), availability.database_within_reach():
        reached.append("asked all the same")

    assert reached == []
    assert availability.would_block()


def test_whoever_has_a_connection_does_not_wait_for_one(outage, monkeypatch):
    outage.begin()
    assert availability.would_block()

    monkeypatch.setattr(availability, "connection", SimpleNamespace(connection="one"))

    assert not availability.would_block()


def test_another_fault_than_a_missing_connection_begins_no_outage(outage):
    availability.note_failure(OperationalError("deadlock"))
    availability.note_failure(availability.NoConnection())
    availability.note_failure(None)

    assert not availability.would_block()
    assert outage.prober is None


def test_a_connection_that_broke_has_the_prober_look_and_nobody_is_refused(
    outage, no_database, monkeypatch
):
    """The pool may hold more of them; or it was the only one, and the database is well."""
    broken = SimpleNamespace(closed=True)
    monkeypatch.setattr(availability, "connection", SimpleNamespace(connection=broken))

    availability.note_failure(OperationalError("server closed the connection unexpectedly"))

    wait_until(lambda: no_database.asked)
    monkeypatch.setattr(availability, "connection", SimpleNamespace(connection=None))
    assert not availability.would_block()

    outage.begin()
    assert availability.would_block(), "the same prober ends what has become certain"
    no_database.end()
    assert not availability.would_block()
