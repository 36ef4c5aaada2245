"""The pictures of the documents show the pages as they are: no browser is needed to tell."""

import shutil
from collections.abc import Iterator
from datetime import datetime

import pytest
from lxml import html

from tests.pictures import digests, record
from tests.pictures.shown import PICTURES
from tests.pictures.world import HOST, make_world, somebody_rings_111

MOST_BYTES, MOST_OF_ALL = 150_000, 3_000_000
STALE = "; make pictures draws it anew (and look at it)"


@pytest.mark.once
@pytest.mark.django_db
def test_no_page_has_changed_since_its_picture_was_drawn(monkeypatch, settings):
    settings.DEVELOPER_PAGES, settings.GPCONNECT_HOST = True, HOST

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    world = make_world(set_clock)
    somebody_rings_111(world)

    assert list(differences(record.recorded(), world)) == []


def differences(known: record.Record, world) -> Iterator[str]:
    for picture in PICTURES:
        before, now = known.get(picture.name, {}), record.now_shown(picture, world)
        changed = [part for part, value in now.items() if before.get(part) != value]
        if changed:
            yield f"{picture.file}: other {' and '.join(changed)} on its page{STALE}"


def test_every_picture_is_the_one_that_was_recorded_and_small():
    known = record.recorded()
    files = sorted(record.FOLDER.glob("*.png"))

    assert [file.name for file in files] == sorted(picture.file for picture in PICTURES)
    assert known.keys() == {picture.name for picture in PICTURES}
    assert [p.file for p in PICTURES if known[p.name]["file"] != record.of_file(p)] == []
    assert [file.name for file in files if file.stat().st_size > MOST_BYTES] == []
    assert sum(file.stat().st_size for file in files) < MOST_OF_ALL


PAGE = """<body><h2>{heading}</h2><form><input type="hidden" value="{token}"></form>
<table class="staff-table"><tr><td id="s{pk}"><a href="/admin/slot/{pk}/">{cell}</a></table>"""
USUAL = {"heading": "Free", "token": "aaaa", "pk": 7, "cell": "Slot/7"}


def parts(**changed: object) -> digests.Parts:
    return digests.of_pages([html.fromstring(PAGE.format(**{**USUAL, **changed}))])


def test_another_run_with_other_ids_and_tokens_shows_the_same():
    assert parts(pk=1234, token="bbbb", cell="Slot/1234") == parts()


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        pytest.param({"heading": "Not used"}, {"words"}, id="another label"),
        pytest.param({"cell": "Slot/7<td>"}, {"structure"}, id="another column"),
    ],
)
def test_what_a_reader_would_see_differs(changed, differs):
    before, after = parts(), parts(**changed)

    assert {name for name in before if before[name] != after[name]} == differs


@pytest.mark.parametrize(
    ("rule", "differs"),
    [
        pytest.param(".staff-table td { color: red; }", True, id="of an element of the page"),
        pytest.param("@media (width > 50rem) { td { color: red; } }", True, id="on wide screens"),
        pytest.param(":root { --not-used-here: red; }", False, id="a value that is not used"),
        pytest.param(".no-such-class td { color: red; }", False, id="of another page"),
        pytest.param(".dark .staff-table { color: red; }", False, id="of the other scheme"),
        pytest.param("@media print { td { color: red; } }", False, id="on paper"),
    ],
)
def test_a_rule_matters_to_the_pages_on_which_it_applies(monkeypatch, tmp_path, rule, differs):
    for sheet in digests.SHEETS.glob("*.css"):
        shutil.copy(sheet, tmp_path)
    monkeypatch.setattr(digests, "SHEETS", tmp_path)
    before = parts()
    (tmp_path / "z.css").write_text(rule)

    assert (parts() != before) is differs
