"""The directory is kept rendered between searches, and is never older than the search."""

import orjson
import pytest

from fhirapi.formats import Format
from fhirapi.rendered_directory import RenderedResources
from practice.models import Organisation
from practice.reads.slot_search import Version


class Shelf:
    """A directory of numbers, and how often it was asked for which."""

    def __init__(self) -> None:
        self.versions = {1: 1, 2: 1}
        self.asked: list[list[int]] = []
        self.resources = RenderedResources(self.read)

    def read(self, practice, ids):
        self.asked.append(sorted(ids))
        return [
            {"resourceType": "Basic", "id": str(pk), "meta": {"versionId": str(self.versions[pk])}}
            for pk in ids
            if pk in self.versions
        ]

    def versions_of(self, *wanted, organisation_id=1):
        found = self.resources.entries_of(
            Organisation(pk=organisation_id), [Version(*each) for each in wanted], Format.JSON
        )
        entries = [orjson.loads(each)["resource"] for each in found]
        return [(each["id"], each["meta"]["versionId"]) for each in entries]


def test_only_what_is_not_kept_is_read_and_all_is_given_by_id():
    shelf = Shelf()

    assert shelf.versions_of((2, 1, "noon")) == [("2", "1")]
    assert shelf.versions_of((2, 1, "noon"), (1, 1, "noon")) == [("1", "1"), ("2", "1")]
    assert shelf.versions_of((2, 1, "noon"), (1, 1, "noon")) == [("1", "1"), ("2", "1")]
    assert shelf.asked == [[2], [1]]


@pytest.mark.parametrize("version", [(1, 2, "noon"), (1, 1, "later")], ids=["version", "time"])
def test_another_version_is_read_anew(version):
    shelf = Shelf()
    shelf.versions_of((1, 1, "noon"))
    shelf.versions[1] = version[1]

    assert shelf.versions_of(version) == [("1", str(version[1]))]
    assert len(shelf.asked) == 2


def test_what_changed_while_it_was_read_is_shown_and_not_kept():
    """The version that was asked for is gone: under its name nothing else may be kept."""
    shelf = Shelf()
    shelf.versions[1] = 2

    assert shelf.versions_of((1, 1, "noon")) == [("1", "2")]
    assert shelf.versions_of((1, 1, "noon")) == [("1", "2")]
    assert len(shelf.asked) == 2


def test_one_practice_does_not_see_what_is_kept_for_another():
    shelf = Shelf()
    shelf.versions_of((1, 1, "noon"))
    del shelf.versions[1]

    assert shelf.versions_of((1, 1, "noon"), organisation_id=2) == []


def test_memory_has_an_end(monkeypatch):
    monkeypatch.setattr(RenderedResources, "MOST_KEPT", 2)
    shelf = Shelf()
    shelf.versions[3] = 1

    for pk in (1, 2, 3):
        assert shelf.versions_of((pk, 1, "noon")) == [(str(pk), "1")]

    assert len(shelf.resources.kept) == 1


def test_each_format_is_kept_by_itself():
    shelf = Shelf()
    wanted = Organisation(pk=1), [Version(1, 1, "noon")]

    for as_format in [*Format, *Format]:
        [entry] = shelf.resources.entries_of(*wanted, as_format)

        assert entry.decode() == as_format.entry(*shelf.read(None, [1]))
