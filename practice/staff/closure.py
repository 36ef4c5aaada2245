"""Closing a time: say what and when, see what it would do, decide for each, and only then close.

Nothing happens before the last button, and that executes the impact that was shown: when the diary
has changed meanwhile, the new impact is shown and nothing is done.
"""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.exceptions import PlanChanged, PracticeError
from practice.models import Appointment, Closure, Location, Practitioner
from practice.services.closures import closing, follow_up
from practice.services.closures.follow_up import Decision
from practice.services.generation.plans import Plan
from practice.site.widgets import date_input, time_input
from practice.staff.base import StaffPage
from practice.staff.clinic_list import number, telephones

CHANGED = (
    "The diary has changed since you looked. Nothing was closed: this is what would happen now."
)


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
        widgets = {
            "start_date": date_input(),
            "end_date": date_input(),
            "start_time": time_input(),
            "end_time": time_input(),
        }
        labels = {"name": "Reason, shown to patients and other organisations"}

    def __init__(self, *args: Any, organisation: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.organisation = organisation
        fields: dict[str, Any] = self.fields
        # Bank holidays come by themselves.
        fields["kind"].choices = [c for c in Closure.Kind.choices if c[0] != "bank-holiday"]
        fields["practitioner"].queryset = Practitioner.objects.filter(
            roles__organisation=organisation
        ).distinct()
        fields["practitioner"].empty_label = "Everybody"
        fields["practitioner"].help_text = fields["location"].help_text = ""
        fields["location"].queryset = Location.objects.filter(organisation=organisation)
        fields["location"].empty_label = "Everywhere"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("start_date") and cleaned.get("end_date"):
            for name in self._meta.fields or ():
                setattr(self.instance, name, cleaned.get(name))
            first, last = self.instance.period
            if last <= first:
                self.add_error("end_date", "The closure ends before it starts.")
        return cleaned


class Close(StaffPage):
    """``/admin/close/``: the form; with its values in the address, the impact; posted, the deed."""

    permission = "practice.add_closure"
    title = "Close a time"

    def get(self, request: HttpRequest) -> HttpResponse:
        if "kind" not in request.GET:
            first = {"start_date": self.today, "end_date": self.today, "kind": "sick"}
            return self.ask(ClosureForm(organisation=self.practice, initial=first))
        form = ClosureForm(request.GET, organisation=self.practice)
        if not form.is_valid() or "change" in request.GET:
            return self.ask(form)
        return self.show(form.instance)

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ClosureForm(request.POST, organisation=self.practice)
        if not form.is_valid():
            return self.ask(form, status=422)
        closure = form.instance
        try:
            plan = closing.close(
                closure, digest=request.POST.get("digest"), actor=self.actor, now=self.now
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
        return self.done(said, reverse("admin:calls", args=[closure.pk]))

    def decisions(self, plan: Plan) -> dict[int, Decision]:
        """What was decided for each appointment that the closure met."""
        sent = self.request.POST
        return {
            held.id: Decision(
                sent.get(f"what-{held.id}", "leave"), number(sent.get(f"slot-{held.id}")) or None
            )
            for session in plan.sessions
            for held in session.orphan
        }

    def ask(self, form: ClosureForm, status: int = 200) -> HttpResponse:
        return self.render(template="staff/closure/what.html", form=form, status=status, step=1)

    def show(self, closure: Closure, *, warning: str = "", status: int = 200) -> HttpResponse:
        plan = closing.plan_closing(closure, now=self.now)
        affected = self.affected(plan)
        slots = follow_up.replacements(plan, affected, closure, now=self.now)
        for appointment in affected:
            appointment.replacement = slots.get(appointment.pk)  # type: ignore[attr-defined]
        sent = self.request.POST if self.request.method == "POST" else self.request.GET
        for appointment in affected:
            first = "move" if appointment.pk in slots else "leave"
            decided = sent.get(f"what-{appointment.pk}", first)
            appointment.decided = first if decided == "move" else decided  # type: ignore[attr-defined]
        values = {name: sent.get(name, "") for name in ClosureForm.Meta.fields}
        without = [a for a in affected if not a.telephone]  # type: ignore[attr-defined]
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
                (
                    "Has a telephone",
                    "Earliest appointment first.",
                    [a for a in affected if a not in without],
                ),
            ],
            affected=affected,
            without=without,
            from_outside=sum(a.booked_via == Appointment.Door.GP_CONNECT for a in affected),
            replaced=len(slots),
            reason=reason_of(closure),
            values=values,
            warning=warning,
        )

    def affected(self, plan: Plan) -> list[Appointment]:
        """Who would be left without their session, by time, each with a telephone number."""
        ids = [held.id for session in plan.sessions for held in session.orphan]
        found = list(
            Appointment.objects.filter(organisation=self.practice, pk__in=ids)
            .select_related("patient", "schedule__session_holder", "location")
            .order_by("start", "pk")
        )
        numbers = telephones(appointment.patient_id for appointment in found)
        for appointment in found:
            appointment.telephone = numbers.get(appointment.patient_id, "")  # type: ignore[attr-defined]
        return found


def reason_of(closure: Closure) -> str:
    """Return what a cancelled patient's organisation reads."""
    return closure.name or f"{closure.get_kind_display()}."
