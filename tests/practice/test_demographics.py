"""Who people are according to the national record, and the file that stands in for it."""

import json
from datetime import date

import pytest

from practice import demographics
from practice.demographics import Address, Demographics
from practice.exceptions import DemographicsUnavailable

JANE = Demographics(
    nhs_number="9476719931",
    family_name="JACKSON",
    given_names="Jane Mary",
    birth_date=date(1952, 5, 31),
)


# ---------------------------------------------------------------- is it the same person?


@pytest.mark.req("PAT-041", "PAT-042", "PAT-043", "PAT-047", "REG-031")
@pytest.mark.parametrize(
    ("birth_date", "family_name", "given_names", "confirmed"),
    [
        pytest.param("1952-05-31", "Anything", "Else", True, id="exact date of birth"),
        pytest.param("1952-05-30", "Jackson", "Jane", True, id="two of three parts, JAC, J"),
        pytest.param("1952-06-30", "Jacobs", "Jill", False, id="year only"),
        pytest.param("1952-05-30", "Jacobs", "Jill", True, id="year and month, JAC, J"),
        pytest.param("1952-03-31", "jacobs", "jill", True, id="year and day, in lower case"),
        pytest.param("1953-05-31", "Jackson", "Jane", True, id="month and day"),
        pytest.param("1952-05-30", "Jones", "Jane", False, id="another family name"),
        pytest.param("1952-05-30", "Jackson", "Mary", False, id="another initial"),
        pytest.param("1952-06-30", "Jackson", "Jane", False, id="one date part only"),
        pytest.param("1952-05-30", "Ja", "Jane", False, id="a shorter name compares in full"),
        pytest.param("1952-05-30", "", "", False, id="no name"),
    ],
)
def test_a_person_is_confirmed_by_date_of_birth_or_most_of_it_and_name(
    birth_date, family_name, given_names, confirmed
):
    found = JANE.confirms(
        family_name=family_name,
        given_names=given_names,
        birth_date=date.fromisoformat(birth_date),
    )

    assert found is confirmed


@pytest.mark.req("PAT-047")
@pytest.mark.parametrize(
    ("held", "sent", "confirmed"),
    [("Ng", "NG", True), ("Ng", "Ngo", False), ("Ngo", "Ng", False), ("Ó Sé", "ó sullivan", True)],
)
def test_short_names_compare_in_full_and_without_case(held, sent, confirmed):
    person = Demographics("9476719931", held, "Jane", date(1952, 5, 31))

    found = person.confirms(family_name=sent, given_names="Jane", birth_date=date(1952, 5, 30))

    assert found is confirmed


@pytest.mark.req("PAT-043")
@pytest.mark.parametrize(("family_name", "given_names"), [("", "Jane"), ("Jackson", "")])
def test_two_missing_names_do_not_agree(family_name, given_names):
    nameless = Demographics("9476719931", family_name, given_names, date(1952, 5, 31))

    assert not nameless.confirms(
        family_name=family_name, given_names=given_names, birth_date=date(1952, 5, 30)
    )


@pytest.mark.req("PAT-044", "PAT-045")
@pytest.mark.parametrize("flag", ["deceased", "sensitive", "superseded", "invalid"])
def test_death_and_every_flag_forbid_sharing(flag):
    flagged = Demographics("9476719931", "Jackson", "Jane", date(1952, 5, 31), **{flag: True})

    assert JANE.may_be_shared
    assert not flagged.may_be_shared


# ---------------------------------------------------------------- the file


YAML = """
- nhs_number: "9476719931"
  family_name: Jackson
  given_names: Jane Mary
  prefix: Miss
  birth_date: 1952-05-31
  gender: female
  address: {lines: [1 Withings Lane, Shadwell], city: Leeds, postal_code: LS18 1AE}
  telephone: 01454 587554
  flags: [sensitive]
"""


@pytest.fixture
def file(settings, tmp_path):
    """Write the file of people: ``file(text)``, or with another name ``file(text, "a.json")``."""

    def write(text: str, name: str = "people.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        settings.DEMOGRAPHICS_FILE = str(path)
        return path

    return write


@pytest.mark.req("PAT-040", "PAT-049")
def test_the_default_service_reads_a_yaml_file(file):
    file(YAML)

    found = demographics.service().retrieve("9476719931")

    assert found == Demographics(
        nhs_number="9476719931",
        family_name="Jackson",
        given_names="Jane Mary",
        birth_date=date(1952, 5, 31),
        prefix="Miss",
        gender="female",
        address=Address(
            lines=("1 Withings Lane", "Shadwell"), city="Leeds", postal_code="LS18 1AE"
        ),
        telephone="01454 587554",
        sensitive=True,
    )
    assert demographics.service().retrieve("9000000009") is None


def test_a_json_file_says_the_same(file):
    person = {
        "nhs_number": "9476719931",
        "family_name": "JACKSON",
        "given_names": "Jane Mary",
        "birth_date": "1952-05-31",
    }
    file(json.dumps([person]), "people.json")

    assert demographics.service().retrieve("9476719931") == JANE


def test_a_changed_file_is_read_again(file):
    file(YAML)
    before = demographics.service().retrieve("9476719931")

    file(YAML.replace("[sensitive]", "[]"))
    after = demographics.service().retrieve("9476719931")

    assert (before.sensitive, after.sensitive) == (True, False)


@pytest.mark.req("PAT-049")
def test_another_service_can_take_the_place_of_the_file(settings):
    settings.DEMOGRAPHICS_BACKEND = f"{__name__}.AlwaysJane"

    assert demographics.service().retrieve("anything") is JANE


class AlwaysJane:
    def retrieve(self, nhs_number):
        return JANE


BROKEN = {
    "not YAML": "- {nhs_number: [",
    "no list": "nhs_number: 1",
    "a person who is no mapping": "- Jane",
    "an NHS number without quotes": YAML.replace('"9476719931"', "9476719931"),
    "an NHS number that is none": YAML.replace("9476719931", "9476719932"),
    "no family name": YAML.replace("  family_name: Jackson\n", ""),
    "no date of birth": YAML.replace("  birth_date: 1952-05-31\n", ""),
    "a date that does not exist": YAML.replace("1952-05-31", "1953-06-31"),
    "a date with a time": YAML.replace("1952-05-31", "1952-05-31T10:00:00"),
    "an unknown gender": YAML.replace("gender: female", "gender: f"),
    "a telephone number as a number": YAML.replace("01454 587554", "7777111222"),
    "a misspelt flag": YAML.replace("[sensitive]", "[senstive]"),
    "flags that are no list": YAML.replace("[sensitive]", "sensitive"),
    "a misspelt key": YAML.replace("flags:", "flag:"),
    "address lines that are no list": YAML.replace("[1 Withings Lane, Shadwell]", "Shadwell"),
    "a person twice": YAML + YAML,
    "lists in lists in lists": "[" * 3000,
}


@pytest.mark.req("PAT-048", "REG-035")
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_unavailability_and_the_log_says_why(file, caplog, text):
    """Better no answer than one that has lost a flag; and no person's data in the log."""
    file(text)

    with pytest.raises(DemographicsUnavailable):
        demographics.service().retrieve("9476719931")

    assert "cannot be used" in caplog.text
    assert "Jackson" not in caplog.text
    assert "947671993" not in caplog.text


@pytest.mark.req("PAT-048", "REG-035")
@pytest.mark.parametrize("name", ["", "/nowhere/people.yaml"])
def test_a_missing_file_is_unavailability(settings, caplog, name):
    settings.DEMOGRAPHICS_FILE = name

    with pytest.raises(DemographicsUnavailable):
        demographics.service().retrieve("9476719931")

    assert "cannot be used" in caplog.text
