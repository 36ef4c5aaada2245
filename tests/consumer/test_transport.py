"""One exchange over HTTP: what is repeated and what never is, and how long it may take."""

import time

import pytest

from consumer.errors import FateUnknown, NoAnswer, NotSent
from consumer.transport import Limits, Request, Transport
from tests.consumer.wire import answers, breaks, nobody, reply, served, trickles

QUICK = Limits(connect=0.5, total=2.0)
SHORT = Limits(connect=0.5, total=0.3)


@pytest.fixture
def transport():
    with Transport(QUICK) as made:
        yield made


def get(address):
    return Request("GET", f"{address}/Slot", {"Ssp-TraceID": "trace-1"}, who="Rose Lane", what="s")


def post(address):
    return Request("POST", f"{address}/Appointment", {"Ssp-TraceID": "trace-2"}, b"{}", who="Rose")


def test_a_question_is_asked_again_when_its_connection_broke(transport):
    with served(breaks, answers(reply(body=b"[1]"))) as (address, seen):
        answer = transport.send(get(address))

    assert (answer.status, answer.body, answer.attempts, len(seen)) == (200, b"[1]", 2, 2)


def test_a_change_is_never_sent_twice(transport):
    """Whether the provider booked before the line broke, nobody here can say: so it is said."""
    with (
        served(breaks, answers(reply())) as (address, seen),
        pytest.raises(FateUnknown) as raised,
    ):
        transport.send(post(address))

    assert len(seen) == 1
    assert "may have made the change or not" in str(raised.value)
    assert raised.value.trace_id == "trace-2"
    assert str(raised.value).startswith("Rose: ")


def test_a_change_that_was_never_sent_says_so_and_is_no_unknown(transport):
    with nobody() as address, pytest.raises(NotSent) as raised:
        transport.send(post(address))

    assert not raised.value.late
    assert "takes no connections" in str(raised.value)


def test_a_name_that_nobody_knows_is_named(transport):
    with pytest.raises(NotSent, match="its name is not known"):
        transport.send(get("http://practice.invalid"))


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["headers", "body", "chunks", "until it closes"],
)
@pytest.mark.parametrize("make", [get, post])
def test_an_answer_that_never_ends_ends_with_the_time_of_the_call(transport, begin, make):
    began = time.monotonic()
    with (
        served(trickles(begin)) as (address, seen),
        pytest.raises(NoAnswer, match=r"no whole answer within 0.3 s") as raised,
    ):
        transport.send(make(address), SHORT)

    assert time.monotonic() - began < 1.5
    assert raised.value.late
    assert isinstance(raised.value, FateUnknown) == (make is post)
    assert len(seen) == 1


@pytest.mark.parametrize("status", ["503 Service Unavailable", "502 Bad Gateway"])
def test_a_question_is_asked_again_when_it_was_too_busy(transport, status):
    with served(answers(reply(status), reply(body=b"[2]"))) as (address, seen):
        answer = transport.send(get(address))

    assert (answer.status, answer.attempts, len(seen)) == (200, 2, 2)


def test_no_question_is_asked_again_when_the_provider_has_no_time_for_it(transport):
    """Retry-After says when: not within the time of this call."""
    busy = reply("429 Too Many Requests", b"{}", "Retry-After: 60")
    with served(answers(busy)) as (address, seen):
        answer = transport.send(get(address))

    assert (answer.status, len(seen)) == (429, 1)


def test_an_answer_to_a_change_is_an_answer_whatever_it_says(transport):
    with served(answers(reply("503 Service Unavailable", b"{}"))) as (address, seen):
        answer = transport.send(post(address))

    assert (answer.status, len(seen)) == (503, 1)


def test_no_redirect_is_followed(transport):
    moved = reply("302 Found", b"", "Location: http://elsewhere.invalid/")
    with served(answers(moved)) as (address, seen):
        answer = transport.send(get(address))

    assert (answer.status, len(seen)) == (302, 1)


def test_connections_are_kept_for_questions_and_changes_have_their_own(transport):
    """A kept connection that the other side just closed would make a booking's fate unknown."""
    with served(answers(reply(), reply()), answers(reply("201 Created"))) as (address, seen):
        transport.send(get(address))
        transport.send(get(address))
        answer = transport.send(post(address))

    assert answer.status == 201
    assert [request.split(b" ")[0] for request in seen] == [b"GET", b"GET", b"POST"]
    assert b"Connection: close" in seen[2]


def test_two_changes_never_share_a_connection_though_the_provider_keeps_it(transport):
    """It may close it at any moment without having said so."""
    keeping = answers(reply("201 Created", b"[1]"), reply("201 Created", b"[2]"))
    with served(keeping, answers(reply("201 Created", b"[3]"))) as (address, _):
        bodies = [transport.send(post(address)).body for _ in "12"]

    assert bodies == [b"[1]", b"[3]"]


def test_an_answer_without_end_is_not_read_to_it(transport):
    with (
        served(answers(reply(body=b"1" * 200_000))) as (address, _),
        pytest.raises(NoAnswer, match="more than 100000 bytes"),
    ):
        transport.send(get(address), Limits(bytes=100_000, attempts=1))
