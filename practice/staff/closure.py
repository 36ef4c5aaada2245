"""Closing a time, the page of a closure with its call list, and opening it again.

Nothing happens before the last button, and that does what was shown: when the diary has changed
meanwhile, the new effect is shown and nothing is done.
"""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import clock
from practice.exceptions import NotFound, PlanChanged, PracticeError
from practice.models import Appointment, Closure
from practice.reads import call_list, closures, directory
from practice.reads.old_times import moved_because_of
from practice.reads.other_times import DAYS_AFTER_A_CLOSURE, OtherTimes, other_times
from practice.services.closures import closing, follow_up, reopening
from practice.services.closures.changing import change_closure, check_kind
from practice.services.closures.follow_up import Decision
from practice.services.generation.plans import Plan
from practice.site.addresses import number
from practice.site.fields import DayField
from practice.site.plan_words import closure_in_words, run_in_words
from practice.site.widgets import time_input
from practice.staff.base import RecordPage, StaffPage, found_or_404
from practice.staff.call_list import CallPage
from practice.staff.old_times import MOST

CHANGED = (
    "The diary has changed since you looked. Nothing was closed: this is what would happen now."
)
CHANGED_REOPENING = (
    "The diary has changed since you looked. Nothing was opened: this is what would come back now."
)
GONE = "There was nothing left to do: somebody else has opened it again."


class ClosureForm(forms.ModelForm):
    """What is closed, for whom, from when to when."""

    class Meta:
        model = Closure
        fields = (
            "kind",
            "name",
            "practitioner",
            "location",
            "start_date",
            "start_time",
            "end_date",
            "end_time",
        )
        field_classes = {"start_date": DayField, "end_date": DayField}
        widgets = {"start_time": time_input(), "end_time": time_input()}
        labels = {"name": "Reason, shown to patients and other organisations"}

    def __init__(self, *args: Any, organisation: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.organisation = organisation
        fields: dict[str, Any] = self.fields
        fields["kind"].help_text = "England's bank holidays are there already."
        fields["practitioner"].queryset = directory.possible_holders(
            organisation=organisation, also=self.instance.practitioner_id
        )
        fields["practitioner"].empty_label = "Everybody"
        fields["practitioner"].help_text = fields["location"].help_text = ""
        fields["location"].queryset = directory.locations(organisation=organisation)
        fields["location"].empty_label = "Everywhere"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in self._meta.fields or ():
            setattr(self.instance, name, cleaned.get(name))
        first, last = cleaned.get("start_date"), cleaned.get("end_date")
        if first and last and last < first:
            self.add_error("end_date", "The last day is before the first.")
        elif first and last and self.instance.period[1] <= self.instance.period[0]:
            self.add_error("end_time", "The closure ends before it starts.")
        if not {"kind", "practitioner"} & set(self.errors):
            try:
                check_kind(self.instance)
            except PracticeError as refusal:
                is_missing = self.instance.practitioner is None
                self.add_error("practitioner" if is_missing else "kind", str(refusal))
        return cleaned


# ---------------------------------------------------------------- closing


class Close(StaffPage):
    """The form; with its values in the address, what closing would do; posted, it is done."""

    permission = "practice.add_closure"
    title = "Close a time"

    def is_allowed(self, request: HttpRequest) -> bool:
        return self.closes_anything(request) or request.user.has_perm("practice.report_sick")

    def closes_anything(self, request: HttpRequest) -> bool:
        """Whether somebody may close more than a clinician's day who is off sick."""
        return request.user.has_perm(self.permission)

    def check(self, closure: Closure) -> None:
        """Refuse what is more than "off sick today" to whoever may report no more than that."""
        is_today = closure.start_date == closure.end_date == self.today
        is_sick = closure.kind == Closure.Kind.SICK and closure.practitioner_id
        if not (is_today and is_sick or self.closes_anything(self.request)):
            raise PermissionDenied("Only some roles may close anything else than a day off sick.")

    def get(self, request: HttpRequest) -> HttpResponse:
        if "kind" not in request.GET:
            first = {"start_date": self.today, "end_date": self.today, "kind": "sick"}
            return self.ask(ClosureForm(organisation=self.practice, initial=first))
        form = ClosureForm(request.GET, organisation=self.practice)
        if not form.is_valid() or "change" in request.GET:
            return self.ask(form)
        self.check(form.instance)
        return self.show(form.instance)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ClosureForm(request.POST, organisation=self.practice)
        if not form.is_valid():
            return self.ask(form, status=422)
        closure = form.instance
        self.check(closure)
        if "look" in request.POST:
            return self.show(closure)
        try:
            plan = closing.close(
                closure, digest=request.POST.get("digest", ""), actor=self.actor, now=self.now
            )
        except PlanChanged:
            return self.show(closure, warning=CHANGED, status=409)
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
            return self.ask(form, status=422)
        outcome = follow_up.apply_decisions(
            closure=closure,
            decisions=self.decisions(plan),
            reason=reason_of(closure),
            actor=self.actor,
            now=self.now,
            booked_by=self.reader,
        )
        said = (
            f"Closed: {plan.counts['slots_withdrawn']} free slots withdrawn, "
            f"{len(outcome.moved)} appointments moved, {len(outcome.cancelled)} cancelled, "
            f"{len(outcome.left) + len(outcome.failed)} left as orphaned."
        )
        for appointment, why in outcome.failed:
            said += f" {appointment.patient.full_name} could not be helped as decided: {why}"
        return self.done(said, reverse("admin:practice_closure_change", args=[closure.pk]))

    def decisions(self, plan: Plan) -> dict[int, Decision]:
        """What was decided for each appointment that the closure met.

        ``what-7=move`` is to the suggested time, which ``slot-7`` names; ``move-12`` to another.
        """
        sent = self.request.POST
        found = {}
        for pk in plan.orphaned_ids:
            what, _, other = sent.get(f"what-{pk}", "leave").partition("-")
            slot = number(other or sent.get(f"slot-{pk}"))
            found[pk] = Decision(what, slot or None)
        return found

    @property
    def wants_earlier(self) -> bool:
        """Whether somebody asked for times before the patients' own."""
        look = self.sent.get("look")
        return look == "earlier" if look else bool(self.sent.get("earlier"))

    def ask(self, form: ClosureForm, status: int = 200) -> HttpResponse:
        return self.render(template="staff/closure/what.html", form=form, status=status, step=1)

    def show(self, closure: Closure, *, warning: str = "", status: int = 200) -> HttpResponse:
        plan = closing.plan_closing(closure, now=self.now)
        affected = self.affected(plan)
        times = other_times(
            affected,
            closure,
            without={row.id for session in plan.sessions for row in session.withdraw},
            earlier=self.wants_earlier,
            now=self.now,
        )
        for appointment in affected:
            appointment.times = times[appointment.pk]  # type: ignore[attr-defined]
            appointment.decided = self.decided(appointment, times[appointment.pk])  # type: ignore[attr-defined]
        sent = self.sent
        without = [a for a in affected if not a.telephone]  # type: ignore[attr-defined]
        with_number = [a for a in affected if a not in without]
        return self.render(
            template="staff/closure/impact.html",
            status=status,
            step=2,
            closure=closure,
            plan=plan,
            counts=plan.counts,
            sessions=sum(1 for session in plan.sessions if session.withdraw or session.orphan),
            groups=[
                ("No contact details", "Nobody can ring them: write to them.", without),
                ("Has a telephone", "Earliest appointment first.", with_number),
            ],
            affected=affected,
            without=without,
            from_outside=sum(a.booked_via == Appointment.Door.GP_CONNECT for a in affected),
            replaced=sum(1 for found in times.values() if len(found)),
            days_after=DAYS_AFTER_A_CLOSURE,
            earlier=self.wants_earlier,
            reason=reason_of(closure),
            values={name: sent.get(name, "") for name in ClosureForm.Meta.fields},
            warning=warning,
        )

    def decided(self, appointment: Appointment, times: OtherTimes) -> str:
        """What is ticked: what somebody ticked before, if it is still there, or the suggestion."""
        suggestion = "move" if times.suggested else "leave"
        what = self.sent.get(f"what-{appointment.pk}", suggestion)
        if times.suggested and what == f"move-{times.suggested.slot.pk}":
            return "move"
        there = ["cancel", "leave", *(f"move-{pk}" for pk in times.slot_ids)]
        return what if what in there else suggestion

    def affected(self, plan: Plan) -> list[Appointment]:
        """Who would be left without their session, by time, each with a telephone number."""
        found = closures.appointments_named(plan.orphaned_ids, organisation=self.practice)
        return call_list.with_telephones(found)


def reason_of(closure: Closure) -> str:
    """Return what a cancelled patient's organisation reads."""
    return closure.name or f"{closure.get_kind_display()}."


# ---------------------------------------------------------------- a closure


class NameForm(forms.ModelForm):
    """What may be changed of a closure that has taken effect."""

    class Meta:
        model = Closure
        fields = ("kind", "name")
        labels = {"name": "Reason, shown to patients and other organisations"}


class ClosurePage(RecordPage, CallPage):
    """What is closed, its call list, and what may be changed of it."""

    permission = "practice.view_closure"
    template = "staff/closure/page.html"
    model = Closure

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        closure = self.record(pk)
        return self.show(closure, NameForm(instance=closure))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.may("change_closure"):
            raise PermissionDenied("Only some roles may change closures.")
        form = NameForm(request.POST, instance=self.record(pk))
        if form.is_valid():
            try:
                change_closure(
                    organisation=self.practice,
                    closure_id=pk,
                    **form.cleaned_data,
                    actor=self.actor,
                    now=self.now,
                )
            except PracticeError as refusal:
                form.add_error("kind", str(refusal))
            else:
                return self.done("Saved.", request.path)
        return self.show(self.record(pk), form, status=422)

    def record(self, pk: int) -> Closure:
        return found_or_404(closures.closure_of(organisation=self.practice, pk=pk))

    def may(self, what: str) -> bool:
        return self.request.user.has_perm(f"practice.{what}")

    def show(self, closure: Closure, form: NameForm, status: int = 200) -> HttpResponse:
        may_call = self.may("change_appointment")
        people = []
        if may_call:
            people = self.people(call_list.on_call_list(closure), of=str(closure))
        return self.render(
            status=status,
            title=str(closure),
            closure=closure,
            when=closure_in_words(closure),
            form=form if self.may("change_closure") else None,
            may_call=may_call,
            people=people,
            waiting=sum(person.to_be_told for person in people),
            printed_at=clock.local(self.now),
            back=self.request.path,
        )


# ---------------------------------------------------------------- opening again


class Reopen(RecordPage):
    """Taking a closure away: what the diary would get back; posted, it is done."""

    permission = "practice.delete_closure"
    template = "staff/closure/reopen.html"
    title = "Open again"
    model = Closure

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(self.record(pk))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        everything = reverse("admin:practice_closure_changelist")
        closure = self.record(pk)
        moved = self.moved(closure)  # who they are is forgotten with the closure
        try:
            run = reopening.reopen(
                organisation=self.practice,
                closure_id=pk,
                digest=request.POST.get("digest", ""),
                actor=self.actor,
                now=self.now,
            )
        except PlanChanged:
            return self.show(closure, warning=CHANGED_REOPENING, status=409)
        except NotFound:  # since it was found above
            return self.refused(GONE, everything)
        except PracticeError as refusal:
            return self.refused(str(refusal), request.path)
        said = f"Open again: {closure}. {run_in_words(run)}." if run else f"Open again: {closure}."
        if moved:
            query = urlencode([("moved", pk) for pk in moved])
            return self.done(said, f"{reverse('admin:old_times')}?{query}")
        return self.done(said, everything)

    def moved(self, closure: Closure) -> list[int]:
        """Who may be offered their old time, if the reader is somebody who moves people."""
        if not self.request.user.has_perm("practice.change_appointment"):
            return []
        return moved_because_of(closure, now=self.now)[:MOST]

    def record(self, pk: int) -> Closure:
        return found_or_404(closures.closure_of(organisation=self.practice, pk=pk))

    def show(self, closure: Closure, *, warning: str = "", status: int = 200) -> HttpResponse:
        returning = reopening.plan_return(closure, now=self.now)
        return self.render(
            status=status,
            closure=closure,
            when=closure_in_words(closure),
            returning=returning,
            counts=returning.counts,
            moved=len(self.moved(closure)),
            warning=warning,
        )
