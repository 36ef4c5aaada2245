"""The national lists: what a file may hold, and everything that is wrong with one."""

import copy

import pytest

from practice import national_data
from practice.exceptions import NationalDataRefused


def lists(**changes):
    return {**copy.deepcopy(national_data.shipped()), **changes}


def category(**changes):
    return {
        "name": "A category",
        "context": "Care Related Encounter",
        "acc_08": False,
        "exception": False,
        **changes,
    }


def test_what_comes_with_the_release_can_be_read():
    found = national_data.read(national_data.shipped())

    assert len(found.categories) == 19
    assert len([each for each in found.categories.values() if each.acc_08]) == 8
    assert found.encounter == "Care Related Encounter"
    assert len(found.exception_reasons) == 4
    assert found.measures["urgent"] == {"General Consultation Acute"}


WRONG = {
    "no version": (lists(version=""), "version: a text"),
    "another list": (lists(colours=["red"]), "There is no list 'colours'"),
    "no list": (lists(settings="General Practice"), "settings: a list"),
    "an empty list": (lists(modes=[]), "modes: the list is empty"),
    "twice": (lists(settings=["Other", "Other"]), "settings: a name stands there twice"),
    "spaces": (lists(settings=[" Other"]), "settings: names of 1 to 100"),
    "context": (lists(categories=[category(context="None")]), "a context that is not listed"),
    "same name": (lists(categories=[category(), category()]), "A category stands there twice"),
    "no flag": (lists(categories=[category(acc_08="yes")]), "categories, number 1"),
    "channel": (lists(channel_modes={"Video": "Film"}), "channel_modes: 'Film'"),
    "measure": (lists(measures={"urgent": ["Nothing"]}), "measures, urgent"),
    "threshold": (lists(thresholds=[{"measure": "acc_08", "from": "?"}]), "thresholds, number 1"),
    "suggestion": (lists(suggestions=[{"words": ["flu"], "category": "Flu"}]), "'Flu'"),
    "door": (lists(outside={"method": "Pigeon", "source": "Practice"}), "outside: its method"),
}


@pytest.mark.parametrize(("given", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(given, reason):
    with pytest.raises(NationalDataRefused) as refused:
        national_data.read(given)

    assert reason in str(refused.value)


@pytest.mark.parametrize("given", [None, [], "lists", 7])
def test_what_is_no_object_is_refused(given):
    with pytest.raises(NationalDataRefused):
        national_data.read(given)


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(NationalDataRefused) as refused:
        national_data.read({"version": "2"})

    assert len(refused.value.problems) == 5


def test_what_a_published_file_leaves_out_is_kept_as_far_as_it_fits():
    given = {name: lists()[name] for name in national_data.REQUIRED}
    given["categories"] = [
        each for each in given["categories"] if each["name"] != "Clinical Triage"
    ]

    whole, kept = national_data.completed(given, lists())

    found = national_data.read(whole)
    assert set(kept) == set(national_data.OWN)
    assert found.suggest("Phone triage")[0].category == "General Consultation Routine"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Flu jab", "Planned Clinics"),
        ("URGENT", "General Consultation Acute"),
        ("Care home round", "Patient contact during Care Home Round"),
        ("Surgent", None),  # a word of the name begins so, or it does not count
        ("Something", None),
    ],
)
def test_a_name_suggests_a_category(name, expected):
    found = national_data.read(national_data.shipped()).suggest(name)

    assert (found and found[0].category) == expected
