"""Applying the plan that was shown and no other, and what a run did."""

from datetime import time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from practice.models import Appointment, AuditEvent, GenerationRun, Slot
from tests.practice.staff.template_page import (
    APPLY,
    said,
)
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_closure,
    make_generation_run,
    make_organisation,
    make_patient,
    make_template,
)
from workbench.staff import RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def template(practice, monday):
    return make_template(
        session_holder=practice.practitioner,
        weekdays=[0],
        effective_from=monday,
        runs_on_bank_holidays=True,
        blocks=[{"end": time(10)}],
    )


def plan_of(client, template, monday, weeks=2):
    return client.get(
        APPLY,
        {"template": template.pk, "from": monday, "to": monday + timedelta(weeks=weeks, days=-1)},
    )


def shown(page) -> dict:
    """What the page's last button sends."""
    scope = page.context["plan"].scope
    return {
        "template": [template.pk for template in page.context["chosen"]],
        "from": scope.from_date.isoformat(),
        "to": scope.to_date.isoformat(),
        "digest": page.context["plan"].digest,
        "shown_at": page.context["shown_at"],
        "seen": page.context["seen"],
    }


def test_the_plan_shown_is_the_plan_applied(practice, manager, template, monday):
    page = plan_of(manager, template, monday)
    assert page.context["button"] == "Apply: create 12"
    assert Slot.objects.count() == 0

    answer = manager.post(APPLY, shown(page), follow=True)

    run = GenerationRun.objects.get()
    assert reverse("admin:practice_generationrun_change", args=[run.pk]) in said(answer)
    assert "12 slots created" in said(answer)
    assert run.slots_created == Slot.objects.count() == 12
    assert plan_of(manager, template, monday).context["button"] == ""


def test_orphaned_appointments_are_named_before_it_happens(practice, manager, template, monday):
    manager.post(APPLY, shown(plan_of(manager, template, monday)))
    slot = Slot.objects.order_by("start").last()
    booked = make_appointment(slots=[slot], patient=make_patient(family_name="Faux"))
    template.blocks.update(end=time(9, 30))

    page = plan_of(manager, template, monday)

    assert page.context["button"] == "Apply: withdraw 5, orphan 1, change 2 sessions"
    assert "Faux" in said(page)
    assert reverse("admin:practice_appointment_change", args=[booked.pk]) in said(page)
    viewed = AuditEvent.objects.filter(event="template_plan.viewed").last()
    assert viewed.detail["patients"] == [booked.patient_id]

    manager.post(APPLY, shown(page))
    assert Appointment.objects.get().orphaned


def test_a_changed_diary_is_told_and_the_new_plan_shown(practice, manager, template, monday):
    page = plan_of(manager, template, monday, weeks=3)
    make_closure(start_date=monday, end_date=monday, name="Flood")
    template.blocks.update(end=time(9, 40))

    answer = manager.post(APPLY, shown(page))

    assert answer.status_code == 409
    assert "The diary has changed since you looked. Nothing was applied" in said(answer)
    assert "Changed since you looked: it was create 6." in said(answer)
    assert "All slots are closed: Flood." in said(answer)
    assert not Slot.objects.exists()
    assert answer.context["button"] == "Apply: create 8"

    manager.post(APPLY, shown(answer))
    assert Slot.objects.count() == 8


def test_a_plan_with_a_made_up_digest_or_moment_does_nothing(practice, manager, template, monday):
    page = plan_of(manager, template, monday)
    later = (timezone.now() + timedelta(days=1)).isoformat()

    for forged in ({"digest": "x"}, {"shown_at": later}, {"shown_at": "x"}, {"seen": "[1"}):
        answer = manager.post(APPLY, {**shown(page), "digest": "y", **forged})
        assert answer.status_code == 409
    assert not Slot.objects.exists()


def test_all_templates_are_applied_together_and_dates_are_bounded(
    practice, manager, template, monday
):
    make_template(
        weekdays=[1],
        effective_from=monday,
        runs_on_bank_holidays=True,
        blocks=[{"end": time(10)}],
    )

    page = manager.get(APPLY, {"from": monday, "to": monday + timedelta(days=6)})
    assert page.context["button"] == "Apply: create 12"

    for last, words in (
        (monday + timedelta(weeks=26), "At most 26 weeks at a time"),
        (monday - timedelta(days=1), "The last day is before the first"),
    ):
        page = manager.get(APPLY, {"from": monday, "to": last})
        assert page.status_code == 422
        assert words in said(page)
    assert manager.get(APPLY, {"from": "x"}).status_code == 422


def test_the_pages_make_as_many_queries_for_many_slots_as_for_few(
    practice, manager, template, monday, django_assert_max_num_queries
):
    def queries(address) -> int:
        with django_assert_max_num_queries(80) as made:
            assert manager.get(address).status_code == 200
        return len(made.captured_queries)

    builder = reverse("admin:practice_sessiontemplate_change", args=[template.pk])
    apply = f"{APPLY}?template={template.pk}&from={monday}&to={monday + timedelta(days=27)}"
    few = queries(builder), queries(apply)
    template.blocks.update(end=time(13), slot_minutes=5)
    profile = make_access_profile()
    for hour in range(13, 18):
        template.blocks.create(
            position=hour,
            start=time(hour),
            end=time(hour + 1),
            slot_minutes=5,
            slot_type="Routine",
            delivery_channel="Telephone",
            gp_connect_bookable=True,
            access_profile=profile,
        )

    assert (queries(builder), queries(apply)) == few


def test_some_templates_are_applied_and_no_other(practice, manager, template, monday):
    other = make_template(weekdays=[1], effective_from=monday, runs_on_bank_holidays=True)
    make_template(weekdays=[2], effective_from=monday, session_name="Not this one")
    dates = {"from": monday, "to": monday + timedelta(days=6)}

    page = manager.get(APPLY, {"template": [template.pk, other.pk], **dates})
    manager.post(APPLY, shown(page))

    used = set(Slot.objects.values_list("schedule__template", flat=True))
    assert used == {template.pk, other.pk}


def test_a_run_says_what_it_did_and_what_it_skipped(practice, manager, template, monday):
    make_closure(start_date=monday, end_date=monday, name="Flood")
    manager.post(APPLY, shown(plan_of(manager, template, monday)))
    run = GenerationRun.objects.get()

    page = said(manager.get(reverse("admin:practice_generationrun_change", args=[run.pk])))

    assert "<strong>6</strong> slots created" in page
    assert "All slots are closed: Flood." in page
    assert run.started_by.get_username() in page


def test_a_run_of_another_practice_is_not_there(practice, manager):
    theirs = make_generation_run(make_organisation())

    address = reverse("admin:practice_generationrun_change", args=[theirs.pk])

    assert manager.get(address).status_code == 404


def test_a_receptionist_sees_runs_and_cannot_apply(practice, client):
    client.force_login(make_staff(practice.organisation, role=RECEPTIONIST))
    run = make_generation_run()

    page = client.get(reverse("admin:practice_generationrun_change", args=[run.pk]))

    assert page.status_code == 200
    assert "Apply templates" not in said(page)
    assert client.post(APPLY, {}).status_code == 403
