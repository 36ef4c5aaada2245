"""Who and where: the practice, its places and its clinicians."""

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
)
from unfold.decorators import display
from unfold.forms import PaginationInlineFormSet

from practice import terminology
from practice.admin.base import (
    OwnTabularInline,
    PracticeAdmin,
    PracticeForm,
    count_up,
    tones,
)
from practice.db.row_security import across_practices
from practice.models import (
    Location,
    Organisation,
    Practitioner,
    PractitionerRole,
)
from practice.models.common import OFFER_LIMITS
from practice.reads.directory import (
    main_surgery,
    practices_of_practitioner,
    practitioners_with_sds_user_id,
    roles_with_practices,
)
from practice.reads.service_filtering import is_open
from practice.services import enablement
from practice.services.appointments.changing import CHOSEN_LENGTH
from practice.services.service_filtering import note_at_new_practice
from practice.site.fields import ManyCodesField
from practice.site.people import actor_of, only_own, person, sole_practice

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

    def clean_cancellation_reasons(self) -> str:
        lines = (line.strip() for line in self.cleaned_data["cancellation_reasons"].splitlines())
        reasons = list(dict.fromkeys(filter(None, lines)))
        if any(len(reason) > CHOSEN_LENGTH for reason in reasons):
            raise forms.ValidationError(f"Each may have at most {CHOSEN_LENGTH} characters.")
        return "\n".join(reasons)


@admin.register(Organisation)
class OrganisationAdmin(PracticeAdmin):
    """The practice, with the two switches of GP Connect (ENA-001 to ENA-007)."""

    form = OrganisationForm
    keeps_history = True
    list_display = ["name", "ods_code", "gp_connect", "appointment_management", "city", "telephone"]
    readonly_fields = ["sandbox"]
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
                    "sandbox",
                ]
            },
        ),
        (
            "GP Connect",
            {
                "fields": [*SWITCHES, "temporary_registration_days"],
                "description": "A change takes effect at once, and is recorded in the audit trail. "
                "Only people with the right to switch GP Connect can change these.",
            },
        ),
        ("Address", {"fields": ADDRESS}),
        ("Cancelling", {"fields": ["cancellation_reasons"]}),
        (
            "When others may book",
            {
                "fields": OFFER_LIMITS,
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
        return [*fixed, "service_filtering"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """With the switch of service filtering beside the others, where the supplier has it on."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not is_open(obj):
            return fieldsets
        own = {"fields": [*SWITCHES, "service_filtering", "temporary_registration_days"]}
        return [
            (name, {**said, **own} if name == "GP Connect" else said) for name, said in fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the practice, and leave the switches to the service that turns them."""
        wanted = {name: getattr(obj, name) for name in SWITCHES if name in form.changed_data}
        for name in wanted:
            setattr(obj, name, False if not change else form.initial[name])
        form.changed_data = [name for name in form.changed_data if name not in wanted]
        super().save_model(request, obj, form, change)
        if not change:
            note_at_new_practice(obj)
        if wanted:
            enablement.switch(
                organisation=obj, actor=actor_of(request, obj), now=timezone.now(), **wanted
            )

    @display(description="Sandbox of")
    def sandbox(self, practice: Organisation) -> str:
        return practice.sandbox_of or "nobody: a real practice"

    @display(description="Service filtering")
    def service_filtering(self, practice: Organisation) -> str:
        """How it stands, with the way to its switch: there it is asked whether all is set up."""
        state = "On" if practice.filters_by_service else "Off"
        return format_html(
            '{}. <a class="staff-link" href="{}">Services, and its switch</a>',
            state,
            reverse("admin:services"),
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
            other = main_surgery(organisation=self.practice, but=self.instance.pk or 0)
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

    @property
    def stored_version(self) -> int:
        roles = only_own(roles_with_practices().filter(practitioner=self.instance.pk), self.request)
        return super().stored_version + sum(role.version for role in roles)

    def clean_sds_user_id(self) -> str | None:
        number = self.cleaned_data["sds_user_id"]
        others = practitioners_with_sds_user_id(number).exclude(pk=self.instance.pk)
        with across_practices():
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
        if self.instance.pk:
            self.fields["organisation"].disabled = True
        elif practice:
            self.fields["organisation"].initial = practice.pk


class PractitionerRoleInline(OwnTabularInline):
    model = PractitionerRole
    form = PractitionerRoleForm
    formset = PractitionerRoleFormSet
    fields = ["organisation", "role", "sds_role_profile_id", "active"]
    can_delete = False
    hide_title = True
    verbose_name = "role"
    verbose_name_plural = "roles: untick a role that has ended, as old sessions name it. Whoever "
    verbose_name_plural += "has none left here gets no more sessions"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.request = request
        return formset


class WorksHereFilter(DropdownFilter):
    title = "works here"
    parameter_name = "works_here"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"yes", "no"}:
            return queryset
        here = only_own(roles_with_practices().current(), request).values("practitioner")
        return (
            queryset.filter(pk__in=here) if self.value() == "yes" else queryset.exclude(pk__in=here)
        )


PERSON = ["prefix", "given_names", "family_name", "sds_user_id", "gender", "languages"]
SHARED = (
    "This person is at another practice too, so the name and the other details can be changed only "
    "by somebody who manages all of those practices. The roles below are yours."
)


@admin.register(Practitioner)
class PractitionerAdmin(PracticeAdmin):
    """A person is shared by the practices where they work; a role belongs to one.

    Whoever manages only some of those practices sees the person, and changes the roles there.
    """

    form = PractitionerForm
    keeps_history = True
    list_display = ["full_name", "roles_here", "sds_user_id", "works"]
    list_filter = [WorksHereFilter, ("gender", ChoicesDropdownFilter)]
    search_fields = ["family_name", "given_names", "sds_user_id", "gmp_code"]
    search_help_text = "Name, SDS user ID or GMP code"
    inlines = [PractitionerRoleInline]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("prefix", "given_names", "family_name"),
                    ("sds_user_id", "gmp_code", "gender"),
                    "languages",
                ]
            },
        ),
    ]
    readonly_fields = ["languages_in_words", "gmp_code"]  # load_directory sets the code

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self._may_change_person(request, obj)
        if may_change and (obj is None or self.has_change_permission(request, obj)):
            return super().get_fieldsets(request, obj)
        fields = [*self.fieldsets[0][1]["fields"][:-1], "languages_in_words"]
        return [(None, {"fields": fields, "description": "" if may_change else SHARED})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        return fixed if self._may_change_person(request, obj) else [*fixed, *PERSON]

    def _may_change_person(self, request: HttpRequest, obj: Practitioner | None) -> bool:
        """Whether every practice that shows this person is one of the reader's."""
        if obj is None or request.user.is_superuser:
            return True
        here = {practice.pk for practice in practices_of_practitioner(obj)}
        return here <= set(person(request).member_ids)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Practitioner]:
        return super().get_queryset(request).prefetch_related(self._roles(request))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Whoever is new belongs to no practice before their first role is stored."""
        with nullcontext() if change else across_practices():
            super().save_model(request, obj, form, change)

    def _roles(self, request: HttpRequest) -> Prefetch:
        roles = only_own(roles_with_practices(), request)
        return Prefetch("roles", queryset=roles, to_attr="own_roles")

    def practices_concerned(self, request: HttpRequest, obj: Practitioner) -> Iterable[Any]:
        """Return every practice that shows this person: all of them see the change."""
        return practices_of_practitioner(obj) or [None]

    def audit(self, request: HttpRequest, obj: Any, verb: str, detail: dict[str, Any]) -> None:
        """Write what is new of the person into every trail, and of a role into its practice's."""
        records = detail.get("records", [])
        of_person = {name: value for name, value in detail.items() if name != "records"}
        at = dict(obj.roles.values_list("pk", "organisation"))
        for practice in self.practices_concerned(request, obj):
            own = [each for each in records if practice and at.get(each.get("id")) == practice.pk]
            said = {**of_person, "records": own} if own else of_person
            if said:
                self.audit_at(request, obj, verb, said, practice)

    def records_of_new_version(self, form: Any, formsets: Any) -> Iterable[Any]:
        if form.changes:
            yield form.instance
        for formset in formsets:
            yield from formset.new_objects
            yield from (role for role, _ in formset.changed_objects)

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

    @display(description="Works here", label={"Yes": "success", "No": "danger"})
    def works(self, practitioner: Any) -> str:
        return "Yes" if any(role.active for role in practitioner.own_roles) else "No"

    @display(description="Languages")
    def languages_in_words(self, practitioner: Practitioner) -> str:
        known = terminology.value_set("human_language")
        return ", ".join(known.display(code) for code in practitioner.languages) or "-"
