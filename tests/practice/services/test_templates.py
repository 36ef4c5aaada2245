"""Templates written by the service: only one's own records, every change in the trail."""

from datetime import UTC, date, datetime, time

import pytest

from practice.exceptions import (
    DiaryRefused,
    LocationNotFound,
    NotFound,
    PractitionerNotFound,
    ReferenceNotFound,
)
from practice.models import AuditEvent, SessionTemplate, TemplateBlock
from practice.services.audit.recording import Actor
from practice.services.templates import end_template, remove_template, save_template
from workbench.factories import (
    make_access_profile,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot_type,
    make_template,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY = date(2027, 2, 1)
WHO = {"actor": Actor(door="staff", name="Martha Manager"), "now": NOW}


def block(**values) -> TemplateBlock:
    usual = {"start": time(9), "end": time(10), "slot_minutes": 10, "slot_type": "Routine"}
    return TemplateBlock(**{**usual, **values})


@pytest.fixture(autouse=True)
def routine(practice):
    return make_slot_type(practice.organisation)


def new_template(practice, **values) -> SessionTemplate:
    usual = {
        "organisation": practice.organisation,
        "session_name": "Morning surgery",
        "location": practice.location,
        "weekdays": [0],
        "effective_from": MONDAY,
    }
    return SessionTemplate(**{**usual, **values})


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event__startswith="sessiontemplate.").order_by("pk"))


def test_a_new_template_is_kept_with_what_it_says(practice):
    saved = save_template(template=new_template(practice), blocks=[block()], cloned_from=7, **WHO)

    [event] = events()
    [added] = event.detail["records"]
    assert event.event == "sessiontemplate.add"
    assert event.resource == f"SessionTemplate/{saved.pk}"
    assert event.detail["changes"]["effective_from"] == {"to": "2027-02-01"}
    assert event.detail["changes"]["location"] == {
        "to": f"{practice.location} ({practice.location.pk})"
    }
    assert event.detail["cloned_from"] == 7
    assert (added["added"], added["id"]) == ("block", saved.blocks.get().pk)


def test_what_is_left_out_is_removed_and_what_differs_is_changed(practice):
    template = make_template(blocks=[{"end": time(10)}, {"start": time(10), "end": time(11)}])
    first, second = template.blocks.order_by("position")
    second.slot_minutes = 20
    template.session_name = "Late surgery"

    save_template(template=template, blocks=[second, block(position=2)], **WHO)

    [event] = events()
    changed, added, removed = event.detail["records"]
    assert event.detail["changes"] == {
        "session_name": {"from": "Morning surgery", "to": "Late surgery"}
    }
    assert changed["changes"] == {"slot_minutes": {"from": 10, "to": 20}}
    assert added["added"] == "block"
    assert removed["values"]["start"] == "09:00:00"
    assert not TemplateBlock.objects.filter(pk=first.pk).exists()


def test_nothing_is_written_where_nothing_differs(practice):
    template = make_template()

    save_template(template=template, blocks=list(template.blocks.all()), **WHO)

    assert events() == []


def test_a_block_that_somebody_else_has_removed_is_not_brought_back(practice):
    template = make_template(blocks=[{"end": time(10)}, {"start": time(10)}])
    kept, gone = template.blocks.order_by("position")
    TemplateBlock.objects.filter(pk=gone.pk).delete()

    with pytest.raises(NotFound, match="Somebody else has removed a block"):
        save_template(template=template, blocks=[kept, gone], **WHO)


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        (lambda there: {"location": make_location(there)}, LocationNotFound),
        (lambda there: {"session_holder": make_practitioner(there)}, PractitionerNotFound),
        (lambda there: {"access_profile": make_access_profile(there)}, ReferenceNotFound),
        (lambda there: {"effective_to": date(2027, 1, 31)}, DiaryRefused),
    ],
    ids=["place", "holder", "profile", "ends before it begins"],
)
def test_what_is_not_the_practices_is_refused(practice, values, refusal):
    template = new_template(practice, **values(make_organisation()))

    with pytest.raises(refusal):
        save_template(template=template, blocks=[block()], **WHO)

    assert not SessionTemplate.objects.exists()


def test_the_profile_of_a_block_must_be_the_practices_too(practice):
    theirs = make_access_profile(make_organisation())

    with pytest.raises(ReferenceNotFound):
        save_template(template=new_template(practice), blocks=[block(access_profile=theirs)], **WHO)


def test_ending_is_in_the_trail_once(practice):
    template = make_template(effective_from=MONDAY)
    which = {"organisation": practice.organisation, "template_id": template.pk}

    for _ in range(2):
        ended = end_template(last_date=MONDAY, **which, **WHO)

    [event] = events()
    assert ended.effective_to == MONDAY
    assert event.detail["changes"]["effective_to"] == {"from": None, "to": "2027-02-01"}


def test_a_template_that_made_sessions_stays(practice):
    template = make_template()
    make_schedule(template=template)

    with pytest.raises(DiaryRefused, match="end it instead"):
        remove_template(organisation=practice.organisation, template_id=template.pk, **WHO)

    assert SessionTemplate.objects.filter(pk=template.pk).exists()


@pytest.mark.parametrize("do", [end_template, remove_template])
def test_the_template_of_another_practice_is_not_found(practice, do):
    theirs = make_template(make_organisation())
    more = {"last_date": MONDAY} if do is end_template else {}

    with pytest.raises(NotFound):
        do(organisation=practice.organisation, template_id=theirs.pk, **more, **WHO)
