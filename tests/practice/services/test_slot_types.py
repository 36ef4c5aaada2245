"""Slot types and their mappings: past days stay as they are, and everything is in the trail."""

from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from practice.exceptions import DiaryRefused, NotFound
from practice.models import AuditEvent, SlotType, TemplateBlock
from practice.reads.slot_types import Mappings, mode_of, why_not_planned_with
from practice.services import sessions, slots
from practice.services.audit.recording import Actor
from practice.services.slot_types import (
    CountsAs,
    accept_warnings,
    add_slot_type,
    change_slot_type,
    map_slot_types,
)
from practice.services.templates import save_template
from workbench.factories import (
    ROUTINE,
    make_appointment,
    make_organisation,
    make_schedule,
    make_slot,
    make_slot_type,
    make_template,
    tomorrow,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
TODAY = date(2027, 1, 30)
DAY = timedelta(days=1)
WHO = {"actor": Actor(door="staff", name="Martha Manager"), "now": NOW}
ACUTE, CLINICS = "General Consultation Acute", "Planned Clinics"


def counted(practice, day, name="Routine"):
    found = Mappings(practice.organisation).on(name, day)
    return found and found.category


def map_(practice, slot_type, category, first_day=TODAY, **values):
    return map_slot_types(
        organisation=practice.organisation,
        wanted={slot_type.pk: CountsAs(category, "General Practice", **values)},
        first_day=first_day,
        **WHO,
    )


def test_a_mapping_counts_from_its_day_on_and_past_days_stay(practice):
    routine = make_slot_type(practice.organisation)

    map_(practice, routine, ACUTE)

    assert counted(practice, TODAY - DAY) == ROUTINE
    assert counted(practice, TODAY) == ACUTE
    with pytest.raises(DiaryRefused, match="today or later"):
        map_(practice, routine, CLINICS, TODAY - DAY)
    assert counted(practice, TODAY - DAY) == ROUTINE


def test_what_was_never_mapped_stays_unmapped_on_past_days(practice):
    routine = make_slot_type(practice.organisation, category=None)

    map_(practice, routine, ACUTE)

    assert counted(practice, TODAY - DAY) is None
    assert counted(practice, TODAY) == ACUTE


def test_a_mapping_to_come_waits_for_its_day_and_the_last_word_counts(practice):
    routine = make_slot_type(practice.organisation)

    map_(practice, routine, CLINICS, TODAY + 10 * DAY)
    assert counted(practice, TODAY + 9 * DAY) == ROUTINE
    assert counted(practice, TODAY + 10 * DAY) == CLINICS

    map_(practice, routine, ACUTE, TODAY + 5 * DAY)  # in the place of what was to come
    assert counted(practice, TODAY + 4 * DAY) == ROUTINE
    assert counted(practice, TODAY + 30 * DAY) == ACUTE
    assert routine.mappings.count() == 2


def test_the_history_says_from_what_to_what_and_who(practice):
    routine = make_slot_type(practice.organisation)

    map_(practice, routine, ACUTE, mode="Telephone/Audio")

    [before, now] = routine.mappings.order_by("first_day")
    assert (before.last_day, now.last_day) == (TODAY - DAY, None)
    assert now.made_by_name == "Martha Manager"
    event = AuditEvent.objects.filter(event="slottype.map").latest("pk")
    assert event.resource == f"SlotType/{routine.pk}"
    assert event.detail["from"]["category"] == ROUTINE
    assert event.detail["to"] == {
        "category": ACUTE,
        "setting": "General Practice",
        "mode": "Telephone/Audio",
        "from": "2027-01-30",
    }


def test_mapping_to_the_same_is_nothing_new(practice):
    routine = make_slot_type(practice.organisation)
    before = AuditEvent.objects.count()

    assert map_(practice, routine, ROUTINE) == []
    assert AuditEvent.objects.count() == before


def test_the_mode_is_the_channels_unless_said_otherwise(practice):
    routine = make_slot_type(practice.organisation)
    visit = make_slot_type(practice.organisation, "Visit", mode="Face to Face (Home Visit)")
    mappings = Mappings(practice.organisation)

    said = [
        mode_of(mappings.on(each.name, TODAY), channel)
        for each in (routine, visit)
        for channel in ("Telephone", "")
    ]

    assert said == ["Telephone/Audio", "", *["Face to Face (Home Visit)"] * 2]


@pytest.mark.parametrize(
    "counts_as",
    [
        CountsAs("Nothing", "General Practice"),
        CountsAs(ACUTE, "Nowhere"),
        CountsAs(ACUTE, "General Practice", "By pigeon"),
    ],
)
def test_only_what_is_on_the_lists_can_be_mapped_to(practice, counts_as):
    routine = make_slot_type(practice.organisation)

    with pytest.raises(DiaryRefused):
        map_slot_types(
            organisation=practice.organisation,
            wanted={routine.pk: counts_as},
            first_day=TODAY,
            **WHO,
        )


def test_several_are_mapped_or_none(practice):
    one = make_slot_type(practice.organisation, "One", category=None)
    theirs = make_slot_type(make_organisation(), "One", category=None)

    with pytest.raises(NotFound):
        map_slot_types(
            organisation=practice.organisation,
            wanted=dict.fromkeys([one.pk, theirs.pk], CountsAs(ACUTE, "General Practice")),
            first_day=TODAY,
            **WHO,
        )

    assert counted(practice, TODAY, "One") is None
    assert not theirs.mappings.exists()


def test_a_type_is_added_described_and_archived_and_keeps_its_name(practice):
    flu = add_slot_type(
        slot_type=SlotType(organisation=practice.organisation, name="Flu jab"), **WHO
    )
    flu.archived, flu.hint = True, "Autumn only"
    change_slot_type(slot_type=flu, **WHO)

    with pytest.raises(DiaryRefused, match="already"):
        add_slot_type(slot_type=SlotType(organisation=practice.organisation, name="Flu jab"), **WHO)
    flu.name = "Jab"
    with pytest.raises(DiaryRefused, match="name stays"):
        change_slot_type(slot_type=flu, **WHO)
    events = AuditEvent.objects.filter(event__startswith="slottype.").order_by("pk")
    assert [each.event for each in events] == ["slottype.add", "slottype.change"]
    assert events[1].detail["changes"]["archived"] == {"from": False, "to": True}


def test_a_warning_that_was_called_right_is_kept_with_the_mapping(practice):
    routine = make_slot_type(practice.organisation)

    accept_warnings(
        organisation=practice.organisation, slot_type_id=routine.pk, warnings=["name"], **WHO
    )

    assert routine.mappings.get().accepted == ["name"]
    assert AuditEvent.objects.filter(event="slottype.accept-warnings").exists()


# ---------------------------------------------------------------- where types are typed


def test_whatever_text_a_slot_gets_has_a_record(practice):
    """Nobody is kept from working: a new text is a type that waits to be mapped."""
    session = make_schedule(practice.organisation)
    start = session.start
    made = sessions.create_session(
        organisation=practice.organisation,
        location_id=practice.location.pk,
        start=start,
        end=start + timedelta(hours=1),
        slot_minutes=20,
        slot_type="By hand",
        actor=WHO["actor"],
        now=start - DAY,
    )
    slots.add_extra_slot(
        organisation=practice.organisation,
        schedule_id=made.pk,
        start=start,
        end=start + timedelta(minutes=10),
        slot_type="Squeezed in",
        reason="Urgent",
        actor=WHO["actor"],
        now=start - DAY,
    )
    one = made.slots.filter(slot_type="By hand").first()
    words = {name: getattr(one, name) for name in slots.SlotWords._fields}
    slots.change_slot(
        organisation=practice.organisation,
        slot_id=one.pk,
        words=slots.SlotWords(**{**words, "slot_type": "Renamed"}),
        actor=WHO["actor"],
        now=start - DAY,
    )

    names = SlotType.objects.values_list("name", flat=True)
    assert set(names) == {"By hand", "Squeezed in", "Renamed"}


def save(practice, name):
    template = make_template(practice.organisation, blocks=[])
    block = TemplateBlock(start="09:00", end="10:00", slot_minutes=10, slot_type=name)
    return save_template(template=template, blocks=[block], **WHO)


def test_a_new_type_is_not_planned_with_before_it_is_mapped(practice):
    flu = make_slot_type(practice.organisation, "Flu jab", category=None)

    with pytest.raises(DiaryRefused, match="no national category yet"):
        save(practice, "Flu jab")
    with pytest.raises(DiaryRefused, match="no national category yet"):
        save(practice, "Never heard of")
    map_(practice, flu, CLINICS)

    assert save(practice, "Flu jab").blocks.get().slot_type == "Flu jab"


def test_what_templates_use_already_they_may_go_on_to_use(practice):
    make_template(practice.organisation, blocks=[{"slot_type": "Old"}])

    assert save(practice, "Old").blocks.get().slot_type == "Old"
    assert SlotType.objects.get().name == "Old"


def test_an_archived_type_is_not_planned_with_anew(practice):
    make_slot_type(practice.organisation, archived=True)

    why = why_not_planned_with(organisation=practice.organisation, names=["Routine"])

    assert "archived" in why["Routine"]


def test_the_migration_makes_records_of_texts_and_leaves_the_texts(practice):
    slot = make_slot(slot_type="Blood test")
    appointment = make_appointment([make_slot(slot_type="Urgent ")])
    make_template(practice.organisation, blocks=[{"slot_type": "Planned"}])
    SlotType.objects.all().delete()
    migration = import_module("practice.migrations.0029_texts_become_slot_types")

    for _ in range(2):  # again does nothing
        migration.make_records(apps, SimpleNamespace(connection=connection))

    names = SlotType.objects.filter(organisation=practice.organisation)
    assert set(names.values_list("name", flat=True)) == {"Blood test", "Urgent ", "Planned"}
    assert not any(each.mappings.exists() for each in names)
    slot.refresh_from_db()
    appointment.refresh_from_db()
    assert (slot.slot_type, appointment.slot_type) == ("Blood test", "Urgent ")
    assert slot.start.date() >= tomorrow() - DAY
