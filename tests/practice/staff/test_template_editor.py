"""Building a template from blocks, and applying the plan that was shown and no other."""

from datetime import UTC, date, datetime, time, timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone

from practice import clock
from practice.models import Appointment, AuditEvent, GenerationRun, SessionTemplate, Slot
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_closure,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_template,
)
from workbench.staff import MANAGER, RECEPTIONIST, make_staff

pytestmark = pytest.mark.django_db

NEW = "/admin/templates/new/"
APPLY = "/admin/templates/apply/"
BREAK = {"slot_minutes": "", "slot_type": "", "delivery_channel": "", "gp_connect_bookable": None}


@pytest.fixture
def manager(practice, client):
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    return client


@pytest.fixture
def monday():
    """The Monday after next, at least a week ahead."""
    today = clock.today(timezone.now())
    return today + timedelta(days=14 - today.weekday())


def sent(practice, *blocks, do="save", **values):
    """Return what a browser sends for a new template with these blocks."""
    data = {
        "session_name": "Morning surgery",
        "session_holder": practice.practitioner.pk,
        "location": practice.location.pk,
        "practitioner_role": "R0260",
        "weekdays": ["0"],
        "every_n_weeks": 1,
        "effective_from": clock.today(timezone.now()).isoformat(),
        "blocks-TOTAL_FORMS": len(blocks),
        "blocks-INITIAL_FORMS": 0,
        "do": do,
    }
    for row, block in enumerate(blocks):
        usual = {
            "position": row,
            "start": "09:00",
            "end": "10:00",
            "slot_minutes": 10,
            "slot_type": "Routine",
            "delivery_channel": "In-person",
            "gp_connect_bookable": "on",
        }
        for name, value in {**usual, **block}.items():
            if value is not None:
                data[f"blocks-{row}-{name}"] = value
    return {**data, **values}


def fields(page) -> dict:
    """Return what a browser would send of the builder's page if nothing in it were changed."""
    forms = [page.context["form"], page.context["formset"].management_form]
    data = {}
    for form in [*forms, *page.context["formset"].forms]:
        for field in form:
            value = field.value()
            if value is None or value is False or value == "":
                continue
            if isinstance(value, date | time):
                value = value.isoformat()
            data[field.html_name] = "on" if value is True else value
    return data


def blocks_of(page) -> list[str]:
    """The headings of the blocks, in order."""
    return [view.heading for view in page.context["outlook"].views]


def timeline(page) -> list[str]:
    return [
        f"{clock.local(each.start):%H:%M} {each.words or 'Break'}"
        for each in page.context["outlook"].timeline
    ]


def said(page) -> str:
    return unescape(page.content.decode())


# ---------------------------------------------------------------- building


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
    assert answer.url == reverse("admin:template", args=[template.pk])
    assert template.organisation == practice.organisation
    assert [block.slot_type for block in template.blocks.all()] == ["Routine", "", "Urgent"]
    event = AuditEvent.objects.get(event="sessiontemplate.add")
    assert event.resource == f"SessionTemplate/{template.pk}"
    assert len(event.detail["records"]) == 3


def test_a_change_is_audited_with_old_and_new_values(practice, manager):
    template = make_template(session_holder=practice.practitioner)
    address = reverse("admin:template", args=[template.pk])
    data = fields(manager.get(address))

    manager.post(address, {**data, "session_name": "Late surgery", "do": "save"})
    manager.post(address, {**data, "session_name": "Late surgery", "do": "save"})

    event = AuditEvent.objects.get(event="sessiontemplate.change")
    assert event.detail["changes"] == {
        "session_name": {"from": "Morning surgery", "to": "Late surgery"}
    }


@pytest.mark.parametrize(
    ("blocks", "values", "words"),
    [
        ([{}], {"weekdays": []}, "This field is required"),
        ([{}, {"start": "09:50"}], {}, "before the block above it (09:00 to 10:00) has ended"),
        ([{"slot_minutes": 90}], {}, "A slot of 90 minutes does not fit between"),
        ([BREAK], {}, "a session of breaks offers none"),
        ([{}], {"practitioner_role": ""}, "The session has no role"),
        ([{"delivery_channel": ""}], {}, "It has no delivery channel"),
    ],
    ids=["no day", "overlap", "too long", "breaks only", "no role", "no channel"],
)
def test_what_cannot_work_is_refused_in_the_words_of_the_admin(
    practice, manager, blocks, values, words
):
    answer = manager.post(NEW, sent(practice, *blocks, **values))

    assert answer.status_code == 422
    assert words in said(answer)
    assert not SessionTemplate.objects.exists()


def test_the_timeline_shows_slots_and_breaks(practice, manager):
    page = manager.post(
        NEW,
        sent(
            practice,
            {"end": "09:20"},
            {"start": "09:20", "end": "09:40", **BREAK},
            {"start": "09:40", "end": "10:00", "gp_connect_bookable": None},
            do="show",
        ),
    )

    assert timeline(page) == [
        "09:00 Routine, In-person",
        "09:10 Routine, In-person",
        "09:20 Break",
        "09:40 Routine, In-person",
        "09:50 Routine, In-person",
    ]
    assert "4 slots: 2 GP Connect bookable, 2 staff only." in said(page)
    assert not SessionTemplate.objects.exists()


def test_with_htmx_only_the_timeline_comes_back(practice, manager):
    answer = manager.post(NEW, sent(practice, {}, do="show"), headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "<html" not in said(answer)
    assert "6 slots" in said(answer)


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
    address = reverse("admin:template", args=[template.pk])

    page = manager.post(address, {**fields(manager.get(address)), "do": "remove-0"})
    assert blocks_of(page) == ["1. Urgent, 6 slots"]
    assert template.blocks.count() == 2
    manager.post(address, {**fields(page), "do": "save"})

    assert [block.slot_type for block in template.blocks.all()] == ["Urgent"]


def test_it_says_what_others_see_of_each_block_and_why_one_never_can(practice, manager):
    profile = make_access_profile(name="111 daily")

    page = manager.post(
        NEW,
        sent(
            practice,
            {"access_profile": profile.pk, "embargo_minutes": 90},
            {"start": "10:00", "end": "11:00", "embargo_minutes": 5, "minimum_notice_minutes": 60},
            {"start": "11:00", "end": "12:00", "gp_connect_bookable": None},
            do="show",
        ),
    )

    views = page.context["outlook"].views
    assert "Organisations of “111 daily” see: Routine, In-person" in views[0].seen
    assert "hidden until 1 h 30 min before it starts" in views[0].seen
    assert "Its embargo ends 5 minutes before it starts" in views[1].never[0]
    assert views[2].seen == "Staff only: other organisations see nothing of it."


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


def test_the_calendar_shows_weeks_a_and_b_and_what_is_closed(practice, manager, monday):
    make_closure(start_date=monday, end_date=monday, name="Fire alarm works")
    template = make_template(
        session_holder=practice.practitioner,
        every_n_weeks=2,
        effective_from=monday,
        weekdays=[0],
        runs_on_bank_holidays=True,
    )

    page = manager.get(reverse("admin:template", args=[template.pk]))

    days = {d.day: d for week in page.context["calendar"] for d in week.days}
    assert (days[monday].word, days[monday].why) == ("Closed", "Fire alarm works")
    words = [days[monday + timedelta(weeks=n)].word for n in range(1, 5)]
    assert words == ["", "Runs", "", "Runs"]
    names = [week.name for week in page.context["calendar"]]
    assert set(names) == {"Week A", "Week B"}
    assert len(names) == 12


def test_another_practices_ids_are_not_found_or_not_a_choice(practice, manager):
    other = make_organisation()
    theirs = make_template(other, location=make_location(other))
    profile = make_access_profile(other, name="Theirs")

    for address in (
        reverse("admin:template", args=[theirs.pk]),
        f"{NEW}?copy={theirs.pk}",
        f"{APPLY}?template={theirs.pk}",
    ):
        assert manager.get(address).status_code == 404
    own = reverse("admin:template", args=[theirs.pk])
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
    address = reverse("admin:template", args=[make_template().pk])

    assert client.get(address).status_code == 200
    assert client.post(address, sent(practice, {})).status_code == 403
    assert client.get(NEW).status_code == 403
    assert client.get(APPLY).status_code == 403


# ---------------------------------------------------------------- applying


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
        "template": page.context["template_chosen"].pk if page.context["template_chosen"] else "",
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


def test_stranded_appointments_are_named_before_it_happens(practice, manager, template, monday):
    manager.post(APPLY, shown(plan_of(manager, template, monday)))
    slot = Slot.objects.order_by("start").last()
    booked = make_appointment(slots=[slot], patient=make_patient(family_name="Faux"))
    template.blocks.update(end=time(9, 30))

    page = plan_of(manager, template, monday)

    assert page.context["button"] == "Apply: withdraw 5, strand 1, change 2 sessions"
    assert "Faux" in said(page)
    assert reverse("admin:diary_appointment", args=[booked.pk]) in said(page)
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

    builder = reverse("admin:template", args=[template.pk])
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


def test_the_timeline_knows_the_clock_changes(practice, client, monkeypatch):
    """A night session over the spring change is shown as it will be."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2027, 3, 1, 12, tzinfo=UTC))
    client.force_login(make_staff(practice.organisation, role=MANAGER))
    template = make_template(
        session_holder=practice.practitioner,
        effective_from=date(2027, 3, 27),
        weekdays=[5],
        blocks=[{"start": time(23), "end": time(3), "slot_minutes": 60}],
    )

    page = client.get(reverse("admin:template", args=[template.pk]))

    assert [line[:5] for line in timeline(page)] == ["23:00", "00:00", "02:00"]
