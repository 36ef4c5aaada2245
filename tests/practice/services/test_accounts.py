"""What members of staff do to their own accounts happens with its event, or not at all."""

import pytest
from django.utils import timezone

from practice.models import AuditEvent
from practice.services import accounts
from workbench.factories import make_actor
from workbench.staff import PASSWORD, RECEPTIONIST, make_staff

NEW = "another-long-enough-secret"


@pytest.fixture
def jo(practice):
    return make_staff(
        practice.organisation,
        role=RECEPTIONIST,
        username="jo",
        password=PASSWORD,
        last_name="Bloggs",
    )


def change(user):
    accounts.change_own_password(
        user=user, password=NEW, actor=make_actor(door="staff"), now=timezone.now()
    )


@pytest.mark.req("AUD-002")
def test_a_new_password_is_set_and_recorded_and_nothing_else_is_written(jo):
    type(jo).objects.filter(pk=jo.pk).update(last_name="Married")  # by somebody else, meanwhile

    change(jo)

    jo.refresh_from_db()
    assert jo.check_password(NEW)
    assert jo.last_name == "Married"
    event = AuditEvent.objects.get(event="user.change-password")
    assert event.organisation == jo.memberships.get().organisation
    assert NEW not in str(vars(event))


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("AUD-016")
def test_what_cannot_be_recorded_does_not_happen(jo, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the trail is away")

    monkeypatch.setattr(accounts, "record_done_to_user", fail)

    with pytest.raises(RuntimeError):
        change(jo)

    jo.refresh_from_db()
    assert jo.check_password(PASSWORD)
