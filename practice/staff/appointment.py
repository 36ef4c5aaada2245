"""The page of an appointment: who, when, with whom, who booked it; amend, cancel, attendance."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django import forms
from django.http import QueryDict
from django.urls import reverse

from practice import clock, terminology
from practice.exceptions import PracticeError
from practice.models import Appointment, DeskMessage, InSeries
from practice.reads.appointments import appointment_in_detail
from practice.reads.cancellation_list import numbers_who_would_take, waiting_entry_of
from practice.reads.diary_columns import age, called_in_at, entry_of_appointment
from practice.reads.patients import why_nobody_books_for
from practice.reads.series import appointments_of
from practice.reads.slots import slots_given_back
from practice.services.appointments import attendance, changing
from practice.services.appointments.desk_messages import LENGTH, mark_seen, write_message
from practice.services.appointments.how_booked import say_how_booked
from practice.services.audit.recording import record_done
from practice.staff.base import found_or_404
from practice.staff.booking import TextsForm
from practice.staff.diary import Carried
from practice.staff.diary_details import CHANGED, Detail, when_words
from practice.staff.diary_layout import time_words
from practice.staff.how_booked import HowBookedForm, form_of_appointment, in_words

ATTENDED = {Appointment.Status.ARRIVED, Appointment.Status.FULFILLED}


class AppointmentPage(Detail):
    """An appointment: who, when, with whom, who booked it; amended, cancelled, arrived, seen."""

    permission = "practice.view_appointment"
    change = "practice.change_appointment"
    title = "Appointment"
    part = "staff/appointment/part.html"
    what = "appointment"
    model = Appointment

    # ------------------------------------------------------------ what can be done

    @property
    def steps(self) -> dict[str, Callable[[Appointment, Any], str]]:
        return {
            "arrived": lambda a, _: self.mark(a, Appointment.Status.ARRIVED),
            "seen": lambda a, _: self.mark(a, Appointment.Status.FULFILLED),
            "dna": lambda a, _: self.mark(a, Appointment.Status.NO_SHOW),
            "undo": self.undo,
            "amend": self.amend,
            "cancel": self.cancel,
            "how": self.say_how,
            "message": self.write,
            "noted": self.note,
        }

    def form_of(self, step: str, record: Appointment, sent: QueryDict | None) -> forms.Form | None:
        if step == "how":
            return form_of_appointment(record, sent)
        if step != "amend":
            return None
        texts = {"description": record.description, "comment": record.comment}
        return TextsForm(sent, initial=texts)

    def mark(self, appointment: Appointment, status: str) -> str:
        attendance.mark(status=status, **self.change_arguments(appointment))
        words = Appointment.Status(status).label.lower()
        return f"{name_of(appointment)} marked {words}."

    def undo(self, appointment: Appointment, form: Any) -> str:
        changed = attendance.undo(**self.change_arguments(appointment))
        return f"Undone: {name_of(appointment)} is {changed.get_status_display().lower()} again."

    def amend(self, appointment: Appointment, form: TextsForm) -> str:
        changing.amend_by_staff(**form.cleaned_data, **self.change_arguments(appointment))
        return f"{name_of(appointment)}: appointment amended."

    def say_how(self, appointment: Appointment, form: HowBookedForm) -> str:
        say_how_booked(
            organisation=self.practice,
            appointment_id=appointment.pk,
            said=form.said(),
            actor=self.actor,
            now=self.now,
        )
        return f"{name_of(appointment)}: how it was booked is noted."

    def write(self, appointment: Appointment, form: Any) -> str:
        write_message(text=self.request.POST.get("text", ""), **self.as_reception(appointment))
        return f"{name_of(appointment)}: message sent to the clinician."

    def note(self, appointment: Appointment, form: Any) -> str:
        mark_seen(**self.as_reception(appointment))
        return f"{name_of(appointment)}: noted, the clinician sees that."

    def as_reception(self, appointment: Appointment) -> dict[str, Any]:
        """What messages need: whoever is here is at the desk."""
        whose = self.change_arguments(appointment)
        del whose["expected_version"]
        return {**whose, "side": DeskMessage.Side.RECEPTION}

    def cancel(self, appointment: Appointment, form: Any) -> str:
        was_orphaned = appointment.orphaned
        sent = self.request.POST
        reason = changing.reason_of(
            sent.get("chosen", ""), sent.get("reason", ""), organisation=self.practice
        )
        changing.cancel_by_staff(reason=reason, **self.change_arguments(appointment))
        after = "" if was_orphaned else " Its time is free again."
        return f"{name_of(appointment)}: appointment cancelled.{after}"

    def change_arguments(self, appointment: Appointment) -> dict[str, Any]:
        """What every service needs that changes an appointment."""
        return {
            "organisation": self.practice,
            "appointment_id": appointment.pk,
            "actor": self.actor,
            "now": self.now,
            "expected_version": self.expected_version,
        }

    def what_changed(self, record: Appointment) -> str:
        """Name the last entry of the history: who was quicker, when, and what they did."""
        if not record.provenance:
            return CHANGED
        last = history_line(record.provenance[-1], self.today)
        who = last["who"] or "Unknown"
        return f"{CHANGED} The last change: {last['action'].lower()}, {last['when']}, by {who}."

    # ------------------------------------------------------------ what is shown

    def find(self, pk: int) -> Appointment:
        return found_or_404(appointment_in_detail(organisation=self.practice, appointment_id=pk))

    def record_view(self, record: Appointment, facts: dict[str, Any]) -> None:
        record_done("appointment.viewed", record, actor=self.actor, now=self.now)

    def facts(self, record: Appointment) -> dict[str, Any]:
        patient = record.patient
        is_open = record.status != Appointment.Status.CANCELLED
        before = attendance.status_before(record)
        called_in = called_in_at(record)
        if called_in and record.status == Appointment.Status.ARRIVED:
            before = record.status  # who is in, waits again
        messages = list(record.desk_messages.all())
        place: InSeries | None = getattr(record, "in_series", None)
        series = place.series if place else None
        first = record.provenance[0] if record.provenance else {}
        return {
            "appointment": record,
            "patient": patient,
            "patient_age": age(patient.birth_date, self.now),
            "name": name_of(record),
            "entry": entry_of_appointment(record, now=self.now),
            "when": when_words(record.start, record.end, self.today),
            "telecoms": list(patient.telecoms.all()),
            "may": self.may(record),
            "reasons": self.practice.cancellation_reasons.splitlines(),
            "why_not": self.why_not(record) if is_open else "",
            "undo_to": Appointment.Status(before).label.lower() if before and is_open else "",
            "called_in": called_in if record.status in ATTENDED else None,
            "messages_about": messages,
            "message_length": LENGTH,
            "message_waits": any(
                m.side == DeskMessage.Side.CLINICIAN and m.seen_at is None for m in messages
            ),
            "may_write": is_open and clock.local(record.start).date() == self.today,
            "series": series,
            "together": appointments_of(series) if series else [],
            "how_booked": in_words(record),
            "organisation_facts": booking_organisation_facts(record),
            "booked_by": ", ".join(
                filter(None, [first.get("name") or str(record.booked_by or ""), first.get("role")])
            ),
            "booked_through": DOORS[record.booked_via],
            "booked_when": time_words(record.created, self.today),
            "amended": amended_words(record, self.today),
            "history": [history_line(line, self.today) for line in record.provenance],
            "held": list(record.appointment_slots.select_related("slot").order_by("slot__start")),
            "moved_to": list(record.moved_to.order_by("pk")),
            "carried": Carried.of(record, now=self.now),
            "links": self.links(record),
            "number_of_appointments": patient.appointments.count(),
            **self.cancellation_list_facts(record),
        }

    def cancellation_list_facts(self, record: Appointment) -> dict[str, Any]:
        """Whether the patient would come earlier; and who would take the time if it is free."""
        released = slots_given_back(record, now=self.now)
        would_come = numbers_who_would_take(released, organisation=self.practice, now=self.now)
        listed = waiting_entry_of(record) if record.status == record.Status.BOOKED else None
        may_join = self.request.user.has_perm("practice.add_cancellationlistentry")
        waits = record.status == record.Status.BOOKED and (
            record.orphaned or record.start > self.now
        )
        return {
            "released": released,
            "would_come": would_come,
            "listed": listed,
            "may_join": may_join and waits and not listed,
        }

    def may(self, record: Appointment) -> dict[str, bool]:
        """Which steps can be taken from here, whoever takes them."""
        is_open = record.status != Appointment.Status.CANCELLED
        can_be_given_up = is_open and not changing.why_it_stays(record, now=self.now)
        return {
            "arrived": self.may_be_marked(record, Appointment.Status.ARRIVED),
            "seen": self.may_be_marked(record, Appointment.Status.FULFILLED),
            "dna": self.may_be_marked(record, Appointment.Status.NO_SHOW),
            "move": can_be_given_up and not why_nobody_books_for(record.patient, now=self.now),
            "amend": is_open,
            "cancel": can_be_given_up,
        }

    def why_not(self, record: Appointment) -> str:
        """Why it cannot be moved, or neither moved nor cancelled."""
        stays = changing.why_it_stays(record, now=self.now)
        gone = why_nobody_books_for(record.patient, now=self.now)
        return stays or (f"{gone} It can be cancelled, not moved." if gone else "")

    def may_be_marked(self, appointment: Appointment, status: str) -> bool:
        try:
            attendance.check_step(appointment, status, now=self.now)
        except PracticeError:
            return False
        return True

    def links(self, record: Appointment) -> dict[str, str]:
        patient, trail = record.patient, reverse("admin:audit_trail")
        join = reverse("admin:practice_cancellationlistentry_add")
        return {
            "move": reverse("admin:move", args=[record.pk]),
            "join": f"{join}?appointment={record.pk}",
            "session": reverse("admin:practice_schedule_change", args=[record.schedule_id]),
            "slip": reverse("admin:booked", args=[record.pk]),
            "history": reverse("admin:practice_appointment_history", args=[record.pk]),
            "patient": reverse("admin:practice_patient_page", args=[patient.pk]),
            "trail": f"{trail}?from_date=&resource=Appointment/{record.pk}"
            if self.request.user.has_perm("practice.view_auditevent")
            else "",
        }


# ---------------------------------------------------------------- in words


def name_of(appointment: Appointment) -> str:
    """Return the patient's name as reception says it."""
    return f"{appointment.patient.given_names} {appointment.patient.family_name}"


def amended_words(appointment: Appointment, today: date) -> str:
    """Return when the texts were last changed, if they ever were."""
    for line in reversed(appointment.provenance):
        if line.get("action") == "amended" and line.get("at"):
            return f"amended {time_words(datetime.fromisoformat(line['at']), today)}"
    return ""


def booking_organisation_facts(appointment: Appointment) -> list[tuple[str, str]]:
    """Return what the booking organisation said of itself, as it was sent (STAFF-042, -043)."""
    try:
        sent = json.loads(appointment.booking_organisation_json or "{}")
    except ValueError:
        sent = {}
    types = [
        terminology.value_set("organisation_type").display(coding.get("code", ""))
        for concept in sent.get("type", [])
        for coding in concept.get("coding", [])
    ]
    facts = [
        ("Name", appointment.booking_organisation_name),
        ("ODS code", appointment.booking_organisation_ods_code),
        ("Type", ", ".join(filter(None, types))),
    ]
    for telecom in sent.get("telecom", []):
        kind = str(telecom.get("system", "contact")).capitalize()
        facts.append((kind, str(telecom.get("value", ""))))
    return [(name, value) for name, value in facts if value]


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
        "system": line.get("device", ""),
        "on_behalf_of": line.get("on_authority_of", ""),
        "changes": changes,
    }
