"""The page of a template: added, changed, copied, ended, and removed."""

from datetime import timedelta

import pytest
from django.urls import reverse

from practice.models import AuditEvent, SessionTemplate
from tests.practice.staff.template_page import (
    APPLY,
    BREAK,
    NEW,
    fields,
    said,
    sent,
)
from workbench.factories import (
    make_access_profile,
    make_location,
    make_organisation,
    make_practitioner,
    make_schedule,
    make_slot_type,
    make_template,
)
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mapped_types(practice):
    """Templates may use these: they have a national category."""
    return [make_slot_type(practice.organisation, name) for name in ("Routine", "Urgent")]


def test_a_template_is_built_from_blocks_and_audited(practice, manager):
    answer = manager.post(
        NEW,
        sent(
            practice,
            {},
            {"start": "10:00", "end": "10:20", **BREAK},
            {"start": "10:20", "end": "11:00", "slot_type": "Urgent", "slot_minutes": 20},
        ),
    )

    template = SessionTemplate.objects.get()
    assert answer.url == reverse("admin:practice_sessiontemplate_change", args=[template.pk])
    assert template.organisation == practice.organisation
    assert [block.slot_type for block in template.blocks.all()] == ["Routine", "", "Urgent"]
    event = AuditEvent.objects.get(event="sessiontemplate.add")
    assert event.resource == f"SessionTemplate/{template.pk}"
    assert len(event.detail["records"]) == 3


def test_a_change_is_audited_with_old_and_new_values(practice, manager):
    template = make_template(session_holder=practice.practitioner)
    address = reverse("admin:practice_sessiontemplate_change", args=[template.pk])
    data = fields(manager.get(address))

    manager.post(address, {**data, "session_name": "Late surgery", "do": "save"})
    manager.post(address, {**data, "session_name": "Late surgery", "do": "save"})

    event = AuditEvent.objects.get(event="sessiontemplate.change")
    assert event.detail["changes"] == {
        "session_name": {"from": "Morning surgery", "to": "Late surgery"}
    }


def test_with_htmx_only_the_timeline_comes_back(practice, manager):
    answer = manager.post(NEW, sent(practice, {}, do="show"), headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "<html" not in said(answer)
    assert "6 slots" in said(answer)


def test_a_clone_for_the_other_week_starts_a_week_later(practice, manager, monday):
    template = make_template(
        session_holder=practice.practitioner, every_n_weeks=2, effective_from=monday, weekdays=[0]
    )
    address = f"{NEW}?copy={template.pk}&other_week=1"

    manager.post(address, {**fields(manager.get(address)), "do": "save"})

    copy = SessionTemplate.objects.exclude(pk=template.pk).get()
    assert copy.effective_from == monday + timedelta(weeks=1)
    assert [str(b) for b in copy.blocks.all()] == [str(b) for b in template.blocks.all()]
    assert AuditEvent.objects.get(event="sessiontemplate.add").detail["cloned_from"] == template.pk


def test_another_practices_ids_are_not_found_or_not_a_choice(practice, manager):
    other = make_organisation()
    theirs = make_template(other, location=make_location(other))
    profile = make_access_profile(other, name="Theirs")

    for address in (
        reverse("admin:practice_sessiontemplate_change", args=[theirs.pk]),
        f"{NEW}?copy={theirs.pk}",
        f"{APPLY}?template={theirs.pk}",
    ):
        assert manager.get(address).status_code == 404
    own = reverse("admin:practice_sessiontemplate_change", args=[theirs.pk])
    assert manager.post(own, sent(practice, {})).status_code == 404
    assert manager.post(APPLY, {"template": theirs.pk}).status_code == 404
    for name, pk in (
        ("location", theirs.location.pk),
        ("session_holder", make_practitioner(other).pk),
        ("access_profile", profile.pk),
        ("blocks-0-access_profile", profile.pk),
    ):
        assert manager.post(NEW, sent(practice, {}, **{name: pk})).status_code == 422, name
    assert SessionTemplate.objects.count() == 1


def test_a_receptionist_may_look_but_not_change(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    address = reverse("admin:practice_sessiontemplate_change", args=[make_template().pk])

    assert client.get(address).status_code == 200
    assert client.post(address, sent(practice, {})).status_code == 403
    assert client.get(NEW).status_code == 403
    assert client.get(APPLY).status_code == 403


@pytest.mark.parametrize("last", [7, 0], ids=["in a week", "at once"])
def test_a_template_is_ended_and_the_plan_shown(practice, manager, monday, last):
    template = make_template(weekdays=[0], effective_from=monday)
    day = monday + timedelta(days=last)
    address = reverse("admin:practice_sessiontemplate_delete", args=[template.pk])

    answer = manager.post(address, {"do": "end", "last_date": day.isoformat()})

    template.refresh_from_db()
    assert template.effective_to == day
    assert answer.url == f"{APPLY}?template={template.pk}&from={day + timedelta(days=1)}"
    event = AuditEvent.objects.get(event="sessiontemplate.change")
    assert event.detail["changes"] == {"effective_to": {"from": None, "to": day.isoformat()}}


def test_a_template_cannot_end_before_it_begins(practice, manager, monday):
    template = make_template(effective_from=monday)
    address = reverse("admin:practice_sessiontemplate_delete", args=[template.pk])
    before = monday - timedelta(days=1)

    answer = manager.post(address, {"do": "end", "last_date": before.isoformat()})

    assert answer.status_code == 422
    assert "The last date is before the first date" in said(answer)


def test_a_template_without_sessions_is_removed_another_is_not(practice, manager):
    unused, used = make_template(), make_template(session_name="Used")
    make_schedule(template=used)

    for template in (unused, used):
        address = reverse("admin:practice_sessiontemplate_delete", args=[template.pk])
        answer = manager.post(address, {"do": "remove"}, follow=True)

    assert "Sessions have been made from this template: end it instead" in said(answer)
    assert list(SessionTemplate.objects.all()) == [used]
    event = AuditEvent.objects.get(event="sessiontemplate.delete")
    assert event.detail["removed"]["session_name"] == "Morning surgery"


def test_a_receptionist_may_not_end_a_template(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    address = reverse("admin:practice_sessiontemplate_delete", args=[make_template().pk])

    assert client.get(address).status_code == 403
    assert client.post(address, {"do": "remove"}).status_code == 403


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "99999-01-01"])
@pytest.mark.parametrize("do", ["save", "show"])
def test_a_template_begins_and_ends_in_a_year_that_somebody_may_plan(
    practice, client, manager, day, do
):
    """The preview reckons with the week before and the weeks after."""
    for name in ("effective_from", "effective_to"):
        page = client.post(NEW, sent(practice, {}, do=do, **{name: day}))

        assert page.status_code in {200, 422}
        assert page.context["form"].errors[name]
    assert not SessionTemplate.objects.exists()
