"""The diary: a day of all session holders, or a week of one, and what lies behind each block.

What fills the time is gathered by practice.staff.day. Here it is placed on the scale, by classes
of diary_scale.css, as inline styles have no place under the Content-Security-Policy. A block leads
to a page of its own, which opens beside the diary (htmx) where the window is wide enough; each
change is one form of that page and one call of a service.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from practice import clock
from practice.admin.booking import booking_organisation_facts
from practice.admin.offer import obstacles
from practice.exceptions import DiaryRefused, PracticeError, VersionConflict
from practice.models import Appointment, AppointmentSlot, Practitioner, Schedule, Slot
from practice.services import attendance, audit, booking
from practice.services import diary as diary_service
from practice.staff.clinic_list import number, read_date
from practice.staff.day import (
    HIDDEN,
    STATES,
    Choice,
    Column,
    Day,
    Entry,
    age,
    days,
    entry_of_appointment,
    entry_of_slot,
    people_and_places,
    sessions_between,
)
from practice.staff.page import StaffPage

LEGEND = [(key, words) for key, words in STATES.items() if key not in HIDDEN]
LONGEST_AXIS = 51  # hours; a session begins on its day and lasts another day at most
LANES = 8  # side by side in one column, as many as diary_scale.css has words for
LABEL_MINUTES = 6  # the name of a session takes the room of so many minutes above it
ONE_LINE_MINUTES = 8  # what is shorter has room for one line
STALE = (
    "Somebody else has changed this since you opened it. Nothing was changed: "
    "here is how it is now."
)


# ---------------------------------------------------------------- times


def wall_time(moment: datetime) -> str:
    """Return 09:30, or 01:30 GMT in the hour that an autumn night has twice."""
    local = clock.local(moment)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return f"{local:%H:%M} {local:%Z}" if twice else f"{local:%H:%M}"


def day_words(day: date) -> str:
    """Return Thursday 19 November 2026."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def time_words(moment: datetime, today: date) -> str:
    """Return 08:52 with its day: Today 08:52, or Thu 19 Nov 2026 08:52."""
    day = clock.local(moment).date()
    return f"{'Today' if day == today else f'{day:%a} {day.day} {day:%b %Y}'} {wall_time(moment)}"


@dataclass(frozen=True)
class Scale:
    """How many minutes down a moment stands in the column of a day.

    By the time that has passed since midnight, so that a night with a clock change has its true
    length; in a week by the clock on the wall, since all its days share one axis.
    """

    day: date
    by_wall: bool = False

    def minutes(self, moment: datetime) -> int:
        if not self.by_wall:
            return int((moment - clock.day_start(self.day)).total_seconds()) // 60
        local = clock.local(moment)
        return (local.date() - self.day).days * 24 * 60 + local.hour * 60 + local.minute

    def at(self, minutes: int) -> str:
        """The classes that stand for a place on the scale."""
        return f"h{minutes // 60} m{minutes % 60}"


# ---------------------------------------------------------------- columns


@dataclass(frozen=True)
class Block:
    """An entry in its place, or the name of a session above its first entry."""

    classes: str
    heading: str
    key: str = ""
    url: str = ""
    time: str = ""
    state: str = ""
    detail: str = ""
    gp_connect: bool = False


@dataclass(frozen=True)
class Strip:
    """A column of the page: a holder's day, or a day of a holder's week."""

    key: str
    title: str
    lines: list[str]
    blocks: list[Block]
    free: int = 0
    waiting: int = 0
    hidden: int = 0
    now_at: str = ""
    first: int = 24 * 60  # minutes: what is earliest and latest in it
    last: int = 0


def strip(
    column: Column, scale: Scale, *, key: str, title: str, lines: list[str], now: datetime
) -> Strip:
    """Return a column with everything in its place."""
    placed = []
    for session in column.sessions:
        for entry in session.entries:
            top = scale.minutes(entry.start)
            placed.append((top, top + entry.minutes, entry))
    placed.sort(key=lambda each: (each[0], each[1], each[2].key))
    lanes = lanes_of([(top, bottom) for top, bottom, _ in placed])
    blocks: list[tuple[int, int, Block]] = []
    for (top, _, entry), (lane, of) in zip(placed, lanes, strict=True):
        blocks.append((top, 1, block_of(entry, scale.at(top), lane, of)))
    busy = [(top, bottom) for top, bottom, _ in placed]
    for session in column.sessions:
        top = scale.minutes(session.schedule.start)
        blocks.append((top, 0, label_of(session.schedule, scale.at(top), top, busy)))
    blocks.sort(key=lambda each: each[:2])
    edges = [*busy, *((top, top) for top, _, _ in blocks)]
    is_today = clock.today(now) == scale.day
    return Strip(
        key=key,
        title=title,
        lines=[line for line in lines if line],
        blocks=[block for _, _, block in blocks],
        free=column.free,
        waiting=column.waiting,
        hidden=column.hidden,
        now_at=scale.at(scale.minutes(now)) if is_today else "",
        first=min((top for top, _ in edges), default=24 * 60),
        last=max((bottom for _, bottom in edges), default=0),
    )


def block_of(entry: Entry, at: str, lane: int, of: int) -> Block:
    """Return an entry as a link: who, or what state it is in, then the rest."""
    words = entry.state_in_words
    hours, minutes = divmod(entry.minutes, 60)
    classes = ["entry", entry.state, at, f"x{hours} y{minutes}"]
    if entry.is_past:
        classes.append("past")
    if entry.minutes < ONE_LINE_MINUTES:
        classes.append("one-line")
    if of > 1:
        classes.append(f"lane{lane} of{of}")
    detail = entry.detail
    if entry.until:
        same = clock.local(entry.until).date() == clock.local(entry.start).date()
        day = "" if same else f"{clock.local(entry.until):%a} "
        detail = f"until {day}{wall_time(entry.until)} · {detail}"
    return Block(
        classes=" ".join(classes),
        heading=entry.heading or words,
        key=entry.key,
        url=address_of(entry.what, entry.pk),
        time=wall_time(entry.start),
        state=words if entry.heading else "",
        detail=detail,
        gp_connect=entry.gp_connect,
    )


def label_of(schedule: Schedule, at: str, top: int, busy: list[tuple[int, int]]) -> Block:
    """Return the name of a session; without room above the session it stands in the list only."""
    crowded = any(start < top < end + LABEL_MINUTES for start, end in busy)
    return Block(
        classes=f"session {at} crowded" if crowded else f"session {at}",
        heading=schedule.session_name or "Session",
        time=f"{wall_time(schedule.start)}–{wall_time(schedule.end)}",
        state="withdrawn" if schedule.withdrawn else "",
    )


def lanes_of(times: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return for each of these times, in order, its lane and how many share the width there."""
    found: list[tuple[int, int]] = []
    cluster: list[int] = []
    free_from: list[int] = []
    for top, bottom in times:
        if free_from and top >= max(free_from):
            found += [(lane, len(free_from)) for lane in cluster]
            cluster, free_from = [], []
        lane = next((n for n, until in enumerate(free_from) if until <= top), len(free_from))
        if lane < len(free_from):
            free_from[lane] = bottom
        else:
            free_from.append(bottom)
        cluster.append(lane)
    found += [(lane, len(free_from)) for lane in cluster]
    return [(min(lane, LANES - 1), min(of, LANES)) for lane, of in found]


def address_of(what: str, pk: int) -> str:
    return reverse(f"admin:diary_{what}", args=[pk])


# ---------------------------------------------------------------- what is shown


@dataclass(frozen=True)
class View:
    """What of the diary an address shows: which day or week, narrowed to what."""

    day: date
    week: bool = False
    choice: Choice = Choice()

    @classmethod
    def of(cls, query: QueryDict, *, today: date) -> "View":
        """Read an address; what makes no sense in it counts as not said."""
        day = read_date(query.get("date", "")) or today
        return cls(
            day=day if 1900 < day.year < 2200 else today,
            week=query.get("view") == "week",
            choice=Choice(
                location=number(query.get("location")) or None,
                holder=number(query.get("holder")) or None,
                schedule=number(query.get("session")) or None,
                show_hidden=query.get("hidden") == "1",
            ),
        )

    @property
    def first(self) -> date:
        return self.day - timedelta(days=self.day.weekday()) if self.week else self.day

    @property
    def last(self) -> date:
        return self.first + timedelta(days=6) if self.week else self.day

    @property
    def title(self) -> str:
        if not self.week:
            return day_words(self.day)
        first, last = self.first, self.last
        begins = f"{first.day} {first:%B}" + (f" {first.year}" if first.year != last.year else "")
        if first.month == last.month:
            begins = str(first.day)
        return f"Week of {begins} to {last.day} {last:%B %Y}"

    def address(self, **changes: Any) -> str:
        """The address of this view, or of one that differs in this."""
        in_choice = {k: v for k, v in changes.items() if k in Choice.__dataclass_fields__}
        rest = {k: v for k, v in changes.items() if k not in in_choice}
        view = replace(self, choice=replace(self.choice, **in_choice), **rest)
        chosen = {
            "date": view.day.isoformat(),
            "view": "week" if view.week else "",
            "location": view.choice.location,
            "holder": view.choice.holder,
            "session": view.choice.schedule,
            "hidden": "1" if view.choice.show_hidden else "",
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{reverse('admin:diary')}?{query}"

    def strips(self, found: list[Day], *, now: datetime) -> list[Strip]:
        """Return the columns of these days; a weekend without sessions takes no room in a week."""
        if not self.week:
            return [
                strip(
                    column,
                    Scale(day.date),
                    key=column.key,
                    title=column.name,
                    lines=[column.role, column.names, column.places if column.holder else ""],
                    now=now,
                )
                for day in found
                for column in day.columns
            ]
        strips = []
        for day in found:
            if not day.columns and day.date.weekday() > 4:
                continue
            column = day.columns[0] if day.columns else Column(None, "", [])
            strips.append(
                strip(
                    column,
                    Scale(day.date, by_wall=True),
                    key=f"day-{day.date:%Y-%m-%d}",
                    title=f"{day.date:%a} {day.date.day} {day.date:%b}",
                    lines=[column.names, column.places] if day.columns else ["No session"],
                    now=now,
                )
            )
        return strips


@dataclass(frozen=True)
class Axis:
    """The scale at the left: from one full hour to another, with a line for each half hour."""

    begins: int
    ends: int
    marks: list[tuple[str, str]]

    @property
    def classes(self) -> str:
        return f"from{self.begins} to{self.ends}"


def axis_of(strips: Iterable[Strip], scale: Scale) -> Axis:
    """Return the scale from the earliest to the latest of these columns."""
    first = min((one.first for one in strips), default=24 * 60)
    last = max((one.last for one in strips), default=0)
    begins = min(first, last) // 60
    ends = min(-(-last // 60), LONGEST_AXIS)
    marks = []
    for minutes in range(begins * 60, ends * 60 + 1, 30):
        if scale.by_wall:
            words = f"{minutes // 60 % 24:02}:{minutes % 60:02}"
        else:
            words = wall_time(clock.day_start(scale.day) + timedelta(minutes=minutes))
        full = " full" if minutes % 60 == 0 else ""
        marks.append((f"{scale.at(minutes)}{full}", words))
    return Axis(begins, max(ends, begins), marks)


# ---------------------------------------------------------------- the page


class DiaryPage(StaffPage):
    """What the diary and its details share: whom they showed is written down."""

    def record(self, event: str, patients: Iterable[int | None], **detail: Any) -> None:
        """Audit who was shown to whom: one event for a page."""
        shown = sorted({patient for patient in patients if patient})
        audit.record(
            organisation=self.practice,
            actor=self.actor,
            event=event,
            outcome="ok",
            now=self.now,
            detail={**detail, "patients": shown},
        )


class Diary(DiaryPage):
    """``?date=`` a day, ``&view=week`` its week; ``location=``, ``holder=``, ``session=``."""

    permission = "practice.view_appointment"
    template = "staff/diary/page.html"
    title = "Diary"

    def get(self, request: HttpRequest) -> HttpResponse:
        view = View.of(request.GET, today=self.today)
        people, places = people_and_places(self.practice)
        view = self.checked(view, people)
        if go := request.GET.get("go"):
            return redirect(f"{view.address()}#column-{go}")
        found = days(self.practice, view.first, view.last, view.choice, now=self.now)
        strips = view.strips(found, now=self.now)
        sessions = []
        if not view.week:
            every = sessions_between(self.practice, view.day, view.day, Choice())
            sessions = [session for session in every if not session.withdrawn]
        patients = [e.patient for day in found for c in day.columns for e in c.entries]
        self.record("diary.viewed", patients, **{"from": str(view.first), "to": str(view.last)})
        step = timedelta(days=7 if view.week else 1)
        return self.render(
            is_fullwidth="1",
            view=view,
            heading=view.title,
            strips=strips,
            axis=axis_of(strips, Scale(view.day, by_wall=view.week)),
            hidden=sum(day.hidden for day in found),
            now_words=wall_time(self.now),
            now_at=next((one.now_at for one in strips if one.now_at), ""),
            people=people,
            places=places,
            sessions=sessions,
            legend=LEGEND,
            links={
                "today": view.address(day=self.today),
                "previous": view.address(day=view.day - step, schedule=None),
                "next": view.address(day=view.day + step, schedule=None),
                "day": view.address(week=False),
                "week": view.address(week=True, schedule=None),
                "hidden": view.address(show_hidden=not view.choice.show_hidden),
                "print": self.clinic_list_of(view),
                "book": reverse("admin:book"),
            },
            previous=step_words(view, view.first - step),
            next=step_words(view, view.first + step),
        )

    def checked(self, view: View, people: list[Practitioner]) -> View:
        """Answer 404 for what is not this practice's; a week is always somebody's."""
        choice = view.choice
        if choice.schedule:
            sessions = Schedule.objects.filter(organisation=self.practice, pk=choice.schedule)
            if (session := sessions.first()) is None:
                raise Http404("There is no such session at this practice.")
            if not view.week:
                view = replace(view, day=session.date)
        if choice.location and not self.practice.locations.filter(pk=choice.location).exists():
            raise Http404("There is no such location at this practice.")
        if choice.holder and not any(person.pk == choice.holder for person in people):
            here = Q(roles__organisation=self.practice) | Q(schedules__organisation=self.practice)
            former = Practitioner.objects.filter(here, pk=choice.holder).first()
            if former is None:
                raise Http404("There is no such session holder at this practice.")
            people.append(former)
        if view.week and not choice.holder and people:
            view = replace(view, choice=replace(choice, holder=people[0].pk, schedule=None))
        return view

    def clinic_list_of(self, view: View) -> str:
        chosen = {"date": view.day.isoformat(), "holder": view.choice.holder}
        if view.choice.schedule:
            chosen = {"schedule": view.choice.schedule}
        query = urlencode({name: value for name, value in chosen.items() if value})
        return f"{reverse('admin:clinic_list')}?{query}"


def step_words(view: View, day: date) -> str:
    """Return what the arrows lead to: Wed 18, or 9 Nov."""
    return f"{day.day} {day:%b}" if view.week else f"{day:%a} {day.day}"


# ---------------------------------------------------------------- what lies behind a block


class Detail(DiaryPage):
    """One appointment or slot: read, and changed by the forms on it.

    A page of its own, or, asked for by htmx, the part that opens beside the diary; after a change
    that part comes with the column it changed and the words to announce. ``?ask=`` opens the form
    of a change that needs words first.
    """

    template = "staff/diary/detail.html"
    part: ClassVar[str]
    what: ClassVar[str]
    change: ClassVar[str]

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.find(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.may_change:
            raise PermissionDenied
        record = self.find(pk)
        do = self.steps.get(request.POST.get("do", ""))
        if do is None:
            raise Http404("There is no such change.")
        try:
            with transaction.atomic():
                said = do(record)
        except VersionConflict:
            return self.show(self.find(pk), problem=STALE, status=409)
        except PracticeError as refusal:
            return self.show(self.find(pk), problem=str(refusal), status=422)
        if request.htmx:  # type: ignore[attr-defined]
            return self.show(self.find(pk), said=said)
        here = address_of(self.what, pk)
        return self.done(said, f"{here}?{urlencode({'back': self.address_back(record)})}")

    @property
    def steps(self) -> dict[str, Callable[[Any], str]]:
        """What a form can do; each returns the words to announce."""
        raise NotImplementedError

    @property
    def may_change(self) -> bool:
        return self.request.user.has_perm(self.change)

    @property
    def expected_version(self) -> str:
        """The version that the form was made from; a form without one is never up to date."""
        return self.request.POST.get("expected_version", "") or "none"

    def find(self, pk: int) -> Any:
        raise NotImplementedError

    def facts(self, record: Any) -> dict[str, Any]:
        raise NotImplementedError

    def show(
        self, record: Any, *, said: str = "", problem: str = "", status: int = 200
    ) -> HttpResponse:
        """Show it, beside the diary or as a page; then what was said or refused."""
        facts = self.facts(record)
        back = self.address_back(record)
        self.record_view(record)
        beside: bool = self.request.htmx  # type: ignore[attr-defined]
        changed = beside and self.request.method == "POST"
        response = self.render(
            template="staff/diary/answer.html" if beside else "",
            status=status,
            part=self.part,
            here=address_of(self.what, record.pk),
            back=back,
            beside=beside,
            said=said,
            problem=problem,
            may_change=self.may_change,
            ask=self.request.GET.get("ask", "") or self.asked_again(problem),
            typed=self.request.POST,
            strip=self.strip_of(record.schedule, back) if changed else None,
            **facts,
        )
        patch_vary_headers(response, ["HX-Request"])
        return response

    def asked_again(self, problem: str) -> str:
        """The form to show again when what it said was refused."""
        return self.request.POST.get("do", "") if problem and problem != STALE else ""

    def record_view(self, record: Any) -> None:
        """Audit that a patient was shown; a slot shows nobody."""

    def address_back(self, record: Any) -> str:
        """The diary from which this was opened, at the block: as a form or the browser says."""
        address = self.back("")
        if not address:
            referer = self.request.headers.get("Referer", "")
            host = self.request.build_absolute_uri("/")
            address = f"/{referer.removeprefix(host)}" if referer.startswith(host) else ""
        address = address.partition("#")[0]
        if address.partition("?")[0] != reverse("admin:diary"):
            address = View(record.schedule.date).address()
        return f"{address}#{self.what}-{record.pk}"

    def strip_of(self, schedule: Schedule, back: str) -> Strip | None:
        """Return the column of the diary behind that shows this session, as it is now."""
        query = QueryDict(back.partition("#")[0].partition("?")[2])
        view = View.of(query, today=self.today)
        if not view.first <= schedule.date <= view.last:
            return None
        choice = replace(view.choice, holder=schedule.session_holder_id)
        if choice.holder is None:
            choice = replace(choice, location=schedule.location_id)
        found = days(self.practice, schedule.date, schedule.date, choice, now=self.now)
        entries = [e for day in found for c in day.columns for e in c.entries]
        self.record("diary.viewed", [e.patient for e in entries], **{"from": str(schedule.date)})
        holder, place = schedule.session_holder_id, schedule.location_id
        key = f"holder-{holder}" if holder else f"location-{place}"
        if view.week:
            key = f"day-{schedule.date:%Y-%m-%d}"
        return next((one for one in view.strips(found, now=self.now) if one.key == key), None)


# ---------------------------------------------------------------- an appointment


class AppointmentDetail(Detail):
    """An appointment: who, when, with whom, who booked it; arrived, seen, cancelled."""

    permission = "practice.view_appointment"
    change = "practice.change_appointment"
    title = "Appointment"
    part = "staff/diary/appointment.html"
    what = "appointment"

    @property
    def steps(self) -> dict[str, Callable[[Appointment], str]]:
        return {
            "arrived": lambda a: self.mark(a, Appointment.Status.ARRIVED),
            "seen": lambda a: self.mark(a, Appointment.Status.FULFILLED),
            "dna": lambda a: self.mark(a, Appointment.Status.NO_SHOW),
            "undo": self.undo,
            "cancel": self.cancel,
        }

    def mark(self, appointment: Appointment, status: str) -> str:
        attendance.mark(status=status, **self.of(appointment))
        words = Appointment.Status(status).label.lower()
        return f"{name_of(appointment)} marked {words}."

    def undo(self, appointment: Appointment) -> str:
        changed = attendance.undo(**self.of(appointment))
        return f"Undone: {name_of(appointment)} is {changed.get_status_display().lower()} again."

    def cancel(self, appointment: Appointment) -> str:
        was_orphaned = appointment.orphaned
        reason = self.request.POST.get("reason", "").strip()
        if len(reason) > 300:
            raise DiaryRefused("The reason may have at most 300 characters.")
        locked = booking.appointment_for_change(**self.of(appointment))
        booking.cancel_appointment(
            appointment=locked, reason=reason, actor=self.actor, now=self.now
        )
        after = "" if was_orphaned else " Its time is free again."
        return f"{name_of(appointment)}: appointment cancelled.{after}"

    def of(self, appointment: Appointment) -> dict[str, Any]:
        """What every service needs that changes an appointment."""
        return {
            "organisation": self.practice,
            "appointment_id": appointment.pk,
            "actor": self.actor,
            "now": self.now,
            "expected_version": self.expected_version,
        }

    def find(self, pk: int) -> Appointment:
        found: Appointment = self.own(
            Appointment.objects.select_related(
                "patient", "schedule__session_holder", "location", "booked_by", "access_profile"
            ),
            pk=pk,
        )
        return found

    def record_view(self, record: Appointment) -> None:
        audit.record(
            organisation=self.practice,
            actor=self.actor,
            event="appointment.viewed",
            outcome="ok",
            now=self.now,
            patient_id=record.patient_id,
            resource=f"Appointment/{record.pk}",
        )

    def facts(self, record: Appointment) -> dict[str, Any]:
        patient = record.patient
        entry = entry_of_appointment(record, now=self.now)
        may = {status for status in attendance.STEPS if self.may_be_marked(record, status)}
        is_open = record.status != Appointment.Status.CANCELLED
        before = attendance.status_before(record)
        first = record.provenance[0] if record.provenance else {}
        trail = reverse("admin:practice_auditevent_changelist")
        return {
            "appointment": record,
            "patient": patient,
            "patient_age": age(patient.birth_date, self.now),
            "name": name_of(record),
            "entry": entry,
            "when": when_words(record.start, record.end, self.today),
            "telecoms": list(patient.telecoms.all()),
            "may": {
                "arrived": Appointment.Status.ARRIVED in may,
                "seen": Appointment.Status.FULFILLED in may,
                "dna": Appointment.Status.NO_SHOW in may,
                "move": record.status == Appointment.Status.BOOKED,
                "cancel": is_open,
            },
            "undo_to": Appointment.Status(before).label.lower() if before and is_open else "",
            "organisation_facts": booking_organisation_facts(record),
            "booked_by": ", ".join(
                filter(None, [first.get("name") or str(record.booked_by or ""), first.get("role")])
            ),
            "booked_through": DOORS[record.booked_via],
            "booked_when": time_words(record.created, self.today),
            "amended": amended_words(record, self.today),
            "history": [history_line(line, self.today) for line in record.provenance],
            "moved_to": list(record.moved_to.order_by("pk")),
            "links": {
                "move": reverse("admin:move", args=[record.pk]),
                "amend": reverse("admin:practice_appointment_change", args=[record.pk]),
                "patient": reverse("admin:practice_patient_change", args=[patient.pk]),
                "patients_appointments": reverse("admin:practice_appointment_changelist")
                + f"?q={patient.nhs_number}",
                "trail": f"{trail}?q=Appointment/{record.pk}"
                if self.request.user.has_perm("practice.view_auditevent")
                else "",
            },
            "number_of_appointments": patient.appointments.count(),
            "released": self.released_slots(record),
        }

    def may_be_marked(self, appointment: Appointment, status: str) -> bool:
        try:
            attendance.check_step(appointment, status, now=self.now)
        except PracticeError:
            return False
        return True

    def released_slots(self, appointment: Appointment) -> list[Slot]:
        """The slots that a cancelled appointment had and that nobody else has now."""
        if appointment.status != Appointment.Status.CANCELLED:
            return []
        held = AppointmentSlot.objects.filter(appointment=appointment, released=True)
        free = Slot.objects.filter(organisation=self.practice, status=Slot.Status.FREE)
        return list(free.filter(pk__in=held.values("slot"), withdrawn=False, end__gt=self.now))


def name_of(appointment: Appointment) -> str:
    return f"{appointment.patient.given_names} {appointment.patient.family_name}"


def when_words(start: datetime, end: datetime, today: date) -> str:
    """Return Today 10:50–11:00, or with the day: Thu 19 Nov 2026 10:50–11:00."""
    return f"{time_words(start, today)}–{wall_time(end)}"


def amended_words(appointment: Appointment, today: date) -> str:
    """Return when the texts were last changed, if they ever were."""
    for line in reversed(appointment.provenance):
        if line.get("action") == "amended" and line.get("at"):
            return f"amended {time_words(datetime.fromisoformat(line['at']), today)}"
    return ""


FIELDS = {"cancellation_reason": "Reason", "status": "State"}
DOORS = {"gp-connect": "GP Connect", "staff": "practice staff", "command": "a command"}


def history_line(line: dict[str, Any], today: date) -> dict[str, Any]:
    """Return an entry of an appointment's provenance: when, what, who, and what it said before."""
    at = line.get("at")
    statuses = dict(Appointment.Status.choices)
    changes = []
    for name, change in line.get("changes", {}).items():
        if isinstance(change, dict):
            before, after = (str(change.get(key) or "") for key in ("from", "to"))
            if name == "status":
                before, after = statuses.get(before, before), statuses.get(after, after)
            changes.append((FIELDS.get(name, name.replace("_", " ").capitalize()), before, after))
    who = [line.get("name") or line.get("user_id"), line.get("role"), line.get("organisation")]
    return {
        "when": time_words(datetime.fromisoformat(at), today) if at else "At an unknown time",
        "action": str(line.get("action", "changed")).capitalize(),
        "who": ", ".join(filter(None, who)),
        "through": DOORS.get(line.get("door", ""), line.get("door", "")),
        "system": ", ".join(filter(None, [line.get("device"), line.get("interaction")])),
        "changes": changes,
    }


# ---------------------------------------------------------------- a slot


class SlotDetail(Detail):
    """A slot that nobody has: book, block, offer to others, withdraw, and each the other way."""

    permission = "practice.view_slot"
    change = "practice.change_slot"
    title = "Slot"
    part = "staff/diary/slot.html"
    what = "slot"

    @property
    def steps(self) -> dict[str, Callable[[Slot], str]]:
        service = diary_service
        note = self.request.POST.get("note", "").strip()
        return {
            "block": lambda slot: self.apply(slot, service.block_slots, "blocked", note=note),
            "unblock": lambda slot: self.apply(slot, service.unblock_slots, "free again"),
            "offer": lambda slot: self.apply(slot, service.make_bookable, "GP Connect bookable"),
            "withhold": lambda slot: self.apply(
                slot, service.make_not_bookable, "no longer GP Connect bookable"
            ),
            "withdraw": lambda slot: self.apply(slot, service.withdraw_slots, "withdrawn"),
            "restore": lambda slot: self.apply(slot, service.restore_slots, "back in the diary"),
        }

    def apply(self, slot: Slot, service: Callable[..., Any], words: str, **kwargs: Any) -> str:
        """Change the slot, if it still is what the form showed: compared under the same lock."""
        outcome = service(
            organisation=self.practice, slot_ids=[slot.pk], actor=self.actor, now=self.now, **kwargs
        )
        left = outcome.refused[0] if outcome.refused else None
        version = left.slot.version if left else outcome.changed[0].version - 1
        if self.expected_version != str(version):
            raise VersionConflict
        if left:
            raise DiaryRefused(f"Nothing was changed. {left.why}")
        return f"The slot at {wall_time(slot.start)} is {words}."

    def find(self, pk: int) -> Slot:
        found: Slot = self.own(
            Slot.objects.select_related(
                "organisation",
                "access_profile",
                "schedule__session_holder",
                "schedule__location",
                "schedule__access_profile",
            ),
            pk=pk,
        )
        return found

    def facts(self, record: Slot) -> dict[str, Any]:
        held = AppointmentSlot.objects.filter(slot=record, released=False)
        holding = held.select_related("appointment__patient").first()
        entry = entry_of_slot(record, self.practice, now=self.now)
        is_over = record.end <= self.now
        in_diary = not record.withdrawn and not record.schedule.withdrawn
        is_free = record.status == Slot.Status.FREE and in_diary and not is_over
        is_blocked = record.status == Slot.Status.BUSY_UNAVAILABLE and in_diary
        booked = holding is not None
        why_not = [] if record.gp_connect_bookable or is_over or booked else obstacles(record)
        trail = reverse("admin:practice_auditevent_changelist")
        return {
            "slot": record,
            "entry": entry,
            "when": when_words(record.start, record.end, self.today),
            "holding": holding.appointment if holding else None,
            "profile": record.access_profile or record.schedule.access_profile,
            "why_not": why_not,
            "may": {
                "book": is_free and not booked,
                "block": is_free and not booked,
                "unblock": is_blocked,
                "offer": not (record.gp_connect_bookable or is_over or booked or why_not)
                and in_diary,
                "withhold": record.gp_connect_bookable and not is_over,
                "withdraw": (is_free or is_blocked) and not is_over and not booked,
                "restore": record.withdrawn and not record.schedule.withdrawn and not is_over,
            },
            "may_book": self.request.user.has_perm("practice.add_appointment"),
            "until": time_words(entry.until, self.today) if entry.until else "",
            "links": {
                "book": f"{reverse('admin:book')}?slot={record.pk}",
                "edit": reverse("admin:practice_slot_change", args=[record.pk]),
                "session": reverse("admin:practice_schedule_change", args=[record.schedule_id]),
                "trail": f"{trail}?q=Slot/{record.pk}"
                if self.request.user.has_perm("practice.view_auditevent")
                else "",
            },
        }

    def record_view(self, record: Slot) -> None:
        """Name who has the slot by now, if anybody: the page leads to them."""
        held = record.appointment_slots.filter(released=False)
        if patient := held.values_list("appointment__patient", flat=True).first():
            self.record("slot.viewed", [patient])
