"""Files that are wrong in every way that we could think of: told where and why, nothing loaded.

Never a traceback, and never more memory than a piece of a file takes.
"""

import gzip
import io
import json
import zipfile

import pytest

from practice.models import ImportedRecord, Location, Organisation, Patient, Practitioner, Slot
from tests.fhirapi.exchange.incoming.world import (
    ODS,
    appointment,
    at,
    bundle,
    changed,
    eight,
    imported,
    location,
    organization,
    patient,
    practitioner,
    role,
    schedule,
    slot,
)
from workbench.factories import new_nhs_number


def text(*resources, **more) -> str:
    return json.dumps(bundle(list(resources) or eight(), **more))


def packed(content: str) -> bytes:
    return gzip.compress(content.encode())


def zipped(**files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


def eight_but(kind, **more):
    return bundle(changed(eight(), kind, **more))


def also(*resources):
    return bundle([*eight(), *resources])


def number_of(value):
    return [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": value}]


LONG = "long " * 120
NUMBER = new_nhs_number()
DEEP = '{"resourceType": "Patient", "x": ' + "[" * 900 + "]" * 900 + "}"

# What the file is, what the report must say, and which entry it must name.
WRONG = {
    # the file
    "empty": ("", "it is empty", ""),
    "no FHIR at all": ("Dear Rita", "neither JSON nor XML", ""),
    "JSON of something else": ("{}", "no resource of FHIR STU3", ""),
    "a list": ("[]", "it is a list", ""),
    "cut off in an entry": (text()[:1500], "it was cut off", ""),
    "cut off between entries": (
        text().partition('"Slot"')[0].rpartition("{")[0].rpartition("{")[0], "it was cut off", "",
    ),
    "a comma too many": (text()[:-2] + ",]}", "it is not valid JSON", ""),
    "a comma missing": (text().replace('}}, {"resource"', '}} {"resource"', 1), "valid JSON", ""),
    "something behind the end": (text() + "}", "it is not valid JSON", ""),
    "UTF-16": (text().encode("utf-16"), "written in UTF-16", ""),
    "UTF-16 without a mark": (text().encode("utf-16-le"), "UTF-16 or UTF 32", ""),
    "UTF 32": (text().encode("utf-32"), "written in UTF 32", ""),
    "Latin-1": (text(patient(), location(name="Café")).encode("latin-1").replace(
        b"\\u00e9", b"\xe9"), "this is not UTF-8", "entry 2"),
    "half a gzip": (packed(text())[:-20], "it was cut off", ""),
    "a broken gzip": (b"\x1f\x8b" + b"nonsense" * 9, "it cannot be unpacked", ""),
    "a gzip bomb": (packed(" " * 30_000_000 + text()), "far more than any real file", ""),
    "a zip bomb": (zipped(a_json=" " * 30_000_000 + text()), "far more than any real file", ""),
    "half a zip": (zipped(a_json=text())[:-30], "damaged or was cut off", ""),
    "a zip within a zip": (zipped(a_zip=zipped(a_json=text())), "packed twice", ""),
    "an entry of 17 MB": (text(patient(x="y" * 17_000_000)), "larger than 16 MB", ""),
    # XML
    "XML with entities": (
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><Patient>&b;</Patient>',
        "document type declaration", "",
    ),
    "XML in UTF-16 with entities": (
        '<!DOCTYPE a [<!ENTITY b "c">]><Patient>&b;</Patient>'.encode("utf-16"), "UTF-16", "",
    ),
    "XML cut off": ('<Bundle xmlns="http://hl7.org/fhir"><entry><resource>', "cut off", ""),
    "XML of no namespace": ("<Patient/>", "not in the FHIR namespace", ""),
    "XML with an unknown element": (
        '<Patient xmlns="http://hl7.org/fhir"><shoe value="9"/></Patient>',
        "shoe is not an element", "",
    ),
    # what is around resources
    "a history": (text(type_="history"), "of type history is not taken", ""),
    "no type": (json.dumps({"resourceType": "Bundle", "entry": []}), "without a known type", ""),
    "entries of what is no Bundle": (
        json.dumps({"resourceType": "Patient", "entry": [{"resource": patient()}]}),
        "is no Bundle", "",
    ),
    "a Bundle within a Bundle": (text(bundle(eight())), "within a Bundle", "entry 1"),
    "an entry that is a text": (
        '{"resourceType": "Bundle", "type": "batch", "entry": ["x"]}', "object is expected",
        "entry 1",
    ),
    "a resource that is a list": (
        '{"resourceType": "Bundle", "type": "batch", "entry": [{"resource": []}]}',
        "its resource is no object", "entry 1",
    ),
    "R4, by an element": (eight_but("Appointment", reasonCode=[]), "it is FHIR R4", ""),
    "R4, by a profile": (
        text(patient(meta={"profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]})),
        "it is FHIR R4", "",
    ),
    "R4, by what else is there": (also({"resourceType": "ServiceRequest"}), "it is FHIR R4", ""),
    "a type that there is not": (also({"resourceType": "Surgery"}), "no resource of FHIR", "10"),
    # resources
    "a name twice in an object": (
        text().replace('"gender":', '"active": false, "gender":', 1),
        "names the same element twice", "entry 5",
    ),
    "nested too deep": (DEEP, "nested too deep", ""),
    "a number for a date": (eight_but("Patient", birthDate=1980), "birthDate", "entry 5"),
    "a text for a list": (eight_but("Patient", name="Edie"), "name must be a list", "entry 5"),
    "a status of no list": (eight_but("Slot", status="open"), "none of the known codes", "entry 2"),
    "half a date of birth": (eight_but("Patient", birthDate="1980"), "full date of birth", "5"),
    "no family name": (eight_but("Patient", name=[{"text": "Edie"}]), "no family name", "entry 5"),
    "an NHS number that is none": (
        eight_but("Patient", identifier=number_of("9990000001")), "its NHS number is none",
        "entry 5",
    ),
    "two NHS numbers": (
        eight_but("Patient", identifier=number_of(NUMBER) + number_of(new_nhs_number())),
        "two NHS numbers", "entry 5",
    ),
    "one NHS number, two patients": (
        bundle([organization(), location(), practitioner(), role(),
                patient(NUMBER), patient(NUMBER, id="other")]),
        "has the same NHS number", "entry 6",
    ),
    "a registration that ends before it starts": (
        eight_but("Patient", extension=[{
            "url": "https://fhir.nhs.uk/STU3/StructureDefinition/"
                   "Extension-CareConnect-GPC-RegistrationDetails-1",
            "extension": [{"url": "registrationPeriod", "valuePeriod": {
                "start": "2020-01-01", "end": "2019-01-01"}}],
        }]),
        "ends before it starts", "entry 5",
    ),
    "a name that is too long": (eight_but("Location", name=LONG), "at most 200", "entry 8"),
    "two places of one name": (also(location(id="b")), "has the same name", "entry 10"),
    "twice, with other contents": (also(patient()), "twice, with different", "entry 10"),
    "overlapping slots": (
        also(slot(3, start=at(9 + 1 / 12), end=at(9 + 3 / 12))), "overlaps another slot", "entry",
    ),
    "two sessions at once": (
        also(schedule(id="too", planningHorizon={"start": at(9.5), "end": at(11)})),
        "in another session", "entry 10",
    ),
    "a slot outside its session": (also(slot(8)), "outside the times", "entry 10"),
    "a slot that ends before it starts": (
        eight_but("Slot", end=at(8)), "does not lie after the start", "entry 2",
    ),
    "a slot without an offset": (
        eight_but("Slot", start="2026-01-01T09:00:00"), "start", "entry 2",
    ),
    "a slot of no session": (
        eight_but("Slot", schedule={"reference": "Schedule/none"}), "is in none of the files",
        "entry 2",
    ),
    "an appointment without its slot": (eight_but("Appointment", slot=None), "names no slot", "1"),
    "an appointment whose slot is not there": (
        eight_but("Appointment", slot=[{"reference": "Slot/none"}]), "Slot/none is in none of",
        "entry 1",
    ),
    "an appointment of nobody": (
        eight_but("Appointment", participant=[
            {"actor": {"reference": "Location/main"}, "status": "accepted"}]),
        "must name one patient", "entry 1",
    ),
    "an appointment of somebody unknown": (
        eight_but("Appointment", participant=[
            {"actor": {"reference": "urn:uuid:0b8eb01a-9f7c-4f1c-8a4f-5a8f0d7f5e11"},
             "status": "accepted"}]),
        "is in none of the files", "entry 1",
    ),
    "a slot that two have": (also(appointment(id="second")), "another appointment's", "entry 10"),
    "times that are not the slot's": (
        eight_but("Appointment", end=at(9.5)), "not those of its slots", "entry 1",
    ),
    "slots that are not adjacent": (
        also(slot(3), appointment(id="x", start=at(9 + 1 / 6), end=at(9 + 4 / 6), slot=[
            {"reference": "Slot/slot-1"}, {"reference": "Slot/slot-3"}])),
        "are not adjacent", "entry 11",
    ),
    "a slot named twice": (
        eight_but("Appointment", slot=[{"reference": "Slot/slot-0"}] * 2), "a slot twice",
        "entry 1",
    ),
    "a reference that may mean several": (
        bundle([
            organization(), location(), practitioner(id=None), practitioner(
                id=None, name=[{"family": "Other"}], identifier=[
                    {"system": "https://x.example/staff", "value": "1"},
                    {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "G99000002"}]),
            practitioner(id="c", identifier=[{"system": "https://x.example/staff", "value": "1"}]),
            role(practitioner={"reference": "Practitioner?identifier=https://x.example/staff|1"}),
        ]),
        "may mean several", "entry 6",
    ),
    "an SDS user ID of two people": (
        also(practitioner(id="bo", name=[{"family": "Sample"}]),
             role(id="b", practitioner={"reference": "Practitioner/bo"})),
        "the same SDS user ID and another family name", "entry 10",
    ),
    "an owner that is not there": (
        eight_but("Patient", managingOrganization={"reference": "Organization/elsewhere"}),
        "Organization/elsewhere is in none of", "entry 5",
    ),
    "references in a circle, and one that leads nowhere": (
        also(location(id="a", name="A", partOf={"reference": "Location/b"}),
             location(id="b", name="B", partOf={"reference": "Location/a"}),
             schedule(id="s", actor=[
                 {"reference": "Location/a"}, {"reference": "Practitioner/z"}])),
        "Practitioner/z is in none of", "entry 12",
    ),
    "another practice's": (
        text(*changed(eight(), "Organization", identifier=[
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Z99002"}])),
        f"there is no practice {ODS} here", "",
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_and_nothing_is_imported(name, tmp_path):
    content, reason, entry = WRONG[name]

    done = imported(tmp_path, content)

    assert done.refused.startswith("1 "), done.text
    assert reason in done.reasons
    assert any(
        reason in each["reason"] and entry in each["entry"] for each in done.report["problems"]
    ), done.report["problems"]
    assert done.report["imported"] is False
    for model in (Organisation, Location, Practitioner, Patient, Slot, ImportedRecord):
        assert not model.objects.exists()
    for private in ("Fauxley", "999"):  # a report goes to people who need not know whom it is about
        assert private not in done.reasons


def test_there_are_forty_ways():
    assert len(WRONG) >= 40
