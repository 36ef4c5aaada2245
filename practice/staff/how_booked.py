"""What staff say of a booking: how it came, for whom, and why it is so late."""

from collections.abc import Sequence
from typing import Any

from django import forms

from practice.models import Appointment, Slot
from practice.models.booking import HowBooked
from practice.reads.how_booked import of_appointment, reasons_asked_for, reasons_given
from practice.services.appointments.how_booked import Said
from practice.site.fields import Checkboxes
from practice.staff.base import StaffPage

# What a person can have done; the rest is for other doors.
METHODS = [(code, words) for code, words in HowBooked.Method.choices if code != "gp-connect"]


class HowBookedForm(forms.Form):
    """How it was booked, for whom, and the reasons for a long wait, where they are asked for."""

    method = forms.ChoiceField(
        label="How it was booked", required=False, choices=[("", "Not said"), *METHODS]
    )
    source = forms.ChoiceField(
        label="Who asked for it", required=False, choices=HowBooked.Source.choices
    )
    reasons = forms.MultipleChoiceField(
        label="Why more than 14 days ahead",
        required=False,
        widget=Checkboxes,
        help_text="As many as are true. Without one it counts against the practice.",
    )

    def __init__(
        self, sent: Any = None, *, reasons: Sequence[str] = (), outside: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(sent, **kwargs)
        fields: dict[str, Any] = self.fields
        if outside:
            del fields["method"], fields["source"]
        if reasons:
            fields["reasons"].choices = [(each, each) for each in reasons]
        else:
            del fields["reasons"]

    def said(self) -> Said:
        values = self.cleaned_data
        return Said(
            values.get("method", ""),
            values.get("source") or HowBooked.Source.PRACTICE.value,
            values.get("reasons", ()),
        )


def how_booked_form(page: StaffPage, slots: Sequence[Slot]) -> HowBookedForm:
    """The form of a page that books these slots now."""
    reasons: Sequence[str] = ()
    if slots:
        reasons = reasons_asked_for(
            organisation=page.practice,
            slot_type=slots[0].slot_type,
            created=page.now,
            start=slots[0].start,
        )
    sent = page.request.POST if page.request.method == "POST" else None
    initial = {"method": HowBooked.Method.TELEPHONE.value}
    return HowBookedForm(sent, reasons=reasons, initial=initial)


def form_of_appointment(appointment: Appointment, sent: Any) -> HowBookedForm:
    """The form with what is known of an appointment."""
    method, source = of_appointment(appointment)
    given = reasons_given(appointment)
    asked = reasons_asked_for(
        organisation=appointment.organisation,
        slot_type=appointment.slot_type,
        created=appointment.created,
        start=appointment.start,
    )
    return HowBookedForm(
        sent,
        reasons=list(dict.fromkeys([*asked, *given])),
        outside=appointment.booked_via == Appointment.Door.GP_CONNECT,
        initial={"method": method, "source": source, "reasons": given},
    )


def in_words(appointment: Appointment) -> list[tuple[str, str]]:
    """What is known of how an appointment was booked, for its page."""
    method, source = of_appointment(appointment)
    return [
        ("How", HowBooked.Method(method).label if method else "Not said"),
        ("Who asked", HowBooked.Source(source).label),
        *(("Why so late", reason) for reason in reasons_given(appointment)),
    ]
