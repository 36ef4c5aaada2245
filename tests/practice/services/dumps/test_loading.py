"""A practice's book out of one database and into another: the same, or refused, and nothing."""

import copy
import json
import stat

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice.models import (
    Appointment,
    AuditEvent,
    Membership,
    Organisation,
    Practitioner,
)
from practice.reads import diary_check
from practice.services.dumps import kinds, loading
from tests import append_only
from tests.practice.services.dumps.world import (
    SHIFT,
    dumped,
    elsewhere,
    full_practice,
    laid_out,
    loaded,
    parsed,
    refusal,
)
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_consumer_group,
    make_organisation,
    make_patient,
    make_slot,
)
from workbench.staff import make_roles

# The columns of version 14. Whoever changes them counts kinds.VERSION up, and these.
COLUMNS = 362


def empty_database() -> None:
    with append_only.unprotected():
        call_command("flush", verbosity=0, interactive=False)
    make_roles()


def faults(practice: Organisation) -> list[str]:
    return [str(fault) for fault in diary_check.check(now=timezone.now()).faults]


# ---------------------------------------------------------------- there and back


@pytest.mark.django_db(transaction=True)
def test_a_practice_is_the_same_in_another_database(tmp_path):
    """Letter for letter, with ids and versions; sound; and new records get ids of their own."""
    practice = full_practice()
    before = dumped(practice, tmp_path / "before")
    last = Appointment.objects.latest("pk").pk
    empty_database()

    said = loaded(tmp_path / "before")

    there = Organisation.objects.get()
    assert f"{there}\n  made: " in said
    assert dumped(there, tmp_path / "after") == before
    assert parsed(before)["end"]["appointments"] == 3
    assert faults(there) == []
    make_patient(there)
    assert (
        make_appointment([make_slot(organisation=there)], make_patient(there), door="staff").pk
        > last
    )
    assert faults(there) == []
    with pytest.raises(Exception, match="append-only"):
        AuditEvent.objects.all().delete()


@pytest.mark.django_db
def test_a_neighbour_and_whom_both_share_stay_as_they_are(tmp_path):
    """Beside the practice itself, whose people are known: by SDS user ID, and by user name."""
    practice = full_practice()
    dump = parsed(dumped(practice, tmp_path / "dump"))
    # Nobody can be found again who has no number: here it would be taken.
    dump["practitioners"] = [each for each in dump["practitioners"] if "sds_user_id" in each]
    known = {each["id"] for each in dump["practitioners"]}
    dump["roles"] = [role for role in dump["roles"] if role["practitioner"] in known]
    for section in ("practitioners", "roles"):
        dump["end"][section] = len(dump[section])
    moved = elsewhere(dump)
    for entry in moved["sessions"]:  # or their holder would be in two sessions at once
        entry.pop("session_holder", None)
    (tmp_path / "moved").write_text(laid_out(moved))
    others = Organisation.objects.exclude(pk=practice.pk).get()
    seen = [dumped(each, tmp_path / f"{each.ods_code} before") for each in (practice, others)]
    people = list(Practitioner.objects.order_by("pk").values())
    users = list(User.objects.order_by("pk").values())

    loaded(tmp_path / "moved")

    assert seen == [
        dumped(each, tmp_path / f"{each.ods_code} after") for each in (practice, others)
    ]
    assert list(Practitioner.objects.order_by("pk").values()) == people
    assert list(User.objects.order_by("pk").values()) == users
    there = Organisation.objects.get(ods_code="Z99999")
    assert Membership.objects.filter(organisation=there).count() == 1
    assert dumped(there, tmp_path / "again") == laid_out(moved)
    assert faults(there) == []


@pytest.mark.django_db
def test_a_profile_names_its_group_by_name_and_the_group_must_be_there(practice, tmp_path):
    """With whatever id; who is in it is no matter of the practice, and not in the file."""
    group = make_consumer_group("NHS 111 in Mockshire", X9X01=("", ""))
    make_access_profile(name="111", consumer_group=group)
    moved = elsewhere(parsed(dumped(practice.organisation, tmp_path / "dump")))
    (tmp_path / "moved").write_text(laid_out(moved))
    group.name = "NHS 111 elsewhere"
    group.save()

    said = refusal(tmp_path / "moved")
    theirs = make_consumer_group("NHS 111 in Mockshire", X9X07=("", ""))
    loaded(tmp_path / "moved")

    assert "consumer_group: make the group “NHS 111 in Mockshire” here first." in said
    assert "X9X01" not in (tmp_path / "moved").read_text()
    there = Organisation.objects.get(ods_code="Z99999")
    assert there.access_profiles.get(name="111").consumer_group == theirs
    assert dumped(there, tmp_path / "again") == laid_out(moved)


@pytest.mark.django_db
def test_a_dump_is_its_owners_and_in_the_trail_and_holds_no_secrets(practice, tmp_path):
    user = User.objects.create_user("rita", password="a secret of hers", first_name="Rita")
    Membership.objects.create(user=user, organisation=practice.organisation)
    path = tmp_path / "dump"

    text = dumped(practice.organisation, path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    event = AuditEvent.objects.get(event="practice.dumped")
    assert (event.organisation, event.door) == (practice.organisation, "command")
    assert event.detail == {"file": "dump"}
    assert parsed(text)["staff"] == [
        {"username": "rita", "first_name": "Rita", "is_active": True, "member": True, "roles": []}
    ]
    assert user.password not in text
    with pytest.raises(CommandError, match="File exists"):
        dumped(practice.organisation, path)
    assert path.read_text() == text


@pytest.mark.django_db
def test_no_file_is_left_when_writing_fails(practice, tmp_path, monkeypatch):
    monkeypatch.setattr(kinds.Kind, "columns", property(lambda self: 1 / 0))

    with pytest.raises(ZeroDivisionError):
        dumped(practice.organisation, tmp_path / "dump")

    assert not (tmp_path / "dump").exists()


def test_everything_that_a_practice_has_goes_along_or_is_left_out_by_name():
    models = {model.__name__ for model in apps.get_app_config("practice").get_models()}
    dumped = {holder.model.__name__ for holder in loading.HOLDERS}

    assert models - dumped == {*kinds.LEFT_OUT, "Membership"}
    assert (kinds.VERSION, sum(len(holder.columns) for holder in loading.HOLDERS)) == (14, COLUMNS)


# ---------------------------------------------------------------- refused


@pytest.fixture
def good(tmp_path) -> dict:
    """A dump that would be taken, beside the practice that it is of."""
    dump = elsewhere(parsed(dumped(full_practice(), tmp_path / "good")))
    dump["practitioners"][1]["sds_user_id"] = "GNEW1"
    dump["practitioners"][1]["id"] += SHIFT
    old = dump["practitioners"][1]["id"] - SHIFT
    for role in dump["roles"]:
        role["practitioner"] += SHIFT if role["practitioner"] == old else 0
    for entry in dump["sessions"]:
        entry.pop("session_holder", None)
    return dump


def of(section, number=0, **values):
    """Give an entry other values; None takes one away."""

    def spoil(dump):
        entry = dump[section] if number is None else dump[section][number]
        for name, value in values.items():
            entry[name] = value
            if value is None:
                del entry[name]

    return spoil


def overlapping_sessions(dump):
    first, second = dump["sessions"]
    holder = dump["practitioners"][0]["id"]
    second |= {"session_holder": holder, "start": first["start"], "end": first["end"]}
    first["session_holder"] = holder


def overlapping_slots(dump):
    dump["slots"][5]["start"] = dump["slots"][4]["start"].replace(":40:", ":45:")


def a_slot_twice(dump):
    dump["slots"].append(copy.deepcopy(dump["slots"][-1]))
    dump["end"]["slots"] += 1


def a_slot_of_the_neighbour(dump):
    dump["appointments"][0]["slots"][0]["slot"] -= SHIFT


def an_id_of_the_neighbour(dump):
    dump["practice"]["id"] -= SHIFT


def a_slot_held_twice(dump):
    taken = dump["appointments"][-1]["slots"][0]["slot"]
    dump["appointments"][0] |= {"status": "booked", "slots": [{"slot": taken}]}


def a_history_that_cannot_be_read(dump):
    dump["appointments"][0]["provenance"][0]["changes"] = {"status": "booked"}


NOWHERE = 10**15
TIME = "2026-11-30T25:00:00+00:00"
SPOILT = {
    "another version": (of("dump", None, version=1), "line 2: the dump is of version 1"),
    "a field that nobody knows": (of("slots", color="red"), "there is no field 'color'"),
    "a part's field that nobody knows": (
        of("patients", other_names=[{"use": "old", "colour": 1}]),
        "other_names, number 1: there is no field 'colour'",
    ),
    "a field is missing": (of("slots", start=None), "start is missing"),
    "no time": (of("slots", start=TIME), "start: an instant such as"),
    "no date": (of("patients", birth_date="31/12/1980"), "birth_date: a date such as"),
    "a number for a text": (of("patients", family_name=7), "family_name: a text is expected"),
    "a text too long": (of("slots", note="x" * 201), "note: at most 200 characters"),
    "a text that cannot be stored": (of("slots", note="a\0b"), "cannot be stored"),
    "a text for a truth": (of("slots", withdrawn="yes"), "withdrawn: true or false"),
    "a number too large": (of("slots", embargo_minutes=2**40), "embargo_minutes: a whole number"),
    "no code": (of("slots", status="gone"), "status: this is none of the known codes"),
    "no NHS number": (of("patients", nhs_number="9990000000"), "nhs_number: This is not an NHS"),
    "an id that is none": (of("slots", id=2**60), "id: the id of a record is expected"),
    "a list of the wrong things": (of("templates", weekdays=["mon"]), "weekdays: there is"),
    "a history that cannot be read": (a_history_that_cannot_be_read, "provenance: an entry of"),
    "an end before its start": (
        of("slots", end="2020-01-01T09:00:00+00:00"),
        "it breaks the rule “slot ends after it starts”",
    ),
    "an id that is taken": (an_id_of_the_neighbour, "is taken in this database"),
    "a practice that is here": (of("practice", None, ods_code="{here}"), "is here already"),
    "an entry twice": (a_slot_twice, "stands in the file twice"),
    "a reference to nothing": (
        of("slots", schedule=NOWHERE),
        "schedule: Schedule/1000000000000000 does",
    ),
    "another practice's slot": (a_slot_of_the_neighbour, "does not stand in the file before"),
    "an unknown person": (
        of("sessions", session_holder=NOWHERE),
        "has no Practitioner/1000000000000000",
    ),
    "an unknown account": (of("appointments", booked_by="nobody"), "no such member of staff"),
    "a clinician who would change": (
        of("practitioners", family_name="Otherwise"),
        "family_name: Dr Ada",
    ),
    "an account that would change": (of("staff", first_name="Ruth"), "first_name: the user name"),
    "a role that is new to an account": (
        of("staff", roles=["Practice administrator"], member=True),
        "roles: Practice administrator: the user name is known",
    ),
    "a role that there is not": (of("staff", roles=["King"]), "there is no role 'King'"),
    "rights that nobody may give": (of("staff", is_superuser=True), "no field 'is_superuser'"),
    "sessions that overlap": (
        overlapping_sessions,
        "holder in one session at a time|in two session",
    ),
    "slots that overlap": (overlapping_slots, "slots of one session overlap: Slot/"),
    "a slot held twice": (a_slot_held_twice, "it breaks the rule “"),
    "a count that is wrong": (of("end", None, slots=3), "slots: the file says that it has 3"),
}


@pytest.mark.django_db
def test_what_is_wrong_is_said_with_its_line_and_loads_nothing(good, tmp_path):
    """All of it in one world: each is tried on its own, and leaves nothing behind."""
    path, here = tmp_path / "bad", Organisation.objects.earliest("-pk")
    before = {model: model._base_manager.count() for model in WATCHED}
    missed = []
    for name, (spoil, words) in SPOILT.items():
        dump = copy.deepcopy(good)
        spoil(dump)
        path.write_text(laid_out(dump).replace("{here}", here.ods_code))
        said = refusal(path)
        if not any(word in said for word in words.split("|")) or f"{path}, line " not in said:
            missed.append((name, said[:300]))
        assert said.endswith("Nothing was loaded."), name
        assert {model: model._base_manager.count() for model in WATCHED} == before, name

    assert missed == []
    path.write_text(laid_out(good))
    loaded(path)  # as it is, it would have been taken


WATCHED = (
    *{holder.model for holder in loading.HOLDERS},
    AuditEvent,
    Membership,
    User,
)


@pytest.mark.django_db
def test_a_file_that_was_cut_off_anywhere_loads_nothing(good, tmp_path):
    path, text = tmp_path / "cut", laid_out(good)
    for length in {*range(60, len(text) - 1, len(text) // 8), len(text) - 1, len(text) - 3}:
        path.write_text(text[:length])
        assert "line" in refusal(path)
    path.write_text(text + "{}\n")
    assert "behind the end" in refusal(path)
    path.write_text(text.replace('"id"', '"id', 1))
    assert "line 3: this is no JSON" in refusal(path)
    path.write_bytes(text.encode().replace(b"Quiet", b"\xffuiet"))
    assert "this is not UTF-8" in refusal(path)
    path.write_text(json.dumps(good, indent=1))
    assert "a dump is read as it was written" in refusal(path)
    path.write_text(text.replace('"note"', "[" * 100_000, 1))
    assert "this is no JSON" in refusal(path)
    assert not Organisation.objects.filter(ods_code="Z99999").exists()


@pytest.mark.django_db
def test_no_fault_repeats_what_a_patient_is_called(good, tmp_path):
    for entry in good["patients"]:
        entry |= {"family_name": "Secretname" * 20, "birth_date": "Secretdate", "gender": "Secret"}
    (tmp_path / "bad").write_text(laid_out(good))

    assert "Secret" not in refusal(tmp_path / "bad")


@pytest.mark.django_db
def test_all_files_or_none(good, tmp_path):
    (tmp_path / "good").write_text(laid_out(good))
    (tmp_path / "bad.yaml").write_text("practice: {ods_code: B1, nam: X}\n")

    with pytest.raises(CommandError, match="Nothing was loaded"):
        call_command("load_practice", str(tmp_path / "good"), str(tmp_path / "bad.yaml"))

    assert not Organisation.objects.filter(ods_code="Z99999").exists()


@pytest.mark.django_db
def test_an_unknown_practice_is_said(tmp_path):
    make_organisation()

    with pytest.raises(CommandError, match="no practice with the ODS code NONE") as refused:
        call_command("dump_practice", "NONE", to=tmp_path / "dump")

    assert refused.value.returncode == 2
    assert not (tmp_path / "dump").exists()
