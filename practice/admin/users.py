"""Who may sign in, where they work, and what their role allows."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import BooleanRadioFilter, DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.forms import (
    AdminPasswordChangeForm,
    PaginationInlineFormSet,
    UnfoldReadOnlyPasswordHashWidget,
    UserChangeForm,
    UserCreationForm,
)

from practice.admin.base import OwnTabularInline, PracticeAdmin, as_one_change
from practice.admin.second_factor import RemovesSecondFactor
from practice.models import Membership
from practice.reads.accounts import (
    practices_of_user,
    roles_above_practices,
    roles_of_practices,
)
from practice.site.fields import Checkboxes
from practice.site.people import only_own, person, sole_practice

User = get_user_model()
admin.site.unregister(User)
admin.site.unregister(Group)


class PasswordState(UnfoldReadOnlyPasswordHashWidget):
    """Whether there is a password, and no word of how it is kept."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        is_set = bool(value) and is_password_usable(value)
        context["summary"] = [{"label": "A password is set." if is_set else "No password is set."}]
        return context


class PersonForm(UserChangeForm):
    """A person's account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if active := self.fields.get("is_active"):
            active.help_text = "Untick it to keep somebody out. Their record stays."
        password = self.fields.get("password")
        if password:
            password.widget = PasswordState()
            password.help_text = format_html(
                'Nobody can read it. <a class="text-link" href="{}">Set another one</a>.',
                "../password/",
            )


class MembershipForm(forms.ModelForm):
    """A practice that is proposed is meant, though nobody touched it."""

    def has_changed(self) -> bool:
        proposed = self.fields["organisation"].initial is not None and not self.instance.pk
        return proposed or super().has_changed()

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        holder, practice = (
            self.cleaned_data.get(name) for name in ("session_holder", "organisation")
        )
        if holder and practice and not holder.roles.filter(organisation=practice).exists():
            self.add_error("session_holder", f"{holder} has no role at {practice}.")
        return cleaned


class MembershipFormSet(PaginationInlineFormSet):
    """Somebody who signs in works somewhere; only a superuser needs no practice."""

    works_anywhere = False

    def clean(self) -> None:
        super().clean()
        kept = [
            form
            for form in self.forms
            if getattr(form, "cleaned_data", None) and not form.cleaned_data.get("DELETE")
        ]
        if not kept and not self.works_anywhere:
            raise forms.ValidationError("Choose a practice: without one there is nothing to see.")


class MembershipInline(OwnTabularInline):
    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    verbose_name = "practice"
    verbose_name_plural = "works at"

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.works_anywhere = request.user.is_superuser
        if practice := sole_practice(request):
            formset.form.base_fields["organisation"].initial = practice.pk
        return formset


class RoleFilter(RelatedDropdownFilter):
    """Roles are the same everywhere, so all of them are offered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "role"


class SignsInFilter(DropdownFilter):
    title = "has signed in"
    parameter_name = "signed_in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "At least once"), ("never", "Never")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in {"yes", "never"}:
            return queryset.filter(last_login__isnull=self.value() == "never")
        return queryset


@admin.register(User)
class UserAdmin(RemovesSecondFactor, PracticeAdmin, DjangoUserAdmin):
    """Staff accounts. They are made inactive rather than deleted: the trail names them.

    Somebody who is not a superuser can neither make one nor change one, and can change only
    accounts that work nowhere but at their own practices: a new password would open the others.
    Nor can they give the role of an area manager to anybody, or change who has it.
    """

    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    keeps_history = True
    list_display = ["username", "name", "roles", "works_at", "may_sign_in", "last_login"]
    list_filter = [("groups", RoleFilter), ("is_active", BooleanRadioFilter), SignsInFilter]
    search_fields = ["username", "first_name", "last_name", "email"]
    search_help_text = "User name, name or e-mail"
    ordering = ["username"]
    filter_horizontal = ()
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["username", "password", ("first_name", "last_name"), "email"]}),
        ("Role", {"fields": ["is_active", "groups"]}),
        ("Last seen", {"fields": [("last_login", "date_joined")]}),
    ]
    superuser_fieldsets = [
        (
            "Whole site",
            {
                "fields": [("is_staff", "is_superuser")],
                "description": "A superuser sees and may do everything, at every practice.",
            },
        ),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", ("first_name", "last_name"), "email"]}),
        ("Password", {"fields": ["password1", "password2"]}),
        ("Role", {"fields": ["groups"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        here = only_own(Membership.objects.select_related("organisation"), request)
        return (
            super()
            .get_queryset(request)
            .prefetch_related("groups", Prefetch("memberships", here, to_attr="own_memberships"))
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        return [*self.fieldsets, *(self.superuser_fieldsets if request.user.is_superuser else [])]

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = Checkboxes()
            if not request.user.is_superuser:
                kwargs["queryset"] = roles_of_practices()
            kwargs["label"] = "Roles"
            kwargs["help_text"] = "What this person may see and do."
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_manage(request, obj)

    def _may_manage(self, request: HttpRequest, obj: Any) -> bool:
        if request.user.is_superuser or not isinstance(obj, User):
            return True
        if obj.is_superuser or obj.groups.filter(pk__in=roles_above_practices()).exists():
            return False
        elsewhere = obj.memberships.exclude(organisation__in=person(request).member_ids)
        return not elsewhere.exists()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True  # What an account here is for.
        super().save_model(request, obj, form, change)

    @method_decorator(sensitive_post_parameters())
    @as_one_change
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """A password that somebody else sets, and its event, are one change."""
        return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """A new password is audited too, though not what it is."""
        page = request.resolver_match
        if page and page.url_name == "auth_user_password_change":
            self.audit(request, obj, "change-password", {})
        return super().log_change(request, obj, message)

    def practices_concerned(self, request: HttpRequest, obj: Any) -> Iterable[Any]:
        return practices_of_user(obj) or [None]

    @display(description="Name", ordering="last_name")
    def name(self, user: Any) -> str:
        return user.get_full_name()

    @display(description="Role")
    def roles(self, user: Any) -> str:
        names = [group.name for group in user.groups.all()]
        return ", ".join([*(["Superuser"] if user.is_superuser else []), *names])

    @display(description="Works at")
    def works_at(self, user: Any) -> str:
        return ", ".join(str(membership.organisation) for membership in user.own_memberships)

    @display(
        description="May sign in", ordering="is_active", label={"Yes": "success", "No": "danger"}
    )
    def may_sign_in(self, user: Any) -> str:
        return "Yes" if user.is_active and user.is_staff else "No"


@admin.register(Group)
class GroupAdmin(PracticeAdmin, DjangoGroupAdmin):
    """Roles. They hold at every practice, so that only a superuser may change them."""

    form = forms.ModelForm
    list_title = "Roles"
    list_display = ["name", "members"]
    search_fields = ["name"]
    search_help_text = "Name of the role"
    filter_horizontal = ["permissions"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        people = User.groups.through.objects.filter(group=OuterRef("pk")).order_by()
        number = people.values("group").annotate(number=Count("pk")).values_list("number")  # type: ignore[misc]
        return super().get_queryset(request).annotate(count=Coalesce(Subquery(number), 0))

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra: Any = None
    ) -> Any:
        title = "Role" if object_id else "Add role"  # Django's word for a role is another
        return super().changeform_view(
            request, object_id, form_url, {**(extra or {}), "title": title}
        )

    @display(description="People")
    def members(self, group: Any) -> int:
        return group.count
