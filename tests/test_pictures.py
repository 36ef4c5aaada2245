"""The pictures of the documents show the pages as they are: no browser is needed to tell."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.pictures import record
from tests.pictures.shown import PICTURES
from tests.pictures.world import make_world, somebody_rings_111

MOST_BYTES, MOST_OF_ALL = 150_000, 3_000_000
STALE = "; make pictures draws it anew (and look at it)"


@pytest.mark.once
@pytest.mark.django_db
def test_no_page_has_changed_since_its_picture_was_drawn(monkeypatch):
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
