"""FHIR in: what a practice has after an import, and after the same again."""

import gzip
import io
import json
import tracemalloc
import zipfile

import pytest
from django.utils import timezone

from fhirapi.exchange.incoming.pieces import pieces
from fhirapi.formats import to_xml
from practice.models import (
    Appointment,
    ImportedRecord,
    Organisation,
    Patient,
    PractitionerRole,
    Schedule,
    Slot,
)
from practice.reads import diary_check
from tests.fhirapi.exchange.incoming.world import (
    ODS,
    bundle,
    eight,
    imported,
    patient,
    practitioner,
)


def faults() -> list[str]:
    return [str(fault) for fault in diary_check.check(now=timezone.now()).faults]


@pytest.mark.django_db
def test_a_bundle_of_all_eight_types_makes_a_practice(tmp_path):
    done = imported(tmp_path, bundle(eight()))

    assert done.refused == "", done.text
    practice = Organisation.objects.get()
    assert practice.ods_code == ODS
    assert not practice.gp_connect_enabled
    assert PractitionerRole.objects.get().role == "R0260"
    edie = Patient.objects.get()
    assert (edie.full_name, str(edie.birth_date)) == ("Mrs Edie Fauxley", "1980-02-29")
    assert edie.nhs_number_verification == "01"
    assert edie.general_practitioner.family_name == "Specimen"
    assert [str(name) for name in edie.other_names.all()] == ["Sample"]
    assert edie.addresses.get().district == "Yorks"
    session = Schedule.objects.get()
    assert session.session_name == "Morning surgery"
    booked, free = Slot.objects.order_by("start")
    assert (booked.status, free.status) == ("busy", "free")
    assert not Slot.objects.filter(gp_connect_bookable=True).exists()
    appointment = Appointment.objects.get()
    assert appointment.patient == edie
    assert list(appointment.slots.all()) == [booked]
    assert appointment.description == "Cough"
    assert faults() == []
    assert "Appointment: 1 new" in done.text


@pytest.mark.django_db
def test_the_same_again_changes_nothing(tmp_path):
    file = bundle(eight())
    imported(tmp_path, file)
    before = [list(model.objects.order_by("pk").values()) for model in STORED]

    done = imported(tmp_path, file)

    assert done.refused == "", done.text
    assert before == [list(model.objects.order_by("pk").values()) for model in STORED]
    assert "Appointment: 1 here already" in done.text
    assert done.report["made"] == {}


STORED = (
    Organisation, PractitionerRole, Patient, Schedule, Slot, Appointment, ImportedRecord,
)  # fmt: skip


# ---------------------------------------------------------------- how it is written

UUIDS = {
    name: f"urn:uuid:0b8eb01a-9f7c-4f1c-8a4f-{number:012}"
    for number, name in enumerate(
        ("Organization/org", "Location/main", "Practitioner/ada", "Patient/edie",
         "Schedule/monday", "Slot/slot-0", "Slot/slot-1")
    )
}  # fmt: skip


def rewritten(references: dict[str, str], resources=None) -> str:
    """The eight as JSON, with other texts in the place of references."""
    text = json.dumps(resources or eight())
    for name, other in references.items():
        text = text.replace(json.dumps({"reference": name}), other)
    return text


def with_full_urls(base: str) -> dict:
    """Addresses of entries, and references that are written out, one of them with a version."""
    text = rewritten(
        {name: json.dumps({"reference": f"{base}{name}/_history/3"}) for name in UUIDS}
    )
    found = bundle(json.loads(text), "searchset", total=9)
    for entry in found["entry"]:
        resource = entry["resource"]
        entry["fullUrl"] = f"{base}{resource['resourceType']}/{resource['id']}"
        entry["search"] = {"mode": "match"}
    return found


def with_uuids() -> dict:
    """As a transaction has them: resources without ids, made only if they are not there."""
    resources = eight()
    text = rewritten(
        {name: json.dumps({"reference": uuid}) for name, uuid in UUIDS.items()}, resources
    )
    found = bundle(json.loads(text), "transaction")
    for entry in found["entry"]:
        resource = entry["resource"]
        name = f"{resource['resourceType']}/{resource.pop('id')}"
        entry["fullUrl"] = UUIDS.get(name, f"{UUIDS['Patient/edie'][:-1]}f")
        if name not in UUIDS:
            del entry["fullUrl"]
        entry["request"] = {"method": "POST", "url": resource["resourceType"]}
        if identifiers := resource.get("identifier"):
            one = identifiers[0]
            entry["request"]["ifNoneExist"] = f"identifier={one['system']}|{one['value']}"
    return found


def by_identifiers() -> dict:
    """References that say who is meant, and not where they are; and conditions."""
    ods = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ODS}
    condition = "Practitioner?identifier=https://fhir.nhs.uk/Id/sds-user-id|G99000001"
    text = rewritten({
        "Organization/org": json.dumps({"identifier": ods, "display": "The surgery"}),
        "Practitioner/ada": json.dumps({"reference": condition}),
    })  # fmt: skip
    return bundle(json.loads(text))


def with_contained() -> dict:
    """The practitioner and the place stand in the session itself."""
    resources = json.loads(rewritten({
        "Practitioner/ada": json.dumps({"reference": "Practitioner/ada"}),
    }))  # fmt: skip
    inner = practitioner(id="p")
    for each in resources:
        if each["resourceType"] == "Schedule":
            each["contained"] = [inner]
            each["actor"] = [{"reference": "#p"}, {"reference": "Location/main"}]
    return bundle(resources)


def of_the_other_families() -> dict:
    """CareConnect of fhir.hl7.org.uk, whose addresses differ, and plain STU3 without profiles."""
    text = json.dumps(bundle(eight()))
    text = text.replace(
        "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-",
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-",
    )
    return json.loads(text.replace("CareConnect-GPC-", "CareConnect-"))


def lines() -> str:
    """A resource a line, and a Bundle as the last one."""
    *first, last = eight()
    return "".join(f"{json.dumps(each)}\n" for each in [*first, bundle([last])])


def xml() -> str:
    entries = "".join(
        "<entry><resource>"
        + to_xml(each)
        .decode()
        .partition("?>")[2]
        .strip()
        .replace(' xmlns="http://hl7.org/fhir"', "")
        + "</resource></entry>"
        for each in [*eight(), {"resourceType": "Encounter", "status": "planned"}]
    )
    return (
        '<Bundle xmlns="http://hl7.org/fhir"><!-- as other systems do -->'
        f'<type value="collection"/>{entries}</Bundle>'
    )


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, resource in enumerate(eight()):
            archive.writestr(f"folder/{number}.json", json.dumps(resource))
        archive.writestr("readme.txt", "Not FHIR")
        archive.writestr("manifest.json", "{}")
    return out.getvalue()


FORMS = {
    "a batch": lambda: json.dumps(bundle(eight(), "batch")),
    "pretty, its members in another order": lambda: json.dumps(
        {"entry": bundle(eight())["entry"], "type": "collection", "resourceType": "Bundle"},
        indent=4,
    ),
    "a byte order mark": lambda: b"\xef\xbb\xbf" + json.dumps(bundle(eight())).encode(),
    "full addresses": lambda: json.dumps(with_full_urls("https://old.example/fhir/")),
    "a transaction with UUIDs": lambda: json.dumps(with_uuids()),
    "identifiers and conditions": lambda: json.dumps(by_identifiers()),
    "contained": lambda: json.dumps(with_contained()),
    "another family": lambda: json.dumps(of_the_other_families()),
    "lines": lines,
    "gzip": lambda: gzip.compress(json.dumps(bundle(eight())).encode()),
    "zip": zipped,
    "XML": xml,
}


@pytest.mark.django_db
@pytest.mark.parametrize("form", FORMS)
def test_the_same_is_taken_in_every_form(form, tmp_path):
    content = FORMS[form]()

    done = imported(tmp_path, content)

    assert done.refused == "", done.text
    made = {"Organization": 1, "Location": 1, "Practitioner": 1, "PractitionerRole": 1}
    made |= {"Patient": 1, "Schedule": 1, "Slot": 2, "Appointment": 1}
    assert done.report["made"] == made
    appointment = Appointment.objects.get()
    assert appointment.patient.general_practitioner == appointment.schedule.session_holder
    assert Patient.objects.get().nhs_number_verification == "01"
    assert faults() == []
    again = imported(tmp_path, content)
    assert (again.refused, again.report["made"]) == ("", {})


@pytest.mark.django_db
def test_a_folder_is_read_with_its_folders_and_references_lead_across_files(tmp_path):
    """A resource a file, in no helpful order; what is no FHIR, and links, are passed over."""
    inside = tmp_path / "in" / "deeper"
    inside.mkdir(parents=True)
    for number, resource in enumerate(eight()):
        (inside / f"{number}.json").write_text(json.dumps(resource))
    (tmp_path / "in" / "manifest.json").write_text('{"files": []}')
    (tmp_path / "in" / "notes.txt").write_text("Dear Rita")
    (tmp_path / "in" / "link.json").symlink_to("/etc/hostname")

    done = imported(tmp_path, tmp_path / "in")

    assert done.refused == "", done.text
    assert done.report["made"]["Appointment"] == 1
    assert done.report["others"] == {"file that is not FHIR": 1}


@pytest.mark.django_db
def test_what_is_not_for_an_appointment_book_is_counted_and_left(tmp_path):
    """Whatever stands in it: clinical records are not looked at."""
    clinical = [
        {"resourceType": "Observation", "status": "no such status"},
        {"resourceType": "Observation", "contained": [{"resourceType": "Patient"}]},
        {"resourceType": "HealthcareService", "id": "h"},
    ]

    done = imported(tmp_path, bundle([*clinical, *eight()]))

    assert done.refused == "", done.text
    assert done.report["others"] == {"Observation": 2, "HealthcareService": 1}
    assert "2 Observation" in done.text


@pytest.mark.django_db
def test_patients_without_a_number_are_not_verified(tmp_path):
    """Nor is a number of which nobody says how far it was checked."""
    unsaid = patient(id="b", birthDate="1990-01-01")
    del unsaid["identifier"][0]["extension"]
    unsaid["identifier"][0]["system"] = "http://fhir.nhs.net/Id/nhs-number"
    resources = [*eight()[1:4], *eight()[5:], patient(None), unsaid]

    done = imported(tmp_path, bundle(resources))

    assert done.refused == "", done.text
    without, with_number = Patient.objects.order_by("birth_date")
    assert (without.nhs_number, without.nhs_number_verification) == (None, "03")
    assert with_number.nhs_number_verification == "02"


@pytest.mark.django_db
def test_a_patient_comes_with_all_that_belongs_to_them(tmp_path):
    url = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
    edie = patient(
        meta={"security": [{"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "R"}]},
        deceasedDateTime="2026-01-05T03:00:00Z",
        contact=[
            {
                "relationship": [{"text": "mother"}],
                "name": {"family": "Fauxley", "given": ["Ann"]},
                "telecom": [{"system": "phone", "value": "0113 496 0009", "use": "mobile"}],
            }
        ],
        communication=[{"language": {"coding": [{"code": "en-GB"}]}, "preferred": True}],
        extension=[
            {
                "url": f"{url}RegistrationDetails-1",
                "extension": [
                    {"url": "registrationPeriod", "valuePeriod": {"start": "2010-04-01"}},
                    {"url": "registrationType",
                     "valueCodeableConcept": {"coding": [{"code": "T"}]}},
                    {"url": "preferredBranchSurgery",
                     "valueReference": {"reference": "Location/main"}},
                ],
            }
        ],
        address=[{"line": ["Flat 1", "The House", "3 Lane", "Village"], "use": "home"}],
    )  # fmt: skip
    resources = [edie if each["resourceType"] == "Patient" else each for each in eight()]

    done = imported(tmp_path, bundle(resources))

    assert done.refused == "", done.text
    there = Patient.objects.get()
    assert there.sensitive
    assert str(there.deceased_at) == "2026-01-05"
    assert (str(there.registration_start), there.registration_type) == ("2010-04-01", "T")
    assert there.preferred_branch.name == "Main surgery"
    assert there.contacts.get().telephone_use == "mobile"
    assert there.languages.get().language == "en"
    assert there.addresses.get().address_line_3 == "3 Lane, Village"


@pytest.mark.django_db
def test_the_command_says_what_is_wrong_with_its_arguments(tmp_path):
    done = imported(tmp_path, tmp_path / "nowhere.json")

    assert done.refused.startswith("2 Cannot read a file")


def test_memory_does_not_grow_with_a_file():
    """Twenty megabytes, of which never more than a piece and what is read at a time are held."""
    entry = json.dumps({"resource": {"resourceType": "Observation", "note": "x" * 4000}}).encode()

    class Stream:
        left = 5000

        def read(self, size: int, /) -> bytes:
            if self.left == 5000:
                self.left -= 1
                return b'{"resourceType":"Bundle","type":"batch","entry":[' + entry
            if self.left == 0:
                return b""
            number = min(self.left, size // len(entry))
            self.left -= number
            return (b"," + entry) * number + (b"]}" if self.left == 0 else b"")

    tracemalloc.start()
    try:
        read = sum(piece.is_entry for piece in pieces(Stream()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert read == 5000
    assert peak < 4_000_000
