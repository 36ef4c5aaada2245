"""Access profiles out of a spreadsheet."""

import pytest

from practice.models import AccessProfile, AuditEvent
from practice.services.sheets.profiles import Profiles
from workbench.factories import make_access_profile, make_organisation
from workbench.sheets import imported, planned, taken_out_and_back

pytestmark = pytest.mark.django_db


def test_profiles_are_made_and_changed_by_name(practice):
    make_access_profile(name="111", slots_per_day=2)
    theirs = make_access_profile(make_organisation(), name="111", slots_per_day=2)

    imported(
        Profiles,
        practice.organisation,
        {"Name": "111", "Slots per day": "3", "ODS codes": "a20047; Y99001"},
        {"Name": "Urgent", "Organisation types": "urgent-care", "Slots per day": ""},
    )

    changed, new = AccessProfile.objects.filter(organisation=practice.organisation).order_by("name")
    assert (changed.slots_per_day, changed.ods_codes) == (3, ["A20047", "Y99001"])
    assert (new.name, new.organisation_types) == ("Urgent", ["urgent-care"])
    theirs.refresh_from_db()
    assert theirs.slots_per_day == 2
    change, add = AuditEvent.objects.filter(event__startswith="accessprofile.").order_by("pk")
    assert (change.event, add.event) == ("accessprofile.change", "accessprofile.add")
    assert change.detail["changes"]["slots_per_day"] == {"from": 2, "to": 3}


def test_what_goes_out_changes_nothing_when_it_comes_back(practice):
    make_access_profile(name="=111", ods_codes=["A20047", "B1"], slots_per_week=5)

    (row,) = taken_out_and_back(Profiles, practice.organisation)

    assert (row.verdict, row.problems) == ("same", [])


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"Name": ""}, "Name: this is missing."),
        ({"ODS codes": "A-1"}, "“A-1” is not an ODS code"),
        ({"Organisation types": "pub"}, "“pub” is none of"),
        ({"Slots per day": "0"}, "A limit of 0 would let nobody book."),
        ({"Slots per day": "3", "Slots per week": "2"}, "below that for a day"),
        ({"Slots per day": "1234567890"}, "Slots per day: this number is too large."),
    ],
)
def test_what_is_wrong_is_said_in_words(practice, cells, said):
    _, (row,) = planned(Profiles, practice.organisation, {"Name": "111"} | cells)

    assert any(said in problem for problem in row.problems), row.problems


def test_a_file_is_about_each_profile_once(practice):
    _, rows = planned(Profiles, practice.organisation, {"Name": "111"}, {"Name": "111"})

    assert rows[1].problems == ["Row 2 is about the same."]
