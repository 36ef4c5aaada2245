"""How a rehearsal is read out of the trail; tests of the page have each step and each mistake."""

import pytest
from django.utils import timezone

from practice.reads.rehearsal_report import (
    AMEND,
    BOOK,
    CANCEL,
    OFFERED,
    SEARCH,
    Event,
    Report,
    edge,
)
from tests.practice.rehearsal_world import OtherSide
from tests.practice.services.test_rehearsals import begun

pytestmark = pytest.mark.django_db


def test_the_same_mistake_in_a_row_is_said_once(practice):
    rehearsal = begun(practice)
    theirs = OtherSide(practice, rehearsal)
    for days in (20, 20, 20, 15):
        theirs.search(days=days)

    said = [each.words for each in Report.of(rehearsal).latest_wrong]

    assert said == [
        "It searched for 15 days: at most 14 are allowed.",
        "It searched for 20 days: at most 14 are allowed.",
    ]


def test_fourteen_days_are_no_mistake(practice):
    rehearsal = begun(practice)
    OtherSide(practice, rehearsal).search(days=14)

    report = Report.of(rehearsal)

    assert report.wrong == []
    assert report.done.keys() == {SEARCH, OFFERED}


def test_a_step_counts_when_it_is_done_in_its_order_though_it_was_done_too_early(practice):
    rehearsal = begun(practice)
    theirs = OtherSide(practice, rehearsal)
    theirs.book()
    theirs.amend()
    theirs.cancel()
    early = Report.of(rehearsal)
    for act in (theirs.search, theirs.find, theirs.book, theirs.amend, theirs.cancel):
        act()

    assert early.early.keys() == {BOOK, AMEND, CANCEL}
    assert Report.of(rehearsal).early == {}
    assert {BOOK, AMEND, CANCEL} <= Report.of(rehearsal).done.keys()


def test_what_was_kept_of_it_reads_as_it_did(practice):
    rehearsal = begun(practice)
    theirs = OtherSide(practice, rehearsal)
    theirs.search(days=20)
    theirs.book()
    before = Report.of(rehearsal)

    rehearsal.record, rehearsal.ended_at = before.record(), timezone.now()
    kept = Report.of(rehearsal)

    assert (kept.done, kept.early, kept.wrong) == (before.done, before.early, before.wrong)
    assert kept.last_heard == before.last_heard


@pytest.mark.parametrize("url", ["", "/Slot", "/Slot?start=ge2026-13-45&end=le", "/Slot?start=x"])
def test_an_address_that_cannot_be_read_is_no_reason_to_fail(practice, url):
    report = Report(begun(practice))
    outcome, now = "422", timezone.now()
    detail = {"url": url, "organisation_ods_code": "A1001", "slots": "none"}
    for event in (":search:slot-1", ":search:patient-1", ":create:appointment-1"):
        report.read(Event(now, event, outcome, "Wrong", None, "", detail))

    assert len(report.wrong) == 3
    assert edge("2026-11-30T09:00:00", last=False) is None, "without an offset"
