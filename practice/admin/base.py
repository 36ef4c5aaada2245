"""What all pages of the admin site have in common: whose records, who acts, what was changed.

Four rules hold for every ModelAdmin here, so that none can forget them. A member of staff meets
the records of their own practices only: in lists, forms, choices, suggestions and actions. Each
change counts up the version of what other organisations hold copies of. Each change is audited in
its own transaction, with old and new values. Each page that shows patients is audited too.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldDoesNotExist
from django.db import models, transaction
from django.db.models import F, Model, QuerySet
from django.forms.models import BaseModelFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSingleTimeWidget

from practice.admin.change_list import OwnChangeList
from practice.db.row_security import across_practices
from practice.exceptions import PracticeError
from practice.models import (
    Organisation,
    Practitioner,
)
from practice.models.common import Versioned
from practice.reads.directory import practices_by_id
from practice.services.audit.changes import plain, stored_values
from practice.services.audit.recording import patient_id_of, record_done
from practice.site.fields import DayField, ManyRecordsField
from practice.site.people import actor_of, only_own, own_records, practice_of, sole_practice
from practice.site.shown import record_shown

if TYPE_CHECKING:  # What the mixin below is mixed into.
    from django.contrib.admin.options import BaseModelAdmin
else:
    BaseModelAdmin = object

# ---------------------------------------------------------------- columns and filters


class OwnRelatedFilter(RelatedDropdownFilter):
    """A filter by a related record that offers those of the person's own practices."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin
    ) -> list[tuple[Any, str]]:
        return [(record.pk, str(record)) for record in own_records(field.related_model, request)]


def tones(**by_key: str) -> dict[str, str | None]:
    """Return the colours of a column of states; a state without one is grey, its word as given."""
    return defaultdict(lambda: None, {key.replace("_", "-"): tone for key, tone in by_key.items()})


# ---------------------------------------------------------------- what was changed

NEVER_AUDITED = {"password"}


def form_changes(form: forms.ModelForm, *, change: bool) -> dict[str, dict[str, Any]]:
    """Return the fields of a valid form that differ from what was stored, each from and to."""
    changes = {}
    for name in form.changed_data:
        if name in NEVER_AUDITED or name not in form.cleaned_data:
            continue
        try:
            field = form.instance._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        old, new = form.initial.get(name), form.cleaned_data[name]
        if isinstance(field, models.ForeignKey) and old is not None:
            old = field.related_model._base_manager.filter(pk=old).first()
        changes[name] = {"from": plain(old), "to": plain(new)} if change else {"to": plain(new)}
    return changes


def formset_changes(formset: BaseModelFormSet) -> list[dict[str, Any]]:
    """Return what a saved formset added, changed and removed, one entry for each record."""
    model: Any = formset.model
    what = str(model._meta.verbose_name)
    entries: list[dict[str, Any]] = []
    removed = getattr(formset, "deleted_forms", [])
    for form in formset.forms:
        if form in removed:
            if form.initial:
                kept = {name: plain(value) for name, value in form.initial.items()}
                entries.append({"removed": what, "values": kept})
        elif form.has_changed():
            change = form in formset.initial_forms
            changes = form_changes(form, change=change)
            verb = "changed" if change else "added"
            entries.append({verb: what, "id": form.instance.pk, "changes": changes})
    return entries


class PracticeForm(forms.ModelForm):
    """A form for records of one practice: what it refers to must belong to that practice too.

    ``request`` is set on the class that PracticeAdmin makes for each request. Of a resource with
    versions it remembers which one the person opened, and refuses to overwrite a later one.
    """

    request: HttpRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._has_practice() and self.instance.organisation_id is None:
            self.instance.organisation = sole_practice(self.request)
        if isinstance(self.instance, Versioned) and self.instance.pk:
            self.fields["seen_version"] = forms.IntegerField(
                required=False, widget=forms.HiddenInput, initial=self.stored_version
            )

    @property
    def stored_version(self) -> int:
        """The version of all that the form shows."""
        version: int = self.instance.version
        return version

    def _has_practice(self) -> bool:
        return any(field.name == "organisation" for field in self._meta.model._meta.fields)

    def _get_validation_exclusions(self) -> set[str]:
        """Also check that names are unique in the practice when the form does not ask for it."""
        return super()._get_validation_exclusions() - {"organisation"}  # type: ignore[misc]

    @property
    def practice(self) -> Organisation | None:
        """The practice of the record: chosen in this form, fixed before, or the only one."""
        chosen = self.cleaned_data.get("organisation")
        if chosen is None and self._has_practice() and self.instance.organisation_id:
            chosen = self.instance.organisation
        return chosen

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        seen = self.cleaned_data.get("seen_version")
        if seen is not None and seen != self.stored_version:
            raise forms.ValidationError(
                "Somebody else has changed this since you opened it. Nothing was saved: "
                "open it again, and make your changes to what it says now."
            )
        if self.practice is not None:
            for name, value in list(self.cleaned_data.items()):
                if name != "organisation" and isinstance(value, Model):
                    self._check_same_practice(name, value)
        return cleaned

    def _check_same_practice(self, name: str, value: Any) -> None:
        practice = self.practice
        if isinstance(value, Practitioner):
            if not value.roles.filter(organisation=practice).exists():
                self.add_error(
                    name,
                    f"{value} has no role at {practice}. Add the role under Practitioners first.",
                )
        elif (theirs := practice_of(value)) is not None and theirs != practice:
            self.add_error(name, f"{value} belongs to another practice, not to {practice}.")


# ---------------------------------------------------------------- the ModelAdmins


class OwnChoicesMixin(BaseModelAdmin):
    """Choices of related records come from the person's own practices; so do inline rows.

    ``empty_choices`` says what it means to choose nothing.
    """

    empty_choices: dict[str, str] = {}
    formfield_overrides = {
        models.TimeField: {"widget": UnfoldAdminSingleTimeWidget(format="%H:%M")},
        models.DateField: {"form_class": DayField},
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return only_own(super().get_queryset(request), request)

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField | None:
        chosen = kwargs.get("queryset", db_field.related_model._default_manager.all())
        kwargs["queryset"] = only_own(chosen, request)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name in self.empty_choices:
            field.empty_label = self.empty_choices[db_field.name]
        return field

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        kwargs.setdefault("form_class", ManyRecordsField)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class OwnStackedInline(OwnChoicesMixin, StackedInline):
    extra = 0


class OwnTabularInline(OwnChoicesMixin, TabularInline):
    """Rows whose columns have headings: each choice in a row bears that of its column."""

    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and field.label:
            shown: Any = getattr(field.widget, "widget", field.widget)
            shown.attrs.setdefault("aria-label", str(field.label))
        return field


class PracticeAdmin(OwnChoicesMixin, ModelAdmin):
    """A ModelAdmin that keeps the four rules of this module."""

    form: Any = PracticeForm
    keeps_history = False  # Nothing of this kind is ever deleted.
    compressed_fields = False  # Labels above the fields, so that several fit into a row.
    list_title = ""  # Empty: the plural of what it lists.
    list_per_page = 50
    list_filter_submit = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    warn_unsaved_form = True
    change_form_before_template = "admin/practice/seen_version.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not self.keeps_history and super().has_delete_permission(request, obj)

    # The practice itself is asked for, and shown, only where there are several.

    def _asks_for_practice(self, request: HttpRequest) -> bool:
        named = any(field.name == "organisation" for field in self.opts.fields)
        return named and sole_practice(request) is None

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = list(super().get_list_display(request))
        return [*columns, "organisation"] if self._asks_for_practice(request) else columns

    def get_list_select_related(self, request: HttpRequest) -> Any:
        related = super().get_list_select_related(request)
        return [*related, "organisation"] if self._asks_for_practice(request) else related

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = list(super().get_list_filter(request))
        if self._asks_for_practice(request):
            filters.insert(0, ("organisation", OwnRelatedFilter))
        return filters

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not self._asks_for_practice(request):
            return fieldsets
        (name, options), *others = fieldsets
        return [(name, {**options, "fields": ["organisation", *options["fields"]]}), *others]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ["organisation"] if obj and self._asks_for_practice(request) else []
        return [*super().get_readonly_fields(request, obj), *fixed]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.request = request
        return form

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any | None:
        """Return the record if it is one of the person's own; locked when it may be written.

        None, which Django says in words, also if somebody has removed it since it was found.
        """
        found = super().get_object(request, object_id, from_field)
        if found is None or request.method != "POST":
            return found
        if not transaction.get_connection().in_atomic_block:
            return found
        rows = self.get_queryset(request).select_for_update(of=("self",), no_key=True)
        return rows.filter(pk=found.pk).first()

    # What a service refuses is said in words; by then nothing has been saved.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OwnChangeList

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters:  # Django shows the list as it is without any filter
            messages.warning(request, "The address asked for something that this list cannot show.")
            raise

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._in_words(super().changeform_view, request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = self._in_words(super().changelist_view, request, *args, **kwargs)
        if shown := (getattr(response, "context_data", None) or {}).get("cl"):
            self.audit_list(request, shown)
        return response

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self._in_words(super().delete_view, request, *args, **kwargs)

    def _in_words(
        self, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except PracticeError as refusal:
            messages.error(request, str(refusal))
            return redirect(request.get_full_path())

    # Reading.

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        record = kwargs.get("obj")
        if record is not None and request.method == "GET":
            self.audit_page(request, record)
        return super().render_change_form(request, context, *args, **kwargs)

    def patients_in_row(self, record: Any) -> Iterable[int]:
        """Return the ids of the patients whom a row of the list names."""
        return ()

    def patients_on_page(self, record: Any) -> Iterable[int]:
        """Return the ids of the patients whom the page of a record names."""
        return self.patients_in_row(record)

    def audit_page(self, request: HttpRequest, record: Any) -> None:
        """Write down that a page was opened, if it names patients."""
        if patients := sorted(set(self.patients_on_page(record))):
            others = patients != [patient_id_of(record)]
            self.audit(request, record, "viewed", {"patients": patients} if others else {})

    def audit_list(self, request: HttpRequest, shown: ChangeList) -> None:
        """Write down whom a list named."""
        self.audit_found(request, shown.result_list, "searched" if shown.query else "listed")

    def audit_found(self, request: HttpRequest, records: Iterable[Any], verb: str) -> None:
        """Write down whom these records name: one event in the trail of each practice."""
        found: dict[int, set[int]] = defaultdict(set)
        for record in records:
            if patients := set(self.patients_in_row(record)):
                found[record.organisation_id] |= patients
        sole = sole_practice(request)
        known = {sole.pk: sole} if sole else {}
        practices = known if found.keys() <= known.keys() else practices_by_id(found)
        for pk in found:
            organisation = practices[pk]
            record_shown(
                f"{self.opts.model_name}.{verb}",
                found[pk],
                practice=organisation,
                actor=actor_of(request, organisation),
                now=timezone.now(),
            )

    # Saving.

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the changed columns only: others may have been changed by a booking meanwhile."""
        form.changes = form_changes(form, change=change)
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in self.opts.concrete_fields}
        changed = [name for name in form.changed_data if name in columns]
        changed += self.derived_columns(obj, changed)
        if changed:
            stamp = ["updated_at"] if isinstance(obj, Versioned) else []
            obj.save(update_fields=[*changed, *stamp])

    def derived_columns(self, obj: Any, changed: list[str]) -> list[str]:
        """Set what follows from a change, and return the names of those columns."""
        return []

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        form.record_changes = [*getattr(form, "record_changes", []), *formset_changes(formset)]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the rest of the form, then make the new version and write the audit event."""
        super().save_related(request, form, formsets, change)
        detail: dict[str, Any] = {}
        if form.changes:
            detail["changes"] = form.changes
        if records := getattr(form, "record_changes", []):
            detail["records"] = records
        if change and not detail:
            return
        if change:
            for record in self.records_of_new_version(form, formsets):
                count_up(record)
        self.audit(request, form.instance, "change" if change else "add", detail)

    def records_of_new_version(self, form: Any, formsets: Any) -> Iterable[Versioned]:
        """Return whose version a change counts up."""
        return [form.instance] if isinstance(form.instance, Versioned) else []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.audit(request, obj, "delete", {"removed": stored_values(obj)})
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.audit(request, obj, "delete", {"removed": stored_values(obj)})
        super().delete_queryset(request, queryset)

    def audit(self, request: HttpRequest, obj: Any, verb: str, detail: dict[str, Any]) -> None:
        """Write the event into the trail of every practice that the record concerns."""
        for practice in self.practices_concerned(request, obj):
            self.audit_at(request, obj, verb, detail, practice)

    def audit_at(
        self,
        request: HttpRequest,
        obj: Any,
        verb: str,
        detail: dict[str, Any],
        practice: Organisation | None,
    ) -> None:
        """Write the event into the trail of one practice, which need not be the one chosen now."""
        actor = actor_of(request, practice)
        with across_practices():
            record_done(
                f"{self.opts.model_name}.{verb}",
                obj,
                actor=actor,
                now=timezone.now(),
                practice=practice,
                detail=detail,
            )

    def practices_concerned(self, request: HttpRequest, obj: Any) -> Iterable[Organisation | None]:
        """Return the practices in whose trail a change of this record belongs."""
        return [practice_of(obj)]


def as_one_change(view: Callable[..., Any]) -> Callable[..., Any]:
    """Make what a page of Django's own writes, and its audit event, one transaction."""
    return transaction.atomic(view)


def count_up(record: Versioned) -> None:
    """Make the next version of a record, whatever version this copy of it holds."""
    rows = type(record)._base_manager.filter(pk=record.pk)
    rows.update(version=F("version") + 1, updated_at=timezone.now())
    record.version += 1


class ReadOnlyAdmin(PracticeAdmin):
    """A ModelAdmin for what people read here and others write."""

    keeps_history = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ListAdmin(PracticeAdmin):
    """The list of what has pages of its own in practice.staff: rows and the Add button lead there.

    The list alone has an address here; the pages bear Django's own names for the others, such as
    ``practice_slot_change``, so that ``reverse`` and the list's links find them.
    """

    keeps_history = True

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return [path("", self.admin_site.admin_view(self.changelist_view), name=name)]
