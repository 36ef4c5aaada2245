"""What lies behind a block of the diary: an appointment or a slot, and what can be done with it.

A page of its own, which opens beside the diary (htmx) where the window is wide enough. Each change
is one form of that page and one call of a service.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from practice.admin.booking import booking_organisation_facts
from practice.admin.offer import obstacles
from practice.exceptions import DiaryRefused, PracticeError, VersionConflict
from practice.models import Appointment, AppointmentSlot, Schedule, Slot
from practice.reads.diary_columns import age, days, entry_of_appointment, entry_of_slot
from practice.services import diary
from practice.services.appointments import attendance, changing
from practice.services.audit import recording
from practice.staff.diary import DiaryPage, View
from practice.staff.diary_layout import Strip, address_of, time_words, wall_time

STALE = (
    "Somebody else has changed this since you opened it. Nothing was changed: "
    "here is how it is now."
)


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
    part = "staff/appointment/part.html"
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
        locked = changing.appointment_for_change(**self.of(appointment))
        changing.cancel_appointment(
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
        recording.record(
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
        trail = reverse("admin:audit_trail")
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
                "trail": f"{trail}?from_date=&resource=Appointment/{record.pk}"
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
    part = "staff/slot/part.html"
    what = "slot"

    @property
    def steps(self) -> dict[str, Callable[[Slot], str]]:
        service = diary
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
        trail = reverse("admin:audit_trail")
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
            "offered": is_free and not booked,
            "may_book": self.request.user.has_perm("practice.add_appointment"),
            "until": time_words(entry.until, self.today) if entry.until else "",
            "links": {
                "book": f"{reverse('admin:book')}?slot={record.pk}",
                "edit": reverse("admin:practice_slot_change", args=[record.pk]),
                "session": reverse("admin:practice_schedule_change", args=[record.schedule_id]),
                "trail": f"{trail}?from_date=&resource=Slot/{record.pk}"
                if self.request.user.has_perm("practice.view_auditevent")
                else "",
            },
        }

    def record_view(self, record: Slot) -> None:
        """Name who has the slot by now, if anybody: the page leads to them."""
        held = record.appointment_slots.filter(released=False)
        if patient := held.values_list("appointment__patient", flat=True).first():
            self.record("slot.viewed", [patient])
