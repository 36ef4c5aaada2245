"""Who may be somebody who is about to be registered: alike in name, birthday or telephone."""

from datetime import date

import pytest

from practice.reads.duplicates import Person, possible_duplicates
from workbench.factories import make_organisation, make_patient, new_nhs_number

pytestmark = pytest.mark.django_db

BORN = date(1991, 5, 4)


def alike(practice, **typed):
    person = Person(
        **{"given_names": "Zosia", "family_name": "Testowska", "birth_date": BORN, **typed}
    )
    return possible_duplicates(person, organisation=practice.organisation)


@pytest.mark.parametrize(
    ("held", "differs"),
    [
        ({}, ["nothing"]),
        ({"given_names": "Zofia"}, ["first name"]),
        ({"family_name": "Testow"}, ["surname"]),
        ({"birth_date": date(1991, 4, 5)}, ["day and month of birth changed about"]),
        ({"birth_date": date(1990, 5, 4)}, ["date of birth"]),
        ({"active": False}, ["nothing"]),
    ],
    ids=["the same", "a letter", "half a name", "changed about", "another year", "left"],
)
def test_somebody_who_is_nearly_the_same_is_offered(practice, held, differs):
    same = {"given_names": "Zosia", "family_name": "Testowska", "birth_date": BORN}
    patient = make_patient(**{**same, **held})

    (found,) = alike(practice)

    assert (found.patient, found.differs, found.is_certain) == (patient, differs, False)


def test_a_telephone_number_and_nearly_the_name_are_enough(practice):
    same = {"given_names": "Zosia", "family_name": "Testowskaa", "birth_date": date(1970, 1, 1)}
    patient = make_patient(telephone="07700 900 142", **same)

    assert [each.patient for each in alike(practice, telephone="07700900142")] == [patient]


def test_the_same_number_is_certain_and_another_is_somebody_else(practice):
    same = {"given_names": "Zosia", "family_name": "Testowska", "birth_date": BORN}
    twin = make_patient(**same)
    other = make_patient(family_name="Married", birth_date=date(1950, 1, 1))

    (found,) = alike(practice, nhs_number=other.nhs_number)

    assert (found.patient, found.is_certain) == (other, True)
    assert alike(practice, nhs_number=new_nhs_number()) == []
    assert [each.patient for each in alike(practice)] == [twin]


def test_nobody_else_is_offered(practice, django_assert_num_queries):
    make_patient(given_names="Max", family_name="Faux", birth_date=BORN)
    make_patient(given_names="Zosia", family_name="Othername", birth_date=date(1960, 1, 1))
    elsewhere = make_organisation()
    same = {"given_names": "Zosia", "family_name": "Testowska", "birth_date": BORN}
    make_patient(elsewhere, **same)

    with django_assert_num_queries(1):
        assert alike(practice, telephone="07700900142") == []
