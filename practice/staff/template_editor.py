"""Building a template: a session from blocks, what comes of it, and what others will see of it.

Forms and checks are the admin's own (practice.admin.templates). Every button works without
JavaScript: it sends the whole form, and the page comes back with the blocks as they are now. With
JavaScript the timeline follows each change.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms.models import BaseInlineFormSet, inlineformset_factory
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from practice import clock
from practice.admin.base import form_changes, formset_changes
from practice.admin.directory import OFFER_LIMITS
from practice.admin.offer import obstacles
from practice.admin.templates import (
    BlockForm,
    BlockFormSet,
    TemplateForm,
    block_minutes,
    slot_of,
    slots_in,
)
from practice.clock import moment, seconds
from practice.models import (
    AccessProfile,
    Closure,
    Location,
    Organisation,
    Practitioner,
    SessionTemplate,
    TemplateBlock,
)
from practice.reads.bookability import effective_limit, effective_profile
from practice.services.audit import recording
from practice.services.generation.bank_holidays import unseeded
from practice.services.generation.closed_times import closures_of
from practice.services.generation.planned_sessions import PlannedSession, planned_session, runs_on
from practice.site.fields import WeekdaysField
from practice.staff.base import StaffPage
from practice.staff.clinic_list import number

WEEKS = 12
MOST_BLOCKS = 60
BLOCK_FIELDS = (
    "position",
    "start",
    "end",
    "slot_minutes",
    "slot_count",
    "slot_type",
    "delivery_channel",
    "gp_connect_bookable",
    "access_profile",
    *OFFER_LIMITS,
)
CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

# ---------------------------------------------------------------- the form


class TemplateEditForm(TemplateForm):
    """The session itself: whose, where, when, and who may book."""

    weekdays = WeekdaysField(label="On", widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = SessionTemplate
        fields = (
            "session_name",
            "session_holder",
            "location",
            "practitioner_role",
            "access_profile",
            "weekdays",
            "every_n_weeks",
            "nth_of_month",
            "effective_from",
            "effective_to",
            "runs_on_bank_holidays",
            *OFFER_LIMITS,
        )
        widgets = {"effective_from": DAY, "effective_to": DAY}

    def __init__(self, *args: Any, request: HttpRequest, organisation: Organisation, **kw: Any):
        self.request = request
        super().__init__(*args, **kw)
        fields: dict[str, Any] = self.fields
        fields["session_holder"].queryset = (
            Practitioner.objects.filter(roles__organisation=organisation)
            .distinct()
            .order_by("family_name", "given_names")
        )
        fields["session_holder"].empty_label = "Nobody in particular"
        fields["location"].queryset = Location.objects.filter(organisation=organisation)
        fields["access_profile"].queryset = AccessProfile.objects.filter(organisation=organisation)
        fields["access_profile"].empty_label = "Everybody"
        fields["access_profile"].help_text = "Who outside may book, unless a block says otherwise."
        fields["session_name"].help_text = "Shown to other organisations too."
        name_empty(self, "nth_of_month", "Every one")
        fields["nth_of_month"].label = "Of the month"
        name_empty(self, "practitioner_role", "None: never offered outside")
        for name in OFFER_LIMITS:
            fields[name].help_text = SHORT_HELP[name]


SHORT_HELP = {
    "booking_window_days": "How many days ahead others may book. Empty: as for the practice.",
    "embargo_minutes": "Hidden until this long before it starts. Empty: as for the practice.",
    "minimum_notice_minutes": "Not bookable any more within it. Empty: as for the practice.",
}


WHEN_EMPTY = {
    "slot_minutes": "break",
    "slot_count": "all",
    **dict.fromkeys(OFFER_LIMITS, "as session"),
}


def name_empty(form: Any, name: str, words: str) -> None:
    """Say in a list of codes what it means to choose none."""
    form.fields[name].choices = [
        (code, label if code else words) for code, label in form.fields[name].choices
    ]


class BlockEditForm(BlockForm):
    """A block, its position kept by the buttons of the page."""

    class Meta:
        model = TemplateBlock
        fields = BLOCK_FIELDS
        widgets = {"position": forms.HiddenInput, "start": CLOCK, "end": CLOCK}
        labels = {"slot_minutes": "Minutes", "slot_count": "How many"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in WHEN_EMPTY.items():  # The page says it once, above all blocks.
            self.fields[name].help_text = ""
            self.fields[name].widget.attrs["placeholder"] = words
        for name in ("slot_type", "access_profile"):
            if name in self.fields:
                self.fields[name].help_text = ""
        name_empty(self, "delivery_channel", "None")

    @property
    def shown(self) -> TemplateBlock:
        """The block as the form has it now, saved or not."""
        if self.is_bound or self.instance.pk:
            return self.instance  # type: ignore[no-any-return]
        return TemplateBlock(**{**self.initial})


class BlockEditFormSet(BlockFormSet):
    """The blocks of the page, by position."""

    template: SessionTemplate
    profiles: Any

    @property
    def live(self) -> list[BlockEditForm]:
        """The forms that have not been removed, in the order of the session."""
        there = [form for form in self.forms if not self._removed(form)]
        return sorted(there, key=lambda form: number(str(form["position"].value() or 0)))

    @property
    def removed(self) -> list[BlockEditForm]:
        """The forms of blocks that go when the template is saved."""
        return [form for form in self.forms if self._removed(form)]

    def _removed(self, form: Any) -> bool:
        return self.is_bound and bool(self.data.get(f"{form.prefix}-DELETE"))

    def add_fields(self, form: Any, index: Any) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].widget = forms.HiddenInput()
        chosen = form.fields["access_profile"]
        chosen.queryset = self.profiles
        chosen.choices = self.profile_choices
        chosen.empty_label = "As for the session"
        chosen.help_text = ""

    @property
    def profile_choices(self) -> list[tuple[Any, str]]:
        """The practice's access profiles, asked for once and not for each block."""
        if not hasattr(self, "_profile_choices"):
            names = [(profile.pk, str(profile)) for profile in self.profiles]
            self._profile_choices = [("", "As for the session"), *names]
        return self._profile_choices


def block_formset(extra: int) -> type[BaseInlineFormSet]:
    return inlineformset_factory(
        SessionTemplate,
        TemplateBlock,
        form=BlockEditForm,
        formset=BlockEditFormSet,
        fields=BLOCK_FIELDS,
        extra=extra,
        max_num=MOST_BLOCKS,
        can_delete=True,
    )


FIRST_BLOCK = {
    "position": 0,
    "start": time(9),
    "end": time(12),
    "slot_minutes": 10,
    "slot_type": "Routine",
    "delivery_channel": "In-person",
}

# ---------------------------------------------------------------- add, copy, move, remove


class BlockEdits:
    """What a form sent, with one block added, copied, moved or removed."""

    def __init__(self, sent: QueryDict) -> None:
        self.sent = sent.copy()
        total = number(sent.get("blocks-TOTAL_FORMS", ""))
        rows = [n for n in range(min(total, MOST_BLOCKS)) if not self._value(n, "DELETE")]
        self.rows = sorted(rows, key=lambda n: (number(self._value(n, "position")), n))

    def _value(self, row: int, name: str) -> str:
        return str(self.sent.get(f"blocks-{row}-{name}") or "")

    def _set(self, row: int, **values: Any) -> None:
        for name, value in values.items():
            self.sent[f"blocks-{row}-{name}"] = str(value)

    def do(self, what: str, row: int) -> int | None:
        """Do it, and return the block that it was done to."""
        if what == "add":
            return self._add(self.rows[-1] if self.rows else None, break_=False)
        if what == "break":
            return self._add(self.rows[-1] if self.rows else None, break_=True)
        if row not in self.rows:
            return None
        place = self.rows.index(row)
        if what == "copy":
            return self._add(row, break_=not self._value(row, "slot_minutes"), at=place + 1)
        if what == "remove":
            self._set(row, DELETE="on")
            self.rows.remove(row)
            return self.rows[max(place - 1, 0)] if self.rows else None
        other = place - 1 if what == "up" else place + 1
        if 0 <= other < len(self.rows):
            self._swap(*sorted((place, other)))
            self._number()
        return row

    def _add(self, like: int | None, *, break_: bool, at: int | None = None) -> int | None:
        row = number(self.sent.get("blocks-TOTAL_FORMS", ""))
        if row >= MOST_BLOCKS:
            return None
        self.sent["blocks-TOTAL_FORMS"] = str(row + 1)
        copied = {} if like is None else {n: self._value(like, n) for n in BLOCK_FIELDS}
        if break_ or like is None or not copied.get("slot_minutes"):
            copied = dict.fromkeys(BLOCK_FIELDS, "")
        if not break_ and not copied.get("slot_minutes"):
            copied |= {k: str(v) for k, v in FIRST_BLOCK.items() if k not in {"start", "end"}}
        start = typed(self._value(like, "end")) if like is not None else time(9)
        start = start or time(9)
        minutes = 20 if break_ else 60
        if at is not None and like is not None:
            minutes = self._minutes(like) or minutes
        copied |= {"start": f"{start:%H:%M}", "end": f"{later(start, minutes):%H:%M}"}
        for name, value in copied.items():
            if value:
                self.sent[f"blocks-{row}-{name}"] = value
        self.rows.insert(len(self.rows) if at is None else at, row)
        self._number()
        return row

    def _swap(self, first: int, second: int) -> None:
        """Let two neighbours change places: together they begin and end as before."""
        above, below = self.rows[first], self.rows[second]
        start, ends = typed(self._value(above, "start")), typed(self._value(below, "end"))
        if start and ends and self._minutes(above) and self._minutes(below):
            middle = later(start, self._minutes(below))
            self._set(below, start=f"{start:%H:%M}", end=f"{middle:%H:%M}")
            begins = later(ends, -self._minutes(above))
            self._set(above, start=f"{begins:%H:%M}", end=f"{ends:%H:%M}")
        self.rows[first], self.rows[second] = below, above

    def _minutes(self, row: int) -> int:
        start, end = typed(self._value(row, "start")), typed(self._value(row, "end"))
        return block_minutes(start, end) if start and end else 0

    def _number(self) -> None:
        for place, row in enumerate(self.rows):
            self._set(row, position=place)


def typed(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def later(at: time, minutes: int) -> time:
    return (datetime.combine(date(2000, 1, 2), at) + timedelta(minutes=minutes)).time()


# ---------------------------------------------------------------- what comes of it


@dataclass
class BlockView:
    """A block as the page shows it: its form, and what is said of it."""

    form: BlockEditForm
    place: int
    heading: str = ""
    is_bookable: bool = False
    seen: str = ""
    never: list[Any] = field(default_factory=list)

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
    hidden: str = ""

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
            view.never = obstacles(slot)
            if not view.never:
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
        when = [f"from {window} days before"] if window is not None else []
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

    def _sitting(self, day: date) -> PlannedSession:
        return planned_session(self.template, self.blocks, day)

    def _fill(self) -> None:
        try:
            whole = self._sitting(self.day)
        except ValueError as error:
            self.problem = str(error)
            return
        self.notes = whole.notes
        never = {
            (view.form.shown.slot_type, view.form.shown.delivery_channel)
            for view in self.views
            if view.never
        }
        at = whole.start
        for slot in whole.slots:
            if slot.start > at:
                self._add_gap(at, slot.start)
            self._add_slot(slot, never)
            at = max(at, slot.end)
        if whole.end > at:
            self._add_gap(at, whole.end)

    def _add_gap(self, start: int, end: int) -> None:
        self.timeline.append(TimelineItem(moment(start), (end - start) // 60))

    def _add_slot(self, planned: Any, never: set[tuple[str, str]]) -> None:
        kind = planned.kind
        channel = TemplateBlock(delivery_channel=kind.delivery_channel)
        shown = channel.get_delivery_channel_display() or ""
        embargo = kind.embargo_minutes
        for level in (self.template, self.organisation):
            embargo = level.embargo_minutes if embargo is None else embargo
        bookable = kind.gp_connect_bookable
        if not bookable:
            tone = "staff"
        elif (kind.slot_type, kind.delivery_channel) in never:
            tone = "never"
        else:
            tone = "embargo" if embargo else "open"
        hidden = {"never": "never seen", "embargo": f"hidden until {in_hours(embargo)} before"}
        self.timeline.append(
            TimelineItem(
                moment(planned.start),
                (planned.end - planned.start) // 60,
                ", ".join(filter(None, [kind.slot_type, shown])),
                tone,
                bookable,
                hidden.get(tone, ""),
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
        saved = Closure.objects.filter(
            organisation=self.organisation, start_date__lte=until, end_date__gte=first
        )
        closures = [
            *saved,
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
                whole = self._sitting(day)
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


# ---------------------------------------------------------------- the page


class Build(StaffPage):
    """``/admin/templates/new/`` (``?copy=`` another) and ``/admin/templates/<id>/``."""

    permission = "practice.view_sessiontemplate"
    template = "staff/template_editor/page.html"

    def get(self, request: HttpRequest, sessiontemplate: int | None = None) -> HttpResponse:
        template = self.found(sessiontemplate)
        if template is None:
            self.check_may("add")
            return self.show(*self.blank(), complain=False)
        return self.show(*self.forms_of(template), complain=False)

    def post(self, request: HttpRequest, sessiontemplate: int | None = None) -> HttpResponse:
        template = self.found(sessiontemplate)
        self.check_may("change" if template else "add")
        what, _, row = request.POST.get("do", "show").partition("-")
        if what in {"add", "break", "copy", "up", "down", "remove"}:
            rearranged = BlockEdits(request.POST)
            focus = rearranged.do(what, number(row) if row else -1)
            return self.show(*self.forms_of(template, rearranged.sent), focus=focus)
        form, formset = self.forms_of(template, request.POST)
        valid = form.is_valid() & formset.is_valid()
        if what in {"save", "apply"}:
            if not valid:
                return self.show(form, formset, status=422)
            self.save(form, formset, change=template is not None)
            return self.saved(form.instance, go_on=what == "apply")
        return self.show(form, formset)

    def found(self, pk: int | None) -> SessionTemplate | None:
        """This practice's template, or 404; None: a new one."""
        if pk is None:
            return None
        wanted = SessionTemplate.objects.select_related(
            "session_holder", "location", "access_profile"
        )
        return self.own(wanted, pk=pk)  # type: ignore[no-any-return]

    def check_may(self, verb: str) -> None:
        if not self.may(verb):
            raise PermissionDenied("Only some roles may plan sessions.")

    def may(self, verb: str) -> bool:
        return bool(self.request.user.has_perm(f"practice.{verb}_sessiontemplate"))

    # ------------------------------------------------------------ the forms

    def forms_of(self, template: SessionTemplate | None, sent: Any = None) -> tuple[Any, Any]:
        """The two forms: of what is stored, or of what was sent."""
        instance = template or SessionTemplate(organisation=self.practice)
        instance.organisation = self.practice
        form = TemplateEditForm(
            sent, instance=instance, request=self.request, organisation=self.practice
        )
        return form, self.blocks(sent, instance)

    def blocks(
        self, sent: Any, instance: SessionTemplate, initial: list[dict[str, Any]] | None = None
    ) -> Any:
        stored = TemplateBlock.objects.select_related("access_profile")
        formset = block_formset(len(initial or ()))
        kind: Any = type("TheBlocks", (formset,), {"profiles": self.profiles()})
        return kind(
            data=sent,
            instance=instance,
            queryset=stored.order_by("position", "start"),
            initial=initial,
            prefix="blocks",
        )

    def profiles(self) -> Any:
        return AccessProfile.objects.filter(organisation=self.practice)

    def blank(self) -> tuple[Any, Any]:
        """A new template: one block, or the copy of another, maybe for the other week."""
        copied = number(self.request.GET.get("copy", "")) or None
        origin = self.found(copied)
        if origin is None:
            template = SessionTemplate(organisation=self.practice, effective_from=self.today)
            places = list(Location.objects.filter(organisation=self.practice)[:2])
            if len(places) == 1:
                template.location = places[0]
            blocks: list[dict[str, Any]] = [FIRST_BLOCK]
        else:
            template = origin
            stored = TemplateBlock.objects.filter(template=origin).select_related("access_profile")
            blocks = [
                {name: getattr(block, name) for name in BLOCK_FIELDS}
                for block in stored.order_by("position", "start")
            ]
            template.pk, template._state.adding = None, True
            template.effective_to = None
            if self.request.GET.get("other_week"):
                template.effective_from += timedelta(weeks=1)
            elif template.every_n_weeks == 1:
                template.effective_from = max(self.today, template.effective_from)
        template.organisation = self.practice
        form = TemplateEditForm(instance=template, request=self.request, organisation=self.practice)
        return form, self.blocks(None, template, blocks)

    # ------------------------------------------------------------ saving

    @transaction.atomic
    def save(self, form: Any, formset: Any, *, change: bool) -> None:
        """Save as the admin does, and write the same event into the trail."""
        if change:
            rows = SessionTemplate.objects.filter(pk=form.instance.pk)
            rows.select_for_update(no_key=True).get()
        changes = form_changes(form, change=change)
        formset.instance = form.save()
        formset.save()
        detail: dict[str, Any] = {"changes": changes} if changes else {}
        if records := formset_changes(formset):
            detail["records"] = records
        if origin := not change and number(self.request.GET.get("copy", "")):
            detail["cloned_from"] = origin
        if change and not detail:
            return
        recording.record(
            organisation=self.practice,
            actor=self.actor,
            event=f"sessiontemplate.{'change' if change else 'add'}",
            outcome="ok",
            now=self.now,
            resource=f"SessionTemplate/{form.instance.pk}",
            detail=detail,
        )

    def saved(self, template: SessionTemplate, *, go_on: bool) -> HttpResponse:
        if not go_on:
            where = reverse("admin:template", args=[template.pk])
            return self.done("Saved. The diary follows when it is applied.", where)
        first = max(self.today, template.effective_from)
        where = f"{reverse('admin:apply_templates')}?template={template.pk}&from={first}"
        return self.done("Saved. This is what applying it would do.", where)

    # ------------------------------------------------------------ showing

    def show(
        self,
        form: Any,
        formset: Any,
        *,
        complain: bool = True,
        focus: int | None = None,
        status: int = 200,
    ) -> HttpResponse:
        if form.is_bound:
            form.is_valid()
            formset.is_valid()
        template = form.instance
        outlook = TemplatePreview(template, formset, organisation=self.practice, now=self.now)
        live = self.request.headers.get("HX-Request") == "true"
        return self.render(
            template="staff/template_editor/live.html" if live else "",
            status=200 if live else status,
            title=self.title_of(template),
            form=form,
            formset=formset,
            outlook=outlook,
            calendar=outlook.calendar(),
            complain=complain,
            focus=None if focus is None else f"blocks-{focus}",
            wrong=complain and bool(form.errors or formset.total_error_count()),
            changed=form.is_bound and status == 200,
            weekday_names=WEEKDAY_NAMES,
            may_save=self.may("change" if template.pk else "add"),
            may_apply=self.request.user.has_perm("practice.add_generationrun"),
            live=live,
        )

    def title_of(self, template: SessionTemplate) -> str:
        if not template.pk:
            return "Build a template"
        stored = SessionTemplate.objects.select_related("session_holder").get(pk=template.pk)
        return str(stored)


WEEKDAY_NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
