"""Practitioners and their roles out of a spreadsheet, and what other practices share of them."""

import pytest

from practice import terminology
from practice.models import AuditEvent, Practitioner, PractitionerRole
from practice.services.sheets.practitioners import ELSEWHERE, SHARED, Practitioners
from workbench.factories import make_organisation, make_practitioner
from workbench.sheets import imported, planned, taken_out_and_back

pytestmark = pytest.mark.django_db
ADA = {"SDS user ID": "S900001", "Given names": "Ada", "Family name": "Specimen"}
GP = {"Role": "General Medical Practitioner"}


def in_words(practice, *rows):
    return planned(Practitioners, practice.organisation, *rows)[1]


@pytest.fixture
def nurse() -> dict[str, str]:
    label = next(label for _, label in terminology.practitioner_roles() if "Nurse" in label)
    return {"Role": label}


def described(practitioner: Practitioner, **more: str) -> dict[str, str]:
    return {
        "SDS user ID": practitioner.sds_user_id or "",
        "Given names": practitioner.given_names,
        "Family name": practitioner.family_name,
        **more,
    }


def test_somebody_new_comes_with_their_roles(practice, nurse):
    imported(Practitioners, practice.organisation, ADA | GP, ADA | nurse)

    ada = Practitioner.objects.get(sds_user_id="S900001")
    assert (ada.full_name, ada.version) == ("Ada Specimen", 1)
    assert [(role.version, role.active) for role in ada.roles.all()] == [(0, True)] * 2
    first, second = AuditEvent.objects.filter(event__startswith="practitioner.").order_by("pk")
    assert (first.event, second.event) == ("practitioner.add", "practitioner.change")
    assert first.resource == second.resource == f"Practitioner/{ada.pk}"
    assert first.detail["changes"]["family_name"] == {"to": "Specimen"}
    assert second.detail["records"][0]["added"] == "practitioner role"


def test_a_role_ends_and_another_begins(practice, nurse):
    (role,) = practice.practitioner.roles.all()
    person = described(practice.practitioner, Title="Prof")

    imported(
        Practitioners,
        practice.organisation,
        person | {"Role": role.role, "Works here": "no"},
        person | nurse | {"Works here": "yes"},
    )

    practice.practitioner.refresh_from_db()
    assert (practice.practitioner.prefix, practice.practitioner.version) == ("Prof", 2)
    old, new = practice.practitioner.roles.order_by("pk")
    assert (old.active, old.version, new.active, new.version) == (False, role.version + 1, True, 1)


def test_what_goes_out_changes_nothing_when_it_comes_back(practice):
    make_practitioner(practice.organisation, sds_user_id=None)
    make_practitioner(practice.organisation, languages=["en", "fr"])

    rows = taken_out_and_back(Practitioners, practice.organisation)

    assert [(row.verdict, row.problems) for row in rows] == [("same", [])] * 3


def test_whoever_works_elsewhere_too_keeps_their_name_and_gets_roles(practice, nurse):
    there = make_organisation()
    PractitionerRole.objects.create(
        organisation=there, practitioner=practice.practitioner, role=practice.role.role
    )
    before = list(PractitionerRole.objects.filter(organisation=there).values())
    row = described(practice.practitioner) | nurse

    (renamed,) = in_words(practice, row | {"Family name": "Other"})
    imported(Practitioners, practice.organisation, row)

    assert renamed.problems == [SHARED]
    assert practice.practitioner.roles.filter(organisation=practice.organisation).count() == 2
    assert list(PractitionerRole.objects.filter(organisation=there).values()) == before


def test_somebody_of_another_practice_is_neither_shown_nor_taken(practice):
    theirs = make_practitioner(make_organisation(), family_name="Neighbour")

    by_number, by_record = in_words(
        practice,
        {"SDS user ID": theirs.sds_user_id, "Family name": "X"} | GP,
        {"Record": str(theirs.pk), "Family name": "X"} | GP,
    )

    assert by_number.problems == [ELSEWHERE]
    assert by_record.problems == [f"Record: there is no practitioner {theirs.pk} at this practice."]
    assert not practice.organisation.practitioner_roles.filter(practitioner=theirs).exists()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"SDS user ID": ""}, "Somebody new needs one"),
        ({"SDS user ID": "a b"}, "SDS user ID: Letters and digits only."),
        ({"Role": ""}, "Role: this is missing."),
        ({"Role": "King"}, "Role: “King” is none of"),
        ({"Family name": ""}, "Family name: this is missing."),
        ({"Languages": "Klingon"}, "Languages: “Klingon” is none of"),
        ({"Works here": "maybe"}, "Works here: yes or no is expected."),
    ],
)
def test_what_is_wrong_is_said_in_words(practice, cells, said):
    (row,) = in_words(practice, ADA | GP | cells)

    assert any(said in problem for problem in row.problems), row.problems


def test_rows_of_one_person_say_the_same_of_them_and_each_role_once(practice, nurse):
    rows = in_words(practice, ADA | GP, ADA | nurse | {"Family name": "Other"}, ADA | GP)

    assert [row.problems for row in rows] == [
        [],
        ["Row 2 says otherwise of the same person."],
        ["Row 2 is about the same."],
    ]
