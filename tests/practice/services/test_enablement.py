"""Switching GP Connect on and off: from the next request on, and in the trail."""

import pytest
from django.utils import timezone

from practice.models import AuditEvent, Organisation
from practice.services import enablement
from practice.services.audit.recording import Actor

STAFF = Actor(
    door="staff",
    user_id="rita",
    name="Rita Reception",
    role="Receptionist",
    organisation="Practice 1",
    on_authority_of="Dr Ada Clinician",
    device="Firefox",
    address="10.0.0.7",
)


@pytest.mark.req("AUD-018", "ENA-006")
@pytest.mark.django_db
def test_turning_gp_connect_off_is_recorded_with_old_and_new_value(practice):
    enablement.switch(
        organisation=practice.organisation,
        actor=STAFF,
        now=timezone.now(),
        gp_connect_enabled=False,
    )

    event = AuditEvent.objects.get()
    assert (event.event, event.user_name) == ("organisation.switch", "Rita Reception")
    assert event.detail["changes"] == {"gp_connect_enabled": {"from": True, "to": False}}


@pytest.mark.req("ENA-006")
@pytest.mark.django_db
def test_each_switch_that_changes_is_an_event_and_the_others_are_none(practice):
    who = {"actor": STAFF, "now": timezone.now()}

    enablement.switch(
        organisation=practice.organisation,
        gp_connect_enabled=True,
        appointment_management_enabled=False,
        **who,
    )
    enablement.switch(organisation=practice.organisation, **who)

    event = AuditEvent.objects.get()
    assert event.detail["changes"] == {
        "appointment_management_enabled": {"from": True, "to": False}
    }
    practice.organisation.refresh_from_db()
    assert practice.organisation.gp_connect_enabled
    assert not practice.organisation.appointment_management_enabled


@pytest.mark.req("ENA-007")
@pytest.mark.django_db
def test_a_switch_is_compared_with_what_is_stored_not_with_a_copy(practice):
    copy = Organisation.objects.get(pk=practice.organisation.pk)
    for record in (practice.organisation, copy):
        enablement.switch(
            organisation=record, gp_connect_enabled=False, actor=STAFF, now=timezone.now()
        )

    assert AuditEvent.objects.count() == 1
