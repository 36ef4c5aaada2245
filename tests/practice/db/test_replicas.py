"""A read that may be a moment old is asked again of the primary when a copy fails."""

import pytest
from django.db import OperationalError

from practice.db.replicas import current, from_replica

# ---------------------------------------------------------------- a stale reading


def test_what_a_copy_cannot_answer_the_primary_does():
    told, asked = [], []

    def read():
        reading = current.get()
        asked.append(reading)
        if reading:
            reading.database, reading.failed = "replica_1", told.append
            raise OperationalError("gone")
        return "found"

    assert from_replica(read) == "found"
    assert [str(error) for error in told] == ["gone"]
    assert len(asked) == 2


def test_what_the_primary_cannot_answer_is_not_asked_twice():
    asked = []

    def read():
        asked.append(current.get())
        raise OperationalError("gone")

    with pytest.raises(OperationalError):
        from_replica(read)

    assert len(asked) == 1
    assert current.get() is None
