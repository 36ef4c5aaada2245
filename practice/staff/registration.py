"""Somebody who is not registered yet: register and book in one form, after looking who is here."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice import terminology
from practice.exceptions import AlreadyRegistered, PracticeError, SlotNotFree
from practice.models import Slot
from practice.reads.duplicates import Likeness, Person, possible_duplicates
from practice.reads.patient_search import is_telephone
from practice.reads.patients import why_nobody_books_for
from practice.services.desk_registration import (
    AT_ONCE,
    REGULAR,
    WITHOUT_NUMBER,
    NewAppointment,
    NewPatient,
    register_at_desk,
)
from practice.services.registration import TEMPORARY
from practice.site.addresses import number
from practice.site.fields import BirthDateField, NHSNumberField
from practice.staff import searches
from practice.staff.booking import TextsForm
from practice.staff.how_booked import how_booked_form
from practice.staff.next_available import ChosenSlotsPage

KINDS = {
    REGULAR: "Register here",
    TEMPORARY: "Temporary: here for more than 24 hours, less than 3 months",
    AT_ONCE: "Needed at once, for up to 14 days",
}
TAKEN = "Somebody else has just taken this time. Nobody was registered: choose another."
NO_TIME = "Tick a time first. Nobody was registered."


class RegistrationForm(forms.Form):
    """Only what a booking needs; the rest of the record follows later."""

    given_names = forms.CharField(
        label="First name",
        max_length=100,
        widget=forms.TextInput(attrs={"data-focus": True, "autocomplete": "off"}),
    )
    family_name = forms.CharField(label="Surname", max_length=100)
    birth_date = BirthDateField(label="Date of birth", help_text="4/7/61, 04.07.1961, 4 Jul 1961")
    gender = forms.ChoiceField(label="Gender")
    telephone = forms.CharField(
        label="Mobile, or another number",
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    nhs_number = NHSNumberField(
        label="NHS number, if known",
        required=False,
        empty_value=None,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    without_number = forms.ChoiceField(
        label="If there is no NHS number",
        choices=list(WITHOUT_NUMBER.items()),
        required=False,
    )
    address_line_1 = forms.CharField(
        label="First line of the address, if known", max_length=100, required=False
    )
    city = forms.CharField(label="Town, if known", max_length=100, required=False)
    postal_code = forms.CharField(label="Postcode, if known", max_length=10, required=False)
    registration_type = forms.ChoiceField(
        label="What kind", choices=list(KINDS.items()), initial=REGULAR, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        genders: Any = self.fields["gender"]
        genders.choices = [("", "Choose"), *terminology.administrative_genders()]

    def clean_telephone(self) -> str:
        value: str = self.cleaned_data["telephone"].strip()
        digits = "".join(each for each in value if each.isdigit())
        if len(digits) < 7 or any(each not in "0123456789+-() " for each in value):
            raise forms.ValidationError("This is not a telephone number.")
        return value

    def person(self) -> Person:
        """Whom to compare with those who are here."""
        said = self.cleaned_data
        digits = "".join(each for each in said["telephone"] if each.isdigit())
        return Person(
            said["given_names"],
            said["family_name"],
            said["birth_date"],
            said["nhs_number"],
            digits if is_telephone(digits) else "",
        )

    def new_patient(self) -> NewPatient:
        said = {**self.cleaned_data}
        said["without_number"] = said["without_number"] or "03"
        return NewPatient(**{each.name: said[each.name] for each in fields(NewPatient)})


PERSON = tuple(RegistrationForm.base_fields)


class Register(ChosenSlotsPage):
    """``?slot=`` what is booked, if it is known yet; the rest is the form."""

    permission = "practice.add_patient"
    template = "staff/registration/page.html"
    title = "Register a patient"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """The first slot."""
        return [(Slot, number(next(iter(self.sent.getlist("slot")), "")))]

    def get(self, request: HttpRequest) -> HttpResponse:
        slots = self.chosen_slots()
        known = {name: request.GET.get(name, "") for name in PERSON if request.GET.get(name)}
        initial = {"description": slots[0].slot_type} if slots else {}
        return self.show(RegistrationForm(initial=known), TextsForm(initial=initial), slots)

    def post(self, request: HttpRequest) -> HttpResponse:
        slots = self.chosen_slots()
        wants_time = bool(request.POST.get("books"))
        if slots and not request.user.has_perm("practice.add_appointment"):
            raise PermissionDenied
        form, texts = RegistrationForm(request.POST), TextsForm(request.POST)
        how = how_booked_form(self, slots)
        if not form.is_valid() or (slots and not (texts.is_valid() & how.is_valid())):
            return self.show(form, texts, slots, status=422)
        if wants_time and not slots:
            return self.show(form, texts, slots, refusal=NO_TIME, instead=True, status=422)
        alike = possible_duplicates(form.person(), organisation=self.practice)
        seen = self.seen_before()
        unseen = [each for each in alike if each.is_certain or each.patient.pk not in seen]
        if unseen:
            return self.show(form, texts, slots, alike=alike, status=409)
        try:
            patient, booked = register_at_desk(
                form.new_patient(),
                NewAppointment(
                    [slot.pk for slot in slots],
                    texts.cleaned_data["description"],
                    texts.cleaned_data["comment"],
                    how.said(),
                )
                if slots
                else None,
                organisation=self.practice,
                registered_by=self.reader,
                actor=self.actor,
                now=self.now,
            )
        except SlotNotFree:
            return self.show(form, texts, slots, refusal=TAKEN, instead=True, status=409)
        except AlreadyRegistered:  # since the look above
            alike = possible_duplicates(form.person(), organisation=self.practice)
            return self.show(form, texts, slots, alike=alike, status=409)
        except PracticeError as refusal:
            return self.show(form, texts, slots, refusal=str(refusal), status=422)
        if booked:
            return self.done("Registered and booked.", self.booked_address(booked))
        page = reverse("admin:practice_patient_page", args=[patient.pk])
        return self.done("Registered.", page)

    def show(
        self,
        form: RegistrationForm,
        texts: TextsForm,
        slots: list[Slot],
        *,
        alike: Iterable[Likeness] = (),
        refusal: str = "",
        instead: bool = False,
        status: int = 200,
    ) -> HttpResponse:
        found = [self.choice(each, slots) for each in alike]
        if found:
            self.record_shown("patient.searched", [each["patient"].pk for each in found])
        books = bool(slots) or instead or bool(self.request.POST.get("books"))
        return self.render(
            status=status,
            form=form,
            texts=texts,
            how=how_booked_form(self, slots),
            slots=slots,
            books=books,
            refusal=refusal,
            alike=found,
            is_here=any(each["is_certain"] for each in found),
            seen=sorted({each["patient"].pk for each in found} | self.seen_before()),
            days=searches.by_day(self.instead(slots, self.today)) if instead else [],
            ticked={slot.pk for slot in slots},
            carried=self.carried,
            elsewhen=self.elsewhen(),
            is_fullwidth="1",
        )

    def seen_before(self) -> set[int]:
        """Whom the reader has looked at already and found to be somebody else."""
        return {pk for text in self.request.POST.getlist("seen") if (pk := number(text))}

    def choice(self, each: Likeness, slots: list[Slot]) -> dict[str, Any]:
        """Somebody who may be the same person, and how to go on with them."""
        pairs = [("patient", each.patient.pk), *(("slot", slot.pk) for slot in slots)]
        return {
            "patient": each.patient,
            "differs": each.differs,
            "is_certain": each.is_certain,
            "why_not": why_nobody_books_for(each.patient, now=self.now),
            "book": f"{reverse('admin:practice_appointment_add')}{self.step(*pairs)}",
        }
