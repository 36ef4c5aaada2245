"""A practice's whole book as FHIR: what others know of it letter for letter, valid, and no more."""

import hashlib
import json
import stat
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from fhirapi.exchange.outgoing import resources, writing
from fhirapi.resources import patient
from fhirapi.validation import problems_of
from practice.models import Appointment, AuditEvent, Organisation, Patient, Schedule, Slot
from practice.services.dumps.loading import HOLDERS
from tests import profiles
from tests.practice.services.dumps.world import full_practice
from tests.shared import needs_shared
from workbench.consumer import Consumer, as_dict
from workbench.factories import (
    make_appointment,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Organisation:
    """A practice with one of everything, and with what other organisations are never shown."""
    practice = full_practice()
    neighbour = Organisation.objects.exclude(pk=practice.pk).get()
    make_appointment(make_slots(2, make_schedule(neighbour))[:1], make_patient(neighbour))
    elsewhere = make_practitioner(role=None, sds_user_id=None, prefix="")
    make_patient(
        practice,
        sensitive=True,
        deceased_at=date(2026, 3, 1),
        active=False,
        general_practitioner=elsewhere,
    )
    plain = make_schedule(practice, practitioner_role="", session_name="", session_holder=None)
    for minute, values in (
        (0, {"delivery_channel": "", "gp_connect_bookable": False}),
        (10, {"note": "Bring the letter", "status": "busy-unavailable"}),
        (20, {"slot_type": "", "gp_connect_bookable": False}),
        (20, {"overbooked": True, "gp_connect_bookable": False}),
        (30, {"withdrawn": True}),
    ):
        start = plain.start + timedelta(minutes=minute)
        make_slot(plain, start=start, end=start + timedelta(minutes=10), **values)
    gone = make_schedule(practice)
    orphan = make_appointment(make_slots(1, gone), make_patient(practice), door="staff")
    Appointment.objects.filter(pk=orphan.pk).update(orphaned=True)
    make_slots(1, gone, start=gone.start + timedelta(hours=1), withdrawn=True)
    Schedule.objects.filter(pk=gone.pk).update(withdrawn=True)
    make_slots(1, make_schedule(practice, withdrawn=True), withdrawn=True)
    # Somebody had it, and it was withdrawn once they had cancelled.
    Slot.objects.filter(appointment_slots__released=True, status="free").update(withdrawn=True)
    return practice


def exported(practice, folder, **options):
    """What the command prints; its files are in the folder."""
    output = StringIO()
    options = {"address": "https://localhost", **options}
    call_command("export_fhir", practice.ods_code, to=folder, stdout=output, **options)
    return output.getvalue()


def entries_in(folder):
    for path in sorted(folder.glob("[1-9]-*.json")):
        yield from json.loads(path.read_text())["entry"]


def resources_in(folder):
    """Every resource by type and id."""
    return {
        (entry["resource"]["resourceType"], entry["resource"]["id"]): entry["resource"]
        for entry in entries_in(folder)
    }


# ---------------------------------------------------------------- what is in it


def test_others_find_in_it_what_they_are_shown(book, tmp_path):
    """Each with the id and the version that they know."""
    exported(book, tmp_path / "out")

    found = resources_in(tmp_path / "out")
    consumer = Consumer(book)
    visible = Patient.objects.filter(organisation=book, sensitive=False, nhs_number__isnull=False)
    asked = [
        consumer.read_organisation(book.pk),
        *(consumer.read_location(pk) for pk in book.locations.values_list("pk", flat=True)),
        consumer.read_practitioner(book.practitioner_roles.first().practitioner_id),
        consumer.read_patient(visible.exclude(other_names__isnull=False).first().pk),
        consumer.read_appointment(Appointment.objects.filter(organisation=book).earliest("pk").pk),
    ]
    shown = [as_dict(answer) for answer in asked]
    assert {each["resourceType"] for each in shown} == {
        *("Organization", "Location", "Practitioner", "Patient", "Appointment"),
    }
    for each in shown:
        assert found[each["resourceType"], each["id"]] == each
    day = Slot.objects.filter(organisation=book, gp_connect_bookable=True).earliest("start").start
    search = as_dict(
        consumer.search_slots(
            f"status=free&start=ge{day.date()}&end=le{day.date() + timedelta(days=13)}"
            "&_include=Slot:schedule"
        )
    )
    offered = [entry["resource"] for entry in search["entry"]]
    assert {"Slot", "Schedule"} <= {each["resourceType"] for each in offered}
    for each in offered:
        assert found[each["resourceType"], each["id"]] == each


def test_all_of_the_practice_is_in_it_and_nothing_of_its_neighbour(book, tmp_path):
    exported(book, tmp_path / "out")

    found = resources_in(tmp_path / "out")
    by_type = {kind: {int(pk) for type_, pk in found if type_ == kind} for kind in resources.TYPES}
    assert by_type["Organization"] == {book.pk}
    for kind, records in (
        ("Location", book.locations),
        ("PractitionerRole", book.practitioner_roles),
        ("Patient", book.patients),
        ("Appointment", book.appointments),
    ):
        assert by_type[kind] == set(records.values_list("pk", flat=True))
    # Whatever one of them refers to is there.
    named = {
        tuple(reference.split("/"))
        for resource in found.values()
        for reference in references(resource)
        if not reference.startswith("#")
    }
    assert named <= found.keys()
    there = Schedule.objects.filter(organisation=book, withdrawn=False)
    gone = Schedule.objects.filter(organisation=book, appointments__isnull=False)
    assert by_type["Schedule"] == set((there | gone).distinct().values_list("pk", flat=True))
    released = Slot.objects.filter(organisation=book, appointment_slots__released=True)
    assert released.filter(withdrawn=True).exists()
    assert by_type["Slot"] == {
        *Slot.objects.in_diary().filter(organisation=book).values_list("pk", flat=True),
        *released.values_list("pk", flat=True),
        *Slot.objects.filter(organisation=book, status="busy").values_list("pk", flat=True),
    }


def references(value):
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for each in value.values():
            yield from references(each)


def test_what_nobody_outside_is_shown_is_in_it_in_fhir_s_words(book, tmp_path):
    exported(book, tmp_path / "out")

    found = resources_in(tmp_path / "out")
    patients = {pk: each for (kind, pk), each in found.items() if kind == "Patient"}
    hidden = patients[str(Patient.objects.get(sensitive=True).pk)]
    assert hidden["meta"]["security"] == [resources.RESTRICTED]
    assert (hidden["deceasedDateTime"], hidden["active"]) == ("2026-03-01", False)
    named = patients[str(Patient.objects.get(other_names__isnull=False).pk)]
    assert named["name"][1:] == [{"use": "maiden", "family": "Fauxley"}]
    numberless = patients[str(Patient.objects.get(nhs_number=None).pk)]
    assert "identifier" not in numberless
    slots = [each for (kind, _), each in found.items() if kind == "Slot"]
    assert [each["comment"] for each in slots if "comment" in each] == ["Bring the letter"]
    assert len([each for each in slots if each.get("overbooked")]) == 1
    assert {each["status"] for each in slots} == {
        *("free", "busy", "busy-unavailable", "entered-in-error"),
    }
    left = [each for each in slots if each["status"] == "entered-in-error"]
    withdrawn = Slot.objects.filter(withdrawn=True, appointment_slots__isnull=False)
    assert {int(each["id"]) for each in left} == set(withdrawn.values_list("pk", flat=True))
    (inactive,) = [each for (kind, _), each in found.items() if each.get("active") is False
                   and kind == "Schedule"]  # fmt: skip
    assert "profile" not in inactive["meta"]


@needs_shared
def test_every_resource_keeps_to_its_profile(book, tmp_path):
    exported(book, tmp_path / "out")

    found = resources_in(tmp_path / "out").values()
    assert {each["resourceType"] for each in found} == set(resources.TYPES)
    wrong = [
        (each["resourceType"], each["id"], violation)
        for each in found
        if "profile" in each["meta"]
        for violation in [*profiles.check(each, ordered=True), *profiles.uk_times(each)]
    ]
    assert wrong == []


def test_every_file_is_a_valid_bundle_of_at_most_so_many_entries(book, tmp_path):
    exported(book, tmp_path / "whole")
    exported(book, tmp_path / "parts", entries=3)

    whole, parts = (tmp_path / "whole", tmp_path / "parts")
    for path in [*whole.glob("[1-9]-*"), *parts.glob("[1-9]-*")]:
        bundle = json.loads(path.read_text())
        assert problems_of(bundle, "Bundle") == []
        assert bundle["type"] == "collection"
        assert len({entry["resource"]["resourceType"] for entry in bundle["entry"]}) == 1
        for entry in bundle["entry"]:
            resource = entry["resource"]
            root = f"https://localhost/{book.ods_code}/STU3/1/gpconnect"
            address = f"{root}/{resource['resourceType']}/{resource['id']}"
            assert entry["fullUrl"] == address
            assert path.parent == whole or len(bundle["entry"]) <= 3
    assert list(entries_in(whole)) == list(entries_in(parts))
    assert len(list(parts.glob("7-Slot-*.json"))) > 2


def test_ndjson_has_the_same_resources_a_line_each(book, tmp_path):
    exported(book, tmp_path / "bundles")
    exported(book, tmp_path / "lines", ndjson=True)

    lines = [
        json.loads(line)
        for path in sorted((tmp_path / "lines").glob("*.ndjson"))
        for line in path.read_text().splitlines()
    ]
    assert lines == [entry["resource"] for entry in entries_in(tmp_path / "bundles")]


# ---------------------------------------------------------------- what is told of it


def test_the_manifest_proves_the_files_and_the_trail_that_they_were_written(book, tmp_path):
    folder = tmp_path / "out"

    said = exported(book, folder)

    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        text = (folder / file["name"]).read_bytes()
        assert (len(text), hashlib.sha256(text).hexdigest()) == (file["bytes"], file["sha256"])
        assert len(json.loads(text)["entry"]) == file["entries"]
    named = {file["name"] for file in manifest["files"]}
    assert {path.name for path in folder.iterdir()} - named == {
        *("manifest.json", "report.json", "report.txt"),
    }
    assert manifest["entries"]["Patient"] == book.patients.count()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    event = AuditEvent.objects.get(event="practice.exported")
    assert (event.organisation, event.door, event.detail) == (book, "command", {"folder": "out"})
    assert "1 notes about patients: dump_practice takes it along" in said
    assert (folder / "report.txt").read_text() in said


def test_the_report_counts_what_fhir_has_no_room_for(book, tmp_path):
    report = json.loads(exported(book, tmp_path / "out", json=True))

    counted = {each["what"]: each["number"] for each in report["no_room"]}
    assert counted["notes about patients"] == 1
    assert counted["session templates"] == 1
    assert counted["blocks of templates"] == 2
    assert counted["members of staff"] == 1
    assert counted["access profiles"] == 1
    assert counted["appointments on the worklist"] == 1  # the orphan
    assert counted["calls to patients"] == 1
    assert counted["slots with limits of their own"] == 6
    assert "patients registered from outside" not in counted
    assert report["entries"] == json.loads((tmp_path / "out/report.json").read_text())["entries"]


# What is in the files, by model: all columns that are neither here nor in the table have no place.
WRITTEN = {
    "Organisation": "id version ods_code name organisation_type telephone email ADDRESS",
    "Practitioner": "id version sds_user_id prefix given_names family_name gender languages",
    "Location": "id version name is_main status telephone email ADDRESS",
    "PractitionerRole": "id version practitioner role sds_role_profile_id active",
    "Patient": "id version nhs_number nhs_number_verification prefix given_names family_name"
    " birth_date gender deceased_at sensitive active registration_type registration_start"
    " registration_end preferred_branch general_practitioner",
    "PatientName": "use prefix given_names family_name",
    "PatientAddress": "use type start end ADDRESS",
    "PatientTelecom": "system value use start end",
    "PatientContact": "relationship prefix given_names family_name gender telephone telephone_use"
    " ADDRESS",
    "PatientLanguage": "language preferred mode proficiency interpreter_required",
    "Schedule": "id version date start end session_name session_holder location practitioner_role",
    "Slot": "id version schedule start end status slot_type delivery_channel overbooked note",
    "Appointment": "id version patient schedule location status start end description comment"
    " priority created session_name practitioner_role slot_type delivery_channel identifiers"
    " booking_organisation_json booking_organisation_ods_code booking_organisation_name"
    " cancellation_reason",
    "AppointmentSlot": "slot released",  # released: the appointment is cancelled
}
ADDRESS = (
    "address_line_1 address_line_2 address_line_3 city district postal_code country"
)  # fmt: skip


def test_every_column_of_a_practice_is_in_the_files_or_in_the_report():
    from fhirapi.exchange.outgoing.no_room import ALL, RULES

    forgotten = set()
    for holder in HOLDERS:
        name = holder.model.__name__
        told = {column for rule in RULES if rule.model is holder.model for column in rule.columns}
        written = set(WRITTEN.get(name, "").replace("ADDRESS", ADDRESS).split())
        columns = {column.name for column in holder.columns} - {"updated_at"}
        if ALL not in told:
            forgotten |= {f"{name}.{column}" for column in columns - told - written}
        assert not told & written, name
        assert written <= columns, name
    assert forgotten == set()
    # Neither do dumps hold these, and a practice would miss them.
    assert {"CalendarFeed", "AuditEvent"} <= {rule.model.__name__ for rule in RULES}


# ---------------------------------------------------------------- when it cannot be


def test_a_folder_that_is_there_is_left_alone(book, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")

    with pytest.raises(CommandError, match="File exists") as refused:
        exported(book, tmp_path / "out")

    assert refused.value.returncode == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    assert not AuditEvent.objects.filter(event="practice.exported").exists()


def test_no_folder_is_left_when_writing_fails(book, tmp_path, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(patient, "official_name", fail)
    with pytest.raises(ZeroDivisionError):
        exported(book, tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["NONE"], ["{here}", "--entries", "none"]])
def test_wrong_arguments_are_said_and_write_nothing(tmp_path, words):
    here = make_organisation().ods_code
    arguments = [word.replace("{here}", here) for word in words]

    with pytest.raises(CommandError, match=r"no practice|not a number of entries"):
        call_command("export_fhir", *arguments, "--to", str(tmp_path / "out"))

    assert not (tmp_path / "out").exists()


def test_a_part_holds_as_many_as_it_may_and_none_is_empty():
    assert list(writing.portions(iter(()), 5)) == []
    parts = [len(list(part)) for part in writing.portions(((n, b"") for n in range(11)), 5)]
    assert parts == [5, 5, 1]
