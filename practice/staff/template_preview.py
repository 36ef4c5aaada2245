"""What would come of a template, saved or not: its timeline, its calendar, what others see."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from practice import clock
from practice.clock import moment, seconds
from practice.models import Closure, Organisation, SessionTemplate, TemplateBlock
from practice.models.common import OFFER_LIMITS
from practice.reads.bookability import effective_limit, effective_profile
from practice.reads.closures import closures_between
from practice.services.generation.bank_holidays import unseeded
from practice.services.generation.closed_times import closures_of
from practice.services.generation.planned_sessions import PlannedSession, planned_session, runs_on
from practice.site.mending import never_offered_with_links
from practice.site.plan_words import block_minutes, slots_in
from practice.staff.template_forms import BlockEditForm, slot_of

WEEKS = 12


@dataclass
class BlockView:
    """A block as the page shows it: its form, and what is said of it."""

    form: BlockEditForm
    place: int
    heading: str = ""
    is_bookable: bool = False
    seen: str = ""
    not_offered: list[Any] = field(default_factory=list)

    @property
    def index(self) -> str:
        """The number by which the buttons name it."""
        return str(self.form.prefix).rpartition("-")[2]


@dataclass(frozen=True)
class TimelineItem:
    """A slot of the timeline, or the time between two."""

    start: datetime
    minutes: int
    words: str = ""
    tone: str = "break"
    bookable: bool = False
    note: str = ""

    @property
    def height(self) -> int:
        """How tall it is drawn, as one of 12 classes."""
        return max(1, min(12, (self.minutes + 4) // 5))


@dataclass(frozen=True)
class Day:
    """A date of the calendar: a word, and a tone that says the same."""

    day: date
    word: str
    tone: str
    why: str = ""


@dataclass(frozen=True)
class CalendarWeek:
    first: date
    name: str
    days: list[Day]


class TemplatePreview:
    """What would come of a template, saved or not: its timeline, its calendar, what others see."""

    def __init__(
        self,
        template: SessionTemplate,
        formset: Any,
        *,
        organisation: Organisation,
        now: datetime,
    ) -> None:
        self.template, self.organisation, self.now = template, organisation, now
        self.today = clock.today(now)
        self.views = [self._view(form, place) for place, form in enumerate(formset.live, 1)]
        self.blocks = [view.form.shown for view in self.views if is_timed(view.form.shown)]
        self.can_run = bool(template.effective_from and template.weekdays)
        self.day = self._next_day()
        self.problem = ""
        self.notes: tuple[str, ...] = ()
        self.timeline: list[TimelineItem] = []
        self._fill()

    # ------------------------------------------------------------ each block

    def _view(self, form: BlockEditForm, place: int) -> BlockView:
        block, view = form.shown, BlockView(form, place)
        if not is_timed(block):
            view.heading = f"{place}. Block"
            return view
        minutes = block_minutes(block.start, block.end)
        if not block.slot_minutes:
            view.heading = f"{place}. Break"
            view.seen = f"{minutes} minutes, no slots: other organisations see nothing of it."
            return view
        count = slots_in(block)
        view.heading = f"{place}. {block.slot_type or 'No slot type'}, {count} slot" + "s" * (
            count != 1
        )
        view.is_bookable = block.gp_connect_bookable
        if not block.gp_connect_bookable:
            view.seen = "Staff only: other organisations see nothing of it."
        elif self.template.location_id is None:
            view.seen = "Choose a location first."
        else:
            slot = slot_of(block, self.template)
            view.not_offered = never_offered_with_links(slot)
            if not view.not_offered:
                view.seen = self._seen(slot)
        return view

    def _seen(self, slot: Any) -> str:
        """Say what other organisations will see of a slot, who of them, and when."""
        profile = effective_profile(slot)
        who = f"Organisations of “{profile}”" if profile else "All organisations"
        holder = self.template.session_holder
        what = [slot.slot_type, slot.get_delivery_channel_display(), self.template.session_name]
        what += [f"with {holder}"] if holder else []
        window, embargo, notice = (
            effective_limit(name, slot, self.organisation) for name in OFFER_LIMITS
        )
        days = f"from {window} days before" if window else "on the day only"
        when = [days] if window is not None else []
        when += [f"hidden until {in_hours(embargo)} before it starts"] if embargo else []
        when += [f"no longer within {in_hours(notice)} of it"] if notice else []
        limits = f"; {', '.join(when)}" if when else ""
        seen = ", ".join(str(each) for each in what if each)
        return f"{who} see: {seen}, at {self.template.location}{limits}."

    # ------------------------------------------------------------ the timeline

    def _next_day(self) -> date:
        begin = max(self.today, self.template.effective_from or self.today)
        if self.can_run:
            for n in range(7 * WEEKS * 2):
                if runs_on(self.template, begin + timedelta(days=n)):
                    return begin + timedelta(days=n)
        return begin

    def _session_on(self, day: date) -> PlannedSession:
        return planned_session(self.template, self.blocks, day)

    def _fill(self) -> None:
        try:
            whole = self._session_on(self.day)
        except ValueError as error:
            self.problem = str(error)
            return
        self.notes = whole.notes
        not_offered = {
            (view.form.shown.slot_type, view.form.shown.delivery_channel)
            for view in self.views
            if view.not_offered
        }
        at = whole.start
        for slot in whole.slots:
            if slot.start > at:
                self._add_gap(at, slot.start)
            self._add_slot(slot, not_offered)
            at = max(at, slot.end)
        if whole.end > at:
            self._add_gap(at, whole.end)

    def _add_gap(self, start: int, end: int) -> None:
        self.timeline.append(TimelineItem(moment(start), (end - start) // 60))

    def _add_slot(self, planned: Any, not_offered: set[tuple[str, str]]) -> None:
        kind = planned.kind
        channel = TemplateBlock(delivery_channel=kind.delivery_channel)
        shown = channel.get_delivery_channel_display() or ""
        embargo = kind.embargo_minutes
        for level in (self.template, self.organisation):
            embargo = level.embargo_minutes if embargo is None else embargo
        bookable = kind.gp_connect_bookable
        if not bookable:
            tone = "staff"
        elif (kind.slot_type, kind.delivery_channel) in not_offered:
            tone = "never"
        else:
            tone = "embargo" if embargo else "open"
        notes = {"never": "never offered", "embargo": f"hidden until {in_hours(embargo)} before"}
        self.timeline.append(
            TimelineItem(
                moment(planned.start),
                (planned.end - planned.start) // 60,
                ", ".join(filter(None, [kind.slot_type, shown])),
                tone,
                bookable,
                notes.get(tone, ""),
            )
        )

    @property
    def sentence(self) -> str:
        """19 slots: 9 GP Connect bookable, 10 staff only; 3 of the first are embargoed."""
        slots = [each for each in self.timeline if each.tone != "break"]
        bookable = sum(each.bookable for each in slots)
        inside = len(slots) - bookable
        said = f"{len(slots)} slots: {bookable} GP Connect bookable, {inside} staff only"
        late = sum(each.tone == "embargo" for each in slots)
        return f"{said}. {late} open only shortly before." if late else f"{said}."

    # ------------------------------------------------------------ the calendar

    def calendar(self) -> list[CalendarWeek]:
        """The next twelve weeks: when it runs, what is closed. Two queries at most."""
        first = self.today - timedelta(days=self.today.weekday())
        last = first + timedelta(weeks=WEEKS, days=-1)
        until = last + timedelta(days=2)
        closures = [
            *closures_between(first, until, organisation=self.organisation),
            *unseeded(organisation=self.organisation, through=until, now=self.now),
        ]
        weeks = []
        for n in range(WEEKS):
            monday = first + timedelta(weeks=n)
            days = [self._day(monday + timedelta(days=d), closures) for d in range(7)]
            weeks.append(CalendarWeek(monday, self._week_name(monday), days))
        return weeks

    def _week_name(self, monday: date) -> str:
        every, begins = self.template.every_n_weeks or 1, self.template.effective_from
        if every < 2 or begins is None:
            return ""
        place = (monday - begins + timedelta(days=begins.weekday())).days // 7 % every
        return f"Week {'AB'[place]}" if every == 2 else f"Week {place + 1} of {every}"

    def _day(self, day: date, closures: list[Closure]) -> Day:
        template = self.template
        runs = self.can_run and runs_on(template, day)
        start, end = seconds(clock.day_start(day)), seconds(clock.day_end(day))
        slots: tuple[Any, ...] = ()
        if runs:
            try:
                whole = self._session_on(day)
                start, end, slots = whole.start, whole.end, whole.slots
            except ValueError as error:
                return Day(day, "Cannot run", "closed", str(error))
        closed = closures_of(
            closures,
            start=start,
            end=end,
            location_id=template.location_id or 0,
            holder_id=template.session_holder_id,
            runs_on_bank_holidays=runs and template.runs_on_bank_holidays,
        )
        why = ", ".join(dict.fromkeys(each.label for each in closed))
        if day < self.today:
            return Day(day, "Past", "past", why)
        if not runs:
            return Day(day, "", "closure" if why else "none", why)
        open_slots = [
            slot
            for slot in slots
            if not any(each.start < slot.end and slot.start < each.end for each in closed)
        ]
        if not closed:
            return Day(day, "Runs", "runs")
        if not open_slots:
            return Day(day, "Closed", "closed", why)
        return Day(day, "Runs in part", "part", why)


def is_timed(block: TemplateBlock) -> bool:
    return block.start is not None and block.end is not None


def in_hours(minutes: int | None) -> str:
    """Return 2 h, 30 min, or 1 h 30 min."""
    hours, rest = divmod(minutes or 0, 60)
    return " ".join(filter(None, [f"{hours} h" if hours else "", f"{rest} min" if rest else ""]))
