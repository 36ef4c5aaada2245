"""To whom: which organisations may book, and how many slots they may take."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from practice import clock, terminology
from practice.admin.base import PracticeAdmin, PracticeForm
from practice.models import AccessProfile
from practice.reads.consumer_groups import coming_of
from practice.services.access_profiles import PERIODS, contradictions
from practice.site.fields import CodesField, ODSCodesField


class AccessProfileForm(PracticeForm):
    organisation_types = CodesField(
        choices=terminology.organisation_types,
        required=False,
        help_text="Only organisations of these types. None ticked: any type.",
    )
    ods_codes = ODSCodesField(
        label="ODS codes",
        required=False,
        help_text="Only these organisations, one code a line. Empty, and no group: any "
        "organisation. With types as well, both must match.",
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        limits = {f"slots_per_{p}": self.cleaned_data.get(f"slots_per_{p}") for p in PERIODS}
        for name, words in contradictions(AccessProfile(**limits)):
            self.add_error(name, words)
        return cleaned


@admin.register(AccessProfile)
class AccessProfileAdmin(PracticeAdmin):
    """The form of a profile. Its list is the page that says who may book what (practice.staff)."""

    form = AccessProfileForm
    actions = None
    empty_choices = {"consumer_group": "No group"}
    readonly_fields = ["about_to_change"]
    search_fields = ["name", "ods_codes"]
    search_help_text = "Name or ODS code"
    fieldsets = [
        (None, {"fields": ["name"]}),
        (
            "Who may book",
            {
                "fields": ["organisation_types", "ods_codes", "consumer_group"],
                "description": "A change takes effect at once wherever this profile is set.",
            },
        ),
        (
            "How many slots they may take between them",
            {
                "fields": ["slots_per_session", "slots_per_day", "slots_per_week"],
                "description": "Cancelled appointments free their share.",
            },
        ),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self.about_to_change(obj):
            return fieldsets
        name, (who, options), *others = fieldsets
        fields = [*options["fields"], "about_to_change"]
        return [name, (who, {**options, "fields": fields}), *others]

    @admin.display(description="About to change in the group")
    def about_to_change(self, profile: AccessProfile) -> str:
        """Who joins and leaves it in the next days, in sentences."""
        if profile.consumer_group is None:
            return ""
        soon = coming_of(profile.consumer_group, today=clock.today(timezone.now()))
        return " ".join(
            f"{each.change.day:%a %-d %b}, from midnight: {each.sentence}" for each in soon
        )
