"""What may be changed of a closure that has taken effect."""

from datetime import UTC, datetime

import pytest

from practice.exceptions import DiaryRefused, NotFound
from practice.models import AuditEvent
from practice.services.audit.recording import Actor
from practice.services.closures.changing import change_closure
from workbench.factories import make_closure, make_organisation, make_practitioner

pytestmark = pytest.mark.django_db

WHO = {"actor": Actor(door="staff"), "now": datetime(2027, 1, 30, 12, tzinfo=UTC)}


def change(practice, closure, **values):
    usual = {"kind": closure.kind, "name": closure.name}
    return change_closure(
        organisation=practice.organisation, closure_id=closure.pk, **{**usual, **values}, **WHO
    )


def test_kind_and_name_are_changed_and_kept_in_the_trail(practice):
    closure = make_closure(name="Fire alarm works")

    change(practice, closure, kind="training", name="Training")
    change(practice, closure, kind="training", name="Training")

    event = AuditEvent.objects.get(event="closure.change")
    assert event.resource == f"Closure/{closure.pk}"
    assert event.detail["changes"] == {
        "kind": {"from": "closed", "to": "training"},
        "name": {"from": "Fire alarm works", "to": "Training"},
    }


@pytest.mark.parametrize("kind", ["sick", "leave"])
def test_nobody_in_particular_is_not_off_sick(practice, kind):
    with pytest.raises(DiaryRefused, match="Whose"):
        change(practice, make_closure(), kind=kind)


def test_one_persons_closure_is_no_bank_holiday(practice):
    with pytest.raises(DiaryRefused, match="everybody's"):
        change(practice, make_closure(practitioner=make_practitioner()), kind="bank-holiday")


def test_the_closure_of_another_practice_is_not_found(practice):
    with pytest.raises(NotFound):
        change(practice, make_closure(make_organisation()), name="Ours")
