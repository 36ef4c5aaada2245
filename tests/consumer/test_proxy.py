"""The local stand-in for the Spine proxy: what it adds, what it refuses, where links lead."""

import json
import urllib.error
import urllib.request

import pytest

from consumer import interactions
from consumer.errors import FateUnknown, NotSent
from consumer.identity import Provider
from consumer.proxy import Asked, Forwarder, main
from consumer.transport import Answer
from tests.consumer.here import ME
from tests.consumer.journeys import proxied
from tests.consumer.wire import answers, reply, served

THERE = Provider("https://gp.example/X/STU3/1/gpconnect", "2", "X")
HERE = "http://127.0.0.1:8090"


class Heard:
    """A transport that keeps what it was to send, and answers what it is told."""

    def __init__(self, status=200, body=b"{}", **headers):
        self.said = (status, {"Content-Type": "application/fhir+json", **headers}, body)
        self.requests = []

    def send(self, request):
        self.requests.append(request)
        if isinstance(self.said, Exception):
            raise self.said
        return Answer(*self.said, request, 0.1)


def forwarded(verb, target, body=b"", heard=None, **headers):
    heard = heard or Heard()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Forwarder(ME, THERE, heard, HERE).forward(Asked(verb, target, headers, body))
    return (heard.requests[0] if heard.requests else None), answer


JSON = {"Content_Type": "application/fhir+json"}
XML = {"Content_Type": "application/fhir+xml"}
CANCELLED_XML = (
    b'<Appointment xmlns="http://hl7.org/fhir"><status value="cancelled"/></Appointment>'
)


@pytest.mark.parametrize(
    ("verb", "target", "body", "headers", "interaction"),
    [
        ("GET", "/metadata?_format=json", b"", {}, interactions.READ_METADATA),
        ("GET", "/Slot?status=free", b"", {}, interactions.SEARCH_SLOTS),
        ("POST", "/Appointment", b"{}", JSON, interactions.BOOK_APPOINTMENT),
        ("PUT", "/Appointment/7", b'{"resourceType":"Appointment","status":"booked"}', JSON)
        + (interactions.AMEND_APPOINTMENT,),
        ("PUT", "/Appointment/7", b'{"resourceType":"Appointment","status":"cancelled"}', JSON)
        + (interactions.CANCEL_APPOINTMENT,),
        ("PUT", "/Appointment/7", CANCELLED_XML, XML, interactions.CANCEL_APPOINTMENT),
        ("PUT", "/Appointment/7", b"cancelled", JSON, interactions.AMEND_APPOINTMENT),
    ],
)
@pytest.mark.req("SSP-007", "SSP-012")
def test_a_request_gets_what_gp_connect_wants(verb, target, body, headers, interaction):
    request, _ = forwarded(verb, target, body, **headers)

    assert request.url == THERE.root + target
    assert request.header("Ssp-InteractionID") == interaction.id
    assert request.header("Ssp-To") == "2"
    assert request.header("Authorization").startswith("Bearer ")
    assert request.body == body


def test_what_is_no_interaction_goes_nowhere():
    request, answer = forwarded("DELETE", "/Appointment/7")

    assert request is None
    assert answer.status == 400
    assert "No interaction of GP Connect" in json.loads(answer.body)["issue"][0]["diagnostics"]


def test_the_tools_own_wishes_go_along_and_nothing_else():
    request, _ = forwarded(
        "PUT", "/Appointment/7", b"{}", if_match='W/"3"', Cookie="secret", **JSON
    )

    assert request.header("If-Match") == 'W/"3"'
    assert request.header("Cookie") == ""


def test_absolute_addresses_lead_here_and_go_back_as_they_came():
    root = THERE.root
    body = f'{{"fullUrl": "{root}/Slot/1", "other": "{root}x", "url": "{root}"}}'.encode()
    heard = Heard(body=body, Location=f"{root}/Appointment/7/_history/1", Server="x")
    _, answer = forwarded("GET", "/Slot", heard=heard)
    moved = f'{{"fullUrl": "{HERE}/Slot/1", "other": "{root}x", "url": "{HERE}"}}'.encode()
    request, _ = forwarded("POST", "/Appointment", answer.body, **JSON)

    assert answer.body == moved
    assert answer.headers["Location"] == f"{HERE}/Appointment/7/_history/1"
    assert "Server" not in answer.headers
    assert request.body == body


def test_a_browser_is_shown_json():
    request, answer = forwarded("GET", "/metadata", Accept="text/html,*/*;q=0.8")

    assert request.header("Accept") == "application/fhir+json"
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            NotSent("not sent: it takes no connections.", who="Rose Lane"),
            502,
            "Rose Lane: not sent",
        ),
        (FateUnknown("no whole answer within 3 s."), 504, "may have made the change or not"),
    ],
)
def test_a_practice_that_gives_no_answer_is_said_so_in_fhir(error, status, words):
    heard = Heard()
    heard.said = error
    _, answer = forwarded("POST", "/Appointment", b"{}", heard=heard, **JSON)

    assert answer.status == status
    assert words in json.loads(answer.body)["issue"][0]["diagnostics"]


# ---------------------------------------------------------------- who may ask


def asked(address, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{address}/metadata", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec_Fetch_Site": "none"}, 200),
        ({"Host": "practice.attacker.example"}, 403),  # a name that was made to lead here
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
)
def test_a_page_of_another_site_gets_nothing(headers, status):
    """Whatever asks is given a token: a page in the same browser must not read patients so."""
    with served(answers(reply())) as (address, seen), proxied(Provider(address, "2")) as proxy:
        assert asked(proxy.address, **headers) == status

    assert len(seen) == (status == 200)


def test_a_page_of_the_proxy_itself_and_one_that_was_let_in_may_ask():
    origin = "https://tool.example"
    with (
        served(answers(reply()), answers(reply())) as (address, _),
        proxied(Provider(address, "2")) as proxy,
    ):
        proxy.allow_origin = origin
        assert asked(proxy.address, Origin=proxy.address) == 200
        assert asked(proxy.address, Origin=origin) == 200
        assert asked(proxy.address, Origin="https://other.example") == 403
        assert proxy.cross_origin["Access-Control-Allow-Origin"] == origin


def test_the_command_says_what_it_needs(capsys):
    with pytest.raises(SystemExit):
        main(["--to", THERE.root])

    assert "--to-asid" in capsys.readouterr().err
