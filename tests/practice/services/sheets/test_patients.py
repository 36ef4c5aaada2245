"""Patients out of a spreadsheet: who is meant, what differs, what is wrong, what is stored."""

from datetime import date

import pytest

from practice.models import AuditEvent, Patient
from practice.services.sheets.patients import Patients
from workbench import sheets
from workbench.factories import (
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    new_nhs_number,
)

pytestmark = pytest.mark.django_db


def planned(practice, *rows: dict[str, str]):
    return sheets.planned(Patients, practice.organisation, *rows)[1]


def imported(practice, *rows: dict[str, str]):
    return sheets.imported(Patients, practice.organisation, *rows)


def described(patient: Patient, **more: str) -> dict[str, str]:
    return {
        "NHS number": patient.nhs_number or "",
        "Family name": patient.family_name,
        "Date of birth": str(patient.birth_date),
        **more,
    }


EDIE = {"Family name": "Fauxley", "Given names": "Edie", "Date of birth": "29/02/1980"}


def test_somebody_new_is_registered_with_how_to_reach_them(practice):
    branch = make_location(practice.organisation, name="Branch")
    number = new_nhs_number()

    imported(
        practice,
        EDIE
        | {
            "NHS number": f"{number[:3]} {number[3:6]} {number[6:]}",
            "NHS number verification": "01",
            "Gender": "Female",
            "Telephone": "1134960003",
            "E-mail": "edie@example.com",
            "Address": "3 Quiet Lane",
            "Postcode": "LS6 3HN",
            "Preferred branch": "branch",
            "General practitioner": practice.practitioner.sds_user_id,
            "Registered": "yes",
        },
    )

    patient = Patient.objects.get(nhs_number=number)
    assert (patient.full_name, patient.birth_date) == ("Edie Fauxley", date(1980, 2, 29))
    assert (patient.gender, patient.nhs_number_verification, patient.version) == ("female", "01", 1)
    assert (patient.preferred_branch, patient.general_practitioner) == (
        branch,
        practice.practitioner,
    )
    assert {(t.system, t.use, t.value) for t in patient.telecoms.all()} == {
        ("phone", "home", "01134960003"),
        ("email", "home", "edie@example.com"),
    }
    assert [str(each) for each in patient.addresses.all()] == ["3 Quiet Lane, LS6 3HN"]


def test_a_row_changes_what_it_says_and_nothing_else(practice):
    patient = make_patient(telephone="0113 496 0003")
    patient.telecoms.create(system="phone", value="0113 496 0099", use="work")

    (row,) = imported(
        practice,
        described(
            patient, Title="Dr", Telephone="0113 496 0004", Mobile="07700 900001", Address=""
        ),
    )

    changes = {each.heading: (each.before, each.after) for each in row.changes}
    assert changes == {
        "Title": ("Mrs", "Dr"),
        "Telephone": ("0113 496 0003", "0113 496 0004"),
        "Mobile": ("", "07700 900001"),
        "Address": ("3 Quiet Lane", ""),
    }
    stored = Patient.objects.get(pk=patient.pk)
    assert (stored.prefix, stored.given_names, stored.version) == ("Dr", "Edie", 2)
    assert stored.updated_at > patient.updated_at
    assert sorted(stored.telecoms.values_list("value", flat=True)) == [
        "0113 496 0004",
        "0113 496 0099",
        "07700 900001",
    ]
    assert stored.addresses.get().address_line_1 == ""
    assert stored.addresses.get().city == "Leeds"


def test_emptied_cells_remove_a_number_and_an_address(practice):
    patient = make_patient()
    names = ("Telephone", "Address", "Town or city", "County", "Postcode")

    imported(practice, described(patient, **dict.fromkeys(names, "")))

    assert not patient.telecoms.exists()
    assert not patient.addresses.exists()


def test_the_second_time_a_file_changes_nothing(practice):
    row = EDIE | {"NHS number": new_nhs_number(), "Telephone": "0113 496 0003"}
    imported(practice, row, EDIE | {"Family name": "Nameless"})
    before = AuditEvent.objects.count()

    again = imported(practice, row, EDIE | {"Family name": "Nameless"})

    assert [each.verdict for each in again] == ["same", "same"]
    assert AuditEvent.objects.count() == before


def test_what_goes_out_changes_nothing_when_it_comes_back(practice):
    make_patient(given_names="=1+1", family_name="@O'Neil", telephone="+44 113 496 0003")
    make_patient(nhs_number=None, nhs_number_verification="03", deceased_at=date(2020, 1, 1))
    make_patient(general_practitioner=practice.practitioner, preferred_branch=practice.location)

    rows = sheets.taken_out_and_back(Patients, practice.organisation)

    assert [(row.verdict, row.problems) for row in rows] == [("same", [])] * 4


def test_each_row_is_in_the_trail_as_the_form_would_have_written_it(practice):
    patient = make_patient()

    new, changed = imported(
        practice,
        EDIE | {"Telephone": "0113 496 0009"},
        described(patient, Telephone="0113 496 0004"),
    )

    add, change = AuditEvent.objects.filter(event__startswith="patient.").order_by("pk")
    assert (add.event, change.event) == ("patient.add", "patient.change")
    assert (add.patient_id, add.resource) == (new.record.pk, f"Patient/{new.record.pk}")
    assert (change.user_id, change.organisation) == ("ada", practice.organisation)
    assert add.detail["changes"]["family_name"] == {"to": "Fauxley"}
    assert (add.detail["spreadsheet"], add.detail["row"], change.detail["row"]) == (1, 2, 3)
    (record,) = change.detail["records"]
    assert record["changed"] == "telephone or e-mail"
    assert record["changes"] == {"value": {"from": "0113 496 0003", "to": "0113 496 0004"}}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"Date of birth": "29/2/80"}, "Date of birth: this is not a date"),
        ({"Date of birth": "1979-02-30"}, "Date of birth: this is not a date"),
        ({"Date of birth": "2999-01-01"}, "Date of birth: "),
        ({"Date of birth": ""}, "Date of birth: this is missing."),
        ({"Family name": ""}, "Family name: this is missing."),
        ({"NHS number": "9990000011"}, "NHS number: "),
        ({"Gender": "lady"}, "Gender: “lady” is none of "),
        ({"Registered": "perhaps"}, "Registered: yes or no is expected."),
        ({"NHS number verification": "01"}, "There is no NHS number to be verified."),
        ({"Registered from": "2026-01-02", "Registered until": "2026-01-01"}, "before it begins"),
        ({"Date of death": "1970-01-01"}, "The date of death is before the date of birth."),
        ({"E-mail": "x" * 101}, "E-mail: "),
        ({"Title": "x" * 36}, "Title: "),
        ({"Preferred branch": "Atlantis"}, "has no location of that name"),
        ({"General practitioner": "Nobody"}, "nobody of that name"),
        ({"Record": "0"}, "there is no patient 0 at this practice"),
        ({"Record": "one"}, "Record: this is not a number"),
    ],
)
def test_what_is_wrong_is_said_in_words(practice, cells, said):
    (row,) = planned(practice, EDIE | cells)

    assert row.verdict == "wrong"
    assert any(said in problem for problem in row.problems), row.problems


def test_a_file_is_about_each_patient_once(practice):
    patient = make_patient()

    rows = planned(
        practice,
        described(patient),
        described(patient, Record=str(patient.pk)),
        EDIE,
        EDIE,
    )

    assert [row.problems for row in rows] == [[], ["Row 2 is about the same."]] + [
        [],
        ["Row 4 is about the same."],
    ]


def test_a_number_that_turned_up_is_given_to_the_record_and_makes_no_second_one(practice):
    patient = make_patient(nhs_number=None, nhs_number_verification="03")
    row = described(patient, **{"NHS number": new_nhs_number(), "Given names": "Edie"})

    (without,) = planned(practice, row)
    (with_record,) = planned(practice, row | {"Record": str(patient.pk)})

    assert f"write {patient.pk} into the column Record" in without.problems[0]
    assert (with_record.verdict, with_record.record) == ("changed", patient)


def test_another_practice_is_neither_read_nor_changed(practice):
    there = make_organisation()
    theirs = make_patient(there)
    place = make_location(there, name="Elsewhere")
    gp = make_practitioner(there)

    by_number, by_record, branch, person = planned(
        practice,
        described(theirs),
        EDIE | {"Record": str(theirs.pk)},
        EDIE | {"Family name": "Three", "Preferred branch": place.name},
        EDIE | {"Family name": "Four", "General practitioner": gp.full_name},
    )

    assert by_number.verdict == "new"
    assert by_record.problems == [f"Record: there is no patient {theirs.pk} at this practice."]
    assert branch.verdict == person.verdict == "wrong"


def test_as_many_statements_for_many_rows_as_for_one(practice, django_assert_max_num_queries):
    rows = [EDIE | {"NHS number": new_nhs_number(), "Telephone": "0113 496 0003"}] * 1
    many = [r | {"NHS number": new_nhs_number()} for r in rows * 40]

    with django_assert_max_num_queries(16):
        imported(practice, *many)
    with django_assert_max_num_queries(16):
        imported(practice, *[row | {"Telephone": "0113 496 0004"} for row in many])
