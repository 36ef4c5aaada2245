"""A visit ends with the diary as it was found, however it ends; and its report is whole."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from consumer.check import command, page, report
from consumer.check.checks import CHECKS
from consumer.check.exchange import Answered
from consumer.check.run import FAILED, chosen, visit
from practice.models import Appointment, Slot
from tests.consumer.check.world import in_process, kit_for, make_world
from workbench.paths import ROOT


@pytest.fixture
def patient(db):
    return make_world()


def booked():
    return [Appointment.objects.exclude(status="cancelled").count(), taken()]


def taken():
    return Slot.objects.filter(status="busy").count()


def test_whatever_was_booked_is_cancelled_at_the_end(patient):
    subjects = ["book", "amend", "cancel", "together", "clocks", "format"]

    found = visit(kit_for(patient), subjects)

    assert Appointment.objects.count() > 5
    assert booked() == [0, 0]
    assert found.results[-1].check.id == "diary.restored"
    assert found.ok


@pytest.fixture
def as_in_a_terminal() -> Iterator[None]:
    """A shell that starts the tests in the background lets them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_in_a_terminal")
def test_ctrl_c_cancels_first(patient):
    """The signal comes while an appointment stands."""

    def interrupted(request):
        came = in_process(request)
        if came.status == 201:
            os.kill(os.getpid(), signal.SIGINT)
        return came

    found = visit(kit_for(patient, interrupted), ["cancel"])

    assert found.interrupted
    assert not found.ok
    assert Appointment.objects.count() == 1
    assert booked() == [0, 0]


def test_a_booking_whose_answer_was_lost_is_found_and_cancelled(patient):
    def lossy(request):
        came = in_process(request)
        return Answered(0, fault="cut off") if came.status == 201 else came

    visit(kit_for(patient, lossy), ["book.created"])

    assert Appointment.objects.count() > 0
    assert booked() == [0, 0]


def test_an_answer_of_another_shape_fails_the_check_and_not_the_kit(patient):
    def odd(request):
        came = in_process(request)
        if "/Slot?" in request.url:
            return replace(
                came,
                body=b'{"resourceType": "Bundle", "entry": [{"resource": {'
                b'"resourceType": "Slot", "start": "2099-01-01T09:00:00+00:00", "schedule": 8}}]}',
            )
        return came

    found = visit(kit_for(patient, odd), ["search", "content", "clocks"])

    said = [problem.words for each in found.of(FAILED) for problem in each.problems]
    assert any("cannot be read: AttributeError" in words for words in said)
    assert found.results[-1].check.id == "diary.restored"


def test_a_failure_is_reported_with_what_was_sent_and_answered(patient):
    def stale(request):
        came = in_process(request)
        headers = {k: v for k, v in came.headers.items() if k != "Cache-Control"}
        return replace(came, headers=headers)

    found = visit(kit_for(patient, stale), ["header.cache", "search.free"])

    data = report.as_data(found)
    assert (data["ok"], data["counts"]) == (False, {"passed": 2, "failed": 1, "not seen": 0})
    failed = next(each for each in data["results"] if each["outcome"] == "failed")
    assert failed["requirements"] == ["GEN-074", "ERR-012", "SEC-029"]
    problem = failed["problems"][0]
    assert problem["sent"]["verb"] == "GET"
    assert '"reason_for_request": "directcare"' in problem["sent"]["headers"]["Authorization"]
    assert problem["answered"]["status"] == 200
    assert json.loads(page.as_json(data)) == data
    shown = page.as_page(found)
    assert "header.cache" in shown
    assert "Cache-Control is &#x27;&#x27;" in shown
    assert "<script" not in shown
    text = "\n".join(report.lines_of(next(iter(found.of(FAILED)))))
    assert text.startswith("failed    header.cache")
    assert "GEN-074, ERR-012" in text
    assert "1 checks failed" in report.summary(found)
    ids = [each["id"] for each in data["results"]]
    assert ids == ["search.free", "header.cache", "diary.restored"]


def test_what_is_only_advice_fails_nobody(patient):
    def disordered(request):
        came = in_process(request)
        return replace(
            came, headers={k: v for k, v in came.headers.items() if k != "Content-Location"}
        )

    found = visit(kit_for(patient, disordered), ["header.content-location"])

    assert [each.check.id for each in found.of(FAILED)] == ["header.content-location"]
    assert found.ok
    assert report.line_of(found.of(FAILED)[0]).startswith("advice")


def test_checks_are_chosen_by_id_and_by_subject():
    assert [each.id for each in chosen(["search.free"])] == ["search.free"]
    assert {each.subject for each in chosen(["clocks"])} == {"clocks"}
    assert len(chosen([])) == len(CHECKS)
    with pytest.raises(ValueError, match=r"no check serach\.free"):
        chosen(["serach.free"])


def test_the_command_lists_its_checks_and_says_what_it_needs(capsys):
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == len(CHECKS)
    with pytest.raises(SystemExit):
        command.main(["http://127.0.0.1:1/Y99001/STU3/1/gpconnect"])
    assert "--nhs-number" in capsys.readouterr().err


def test_the_command_finds_the_practice_in_the_address():
    parser_given = command.parsed(
        ["https://x.example/Y99001/STU3/1/gpconnect/", "--nhs-number", "1", "--asid", "2"]
    )

    provider = command.provider_of(parser_given)

    assert (provider.ods_code, provider.address) == (
        "Y99001",
        "https://x.example/Y99001/STU3/1/gpconnect",
    )


def test_the_ids_of_checks_rest_on_requirements_that_there_are():
    from tests.traceability import catalogue

    known = catalogue().texts

    cited = {each for check in CHECKS.values() for each in check.requirements}
    assert {each for each in cited if each not in known} == set()
    assert all(check.requirements for check in CHECKS.values())


def test_the_documents_say_how_many_checks_there_are():
    for name in ("docs/conformance_kit.md", "CHANGELOG.md"):
        assert f"{len(CHECKS) + 1} checks" in (ROOT / name).read_text(encoding="utf-8")
