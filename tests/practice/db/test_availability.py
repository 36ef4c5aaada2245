"""When the database is away that is known at once, and not everybody waits for it."""

from types import SimpleNamespace

import pytest
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from practice.db import availability


def caused(fault: Exception, cause: Exception) -> Exception:
    fault.__cause__ = cause
    return fault


class ReadOnly(Exception):
    sqlstate = "25006"


NO_CONNECTION = caused(OperationalError("no connection"), PoolTimeout())


def test_an_outage_is_looked_at_by_one_request_at_a_time_until_one_succeeds():
    known = availability.Outage()
    assert known.may_ask(at=0)

    known.begin(at=0)
    assert not known.may_ask(at=0.9)
    assert [known.may_ask(at=1.1) for _ in range(3)] == [True, False, False]
    assert known.may_ask(at=20), "the one that tried was never heard of again"

    known.begin(at=20)
    known.end()
    assert all(known.may_ask(at=20) for _ in range(3))


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


@pytest.fixture
def outage(monkeypatch) -> availability.Outage:
    """An outage of its own, in a thread that has no connection."""
    own = availability.Outage()
    monkeypatch.setattr(availability, "outage", own)
    monkeypatch.setattr(availability, "connection", SimpleNamespace(connection=None))
    return own


def test_a_first_query_without_a_connection_spares_the_next_ones_the_wait(outage):
    with pytest.raises(OperationalError), availability.database_within_reach():
        raise NO_CONNECTION

    reached = []
    with pytest.raises(availability.NoConnection), availability.database_within_reach():
        reached.append("asked all the same")

    assert reached == []
    assert availability.would_block()


def test_the_first_query_that_succeeds_ends_the_outage_for_all(outage):
    outage.begin(at=0)  # long ago: somebody may try

    with availability.database_within_reach():
        pass

    assert not availability.would_block()
    assert outage.next_try is None


def test_whoever_has_a_connection_does_not_wait_for_one(outage, monkeypatch):
    outage.begin()
    assert availability.would_block()

    monkeypatch.setattr(availability, "connection", SimpleNamespace(connection="one"))

    assert not availability.would_block()


def test_another_fault_than_a_missing_connection_begins_no_outage(outage):
    availability.note_failure(OperationalError("deadlock"))
    availability.note_failure(None)

    assert not availability.would_block()
