"""Applying templates to a range of dates: see what it would do, and then do that and no other.

Nothing happens before the last button. It sends what was shown; when the diary has changed
meanwhile, the new plan is shown with the differences marked, and is confirmed again.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.html import format_html

from practice import clock
from practice.admin.templates import run_in_words
from practice.clock import moment
from practice.exceptions import PlanChanged, PracticeError
from practice.models import Appointment, SessionTemplate
from practice.services.audit import recording
from practice.services.generation import runs
from practice.services.generation.planned_sessions import SlotKind
from practice.services.generation.plans import Action, Plan, SessionPlan, SlotChange
from practice.staff.base import StaffPage
from practice.staff.clinic_list import number

WEEKS = 4
MOST_WEEKS = 26
UNFOLDED = 8  # of more weeks than these, only those that need a person are open at first
CHANGED = "The diary has changed since you looked. Nothing was applied: this is the new plan."

VERBS = ("create", "change", "restore", "withdraw", "strand")


class RangeForm(forms.Form):
    """Which templates, and from which day to which."""

    template = forms.ModelChoiceField(
        queryset=SessionTemplate.objects.none(),
        required=False,
        empty_label="All templates",
    )

    def __init__(self, *args: Any, organisation: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        day: Any = {"widget": forms.DateInput(attrs={"type": "date"})}
        self.fields["from"] = forms.DateField(label="From", **day)
        self.fields["to"] = forms.DateField(
            label="To", help_text=f"The last day. At most {MOST_WEEKS} weeks at a time.", **day
        )
        chosen: Any = self.fields["template"]
        chosen.queryset = SessionTemplate.objects.filter(organisation=organisation).select_related(
            "session_holder"
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and last < first:
            self.add_error("to", "The last day is before the first.")
        elif first and last and last - first >= timedelta(weeks=MOST_WEEKS):
            self.add_error("to", f"At most {MOST_WEEKS} weeks at a time: choose an earlier day.")
        return cleaned

    def plan(self, *, organisation: Any, now: datetime) -> Plan:
        """What applying would do, as seen at that moment."""
        template = self.cleaned_data["template"]
        return runs.plan(
            organisation=organisation,
            from_date=self.cleaned_data["from"],
            to_date=self.cleaned_data["to"],
            now=now,
            template_ids=None if template is None else [template.pk],
        )


@dataclass
class Row:
    """What would happen to one session of one day, with its reasons."""

    day: date
    title: str
    counts: Counter[str] = field(default_factory=Counter)
    left: int | None = None
    schedule_id: int | None = None
    happens: list[str] = field(default_factory=list)
    strands: list[Appointment] = field(default_factory=list)
    fits_again: list[Appointment] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    news: str = ""  # What differs from the plan that was shown before.

    @property
    def key(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.title}"

    @property
    def needs_a_person(self) -> bool:
        return bool(self.strands or self.news)

    @property
    def as_seen(self) -> list[Any]:
        """What is compared with a later plan: the numbers, then who is stranded, then reasons."""
        numbers = [self.counts[verb] for verb in VERBS]
        return [*numbers, sorted(a.pk for a in self.strands), self.reasons]

    @property
    def cells(self) -> list[tuple[str, int]]:
        return [(verb, self.counts[verb]) for verb in VERBS]


@dataclass(frozen=True)
class WeekOfRows:
    """The rows of a week of the plan, and what they add up to."""

    first: date
    last: date
    rows: list[Row]
    left: int

    @property
    def words(self) -> str:
        total: Counter[str] = Counter()
        for row in self.rows:
            total.update(row.counts)
        return in_words(total) or "nothing changes"

    @property
    def needs_a_person(self) -> bool:
        return any(row.needs_a_person for row in self.rows)


class Apply(StaffPage):
    """``/admin/templates/apply/?template=&from=&to=``: the plan; posted, the deed."""

    permission = "practice.add_generationrun"
    template = "staff/generation/page.html"
    title = "Apply templates to the diary"

    def get(self, request: HttpRequest) -> HttpResponse:
        self.check_template(request.GET.get("template", ""))
        asked = request.GET.copy()
        first = parsed(asked.get("from")) or self.today
        asked.setdefault("from", str(first))
        asked.setdefault("to", str(first + timedelta(weeks=WEEKS, days=-1)))
        form = RangeForm(asked, organisation=self.practice)
        if not form.is_valid():
            return self.render(form=form, status=422)
        return self.show(form)

    def post(self, request: HttpRequest) -> HttpResponse:
        self.check_template(request.POST.get("template", ""))
        form = RangeForm(request.POST, organisation=self.practice)
        if not form.is_valid():
            return self.render(form=form, status=422)
        shown_at = parse_moment(request.POST.get("shown_at", ""))
        if shown_at is None or shown_at > self.now:
            return self.show(form, warning=CHANGED, status=409)
        shown = form.plan(organisation=self.practice, now=shown_at)
        if shown.digest != request.POST.get("digest"):
            return self.show(form, warning=CHANGED, status=409)
        try:
            run = runs.apply(shown, actor=self.actor, now=self.now, started_by=self.started_by)
        except PlanChanged:
            return self.show(form, warning=CHANGED, status=409)
        except PracticeError as refusal:
            return self.show(form, warning=str(refusal), status=422)
        record = reverse("admin:practice_generationrun_change", args=[run.pk])
        said = format_html(
            'Applied. {}. <a href="{}" class="text-link">See the record of this run</a>.',
            run_in_words(run),
            record,
        )
        asked = {name: request.POST.get(name, "") for name in ("template", "from", "to")}
        return self.done(said, f"{reverse('admin:apply_templates')}?{urlencode(asked)}")

    @property
    def started_by(self) -> Any:
        return self.request.user

    def check_template(self, sent: str) -> None:
        """Answer 404 for a template that is not this practice's."""
        if sent:
            pk = number(sent)
            if not pk:
                raise Http404("There is no such template at this practice.")
            self.own(SessionTemplate.objects, pk=pk)

    def show(self, form: RangeForm, *, warning: str = "", status: int = 200) -> HttpResponse:
        plan = form.plan(organisation=self.practice, now=self.now)
        weeks = self.weeks(plan)
        rows = [row for week in weeks for row in week.rows]
        gone = self.compare(rows) if warning else []
        words = whole_in_words(plan)
        return self.render(
            status=status,
            form=form,
            plan=plan,
            template_chosen=form.cleaned_data["template"],
            weeks=weeks,
            all_open=len(weeks) <= UNFOLDED,
            rows=len(rows),
            counts=plan.counts,
            skips=sum(len(row.reasons) for row in rows),
            gone=gone,
            button=f"Apply: {words}" if words else "",
            seen=as_text(rows),
            shown_at=self.now.isoformat(),
            warning=warning,
        )

    def weeks(self, plan: Plan) -> list[WeekOfRows]:
        """The plan as rows to read: one for each session that changes or is skipped."""
        people = self.people(plan)
        found = []
        for week in plan.weeks:
            rows: dict[tuple[date, str], list[Row]] = defaultdict(list)
            for session in week.sessions:
                rows[session.date, session.title].append(row_of(session, people))
            for item in week.skipped:
                if not rows[item.date, item.what]:
                    rows[item.date, item.what].append(Row(item.date, item.what))
                rows[item.date, item.what][0].reasons.append(item.reason)
            ordered = sorted(
                (row for alike in rows.values() for row in alike), key=lambda row: row.day
            )
            named = sum(row.left or 0 for row in ordered)
            found.append(WeekOfRows(week.from_date, week.to_date, ordered, week.slots_left - named))
        return found

    def people(self, plan: Plan) -> dict[int, Appointment]:
        """Who would be stranded, or fit again, by name; that somebody saw them is audited."""
        ids = {held.id for s in plan.sessions for held in (*s.orphan, *s.unorphan)}
        if not ids:
            return {}
        if not self.request.user.has_perm("practice.view_appointment"):  # type: ignore[union-attr]
            raise PermissionDenied
        found = Appointment.objects.filter(organisation=self.practice, pk__in=ids)
        people = {a.pk: a for a in found.select_related("patient").order_by("start", "pk")}
        recording.record(
            organisation=self.practice,
            actor=self.actor,
            event="template_plan.viewed",
            outcome="ok",
            now=self.now,
            detail={"patients": sorted({a.patient_id for a in people.values()})},
        )
        return people

    def compare(self, rows: list[Row]) -> list[str]:
        """Mark what differs from the plan that was shown; return what is no longer in it."""
        seen = from_text(self.request.POST.get("seen", ""))
        for row in rows:
            before = seen.pop(row.key, None)
            if before is None:
                row.news = "New since you looked."
            elif before[: len(VERBS)] != row.as_seen[: len(VERBS)]:
                was = in_words(dict(zip(VERBS, before, strict=False)))
                row.news = f"Changed since you looked: it was {was or 'nothing'}."
            elif before[len(VERBS) :] != row.as_seen[len(VERBS) :]:
                row.news = "Changed since you looked: whom it strands, or what is skipped."
        return [f"{parsed(key[:10]):%a %d %b}, {key[11:]}" for key in seen if parsed(key[:10])]


def row_of(session: SessionPlan, people: dict[int, Appointment]) -> Row:
    """Return what happens to one session, as a row."""
    return Row(
        day=session.date,
        title=session.title,
        counts=Counter(
            create=len(session.create),
            change=len(session.change),
            restore=len(session.restore),
            withdraw=len(session.withdraw),
            strand=len(session.orphan),
        ),
        left=session.slots_left,
        schedule_id=session.schedule_id,
        happens=what_happens(session),
        strands=[people[held.id] for held in session.orphan if held.id in people],
        fits_again=[people[held.id] for held in session.unorphan if held.id in people],
    )


def what_happens(session: SessionPlan) -> list[str]:
    """Say what becomes of the session itself, and which of its slots change or go."""
    of_session = {
        Action.CREATE: "New session.",
        Action.RESTORE: "The session comes back.",
        Action.WITHDRAW: "No longer planned: the session is withdrawn.",
        Action.CHANGE: changes_in_words(session) if session.action == Action.CHANGE else "",
        Action.LEAVE: "",
    }
    said = [of_session[session.action]]
    becomes: Counter[str] = Counter(slot_change_in_words(change) for change in session.change)
    said += [f"{count} × {words}." for words, count in becomes.items()]
    if session.withdraw and session.action != Action.WITHDRAW:
        said.append(f"Withdrawn: {starts(row.start for row in session.withdraw)}.")
    return list(filter(None, said))


def slot_change_in_words(change: SlotChange) -> str:
    """Return Routine 10 min becomes Routine 20 min; what else changes, without its values."""
    row, to = change
    if to is None:
        return "comes back"
    was, now = SlotKind._make(row.kind), to.kind
    before = f"{was.slot_type} {(row.end - row.start) // 60} min"
    after = f"{now.slot_type} {(to.end - to.start) // 60} min"
    said = [f"{before} becomes {after}"] if before != after else [before]
    said += [
        words for name, words in SLOT_NAMES.items() if getattr(was, name) != getattr(now, name)
    ]
    if was.gp_connect_bookable != now.gp_connect_bookable:
        said.append("GP Connect bookable" if now.gp_connect_bookable else "staff only")
    return ", ".join(said)


SLOT_NAMES = {
    "delivery_channel": "another channel",
    "access_profile_id": "another access profile",
    "booking_window_days": "another booking window",
    "embargo_minutes": "another embargo",
    "minimum_notice_minutes": "another minimum notice",
}
NAMED_STARTS = 6


def starts(seconds: Iterable[int]) -> str:
    """Return some times of day, and how many more."""
    at = [f"{clock.local(moment(each)):%H:%M}" for each in sorted(seconds)]
    more = f" and {len(at) - NAMED_STARTS} more" if len(at) > NAMED_STARTS else ""
    return f"{', '.join(at[:NAMED_STARTS])}{more}"


NAMES = {
    "session_name": "name",
    "session_holder_id": "session holder",
    "location_id": "location",
    "practitioner_role": "role",
    "access_profile_id": "access profile",
    "booking_window_days": "booking window",
    "embargo_minutes": "embargo",
    "minimum_notice_minutes": "minimum notice",
}


def changes_in_words(session: SessionPlan) -> str:
    """Return which of a session's own columns change, the times with their values."""
    was, now = session.was, session.values
    assert was is not None
    said = [words for name, words in NAMES.items() if getattr(was, name) != getattr(now, name)]
    if (was.start, was.end) != (now.start, now.end):
        said.insert(0, f"times from {times(was)} to {times(now)}")
    return f"The session changes: {', '.join(said)}."


def times(values: Any) -> str:
    start, end = (clock.local(moment(at)) for at in (values.start, values.end))
    return f"{start:%H:%M}–{end:%H:%M}"


def in_words(counts: Any) -> str:
    """Return create 17, withdraw 12, strand 2: what a button that changes much must name."""
    return ", ".join(f"{verb} {counts[verb]}" for verb in VERBS if counts.get(verb))


def whole_in_words(plan: Plan) -> str:
    """Return the numbers of a whole plan, in the words of its button; empty: nothing to do."""
    counts = plan.counts
    slots = {
        "create": counts["slots_created"],
        "change": counts["slots_changed"],
        "restore": counts["slots_restored"],
        "withdraw": counts["slots_withdrawn"],
        "strand": counts["appointments_orphaned"],
    }
    sessions = counts["sessions_changed"]
    more = [f"change {sessions} session{'s' if sessions > 1 else ''}"] if sessions else []
    if again := counts["appointments_unorphaned"]:
        more.append(f"no longer strand {again}")
    if (ending := counts["sessions_withdrawn"]) and not counts["slots_withdrawn"]:
        more.append(f"withdraw {ending} empty session{'s' if ending > 1 else ''}")
    return ", ".join(filter(None, [in_words(slots), *more]))


def parsed(text: str | None) -> date | None:
    try:
        return parse_date(text or "")
    except ValueError:
        return None


def parse_moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def as_text(rows: Iterable[Row]) -> str:
    """Write what a plan said of each session, so that the next page can tell what is new."""
    return json.dumps({row.key: row.as_seen for row in rows}, separators=(",", ":"))


def from_text(text: str) -> dict[str, list[Any]]:
    """Read it again; what nobody here wrote says nothing."""
    try:
        seen = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(seen, dict):
        return {}
    return {str(key): list(value) for key, value in seen.items() if isinstance(value, list)}
