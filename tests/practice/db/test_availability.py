"""When the database is away staff are told so at once, and not everybody waits for it."""

from practice.db import availability


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
