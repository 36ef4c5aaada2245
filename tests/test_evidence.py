"""What an assessor is shown can be believed: verdicts, gaps, pages."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests import recording, traceability
from tests.evidence import facts, pages
from workbench import results
from workbench.paths import ROOT

FILE = "tests/test_" + "a.py"  # which nobody has
HELD, BROKEN = f"{FILE}::test_that_holds", f"{FILE}::test_that_broke"
LOG = f"""# Hazard log

| | hazard | before | after |
|---|---|---|---|
| H01 | something is lost | 4 × 3 | 4 × 1 |

## H01 Something is lost

Cause: a crash.

- It is kept. `{HELD}`,
  `{BROKEN}`
"""


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Results of every run, all of this revision, which is clean."""
    monkeypatch.setattr(results, "changed_since", lambda revision, paths, root: [])
    monkeypatch.setattr(results.State, "now", lambda root=ROOT: results.State("a" * 40, True))
    for name in results.TRIES:
        leave(tmp_path, name)
    return tmp_path


def leave(folder, name, tests=None, **given):
    told = {"name": name, "revision": "a" * 40, "clean": True, "seconds": 1.5, "passed": True}
    told |= {"date": datetime.now(UTC).isoformat(), "tests": tests or {}, **given}
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")


def verdict(kept, name=HELD):
    return facts.Runs(kept).test(name).verdict


def test_a_test_passed_if_it_passed_somewhere_and_failed_nowhere(kept):
    leave(kept, "test-sqlite", {HELD: {"skipped": 1, "why": "needs PostgreSQL"}})
    assert verdict(kept) == "skipped"

    leave(kept, "test-postgresql", {HELD: {"passed": 2}})
    assert verdict(kept) == "passed"

    leave(kept, "test-postgresql", {HELD: {"passed": 1, "failed": 1}}, passed=False)
    assert verdict(kept) == "failed"
    assert verdict(kept, BROKEN) == "unknown"


def test_what_passed_on_older_code_is_no_proof(kept, monkeypatch):
    leave(kept, "test-sqlite", {HELD: {"passed": 1}})
    monkeypatch.setattr(results, "changed_since", lambda revision, paths, root: ["a.py"])

    assert verdict(kept) == "older"


def test_advisories_are_asked_about_again_after_a_day(kept):
    assert facts.Runs(kept).faults["advisories"] == ""

    leave(kept, "advisories", date=(datetime.now(UTC) - timedelta(days=2)).isoformat())

    assert "2 days ago" in facts.Runs(kept).faults["advisories"]


def test_hazards_are_read_with_each_control_and_its_tests(kept):
    leave(kept, "test-sqlite", {HELD: {"passed": 1}, BROKEN: {"failed": 1}}, passed=False)

    (hazard,) = facts.hazards(facts.Runs(kept), LOG)

    assert (hazard.number, hazard.title, hazard.after) == ("H01", "Something is lost", "4 × 1")
    (control,) = hazard.controls
    assert control.pieces[0] == "It is kept. "
    assert [test.verdict for test in control.tests] == ["passed", "failed"]


def test_the_hazard_log_is_read_whole(kept):
    log = facts.HAZARD_LOG.read_text(encoding="utf-8")

    found = facts.hazards(facts.Runs(kept), log)

    named = sum(len(control.tests) for hazard in found for control in hazard.controls)
    assert named == log.count("::test_") > 200
    assert all(hazard.controls for hazard in found)


@pytest.fixture
def whole(kept, tmp_path, monkeypatch):
    """Facts without a gap: one test holds all that is not explained, and the one hazard."""
    log = tmp_path / "log.md"
    log.write_text(LOG.replace(BROKEN, HELD), encoding="utf-8")
    monkeypatch.setattr(facts, "HAZARD_LOG", log)
    monkeypatch.setattr(facts, "pictured", dict)
    leave(kept, "test-sqlite", {HELD: {"passed": 1}})
    explained = traceability.reasons()
    tested = {each[0]: [HELD] for each in facts.wanted() if each[0] not in explained}
    exchanges = tmp_path / "exchanges"
    exchanges.mkdir()
    return facts.Facts(tested, exchanges, kept)


def test_there_is_no_gap_where_nothing_is_missing(whole, kept):
    said = ["", "Load: 99.0 answers", "  search 900", "  SHALL limits at p99: kept", "", "Ramp:"]
    leave(kept, "load", said=said)

    assert whole.gaps == []


def test_every_gap_is_named_at_once(whole, kept, monkeypatch):
    leave(kept, "load", said=["Load: 99.0 answers", "  SHALL limits at p99: 300 ms > 250 ms"])
    (kept / "chaos.json").unlink()
    leave(kept, "test-sqlite", {HELD: {"passed": 1}, BROKEN: {"failed": 1}}, passed=False)
    whole.tested["BOOK-063"] = [HELD, BROKEN]
    whole.tested["SLOT-001"] = [f"{FILE}::test_of_nobody"]
    del whole.tested["GEN-001"]
    monkeypatch.setattr(facts, "pictured", lambda: {"GEN-002": ["nowhere.png"]})
    monkeypatch.setattr(results.State, "now", lambda root=ROOT: results.State("a" * 40, False))

    assert whole.gaps == [
        "The working tree is not clean: what is shown is of no revision",
        "chaos: no result",
        "load: no stage Load that kept the SHALL limits (PERF-013)",
        "GEN-001: neither a test nor a reason",
        "GEN-002: docs/pictures/nowhere.png is missing",
        f"SLOT-001: {FILE}::test_of_nobody has no result",
        f"BOOK-063: {BROKEN} failed",
    ]


def test_pictures_show_requirements_that_exist():
    known = {identifier for identifier, *_ in facts.wanted()}

    assert facts.pictured().keys() <= known
    for pictures in facts.pictured().values():
        assert all((facts.PICTURES / each).is_file() for each in pictures)


EXCHANGE = {
    "method": "GET",
    "path": "/A1/STU3/1/gpconnect/Slot?a=<script>",
    "headers": {"Ssp-From": "200000000115"},
    "body": "",
    "status": 200,
    "answer_headers": {"Content-Type": "application/fhir+json"},
    "answer": '{"resourceType":"Bundle","total":0}',
}


def test_the_folder_links_only_to_what_is_in_it_and_runs_no_script(whole, tmp_path):
    case = {"case": f"{HELD}[a]", "format": "json", "of": 1, "exchanges": [EXCHANGE]}
    (whole.exchanges_folder / "a-json.json").write_text(json.dumps(case), encoding="utf-8")
    folder = tmp_path / "evidence"

    pages.write(whole, folder)

    exchanged = (folder / pages.page_of(HELD)).read_text(encoding="utf-8")
    assert "&quot;resourceType&quot;: &quot;Bundle&quot;" in exchanged
    assert 'href="../requirements/BOOK.html#BOOK-063"' in exchanged
    assert pages.page_of(HELD) in (folder / "requirements/BOOK.html").read_text(encoding="utf-8")
    for page in folder.rglob("*.html"):
        words = page.read_text(encoding="utf-8")
        assert "<script" not in words
        for link in pages.LINK.findall(words):
            target, _, place = link.partition("#")
            there = (page.parent / target).resolve() if target else page
            assert there.is_relative_to(folder.resolve()) or there == page, (page, link)
            assert there.is_file(), f"{page.name} links to {link}"
            if place:
                assert f'id="{place}"' in there.read_text(encoding="utf-8"), f"{page.name}: {link}"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["gaps"] == []
    assert manifest["sha256"].keys() == {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    } - {"manifest.json", "SHA256SUMS"}


def test_a_draft_says_so_at_the_top(whole, tmp_path):
    del whole.tested["GEN-001"]
    whole.missing.append("<i>anything</i> is missing")

    pages.write(whole, tmp_path / "evidence")

    first = (tmp_path / "evidence" / "index.html").read_text(encoding="utf-8")
    assert "A draft: 2 gaps" in first
    assert "GEN-001: neither a test nor a reason" in first
    assert "&lt;i&gt;anything" in first
    assert "<tr><th>SHALL</th><td>747</td>" in first


# ---------------------------------------------------------------- what a run of tests leaves


def test_bodies_are_cut_where_they_grow_long():
    assert recording.shown(b"{}") == "{}"
    assert recording.shown(b"x" * 12_001).endswith("\n… 1 bytes more")


def test_a_compressed_answer_is_kept_as_it_reads(consumer):
    plain, packed = (
        consumer.read_metadata(headers={"Accept-Encoding": encoding}) for encoding in ("", "gzip")
    )

    kept = recording.exchange("GET", "/A1/STU3/1/gpconnect/metadata", (), {}, packed)

    assert kept["answer_headers"]["Content-Encoding"] == "gzip"
    assert kept["answer"] == recording.shown(plain.content)


def test_an_exchange_is_kept_as_it_was(consumer):
    response = consumer.read_patient(7)

    kept = recording.exchange(
        "GET",
        "/A1/STU3/1/gpconnect/Patient/7",
        (),
        {"headers": {"Ssp-To": "1"}, "content_type": "application/fhir+json"},
        response,
    )

    assert kept["status"] == response.status_code
    assert kept["answer"].encode() == response.content
    assert kept["headers"] == {"Ssp-To": "1", "Content-Type": "application/fhir+json"}
    assert not recording.speaks_xml(kept)
    assert recording.speaks_xml(kept | {"headers": {"Accept": "application/fhir+xml"}})
    page = recording.exchange("GET", "/admin/", (), {}, response)
    assert not recording.speaks_xml(page)
    assert page == {"method": "GET", "path": "/admin/", "status": 404, "page": True}
