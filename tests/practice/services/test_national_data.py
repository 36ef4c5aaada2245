"""A new version of the national lists: loaded once, recorded, and nothing mapped is changed."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from practice import national_data as lists
from practice.exceptions import NationalDataRefused
from practice.models import AuditEvent, NationalDataVersion
from practice.reads import national_data
from practice.reads.slot_types import Mappings
from practice.services.audit.recording import Actor
from practice.services.national_data import load_national_data
from workbench.factories import ROUTINE, make_slot_type, tomorrow

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
WHO = {"actor": Actor(door="command", name="Olive Operator"), "now": NOW}


def next_version(**changes):
    given = json.loads(json.dumps(lists.shipped()))
    given["version"] = "2027-04-01"
    given["categories"] = [each for each in given["categories"] if each["name"] != ROUTINE]
    given["measures"]["routine"] = []
    given["suggestions"] = []
    return {**given, **changes}


def test_the_lists_of_the_release_are_in_force_until_others_are_loaded():
    assert national_data.in_force().version == lists.shipped()["version"]

    load_national_data(given=next_version(), **WHO)

    assert national_data.in_force().version == "2027-04-01"
    assert ROUTINE not in national_data.in_force().categories


def test_a_new_version_is_recorded_and_changes_nothing_that_is_mapped(practice):
    make_slot_type(practice.organisation)

    taken = load_national_data(given=next_version(), **WHO)

    assert taken.removed == {"categories": [ROUTINE]}
    assert taken.left_without == 1
    [event] = AuditEvent.objects.filter(event="national_data.load")
    assert event.organisation is None
    assert event.detail["to"] == "2027-04-01"
    assert event.detail["removed"] == {"categories": [ROUTINE]}
    assert Mappings(practice.organisation).on("Routine", tomorrow()).category == ROUTINE


def test_a_dry_run_says_the_same_and_keeps_nothing():
    taken = load_national_data(given=next_version(), dry_run=True, **WHO)

    assert taken.removed == {"categories": [ROUTINE]}
    assert not NationalDataVersion.objects.exists()
    assert not AuditEvent.objects.filter(event="national_data.load").exists()


def test_loading_again_does_nothing_and_a_version_says_one_thing_only():
    load_national_data(given=next_version(), **WHO)

    assert not load_national_data(given=next_version(), **WHO).is_new
    assert NationalDataVersion.objects.count() == 1
    with pytest.raises(NationalDataRefused, match="says something else"):
        load_national_data(given=next_version(exception_reasons=["Other"]), **WHO)
    with pytest.raises(NationalDataRefused, match="says something else"):
        load_national_data(given=next_version(version=lists.shipped()["version"]), **WHO)


def test_an_earlier_version_does_not_come_back():
    load_national_data(given=next_version(), **WHO)
    load_national_data(given=next_version(version="2028-04-01"), **WHO)

    with pytest.raises(NationalDataRefused, match="before"):
        load_national_data(given=next_version(), **WHO)


def command(*arguments):
    output = StringIO()
    call_command("load_national_categories", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_loads_a_file(tmp_path):
    file = tmp_path / "lists.json"
    file.write_text(json.dumps(next_version()))

    assert "a dry run" in command(str(file), "--dry-run")
    assert not NationalDataVersion.objects.exists()
    said = command(str(file))
    assert f"goes: {ROUTINE} (categories)" in said
    assert "In force." in said
    assert "in force already" in command(str(file))


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [("{}", 1, "Nothing has changed"), ("{", 2, "no JSON"), (None, 2, "No such file")],
)
def test_the_command_refuses_in_words(tmp_path, content, code, words):
    file = tmp_path / "lists.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(CommandError, match=words) as refused:
        command(str(file))

    assert refused.value.returncode == code
