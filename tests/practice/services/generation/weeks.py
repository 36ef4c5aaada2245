"""Weeks of a diary, generated and looked at: what the tests of generation share."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from practice.models import (
    Appointment,
    GenerationRun,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.services.audit.recording import Actor
from practice.services.generation import runs

LONDON = ZoneInfo("Europe/London")
# Saturday noon; the first working day after it is Monday 1 February, far from bank holidays.
NOW = datetime(2027, 1, 30, 12, tzinfo=UTC)
MONDAY = date(2027, 2, 1)
FRIDAY = date(2027, 2, 5)
GOOD_FRIDAY = date(2027, 3, 26)
OPERATOR = Actor(door="command", name="operator")


def generate(organisation, first=MONDAY, last=FRIDAY, *, now=NOW, **options):
    return runs.generate(
        organisation=organisation,
        from_date=first,
        to_date=last,
        actor=OPERATOR,
        now=now,
        **options,
    )


def plan(organisation, first=MONDAY, last=FRIDAY, *, now=NOW):
    return runs.plan(organisation=organisation, from_date=first, to_date=last, now=now)


def at(clock_time: str, day: date = MONDAY) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock_time), LONDON)


def slot_at(clock_time: str, day: date = MONDAY, **filters) -> Slot:
    return Slot.objects.get(start=at(clock_time, day), **filters)


def times(**filters) -> list[str]:
    """The slots that take place, as people write them: 09:00-09:10."""
    slots = Slot.objects.filter(withdrawn=False, **filters).order_by("start")
    return [
        f"{slot.start.astimezone(LONDON):%H:%M}-{slot.end.astimezone(LONDON):%H:%M}"
        for slot in slots
    ]


def everything() -> list[list]:
    """Every row of the diary, in every column."""
    return [
        list(model.objects.order_by("pk").values_list()) for model in (Schedule, Slot, Appointment)
    ]


def counts(run: GenerationRun) -> dict[str, int]:
    """The numbers of a run that are not zero."""
    names = [f.name for f in run._meta.fields if f.name.startswith(("slots", "sess", "appoint"))]
    return {name: getattr(run, name) for name in names if getattr(run, name)}


def reasons(run: GenerationRun) -> list[str]:
    return [item["reason"] for item in run.skipped]


def change_block(template: SessionTemplate, **values) -> None:
    TemplateBlock.objects.filter(template=template).update(**values)
