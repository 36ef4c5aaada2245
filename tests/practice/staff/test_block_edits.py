"""Blocks are added, copied, moved and removed by the buttons of the page."""

from datetime import time

import pytest
from django.urls import reverse

from practice.models import SessionTemplate
from tests.practice.staff.template_page import (
    NEW,
    blocks_of,
    fields,
    sent,
    timeline,
)
from workbench.factories import (
    make_slot_type,
    make_template,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mapped_types(practice):
    """Templates may use these: they have a national category."""
    return [make_slot_type(practice.organisation, name) for name in ("Routine", "Urgent")]


def test_blocks_are_added_copied_moved_and_removed_by_buttons(practice, manager):
    page = manager.post(NEW, sent(practice, {"end": "10:00"}, do="break"))
    assert blocks_of(page) == ["1. Routine, 6 slots", "2. Break"]

    page = manager.post(NEW, {**fields(page), "do": "up-1"})
    assert blocks_of(page) == ["1. Break", "2. Routine, 6 slots"]
    assert timeline(page)[:2] == ["09:00 Break", "09:20 Routine, In-person"]

    page = manager.post(NEW, {**fields(page), "do": "copy-0"})
    assert blocks_of(page) == ["1. Break", "2. Routine, 6 slots", "3. Routine, 6 slots"]

    page = manager.post(NEW, {**fields(page), "do": "remove-1"})
    assert blocks_of(page) == ["1. Routine, 6 slots", "2. Routine, 6 slots"]

    manager.post(NEW, {**fields(page), "do": "save"})
    assert [str(block) for block in SessionTemplate.objects.get().blocks.all()] == [
        "09:20 to 10:20 Routine",
        "10:20 to 11:20 Routine",
    ]


def test_a_stored_block_is_removed_when_the_template_is_saved(practice, manager):
    template = make_template(
        session_holder=practice.practitioner,
        blocks=[{"end": time(10)}, {"start": time(10), "end": time(11), "slot_type": "Urgent"}],
    )
    address = reverse("admin:practice_sessiontemplate_change", args=[template.pk])

    page = manager.post(address, {**fields(manager.get(address)), "do": "remove-0"})
    assert blocks_of(page) == ["1. Urgent, 6 slots"]
    assert template.blocks.count() == 2
    manager.post(address, {**fields(page), "do": "save"})

    assert [block.slot_type for block in template.blocks.all()] == ["Urgent"]
