"""The site that staff sign in to.

It stands outside practice.admin: that package registers its pages with the site as it is imported.
"""

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest
from django.urls import path
from unfold.sites import UnfoldAdminSite


class LabelledAutocompleteView(AutocompleteJsonView):
    """Suggestions in the words of their ModelAdmin, which may say more than ``str(record)``."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        label = getattr(self.model_admin, "autocomplete_label", str)
        return {**super().serialize_result(obj, to_field_name), "text": label(obj)}


class StaffSite(UnfoldAdminSite):
    """The admin site; a sentence for each entry of the menu stands on its front page."""

    index_title = "Front page"

    def get_urls(self) -> list[Any]:
        """The day-to-day pages, behind the same sign-in as the rest, before the catch-all."""
        from practice.staff.urls import urlpatterns  # the pages use models, which load later

        pages = [
            path(str(page.pattern), self.admin_view(page.callback), name=page.name)
            for page in urlpatterns
        ]
        return [*pages, *super().get_urls()]

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return LabelledAutocompleteView.as_view(admin_site=self)(request)
