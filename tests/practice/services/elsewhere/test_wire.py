"""The line to another organisation: another practice of this system, or a spoiled server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from practice.exceptions import ElsewhereNotSent, ElsewhereRefused, ElsewhereUnknown
from practice.models import Appointment, AuditEvent, Patient
from practice.reads.elsewhere import Caller, Reached
from practice.services.elsewhere import wire
from practice.services.elsewhere.searching import at_once
from practice.services.elsewhere.wire import Line
from tests.practice.elsewhere_world import ASID, offered
from workbench.elsewhere import make_remote_service
from workbench.factories import (
    make_access_profile,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slots,
    tomorrow,
)

RITA = Caller("rita", "Rita", "Reception")


def line_to(address: str, practice, **values) -> Line:
    service = make_remote_service(practice, base_url=address, **{"name": "Hub", **values})
    return Line.to(service, organisation=practice, caller=RITA)


@pytest.fixture
def hub(practice, live_server):
    """Another practice, which offers two times to all, and the line of the first to it."""
    here = practice.organisation
    here.asid = ASID
    here.save()
    there = make_organisation(gp_connect_enabled=True, appointment_management_enabled=True)
    holder = make_practitioner(there, family_name="Elsewhere", given_names="Hilda", prefix="Dr")
    slots = make_slots(
        2, make_schedule(there, session_holder=holder, date=tomorrow()),
        slot_type="Routine", gp_connect_bookable=True,
        access_profile=make_access_profile(there, ods_codes=[here.ods_code]),
    )  # fmt: skip
    address = f"{live_server.url}/{there.ods_code}/STU3/1/gpconnect"
    found = line_to(address, here, ods_code=there.ods_code, asid=there.asid)
    return found, there, slots


@pytest.mark.django_db(transaction=True)
def test_a_line_to_another_practice_of_this_system(practice, hub):
    """Search, find, book, retrieve, read and cancel; a time is taken once; who asked is told."""
    line, there, slots = hub
    ours = practice.patient
    theirs = make_patient(
        there, nhs_number=ours.nhs_number, birth_date=ours.birth_date, family_name="Fauxley"
    )

    first, second = line.free_times(tomorrow(), tomorrow())
    assert (first.slot, first.start, first.end) == (
        str(slots[0].pk), slots[0].start, slots[0].end,
    )  # fmt: skip
    assert (first.with_whom, first.slot_type) == ("Dr Hilda Elsewhere", "Routine")
    assert first.at_place == slots[0].schedule.location.name
    assert wire.RemoteTime.unpacked(first.packed()) == first

    assert line.find(ours) == str(theirs.pk)
    booked = line.book(first, patient_id=str(theirs.pk), description="Cough")
    made = Appointment.objects.get()
    assert (booked.id, booked.slots, booked.is_cancelled) == (
        str(made.pk), (str(slots[0].pk),), False,
    )  # fmt: skip
    assert made.booking_organisation_ods_code == practice.organisation.ods_code
    with pytest.raises(ElsewhereRefused, match="somebody else has just taken this time"):
        line.book(first, patient_id=str(theirs.pk), description="Cough")
    event = AuditEvent.objects.filter(event__endswith="create:appointment-1").first()
    assert (event.user_name, event.user_id) == ("Rita Reception", "UNK")

    assert line.appointments(str(theirs.pk), tomorrow(), tomorrow()) == [booked]
    line.cancel(booked.id, reason="Feels better")
    held = line.read(booked.id)
    assert (held.is_cancelled, held.cancellation_reason) == (True, "Feels better")
    line.cancel(booked.id, reason="Feels better")  # it is so already


@pytest.mark.django_db(transaction=True)
def test_a_patient_is_registered_there_and_somebody_elses_number_is_refused(
    practice, hub, settings, tmp_path
):
    line, there, _ = hub
    ours = practice.patient
    assert line.find(ours) is None
    settings.DEMOGRAPHICS_FILE = str(tmp_path / "people.yaml")
    (tmp_path / "people.yaml").write_text(
        f'- nhs_number: "{ours.nhs_number}"\n  family_name: {ours.family_name}\n'
        f"  given_names: {ours.given_names}\n  birth_date: {ours.birth_date}\n"
    )

    registered = line.register(
        ours, Reached("0113 496 0001", ("1 High Street", "Leeds"), "LS1 1AA")
    )

    made = Patient.objects.get(organisation=there)
    assert (registered, made.nhs_number) == (str(made.pk), ours.nhs_number)
    assert made.telecoms.get().value == "0113 496 0001"
    assert line.find(ours) == registered
    ours.birth_date = date(1901, 1, 1)
    with pytest.raises(ElsewhereRefused, match="another date of birth"):
        line.find(ours)


# ---------------------------------------------------------------- what goes wrong


@contextmanager
def answering(answer) -> Iterator[str]:
    """A server that answers each request as told: ``answer(handler)``."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - their names

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/Y99001/STU3/1/gpconnect"
    finally:
        server.shutdown()
        server.server_close()


def sent(status: int, body: bytes = b"", **headers: str):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


FHIR = {"Content_Type": "application/fhir+json"}
OUTCOME = (
    b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid",'
    b' "details": {"coding": [{"code": "%s"}]}, "diagnostics": "Secret <b>words</b>"}]}'
)


@pytest.fixture
def here(practice):
    practice.organisation.asid = ASID
    practice.organisation.save()
    return practice.organisation


@pytest.mark.django_db
def test_who_is_down_is_said_in_words(here):
    line = line_to("http://127.0.0.1:9/x", here)

    for ask in (
        lambda: line.free_times(tomorrow(), tomorrow()),
        lambda: line.book(offered(), patient_id="1", description="x"),
        lambda: line.cancel("1", reason="x"),
    ):
        with pytest.raises(ElsewhereNotSent, match="Hub does not answer. Nothing was sent that"):
            ask()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answer", "to_question", "to_change"),
    [
        (sent(200, b"{}", **FHIR), ElsewhereNotSent, ElsewhereUnknown),
        (sent(500, OUTCOME % b"INTERNAL_SERVER_ERROR", **FHIR), ElsewhereRefused, ElsewhereUnknown),
        (sent(422, OUTCOME % b"INVALID_RESOURCE", **FHIR), ElsewhereRefused, ElsewhereRefused),
        (sent(302, Location="http://127.0.0.1:9/"), ElsewhereNotSent, None),
        (lambda handler: handler.connection.close(), ElsewhereNotSent, ElsewhereUnknown),
    ],
    ids=["no resource", "failed", "refused", "redirect", "cut"],
)
def test_what_goes_wrong_says_whether_anything_may_have_been_done(
    here, answer, to_question, to_change
):
    with answering(answer) as address:
        line = line_to(address, here)
        with pytest.raises(to_question):
            line.free_times(tomorrow(), tomorrow())
        if to_change:
            with pytest.raises(to_change):
                line.book(offered(), patient_id="1", description="x")


@pytest.mark.django_db
def test_an_answer_that_is_too_large_or_too_slow_is_not_read_to_its_end(here, monkeypatch):
    large = sent(200, b" " * 300_000, **FHIR)
    limits = replace(wire.QUESTION, bytes=100_000, attempts=1, total=0.5)
    monkeypatch.setattr(wire, "QUESTION", limits)

    def slow(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(20):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    for answer in (large, slow):
        with answering(answer) as address:
            began = time.monotonic()
            line = line_to(address, here, name=f"Hub {address}")
            with pytest.raises(ElsewhereNotSent):
                line.free_times(tomorrow(), tomorrow())
            assert time.monotonic() - began < 1.9


@pytest.mark.django_db
def test_who_takes_the_question_and_says_nothing_is_said_within_three_seconds(here):
    """With the limits as they are, for a search and for the page of the last step."""
    with answering(lambda handler: time.sleep(6)) as address:
        line = line_to(address, here)
        began = time.monotonic()
        first, second = at_once(
            [lambda: line.free_times(tomorrow(), tomorrow()), lambda: line.read("1")]
        )
        said_within = time.monotonic() - began

    assert {type(first), type(second)} == {ElsewhereNotSent}
    assert said_within < 3.5


@pytest.mark.django_db
def test_no_address_is_called_that_is_not_allowed(here, settings):
    """Whatever stands in the row: another host, or no encryption where it is asked for."""
    for values in ({"ELSEWHERE_HOSTS": ["hub.example"]}, {"ELSEWHERE_ENCRYPTED": True}):
        for name, value in values.items():
            setattr(settings, name, value)
        with pytest.raises(ElsewhereNotSent):
            line_to("http://127.0.0.1:9/x", here, name=str(values))


@pytest.mark.django_db
def test_a_certificate_that_is_not_there_is_said(here, settings):
    settings.ELSEWHERE_CERTIFICATE = "/nowhere/certificate.pem"

    with pytest.raises(ElsewhereNotSent, match="certificate"):
        line_to("http://127.0.0.1:9/x", here)


@pytest.mark.django_db
def test_a_proxy_is_put_before_the_address(here, settings):
    settings.ELSEWHERE_PROXY = "https://proxy.example/"

    line = line_to("https://127.0.0.1/Y99001/STU3/1/gpconnect", here)

    address = "https://proxy.example/https://127.0.0.1/Y99001/STU3/1/gpconnect"
    assert line.provider.address == address
    assert line.provider.audience == "https://127.0.0.1/Y99001/STU3/1/gpconnect"


def test_few_wait_for_others_at_once(monkeypatch):
    taken = [wire.turn() for _ in range(wire.MOST_WAITING)]
    for each in taken:
        each.__enter__()
    try:
        with pytest.raises(ElsewhereNotSent, match="Nothing was sent"), wire.turn():
            pass
    finally:
        for each in taken:
            each.__exit__(None, None, None)
    with wire.turn():
        pass


def test_channels_are_those_that_the_model_keeps():
    from practice import terminology

    assert set(wire.CHANNELS) == {code for code, _ in terminology.delivery_channels()}
