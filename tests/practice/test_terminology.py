"""The lists that staff choose from are the published ones, letter for letter."""

import json
from pathlib import Path

import pytest

from practice import terminology
from practice.models import Schedule
from tests.shared import GPCONNECT, needs_shared

LISTS = sorted(path.stem for path in Path(terminology.__file__).parent.glob("*.json"))


def published(name: str) -> dict:
    path = GPCONNECT / "terminology" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@needs_shared
@pytest.mark.req("AVAIL-008", "AVAIL-009", "AVAIL-054", "AVAIL-055")
@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_the_published_one(name):
    held, expected = terminology.value_set(name), published(name)

    assert held.url == expected["valueSet"]
    assert held.version == expected["version"]
    assert held.codes == {each["code"]: each["display"] for each in expected["choices"]}
    assert {held.system} == {each["system"] for each in expected["choices"]}


@pytest.mark.req("AVAIL-053", "DEC-057")
def test_the_20_roles_on_offer_are_sds_job_roles():
    roles = terminology.value_set("practitioner_role")
    job_roles = terminology.value_set("sds_job_role_name")

    assert len(roles.codes) == 20
    assert roles.system == job_roles.system
    assert roles.codes.items() <= job_roles.codes.items()
    assert Schedule._meta.get_field("practitioner_role").choices == [*roles.codes.items()]


@pytest.mark.req("AVAIL-055")
def test_a_code_that_a_later_list_no_longer_has_is_still_shown():
    assert terminology.value_set("practitioner_role").display("R9999") == "R9999"
