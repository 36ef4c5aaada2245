"""Patients: who they are, how to reach them, and why another system does not find somebody."""

import re
from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
)
from unfold.decorators import display

from practice import clock, nhs_number
from practice.admin.base import (
    OwnRelatedFilter,
    OwnStackedInline,
    OwnTabularInline,
    PracticeAdmin,
    PracticeForm,
    tones,
)
from practice.admin.change_list import OwnChangeList
from practice.admin.directory import ADDRESS
from practice.admin.filters import RangeDateFilter
from practice.models import (
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientName,
    PatientTelecom,
)
from practice.reads.patients import VERIFIED, patient_with_nhs_number, why_hidden
from practice.services.patients import contradictions
from practice.site.fields import NHSNumberField


class PatientForm(PracticeForm):
    nhs_number = NHSNumberField(
        label="NHS number",
        help_text="With or without spaces. Empty while it is not known, or where there is none.",
        required=False,
        empty_value=None,
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self._check_number_is_new()
        self._check_contradictions()
        return cleaned

    def _check_number_is_new(self) -> None:
        number, practice = self.cleaned_data.get("nhs_number"), self.practice
        if not number or practice is None:
            return
        other = patient_with_nhs_number(
            organisation=practice, nhs_number=number, but=self.instance.pk or 0
        )
        if other:
            self.add_error(
                "nhs_number",
                f"{other} has this NHS number at this practice. Change that record instead.",
            )

    def _check_contradictions(self) -> None:
        names = {field.name for field in Patient._meta.concrete_fields}
        known = {n: value for n, value in self.cleaned_data.items() if n in names}
        for name, words in contradictions(Patient(**known), today=clock.today(timezone.now())):
            unknown = name == "nhs_number_verification" and "nhs_number" in self.errors
            if not unknown:
                self.add_error(name, words)


class PatientTelecomInline(OwnTabularInline):
    model = PatientTelecom
    tab = True


class PatientAddressInline(OwnStackedInline):
    model = PatientAddress
    fields = [("use", "type"), *ADDRESS, ("start", "end")]
    tab = True


class PatientNameInline(OwnTabularInline):
    model = PatientName
    tab = True
    verbose_name = "other name"
    verbose_name_plural = "other names"


class PatientContactInline(OwnStackedInline):
    model = PatientContact
    fields = [
        "relationship",
        ("prefix", "given_names", "family_name"),
        ("telephone", "telephone_use", "gender"),
        *ADDRESS,
    ]
    tab = True


class PatientLanguageInline(OwnTabularInline):
    model = PatientLanguage
    tab = True


class RegistrationFilter(DropdownFilter):
    title = "registration"
    parameter_name = "registration"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("current", "Registered today"),
            ("temporary", "Temporary, registered today"),
            ("ended", "Registration ended"),
            ("deceased", "Deceased"),
            ("untraced", "NHS number to be traced or verified"),
            ("hidden", "Not visible to other organisations"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Patient]) -> QuerySet[Patient]:
        today = clock.today(timezone.now())
        ended = Q(active=False) | Q(registration_end__lt=today)
        deceased = Q(deceased_at__isnull=False)
        hidden = ended | deceased | Q(sensitive=True) | ~Q(nhs_number_verification=VERIFIED)
        conditions = {
            "current": ~ended & ~deceased,
            "temporary": ~ended & ~deceased & Q(registration_type="T"),
            "ended": ended & ~deceased,
            "deceased": deceased,
            "untraced": ~ended & ~deceased & ~Q(nhs_number_verification=VERIFIED),
            "hidden": hidden,
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


def birth_date_in(text: str) -> date | None:
    """Return the date of birth that somebody typed into a search, however it is written."""
    return clock.read_typed_date(text, latest=clock.today(timezone.now()))


class PatientList(OwnChangeList):
    """Each row leads to the patient's page, and that to the form of the record."""

    def url_for_result(self, result: Patient) -> str:
        return reverse("admin:practice_patient_page", args=[result.pk])


@admin.register(Patient)
class PatientAdmin(PracticeAdmin):
    form = PatientForm
    keeps_history = True
    list_display = ["name", "number", "born", "gender", "registration", "visible_outside", "origin"]
    list_filter = [
        RegistrationFilter,
        ("registration_type", ChoicesDropdownFilter),
        ("registered_via", ChoicesDropdownFilter),
        ("nhs_number_verification", ChoicesDropdownFilter),
        ("preferred_branch", OwnRelatedFilter),
        ("birth_date", RangeDateFilter),
    ]
    list_select_related = ["organisation"]
    search_fields = ["family_name__istartswith", "given_names__icontains", "nhs_number"]
    search_help_text = "Name, NHS number (with or without spaces) or date of birth (29/2/80)"
    autocomplete_fields = ["preferred_branch", "general_practitioner"]
    readonly_fields = ["origin_in_words", "visible_in_words"]
    inlines = [
        PatientTelecomInline,
        PatientAddressInline,
        PatientContactInline,
        PatientNameInline,
        PatientLanguageInline,
    ]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("nhs_number", "nhs_number_verification"),
                    ("prefix", "given_names", "family_name"),
                    ("birth_date", "gender"),
                ]
            },
        ),
        (
            "Registration",
            {
                "fields": [
                    ("registration_type", "active"),
                    ("registration_start", "registration_end"),
                    ("preferred_branch", "general_practitioner"),
                    "origin_in_words",
                ]
            },
        ),
        (
            "Visible to other organisations",
            {"fields": ["visible_in_words", ("sensitive", "deceased_at")]},
        ),
    ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OwnChangeList]:
        return PatientList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find an NHS number however it is spaced, and a date of birth in any usual form."""
        if born := birth_date_in(search_term):
            return queryset.filter(birth_date=born), False
        if re.fullmatch(r"[\d\s-]*\d[\d\s-]*", search_term):
            digits = re.sub(r"[\s-]", "", search_term)
            return queryset.filter(nhs_number__startswith=digits), False
        return super().get_search_results(request, queryset, search_term.replace(",", " "))

    def patients_in_row(self, record: Patient) -> list[int]:
        return [record.pk]

    def autocomplete_label(self, patient: Patient) -> str:
        """Tell people of the same name apart: booking for the wrong one harms both."""
        number = nhs_number.spaced(patient.nhs_number)
        return f"{patient}, born {patient.birth_date:%d %b %Y}, NHS number {number}"

    @display(description="Name", ordering="family_name")
    def name(self, patient: Patient) -> str:
        return str(patient)

    @display(description="NHS number", ordering="nhs_number")
    def number(self, patient: Patient) -> str:
        return nhs_number.spaced(patient.nhs_number)

    @display(description="Born", ordering="birth_date")
    def born(self, patient: Patient) -> str:
        return f"{patient.birth_date:%d %b %Y}"

    @display(
        description="Registration",
        label=tones(current="success", temporary="warning", ended="danger"),
    )
    def registration(self, patient: Patient) -> tuple[str, str]:
        end, today = patient.registration_end, clock.today(timezone.now())
        kind = patient.get_registration_type_display()
        if patient.deceased_at:
            return "ended", f"Died {patient.deceased_at:%d %b %Y}"
        if not patient.active or (end and end < today):
            return "ended", f"Left {end:%d %b %Y}" if end else "Left"
        if end:
            return "temporary", f"{kind} until {end:%d %b %Y}"
        return "current", kind

    @display(description="Visible outside", label={"Yes": "success"})
    def visible_outside(self, patient: Patient) -> str:
        why = why_hidden(patient, today=clock.today(timezone.now()))
        return f"No: {why[0]}" if why else "Yes"

    @display(description="Visible now")
    def visible_in_words(self, patient: Patient) -> str:
        why = why_hidden(patient, today=clock.today(timezone.now()))
        return f"No: {', '.join(why)}" if why else "Yes"

    @display(description="Registered by", label={"GP Connect": "info"})
    def origin(self, patient: Patient) -> str:
        return str(patient.get_registered_via_display())

    @display(description="Registered by")
    def origin_in_words(self, patient: Patient) -> str:
        """Say where a registration came from, and through whom if from outside (AUD-032)."""
        if not patient.registration_provenance:
            return str(patient.get_registered_via_display())
        entries = [
            (name.replace("_", " ").capitalize(), value)
            for name, value in patient.registration_provenance.items()
        ]
        lines = format_html_join("", "<div>{}: {}</div>", entries)
        return format_html("{}{}", patient.get_registered_via_display(), lines)
