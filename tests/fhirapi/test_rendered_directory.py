"""The directory is kept rendered between searches, and is never older than the search."""

import orjson
import pytest

from fhirapi.rendered_directory import RenderedResources
from fhirapi.resources.common import SDS_ROLE_PROFILE_ID
from practice.models import Organisation, PractitionerRole
from practice.reads.slot_search import Version
from tests.fhirapi.answers import resources
from tests.fhirapi.test_slot_search import EVERYTHING, query, slot_on
from tests.practice.admin.test_directory import save
from workbench.consumer import Consumer, as_dict
from workbench.factories import make_location, make_organisation, make_practitioner
from workbench.staff import superuser


def shown(consumer: Consumer, kind: str) -> list[dict]:
    found = resources(as_dict(consumer.search_slots(query(recurse=EVERYTHING))))
    return [each for each in found if each["resourceType"] == kind]


# ---------------------------------------------------------------- through the door


@pytest.mark.django_db
@pytest.mark.req("GEN-032", "SLOT-071")
def test_what_staff_change_is_shown_by_the_next_search(practice, consumer):
    slot_on(session={"session_holder": practice.practitioner, "location": practice.location})
    before = [shown(consumer, kind)[0] for kind in ("Practitioner", "Location", "Organization")]
    staff = superuser()

    save(staff, practice.practitioner, family_name="Renamed")
    save(staff, practice.location, name="Rebuilt surgery")
    save(staff, practice.organisation, name="Renamed practice")

    after = [shown(consumer, kind)[0] for kind in ("Practitioner", "Location", "Organization")]
    assert after[0]["name"][0]["family"] == "Renamed"
    assert [each["name"] for each in after[1:]] == ["Rebuilt surgery", "Renamed practice"]
    assert all(
        int(new["meta"]["versionId"]) > int(old["meta"]["versionId"])
        for old, new in zip(before, after, strict=True)
    )
    for kind, [direct] in (
        ("Practitioner", [consumer.read_practitioner(practice.practitioner.pk)]),
        ("Location", [consumer.read_location(practice.location.pk)]),
    ):
        assert as_dict(direct) == shown(consumer, kind)[0]


HERE, THERE = "100000000001", "200000000002"


def profiles_of(practitioner: dict) -> set[str]:
    held = practitioner["identifier"]
    return {each["value"] for each in held if each["system"] == SDS_ROLE_PROFILE_ID}


@pytest.mark.django_db
@pytest.mark.req("PRAC-028")
def test_a_practitioner_of_two_practices_is_kept_for_each(practice, consumer):
    """Role profiles that are held at one practice are not shown by the other."""
    other = make_organisation(gp_connect_enabled=True, appointment_management_enabled=True)
    both = make_practitioner(practice.organisation, role=None)
    for hour, organisation, profile in ((9, practice.organisation, HERE), (14, other, THERE)):
        PractitionerRole.objects.create(
            organisation=organisation, practitioner=both, role="R0260", sds_role_profile_id=profile
        )
        session = {"session_holder": both, "location": make_location(organisation)}
        slot_on(hour=hour, session={"organisation": organisation, **session})

    [here], [there] = shown(consumer, "Practitioner"), shown(Consumer(other), "Practitioner")

    assert profiles_of(here) == {HERE}
    assert profiles_of(there) == {THERE}
    assert shown(consumer, "Practitioner") == [here]


# ---------------------------------------------------------------- by itself


class Shelf:
    """A directory of numbers, and how often it was asked for which."""

    def __init__(self) -> None:
        self.versions = {1: 1, 2: 1}
        self.asked: list[list[int]] = []
        self.resources = RenderedResources(self.read)

    def read(self, practice, ids):
        self.asked.append(sorted(ids))
        return [
            {"id": str(pk), "meta": {"versionId": str(self.versions[pk])}}
            for pk in ids
            if pk in self.versions
        ]

    def versions_of(self, *wanted, organisation_id=1):
        found = self.resources.json_of(
            Organisation(pk=organisation_id), [Version(*each) for each in wanted]
        )
        return [(each["id"], each["meta"]["versionId"]) for each in map(orjson.loads, found)]


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
