"""Other organisations at which the practice may book for its patients."""

from typing import ClassVar
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from practice.admin.base import PracticeAdmin, PracticeForm
from practice.models import RemoteService
from practice.models.elsewhere import why_not_called


class RemoteServiceForm(PracticeForm):
    """An address that would not be called is refused here, with the reason."""

    def clean_ods_code(self) -> str:
        return str(self.cleaned_data["ods_code"]).strip().upper()

    def clean_base_url(self) -> str:
        address = str(self.cleaned_data["base_url"]).strip().rstrip("/")
        if why := why_not_called(address):
            raise forms.ValidationError(why)
        return address


@admin.register(RemoteService)
class RemoteServiceAdmin(PracticeAdmin):
    """Kept by each practice for itself; what was booked there keeps its name, so none is deleted
    that something was booked at."""

    form = RemoteServiceForm
    list_title = "Organisations elsewhere"
    list_display = ["name", "ods_code", "host", "in_use"]
    list_select_related: ClassVar[list[str]] = []
    list_filter = [("active", BooleanRadioFilter)]
    search_fields = ["name", "ods_code"]
    search_help_text = "Name or ODS code"
    fieldsets = [
        (
            None,
            {
                "fields": ["name", ("ods_code", "asid"), "base_url", "active"],
                "description": "A practice or hub that speaks GP Connect, and where reception may "
                "book for patients of this practice. Its supplier tells the address and the ASID.",
            },
        ),
    ]

    @display(description="at")
    def host(self, service: RemoteService) -> str:
        """The name of the machine; the whole address stands on the form."""
        return urlsplit(service.base_url).hostname or ""

    @display(description="In use", label={"Yes": "success", "No": "warning"})
    def in_use(self, service: RemoteService) -> str:
        return "Yes" if service.active and not why_not_called(service.base_url) else "No"
