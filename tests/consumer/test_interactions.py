"""The table of interactions, held to the provider's own."""

import pytest

from consumer import interactions
from fhirapi import ssp


def test_the_table_is_the_providers():
    def rows(table):
        return {(i.name, i.id, i.verb, i.path, i.scope, i.success_status) for i in table}

    assert rows(interactions.INTERACTIONS) == rows(ssp.INTERACTIONS)
    assert {i.id for i in interactions.INTERACTIONS if i.is_command} == {
        i.id for i in ssp.INTERACTIONS if i.is_command
    }


@pytest.mark.req("SSP-007", "SSP-012")
@pytest.mark.parametrize(
    ("verb", "path", "cancels", "expected"),
    [
        ("GET", "/metadata", False, interactions.READ_METADATA),
        ("GET", "/Patient", False, interactions.FIND_PATIENT),
        ("GET", "/Patient/7", False, interactions.READ_PATIENT),
        ("GET", "/Patient/7/Appointment", False, interactions.RETRIEVE_APPOINTMENTS),
        ("POST", "/Patient/$gpc.registerpatient", False, interactions.REGISTER_PATIENT),
        ("GET", "/Patient/$gpc.registerpatient", False, None),
        ("POST", "/Appointment", False, interactions.BOOK_APPOINTMENT),
        ("PUT", "/Appointment/a-1.2", False, interactions.AMEND_APPOINTMENT),
        ("PUT", "/Appointment/a-1.2", True, interactions.CANCEL_APPOINTMENT),
        ("DELETE", "/Appointment/7", False, None),
        ("GET", "/Slot/7", False, None),
    ],
)
def test_verb_and_path_tell_the_interaction(verb, path, cancels, expected):
    assert interactions.pick(verb, path, cancels=cancels) is expected
