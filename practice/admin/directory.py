"""Who and where: the practice, its places, its clinicians and its patients."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)
from unfold.decorators import display
from unfold.forms import PaginationInlineFormSet

from practice import clock, nhs_number, terminology
from practice.admin.base import (
    OwnRelatedFilter,
    OwnStackedInline,
    OwnTabularInline,
    PracticeAdmin,
    PracticeForm,
    count_up,
    tones,
)
from practice.models import (
    Location,
    Organisation,
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientName,
    PatientTelecom,
    Practitioner,
    PractitionerRole,
)
from practice.reads.patients import VERIFIED
from practice.services import enablement
from practice.site.fields import OFFER_LIMITS, ManyCodesField, NHSNumberField
from practice.site.people import actor_of, only_own, sole_practice

ADDRESS: list[Any] = [
    "address_line_1",
    "address_line_2",
    "address_line_3",
    ("city", "district"),
    ("postal_code", "country"),
]

# ---------------------------------------------------------------- the practice

SWITCHES = ["gp_connect_enabled", "appointment_management_enabled"]


class OrganisationForm(PracticeForm):
    def clean_ods_code(self) -> str:
        return self.cleaned_data["ods_code"].upper()


@admin.register(Organisation)
class OrganisationAdmin(PracticeAdmin):
    """The practice, with the two switches of GP Connect (ENA-001 to ENA-007)."""

    form = OrganisationForm
    keeps_history = True
    list_display = ["name", "ods_code", "gp_connect", "appointment_management", "city", "telephone"]
    list_filter = [("gp_connect_enabled", BooleanRadioFilter)]
    search_fields = ["name", "ods_code", "city", "postal_code"]
    search_help_text = "Name, ODS code, town or postcode"
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "name",
                    ("ods_code", "organisation_type"),
                    ("asid", "party_key"),
                    ("telephone", "email"),
                ]
            },
        ),
        (
            "GP Connect",
            {
                "classes": ["tab"],
                "fields": [*SWITCHES, "temporary_registration_days"],
                "description": "A change takes effect at once, and is recorded in the audit trail. "
                "Only people with the right to switch GP Connect can change these.",
            },
        ),
        ("Address", {"classes": ["tab"], "fields": ADDRESS}),
        (
            "When others may book",
            {
                "classes": ["tab"],
                "fields": tuple(OFFER_LIMITS),
                "description": "For every slot that other organisations may book, unless its "
                "template, session or the slot itself says otherwise.",
            },
        ),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody could be a member of a practice that does not exist yet."""
        return request.user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        if not request.user.has_perm("practice.switch_gp_connect"):
            fixed += SWITCHES
        return fixed

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the practice, and leave the switches to the service that turns them."""
        wanted = {name: getattr(obj, name) for name in SWITCHES if name in form.changed_data}
        for name in wanted:
            setattr(obj, name, False if not change else form.initial[name])
        form.changed_data = [name for name in form.changed_data if name not in wanted]
        super().save_model(request, obj, form, change)
        if wanted:
            enablement.switch(
                organisation=obj, actor=actor_of(request, obj), now=timezone.now(), **wanted
            )

    @display(description="GP Connect", label={"On": "success", "Off": "danger"})
    def gp_connect(self, practice: Organisation) -> str:
        return "On" if practice.gp_connect_enabled else "Off"

    @display(
        description="Appointment management",
        label={"On": "success", "Off": "danger", "Off with GP Connect": "warning"},
    )
    def appointment_management(self, practice: Organisation) -> str:
        if practice.appointment_management_enabled and not practice.gp_connect_enabled:
            return "Off with GP Connect"
        return "On" if practice.appointment_management_enabled else "Off"


# ---------------------------------------------------------------- places


class LocationForm(PracticeForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("is_main") and self.practice:
            others = Location.objects.filter(organisation=self.practice, is_main=True)
            other = others.exclude(pk=self.instance.pk).first()
            if other:
                self.add_error(
                    "is_main",
                    f"{other} is the main surgery. Untick it there first: there can be only one.",
                )
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """The database's own words for a second main surgery are not for people: see clean."""
        return super()._get_validation_exclusions() | {"is_main"}


@admin.register(Location)
class LocationAdmin(PracticeAdmin):
    form = LocationForm
    keeps_history = True
    list_display = ["name", "main", "open", "city", "postal_code", "telephone"]
    list_filter = [("status", ChoicesDropdownFilter), ("is_main", BooleanRadioFilter)]
    list_select_related = ["organisation"]
    search_fields = ["name", "city", "postal_code", "address_line_1"]
    search_help_text = "Name, street, town or postcode"
    fieldsets = [
        (None, {"fields": ["name", ("is_main", "status"), ("telephone", "email")]}),
        (
            "Address",
            {
                "fields": ADDRESS,
                "description": "Shown to other organisations. Slots of a place without an address "
                "cannot be offered to them.",
            },
        ),
    ]

    def save_model(
        self, request: HttpRequest, obj: Location, form: forms.ModelForm, change: bool
    ) -> None:
        """The practice is shown with its main surgery, so that this is its change too (GEN-032)."""
        super().save_model(request, obj, form, change)
        if "is_main" in form.changed_data:
            count_up(obj.organisation)

    @display(description="Surgery", ordering="is_main", label={"Main": "primary"})
    def main(self, location: Location) -> str:
        return "Main" if location.is_main else "Branch"

    @display(
        description="Status",
        ordering="status",
        label=tones(active="success", suspended="warning", inactive="danger"),
    )
    def open(self, location: Location) -> tuple[str, str]:
        return location.status, location.get_status_display()


# ---------------------------------------------------------------- clinicians


class PractitionerForm(PracticeForm):
    languages = ManyCodesField(
        choices=terminology.human_languages,
        required=False,
        help_text="Languages in which this person can consult.",
    )

    def clean_sds_user_id(self) -> str | None:
        number = self.cleaned_data["sds_user_id"]
        others = Practitioner.objects.filter(sds_user_id=number).exclude(pk=self.instance.pk)
        other = others.first() if number else None
        if other is None:
            return number
        if only_own(others, self.request).exists():
            raise forms.ValidationError(f"{other} has this SDS user ID. Add a role there instead.")
        raise forms.ValidationError(
            "Somebody at another practice has this SDS user ID. Ask the administrator of this "
            "site to add a role at your practice to that record."
        )


class PractitionerRoleFormSet(PaginationInlineFormSet):
    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if getattr(form, "cleaned_data", None)]
        if not self.instance.pk and not kept:
            raise forms.ValidationError(
                "Add a role: without one this person does not belong to any practice."
            )


class PractitionerRoleForm(forms.ModelForm):
    """A role is at the person's own practice, unless they have several to choose from."""

    request: HttpRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        practice = sole_practice(self.request)
        if practice and not self.instance.pk:
            self.fields["organisation"].initial = practice.pk


class PractitionerRoleInline(OwnTabularInline):
    model = PractitionerRole
    form = PractitionerRoleForm
    formset = PractitionerRoleFormSet
    fields = ["organisation", "role", "sds_role_profile_id", "active"]
    can_delete = False
    hide_title = True
    verbose_name = "role"
    verbose_name_plural = "roles: untick a role that has ended, as old sessions name it"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.request = request
        return formset


@admin.register(Practitioner)
class PractitionerAdmin(PracticeAdmin):
    form = PractitionerForm
    keeps_history = True
    list_display = ["full_name", "roles_here", "sds_user_id", "works"]
    list_filter = [("active", BooleanRadioFilter), ("gender", ChoicesDropdownFilter)]
    search_fields = ["family_name", "given_names", "sds_user_id"]
    search_help_text = "Name or SDS user ID"
    inlines = [PractitionerRoleInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("prefix", "given_names", "family_name"),
                    ("sds_user_id", "gender"),
                    "languages",
                    "active",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Practitioner]:
        return super().get_queryset(request).prefetch_related(self._roles(request))

    def _roles(self, request: HttpRequest) -> Prefetch:
        roles = only_own(PractitionerRole.objects.select_related("organisation"), request)
        return Prefetch("roles", queryset=roles, to_attr="own_roles")

    def practices_concerned(self, request: HttpRequest, obj: Practitioner) -> Iterable[Any]:
        """Return every practice where this person works: all of them see the change."""
        concerned = Organisation.objects.filter(practitioner_roles__practitioner=obj).distinct()
        return list(concerned) or [None]

    def autocomplete_label(self, practitioner: Any) -> str:
        roles = ", ".join(role.get_role_display() for role in practitioner.own_roles)
        return f"{practitioner} ({roles})" if roles else str(practitioner)

    @display(description="Name", ordering="family_name")
    def full_name(self, practitioner: Practitioner) -> str:
        return practitioner.full_name

    @display(description="Roles")
    def roles_here(self, practitioner: Any) -> str:
        return ", ".join(
            role.get_role_display() + ("" if role.active else " (ended)")
            for role in practitioner.own_roles
        )

    @display(description="Works here", ordering="active", label={"Yes": "success", "No": "danger"})
    def works(self, practitioner: Practitioner) -> str:
        return "Yes" if practitioner.active else "No"


# ---------------------------------------------------------------- patients


class PatientForm(PracticeForm):
    nhs_number = NHSNumberField(label="NHS number", help_text="With or without spaces.")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self._check_number_is_new()
        self._check_dates()
        return cleaned

    def _check_number_is_new(self) -> None:
        number, practice = self.cleaned_data.get("nhs_number"), self.practice
        if not number or practice is None:
            return
        others = Patient.objects.filter(organisation=practice, nhs_number=number)
        other = others.exclude(pk=self.instance.pk).first()
        if other:
            self.add_error(
                "nhs_number",
                f"{other} has this NHS number at this practice. Change that record instead.",
            )

    def _check_dates(self) -> None:
        today = clock.today(timezone.now())
        born, died = self.cleaned_data.get("birth_date"), self.cleaned_data.get("deceased_at")
        if born and born > today:
            self.add_error("birth_date", "The date of birth is in the future.")
        if died and died > today:
            self.add_error("deceased_at", "The date of death is in the future.")
        if born and died and died < born:
            self.add_error("deceased_at", "The date of death is before the date of birth.")
        start = self.cleaned_data.get("registration_start")
        end = self.cleaned_data.get("registration_end")
        if start and end and end < start:
            self.add_error("registration_end", "The registration ends before it begins.")


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
            "hidden": hidden,
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


def why_hidden(patient: Patient, *, today: date) -> list[str]:
    """Say why other organisations do not see a patient; nothing: they do (PAT-010 to PAT-022)."""
    ended = patient.registration_end is not None and patient.registration_end < today
    return [
        reason
        for reason, holds in (
            ("deceased", patient.deceased_at is not None),
            ("not registered", not patient.active or ended),
            ("sensitive", patient.sensitive),
            ("NHS number not verified", patient.nhs_number_verification != VERIFIED),
        )
        if holds
    ]


def parse_date(text: str) -> date | None:
    """Return the date that somebody typed as 29/02/1980, 29.2.1980 or 1980-02-29."""
    for form in ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y-%m-%d", "%d %b %Y", "%d %B %Y"):
        try:
            return datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
    return None


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
    search_help_text = "Name, NHS number (with or without spaces) or date of birth (29/02/1980)"
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find an NHS number however it is spaced, and a date of birth in any usual form."""
        if born := parse_date(search_term):
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
        if not patient.pk:
            return "Once registered, with a verified NHS number"
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
