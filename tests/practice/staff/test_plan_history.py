"""What happened to templates, closures and runs, in words, for those who may read the trail."""

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.models import AuditEvent
from practice.services.audit.recording import Actor
from practice.services.closures.changing import change_closure
from practice.services.templates import save_template
from workbench.factories import (
    make_closure,
    make_generation_run,
    make_organisation,
    make_template,
)
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

MAKERS = {
    "sessiontemplate": make_template,
    "closure": make_closure,
    "generationrun": make_generation_run,
}


def address(name, record) -> str:
    return reverse(f"admin:practice_{name}_history", args=[record.pk])


def who() -> dict:
    return {"actor": Actor(door="staff", name="Martha Manager"), "now": timezone.now()}


def test_a_template_tells_what_was_changed_of_it_and_of_its_blocks(practice, manager):
    template = make_template()
    [block] = template.blocks.all()
    template.session_name, block.slot_minutes = "Late surgery", 20
    save_template(template=template, blocks=[block], **who())

    page = manager.get(address("sessiontemplate", template)).content.decode()

    assert "Session name: “Morning surgery” became “Late surgery”" in page
    assert "Block changed (1), slot minutes: “10” became “20”" in page
    assert "Martha Manager" in page
    assert AuditEvent.objects.filter(event="auditevent.searched").count() == 1


def test_a_closure_tells_its_new_name(practice, manager):
    closure = make_closure(name="Flood")
    change_closure(
        organisation=practice.organisation,
        closure_id=closure.pk,
        kind="closed",
        name="Fire",
        **who(),
    )

    assert (
        "Name: “Flood” became “Fire”" in manager.get(address("closure", closure)).content.decode()
    )


@pytest.mark.parametrize("name", MAKERS)
def test_history_is_for_those_who_may_read_the_trail(practice, client, name):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))

    assert client.get(address(name, MAKERS[name]())).status_code == 403


@pytest.mark.parametrize("name", MAKERS)
def test_the_history_of_another_practice_is_not_there(practice, manager, name):
    assert manager.get(address(name, MAKERS[name](make_organisation()))).status_code == 404
