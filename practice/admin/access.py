"""To whom: which organisations may book, and how many slots they may take."""

from typing import Any

from django.contrib import admin

from practice import terminology
from practice.admin.base import PracticeAdmin, PracticeForm
from practice.models import AccessProfile
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
