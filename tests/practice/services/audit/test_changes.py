"""What differs between a record as it was and as it becomes, in the words of the trail."""

from datetime import date, time

import pytest

from practice.models import SessionTemplate, TemplateBlock
from practice.services.audit.changes import changes_between, plain, stored_values
from workbench.factories import make_closure, make_practitioner


@pytest.mark.parametrize(
    ("value", "kept"),
    [(date(2027, 2, 1), "2027-02-01"), (time(9), "09:00:00"), ([time(9), 3], ["09:00:00", 3])],
    ids=["a date", "a time", "a list"],
)
def test_values_are_kept_as_text_and_numbers(value, kept):
    assert plain(value) == kept


def test_of_a_new_record_only_what_it_says_is_kept():
    block = TemplateBlock(start=time(9), slot_count=None, slot_type="", position=0)

    changes = changes_between(None, block, ["start", "slot_count", "slot_type", "position"])

    assert changes == {"start": {"to": "09:00:00"}}


@pytest.mark.django_db
def test_a_relation_is_named_with_its_id(practice):
    gp = make_practitioner()

    changes = changes_between(
        SessionTemplate(), SessionTemplate(session_holder=gp), ["session_holder", "weekdays"]
    )

    assert changes == {"session_holder": {"from": None, "to": f"{gp} ({gp.pk})"}}


@pytest.mark.django_db
def test_what_goes_is_kept_column_by_column(practice):
    closure = make_closure(name="Flood")

    kept = stored_values(closure)

    assert kept["name"] == "Flood"
    assert kept["organisation"] == practice.organisation.pk
    assert "id" not in kept
